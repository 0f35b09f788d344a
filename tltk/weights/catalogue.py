"""The backbone catalogue: every classification model of timm, read from a table and not from timm. No torch here.

The table `backbones.jsonl` lies beside this file: a line that says what it was made with, then a line per model.
`python -m tltk.weights.survey` regenerates it.
"""

from __future__ import annotations

import fnmatch
import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from tltk.weights import store

TABLE = Path(__file__).parent / "backbones.jsonl"
SORTS = ("name", "parameters", "flops", "size")
# What of a file is not the body: classifiers by the names that timm and torchvision give them, and tables of
# positions, whose length depends on the picture size.
CLASSIFIERS = ("fc.", "classifier.", "head.", "last_linear.", "heads.", "head_dist.", "logits.")
POSITIONS = ("pos_embed", "relative_position", "attn_mask")
SIZE_RANGE_PX = (8, 1024)  # the sides that pictures may have, as `DataSpec.size` bounds them
FEW_CHANNELS = 4  # pictures have at most so many


class Pretrained(msgspec.Struct, frozen=True, array_like=True):
    """Weights of a backbone on the hub; `weights` of a spec names them `hub:TAG`."""

    tag: str  # "" = the only ones
    hub_id: str  # as in timm/resnet18.a1_in1k; "" = elsewhere
    data: str  # what they were trained on, in words; "" = the tag does not say
    licence: str  # as timm states it; "" = it does not
    classes: int  # of the classifier that comes with them; 0 = it has none


class Sizes(msgspec.Struct, frozen=True, array_like=True):
    """Which pictures a backbone reads: from `least` on, those whose side is near enough to a step from its own size."""

    least: int  # pixels
    step: int = 1  # pixels from one size that it takes to the next; 0 = there is none but its own
    below: int = 0  # pixels that a size may lie below such a step
    above: int = 0  # or above it


class Backbone(msgspec.Struct, frozen=True, omit_defaults=True):
    """One architecture, without its classifier.

    `flops` are those of one picture's forward pass at `size`, multiply and add counted apart, as in
    `tltk.results.rows.Layer`; None where they cannot be counted without computing.
    """

    name: str
    family: str  # timm's module, such as resnet or vision_transformer
    parameters: int
    size: int  # side of the pictures that it was made for, in pixels
    features: int  # numbers that a head on it reads
    keys: str  # `fingerprint` of its tensors
    flops: int | None = None
    fixed: bool = False  # whether it must be built for each picture size
    weights: tuple[Pretrained, ...] = ()  # timm's default first
    sizes: Sizes | None = None  # None = no rule was found that tells them

    def takes(self, size: int) -> bool:
        """Whether it reads pictures of so many pixels a side; True where that is not known."""
        if self.sizes is None:
            return True
        least, step, below, above = self.sizes.least, self.sizes.step, self.sizes.below, self.sizes.above
        off = size - self.size
        if step:  # from the nearest step at or below the run that the size may lie in
            off = (off + below) % step - below
        return size >= least and -below <= off <= above

    def near(self, size: int) -> list[int]:
        """The nearest size that it takes below this one, and the nearest above it, as far as pictures go."""
        down = next((s for s in range(size, SIZE_RANGE_PX[0] - 1, -1) if self.takes(s)), None)
        up = next((s for s in range(size, SIZE_RANGE_PX[1] + 1) if self.takes(s)), None)
        return sorted({s for s in (down, up) if s is not None})


class Origin(msgspec.Struct, frozen=True):
    """The first line of the table."""

    timm: str
    made_by: str = "python -m tltk.weights.survey"


@cache
def _read() -> tuple[Origin, dict[str, Backbone]]:
    first, _, rest = TABLE.read_bytes().partition(b"\n")
    rows = msgspec.json.Decoder(Backbone).decode_lines(rest)
    return msgspec.json.decode(first, type=Origin), {row.name: row for row in rows}


def catalogue() -> dict[str, Backbone]:
    """All backbones by name, in the natural order of names; read once."""
    return _read()[1]


def timm_version() -> str:
    """The version of timm that the table tells of."""
    return _read()[0].timm


def table_text(timm: str, backbones: Sequence[Backbone]) -> bytes:
    """The table as it is kept: what it was made with, then one line each."""
    return msgspec.json.Encoder().encode_lines([Origin(timm), *backbones])


def search(
    text: str = "",
    *,
    sort: str = "name",
    most_parameters: float | None = None,
    among: Collection[str] | None = None,
) -> list[Backbone]:
    """Backbones that have every word of the text, whatever its case, least first.

    A word with * ? or [ must fit the whole name, as in 'resnet*'; any other may stand in the name, the
    family, a tag, the data or the licence of its weights.

    Args:
        text: Words; none = all backbones.
        sort: One of `SORTS`. Where FLOPs are not known, they count as most.
        most_parameters: Larger ones are left out.
        among: Only these names.
    """
    found = [
        b
        for b in catalogue().values()
        if (among is None or b.name in among)
        and (most_parameters is None or b.parameters <= most_parameters)
        and all(_has(b, word) for word in text.lower().split())
    ]
    if sort != "name":
        found.sort(key=lambda b: (getattr(b, sort) is None, getattr(b, sort) or 0))  # stable: names within
    return found


def _has(backbone: Backbone, word: str) -> bool:
    if any(sign in word for sign in "*?["):
        return fnmatch.fnmatchcase(backbone.name, word)
    return word in _words(backbone.name)


@cache
def _words(name: str) -> str:
    one = catalogue()[name]
    return " ".join([name, one.family, *(f"{w.tag} {w.data} {w.licence}" for w in one.weights)]).lower()


def local_weights() -> dict[str, tuple[str, ...]]:
    """Backbone → the weights of it on this machine, as `--weights` takes them; the disk is looked at once."""
    found: dict[str, list[str]] = {}
    for entry in store.entries():
        found.setdefault(entry.card.backbone, []).append(f"store:{entry.card.name}")
    for cached in (one for one in store.cached_models() if one.is_timms):
        for backbone, tag in _on_hub().get(cached.hub_id, ()):
            found.setdefault(backbone, []).append(f"hub:{tag}")
    return {name: tuple(weights) for name, weights in found.items()}


@cache
def _on_hub() -> dict[str, list[tuple[str, str]]]:
    """Hub id → backbone and tag; a few ids serve several backbones."""
    found: dict[str, list[tuple[str, str]]] = {}
    for one in catalogue().values():
        for weights in one.weights:
            if weights.hub_id:
                found.setdefault(weights.hub_id, []).append((one.name, weights.tag))
    return found


def local_weights_of(backbone: Backbone) -> tuple[str, ...]:
    """The weights of this backbone on this machine; for many backbones ask `local_weights` once."""
    return local_weights().get(backbone.name, ())


def fingerprint(shapes: Mapping[str, Sequence[int]]) -> str:
    """12 hex digits that name the body of a network by its tensors, whatever its classifier and its pictures.

    Left out are classifiers, tables of positions and counters; the input channels of a convolution that has
    few of them are not looked at, since the first one's depend on the pictures. Networks that differ in no
    tensor, but in padding or in an activation, have the same.

    Args:
        shapes: Name → shape of every tensor of a file, named as timm names them.
    """
    lines = sorted(
        f"{name}:{_shape(shape)}"
        for name, shape in shapes.items()
        if not name.endswith("num_batches_tracked")
        and not name.startswith(CLASSIFIERS)
        and not any(part in name for part in POSITIONS)
    )
    text = "\n".join(lines).encode("utf-8", "surrogatepass")  # a pickle may name a tensor by half a character
    return hashlib.sha256(text).hexdigest()[:12]


def _shape(shape: Sequence[int]) -> str:
    sides = [str(side) for side in shape]
    if len(sides) == 4 and shape[1] <= FEW_CHANNELS:
        sides[1] = "*"
    return "x".join(sides)


@cache
def _by_keys() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in catalogue().values():
        found.setdefault(one.keys, []).append(one.name)
    for names in found.values():
        names.sort(key=lambda n: (bool(re.match("tf_|legacy_|gluon_", n)), len(n), n))
    return found


def guess_backbones(shapes: Mapping[str, Sequence[int]]) -> list[str]:
    """Backbones that have just these tensors, the plainest name first; empty where none has."""
    return list(_by_keys().get(fingerprint(shapes), ()))


def format_count(value: float) -> str:
    """A number of millions or of 10⁹ for people: three digits, or all before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2g}"


def describe_weights(backbone: Backbone, at_hand: Sequence[str]) -> str:
    """The weights at hand; else timm's default with its data and its licence, and how many more there are."""
    if at_hand:
        return f"weights here: {', '.join(at_hand)}"
    if not backbone.weights:
        return "no weights here, none on the hub"
    first = backbone.weights[0]
    told = ", ".join(part for part in (first.data, first.licence or "licence not stated") if part)
    more = f", and {len(backbone.weights) - 1} more" if len(backbone.weights) > 1 else ""
    return f"no weights here; on the hub {first.tag or 'one set'} ({told}){more}"


def describe_backbone(backbone: Backbone, at_hand: Sequence[str]) -> str:
    """A backbone in a line: how large, how much work, and which weights are at hand or to be had."""
    work = "" if backbone.flops is None else f"{format_count(backbone.flops / 1e9)} GFLOPs at {backbone.size} px · "
    return (
        f"{format_count(backbone.parameters / 1e6)} million parameters · {work}{backbone.features:,} features · "
        f"{describe_weights(backbone, at_hand)}"
    )


def as_dict(backbone: Backbone, at_hand: Sequence[str]) -> dict[str, Any]:
    """A backbone for `--json`."""
    return {
        "name": backbone.name,
        "family": backbone.family,
        "parameters": backbone.parameters,
        "flops": backbone.flops,
        "size": backbone.size,
        "fixed": backbone.fixed,
        "sizes": None if backbone.sizes is None else msgspec.structs.asdict(backbone.sizes),
        "features": backbone.features,
        "hub_tags": [w.tag for w in backbone.weights],
        "weights": [msgspec.structs.asdict(w) for w in backbone.weights],
        "here": list(at_hand),
    }

"""Pairs of pictures that show the same, by the marks that a domain keeps of its pictures."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tltk.analyses.duplicates.result import Copy, DuplicatesResult, PartPair
from tltk.analyses.duplicates.spec import DuplicatesSpec
from tltk.analyses.sample import Context
from tltk.analyses.sheets import Tile, captioned_sheet, tile_of
from tltk.data.domain import Domain, link_copies
from tltk.data.file_names import picture_names
from tltk.data.parts import PARTS
from tltk.specs.nouns import reword
from tltk.specs.parts import DataSpec

SHOWN, COLUMNS = 64, 8  # pairs on the sheet; tiles in a row, so four pairs
IDENTICAL, NEAR, MIRRORED = "identical", "near", "mirrored"
NAMES = {part: i for i, part in enumerate(("train", "val", "test", "none"))}


@dataclass(frozen=True, eq=False)
class Side:
    """A domain, the part of each of its pictures, and their names.

    Attributes:
        domain: The pictures.
        parts: train, val or test of each; none = in no part, (n,).
        names: Of their files.
    """

    domain: Domain
    parts: NDArray[np.str_]
    names: list[str]


def duplicates(spec: DuplicatesSpec, context: Context) -> tuple[DuplicatesResult, Image.Image | None]:
    """All pairs of a first picture and a copy of it, within a domain or between two.

    Near copies have perceptual hashes of at most six differing bits of 64 and agree when reduced to 16 × 16 pixels; see
    `tltk.data.identity`.

    Raises:
        DataProblem: A domain that cannot be read.
    """
    mine = _side(spec.target, spec.seed, context)
    theirs = mine if spec.other is None else _side(spec.other, spec.seed, context)
    found = _within(mine.domain) if spec.other is None else _between(mine.domain, theirs.domain)
    pairs = sorted((_pair(mine, theirs, i, j) for i, j in found), key=_order)
    kept = pairs[: spec.most]
    result = DuplicatesResult(
        target=spec.target.name,
        other=spec.other.name if spec.other is not None else "",
        n=len(mine.domain.labels),
        n_other=len(theirs.domain.labels) if spec.other is not None else 0,
        total=len(pairs),
        parts=_count(pairs),
        pairs=kept,
        shown=min(SHOWN, len(kept)),
        remarks=[reword(one, mine.domain.noun) for one in _remarks(pairs, mine, theirs, spec)],
    )
    tiles = []
    for number, one in enumerate(kept[:SHOWN], 1):
        tiles.append(Tile(tile_of(mine.domain, one.index), (f"{number}: {one.label}", f"{one.part}, {one.kind}")))
        tiles.append(Tile(tile_of(theirs.domain, one.other_index), (one.other_label, one.other_part)))
    return result, captioned_sheet(tiles, COLUMNS) if tiles else None


def _side(spec: DataSpec, seed: int, context: Context) -> Side:
    domain = context.load(spec)
    split = domain.split(spec, seed)
    parts = np.full(len(domain.labels), "none", dtype="<U5")
    for name in PARTS.values():
        parts[getattr(split, name)] = name
    return Side(domain, parts, picture_names(spec, domain))


def _within(domain: Domain) -> list[tuple[int, int]]:
    """Each copy with the first picture that it is a copy of."""
    return [(int(domain.twins[j]), int(j)) for j in np.flatnonzero(domain.twins != np.arange(len(domain.twins)))]


def _between(domain: Domain, other: Domain) -> list[tuple[int, int]]:
    """Of each example that both have, all its pictures of one side with the first one of the other."""
    mine, theirs = (one.origins for one in link_copies(domain, other))
    places: dict[int, list[int]] = {}
    for j, origin in enumerate(theirs.tolist()):
        places.setdefault(origin, []).append(j)
    found, met = [], set[int]()
    for i, origin in enumerate(mine.tolist()):
        if origin in places:
            found += [(i, j) for j in (places[origin][:1] if origin in met else places[origin])]
            met.add(origin)
    return found


def _pair(mine: Side, theirs: Side, i: int, j: int) -> Copy:
    """What is to be said of two pictures."""
    kind, bits = _kind(mine.domain, theirs.domain, i, j)
    return Copy(
        index=i,
        name=mine.names[i],
        part=str(mine.parts[i]),
        label=mine.domain.classes[mine.domain.labels[i]],
        other_index=j,
        other_name=theirs.names[j],
        other_part=str(theirs.parts[j]),
        other_label=theirs.domain.classes[theirs.domain.labels[j]],
        kind=kind,
        bits=bits,
    )


def _kind(domain: Domain, other: Domain, i: int, j: int) -> tuple[str, int | None]:
    """How they are alike, and in how many bits their hashes differ."""
    is_same = domain.origins[i] == other.origins[j]
    if domain.sketches is None or other.sketches is None:
        return IDENTICAL if is_same else NEAR, None
    one, two = domain.sketches.prints[i], other.sketches.prints[j]
    straight, mirrored = (int(np.bitwise_count(one[0] ^ mark)) for mark in two)
    if is_same:
        return IDENTICAL, straight
    return (MIRRORED, mirrored) if mirrored < straight else (NEAR, straight)


def _order(one: Copy) -> tuple[bool, bool, int, int, int, int]:
    """Across parts first, then under two labels, then by parts and places."""
    parts = NAMES[one.part], NAMES[one.other_part]
    return one.part == one.other_part, one.label == one.other_label, *parts, one.index, one.other_index


def _count(pairs: list[Copy]) -> list[PartPair]:
    """Pairs by the two parts that they are of."""
    every, same, clash = Counter[tuple[str, str]](), Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for one in pairs:
        key = one.part, one.other_part
        every[key] += 1
        same[key] += one.kind == IDENTICAL
        clash[key] += one.label != one.other_label
    order = sorted(every, key=lambda key: (NAMES[key[0]], NAMES[key[1]]))
    return [PartPair(a, b, every[a, b], same[a, b], clash[a, b]) for a, b in order]


def _remarks(pairs: list[Copy], mine: Side, theirs: Side, spec: DuplicatesSpec) -> list[str]:
    """What follows from the pairs, and what could not be looked at."""
    found = []
    held = [one for one in pairs if (one.part == "train") != (one.other_part == "train")]
    if spec.other is None and held:
        found.append(
            f"{len(held):,} pairs lie on both sides of training and validation or test: what is measured there is too "
            f"good. Remove one picture of each."
        )
    if spec.other is not None and pairs:
        tested = {one.index for one in pairs if one.part in ("val", "test")}
        found.append(
            f"{len(tested):,} validation and test pictures of {spec.target.name} are in {spec.other.name} too: a "
            f"training on all of it has seen them (`--without` leaves them out)."
        )
    if spec.most < len(pairs):
        found.append(f"{len(pairs) - spec.most:,} pairs are not listed; --most lists more.")
    if mine.domain.sketches is None or theirs.domain.sketches is None:
        found.append("Near copies are looked for among files and arrays alone; here only identical ones were.")
    return found

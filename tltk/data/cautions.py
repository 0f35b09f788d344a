"""What is to be known about a domain before its figures are trusted: copies, leaks, pictures that show nothing.

Not a domain. `look`, trainings and studies say it. No torch here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tltk.data import rows
from tltk.data.domain import Domain, Split
from tltk.data.giveaways import giveaways

MAX_CROPPED_SHARE = MAX_EMPTY_SHARE = 0.1  # share of the area from which on it is worth a sentence
MAX_TELLING = 5  # columns that are named
MAX_STRETCHED = 1.25  # factor from which on it is: timm and torchvision stretch by up to 4 / 3 when they augment


def figures(domain: Domain, split: Split) -> dict[str, Any]:
    """Counts for JSON, and the sentences on them.

    Returns:
        copies, pictures that are a copy of an earlier one, near copies included; near_copies of these; leaked,
        validation and test pictures that are copies of one that is trained on; clashing, pictures of which there is
        a copy under another label; flat, pictures of one tone; cropped, empty and stretched, what fitting a picture
        into its square cost on average (`fit.Change`); cautions, the sentences.
    """
    twins, labels = domain.twins, domain.labels
    copies = int((twins != np.arange(len(twins))).sum())
    counts: dict[str, Any] = {
        "copies": copies,
        "near_copies": copies - (len(twins) - len(np.unique(domain.origins))),
        "leaked": int(np.isin(twins[_held_out(split)], twins[split.train]).sum()),
        "clashing": int(_clashing(domain).sum()),
        "flat": domain.reading.flat,
        "cropped": round(domain.reading.cropped, 4),
        "empty": round(domain.reading.empty, 4),
        "stretched": round(domain.reading.stretched, 4),
    }
    return {**counts, "cautions": _sentences(domain, split, counts, len(labels))}


def cautions(domain: Domain, split: Split) -> list[str]:
    """The sentences alone; none where all is well."""
    found: list[str] = figures(domain, split)["cautions"]
    return found


def _held_out(split: Split) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.concatenate([split.val, split.test])


def _clashing(domain: Domain) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """(n,) whether a copy of the picture has another label."""
    low, high = np.full(len(domain.twins), len(domain.classes)), np.full(len(domain.twins), -1)
    np.minimum.at(low, domain.twins, domain.labels)
    np.maximum.at(high, domain.twins, domain.labels)
    found: np.ndarray[Any, np.dtype[np.bool_]] = (low != high)[domain.twins]
    return found


def _sentences(domain: Domain, split: Split, counts: dict[str, Any], n: int) -> list[str]:
    """One sentence for each thing that is not as it should be."""
    said = []
    if leaked := counts["leaked"]:
        said.append(
            f"{leaked:,} of {len(_held_out(split)):,} validation and test {domain.noun} of {domain.name} have a copy, "
            f"or nearly one, among its training {domain.noun}: what is measured on them is too good. Its parts came "
            f"with the data and were kept as they are; remove the copies from one of them."
        )
    if clashing := counts["clashing"]:
        named = "; ".join(f"{a} and {b}" for a, b in domain.reading.clashes)
        said.append(
            f"{clashing:,} of {n:,} {domain.noun} of {domain.name} have a copy, or nearly one, under another label"
            f"{f', such as {named}' if named else ''}: no network can be right about both. Keep each in one class."
        )
    if copies := counts["copies"]:
        near = counts["near_copies"]
        kind = (
            "copies of others"
            if not near
            else "nearly copies of others"
            if near == copies
            else (f"copies of others ({near:,} of them nearly)")
        )
        said.append(
            f"{copies:,} of {n:,} {domain.noun} of {domain.name} are {kind}; copies go to the same part "
            f"of a split that is made here, and count as {domain.noun}."
        )
    if flat := counts["flat"]:
        said.append(
            f"{flat:,} of {n:,} pictures of {domain.name} are uniform and show nothing. White drawings on a "
            f"transparent background become white: give them a background, or check how these files are written."
        )
    if counts["cropped"] >= MAX_CROPPED_SHARE:
        said.append(
            f"On average {counts['cropped']:.0%} of a picture of {domain.name} is lost, since only its "
            f"middle is used. If that matters, take --fit pad, which keeps the whole picture, or --fit squash."
        )
    if counts["empty"] >= MAX_EMPTY_SHARE:
        said.append(
            f"On average {counts['empty']:.0%} of what is read of {domain.name} is empty, since whole pictures are "
            "padded to one shape: they are seen smaller, and how wide one is shows. If that matters, take --fit crop "
            "or squash."
        )
    if counts["stretched"] >= MAX_STRETCHED:
        said.append(
            f"On average one side of a picture of {domain.name} is stretched by {counts['stretched']:.2f} against the "
            f"other, since pictures are squashed to one shape. If shapes tell the classes, take --fit pad or crop."
        )
    if domain.kind == rows.KIND and (telling := giveaways(domain)):
        one = len(telling) == 1
        said.append(
            f"{'A column' if one else 'Columns'} of {domain.name} {'tells' if one else 'tell'} the label of every row: "
            f"{', '.join(telling[:MAX_TELLING])}. What is known only once the label is must be left out, with "
            f"?without={'+'.join(telling[:MAX_TELLING])}; else figures are too good."
        )
    return said + list(domain.reading.notes)

"""Another domain without its colours: `grey:digits`, `grey:shapes:correlation=1`."""

from __future__ import annotations

import dataclasses

import numpy as np

from tltk import data
from tltk.data.decode import allocate
from tltk.data.domain import Domain, Progress
from tltk.errors import BadSpec
from tltk.specs.parts import DataSpec

SEEDED = True  # the other domain may be drawn by the seed
PIECE_PIXELS = 2**22  # numbers that are worked on at a time
LUMA = (0.299, 0.587, 0.114)  # of red, green and blue: ITU-R Recommendation BT.601, §2.5.1


def load(spec: DataSpec, argument: str, progress: Progress | None = None) -> Domain:
    """Another domain in grey: every channel is its luma, so that nothing can be told by colour.

    Args:
        spec: As for the other domain; its name is the whole `grey:…`.
        argument: The name of the other domain.
        progress: Called with (done, total) pictures.
    """
    whole = data.load(dataclasses.replace(spec, name=_inner(argument)), progress)
    images = whole.images
    if images.shape[1] == 3:
        images = allocate(whole.images.shape)
        step = max(1, PIECE_PIXELS // images[:1].size)
        for start in range(0, len(images), step):
            piece = np.asarray(whole.images[start : start + step])
            grey = np.tensordot(piece.astype(np.float32), np.array(LUMA, np.float32), ([1], [0]))
            images[start : start + step] = np.rint(grey).clip(0, 255).astype(np.uint8)[:, None]
    return Domain.of(
        spec.name,
        images,
        whole.labels,
        list(whole.classes),
        licence=whole.licence,
        source=f"{whole.source}; in grey",
        given=whole.given,
        skipped=whole.skipped,
        origins=whole.origins,
        account=whole.account,
        twins=whole.twins,
        reading=whole.reading,
        attributes=whole.attributes,
        files=whole.files,
    )


def noun_of(argument: str) -> str:
    """What the other domain's examples are called."""
    return data.noun_of(_inner(argument))


def check(argument: str) -> str:
    """The argument in one spelling.

    Raises:
        BadSpec: There is no other domain.
        UnknownName: It is none.
    """
    kind, rest = data.parse(_inner(argument))
    if data.modality_of(_inner(argument)) != "pictures":
        raise BadSpec(f"A domain in grey must hold pictures. {kind} holds texts; leave out grey.")
    how = data.corruption(argument)
    return f"{kind}{':' if rest else ''}{rest}{f'~{how.name}:{how.severity}' if how else ''}"


def source_version(argument: str) -> str:
    """Changes with what the other domain reads.

    Raises:
        DataProblem: Nothing can be read there.
    """
    return f"{argument}|{data.source_version(_inner(argument))}"


def family(argument: str) -> str:
    """That of the other domain: they hold the same examples."""
    return data.family(_inner(argument))


def class_names(argument: str) -> tuple[str, ...]:
    """Those of the other domain, so far as its name tells them."""
    return data.class_names(_inner(argument))


def attribute_names(argument: str) -> tuple[str, ...]:
    """Those of the other domain."""
    return data.attribute_names(_inner(argument))


def _inner(argument: str) -> str:
    if not argument.strip() or argument.startswith("grey:"):
        raise BadSpec(f"A domain in grey must say of what: grey:digits. Got {argument!r}.")
    return argument.strip()

"""A domain of drawn classes, piece by piece, the same on every machine. No torch at the top."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from tltk.data.decode import allocate
from tltk.data.domain import Domain, Ints, Progress
from tltk.data.drawing.numbers import Floats
from tltk.data.identity import generated_origins
from tltk.errors import BadSpec
from tltk.specs.parts import DataSpec

if TYPE_CHECKING:
    from torch import Generator, Tensor

# Pictures (m, 3, size, size) uint8 of these classes (m,), given their random numbers (m, DRAWS) and a stream for more.
Paint = Callable[[Ints, Floats, "Generator", int], "Tensor"]
LICENCE = "CC0 1.0"
SOURCE = "drawn here from formulas"
MAX_CLASSES = 200  # classes that a kind can have
DEFAULT_N = 20_000
PIECE_PIXELS = 2**18  # pixels that are drawn at once; a piece is always drawn whole, so n cannot change a bit of it
DRAWS = 96  # random numbers per picture, used or not


def parse_class_count(argument: str, usual: int) -> str:
    """The number of classes of a kind, 1 … `MAX_CLASSES`, as it is written in names; empty where it is the usual one.

    Raises:
        BadSpec: Anything else.
    """
    text = argument.strip()
    if not text:
        return ""
    if not text.isdecimal() or not 1 <= int(text[:9]) <= MAX_CLASSES:
        raise BadSpec(f"The number of classes of a kind must be whole, from 1 to {MAX_CLASSES}. Got {argument[:40]!r}.")
    return "" if int(text) == usual else str(int(text))


def draw_domain(spec: DataSpec, kinds: Sequence[Paint], names: Sequence[str], progress: Progress | None) -> Domain:
    """The domain of which picture i is of kind i % len(kinds) and class i % len(names), drawn piece by piece.

    Picture i depends on i, `spec.seed`, `spec.size` and the names only, so a smaller set is the beginning of a larger
    one. Classes take turns, so with fewer pictures than classes there are only as many classes.

    Args:
        spec: n (0 = 20,000), size and seed.
        kinds: One painter each; kind k is asked for its classes 0, 1, 2, … in turns.
        names: Of the classes, the kinds taking turns; those that n does not reach are left out.
        progress: Called with (done, total).
    """
    import torch

    n, size = spec.n or DEFAULT_N, spec.size
    images, each = allocate((n, 3, size, size)), max(1, PIECE_PIXELS // size**2)
    step, classes = each * len(kinds), len(names) // len(kinds)
    with torch.inference_mode(), _one_thread():
        for start in range(0, n, step):
            labels = (start // len(kinds) + np.arange(each, dtype=np.int64)) % classes
            for k, paint in enumerate(kinds):
                root = np.random.SeedSequence((spec.seed, start // step, k))
                chance = np.random.default_rng(root).random((each, DRAWS))
                generator = torch.Generator().manual_seed(int(root.generate_state(1)[0]))
                slots = images[start + k : min(start + step, n) : len(kinds)]
                if len(slots):
                    slots[:] = paint(labels, chance, generator, size).numpy()[: len(slots)]
            if progress:
                progress(min(start + step, n), n)
    every = np.arange(n, dtype=np.int64) % len(names)
    origins = generated_origins("+".join(names), spec.seed, n)
    return Domain.of(spec.name, images, every, names[:n], licence=LICENCE, source=SOURCE, origins=origins)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute with a single thread, so that the same spec gives the same pixels everywhere."""
    import torch

    # Where several threads divide a tensor decides, on some processors, which products are rounded before they are
    # added: vectors fuse the two, the rest at the end of a part does not.

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)

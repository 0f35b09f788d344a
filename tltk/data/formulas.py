"""Fractals, contours, surfaces (and leaves) in turns, and what they are made of: noise, textures, colours, exposure.

Licence: CC0 1.0. Source: drawn here from formulas; no photo, font or drawing is used. Reference: Kataoka et al. (2020),
Pre-training without natural images, ACCV (arXiv:2101.08515); Baradad et al. (2021), Learning to see by looking at
noise, NeurIPS (arXiv:2106.05963). Pictures made to pre-train networks on; no torch at the top.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tltk.data.decode import room_for
from tltk.data.domain import Domain, Ints, Progress
from tltk.data.identity import drawn
from tltk.errors import BadSpec
from tltk.specs.parts import DataSpec

if TYPE_CHECKING:
    from torch import Generator, Tensor

Floats = NDArray[np.float64]
# Pictures (m, 3, size, size) uint8 of these classes (m,), given their random numbers (m, DRAWS) and a stream for more.
Paint = Callable[[Ints, Floats, "Generator", int], "Tensor"]

LICENCE = "CC0 1.0"
SOURCE = "drawn here from formulas"
CLASSES = 100  # of each kind
MOST = 200  # classes that a kind can have
DEFAULT_N = 20_000
PIECE = 2**18  # pixels that are drawn at once; a piece is always drawn whole, so n cannot change a bit of it
DRAWS = 96  # random numbers per picture, used or not
TEXTURES = ("flat", "gradient", "noise", "stripes", "dots", "checks")
SLOPES = (0.5, 3.5)  # exponents of 1/f noise, Baradad et al. (2021), §3.2
DARK, LIGHT = (0.03, 0.45), (0.55, 0.97)  # luminance on either side of an edge
TURN, FLIPS = 30.0, 0.25  # degrees by which figures turn at most, and share of them in a mirror: which way up matters
SPAN = (0.6, 1.0)  # share of black … white that a picture covers
GRAIN = 0.05  # highest standard deviation of the sensor's noise


def load(spec: DataSpec, argument: str = "", progress: Progress | None = None) -> Domain:
    """Fractals, contours, surfaces in turns, 100 classes of each, to pre-train on (25+leaves: fewer, with leaves)."""
    from tltk.data import contours, fractals, leaves, surfaces

    count, _, more = argument.partition("+")
    kinds = {"fractal": fractals.paint, "contour": contours.paint, "surface": surfaces.paint}
    if more:
        kinds["leaf"] = leaves.paint
    names = [f"{kind} {c}" for c in range(int(count or CLASSES)) for kind in kinds]
    return made(spec, tuple(kinds.values()), names, progress)


def few(argument: str, usual: int) -> str:
    """The number of classes of a kind, 1 … `MOST`, as it is written in names; empty where it is the usual one.

    Raises:
        BadSpec: Anything else.
    """
    text = argument.strip()
    if not text:
        return ""
    if not text.isdecimal() or not 1 <= int(text[:9]) <= MOST:
        raise BadSpec(f"The number of classes of a kind must be whole, from 1 to {MOST}. Got {argument[:40]!r}.")
    return "" if int(text) == usual else str(int(text))


def check(argument: str) -> str:
    """`few` of the number, then "+leaves" where dead leaves take turns too.

    Raises:
        BadSpec: Anything else.
    """
    count, plus, more = argument.partition("+")
    if plus and more.strip() != "leaves":
        raise BadSpec(f"After + there must be leaves, as in formulas:25+leaves. Got {more[:40]!r}.")
    return few(count, CLASSES) + ("+leaves" if plus else "")


def made(spec: DataSpec, kinds: Sequence[Paint], names: Sequence[str], progress: Progress | None) -> Domain:
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
    images, each = room_for((n, 3, size, size)), max(1, PIECE // size**2)
    step, classes = each * len(kinds), len(names) // len(kinds)
    with torch.inference_mode(), _one_thread():
        for start in range(0, n, step):
            labels = (start // len(kinds) + np.arange(each, dtype=np.int64)) % classes
            for k, paint in enumerate(kinds):
                root = np.random.SeedSequence((spec.seed, start // step, k))
                chance = np.random.default_rng(root).random((each, DRAWS))
                generator = torch.Generator().manual_seed(int(root.generate_state(1)[0]))
                room = images[start + k : min(start + step, n) : len(kinds)]
                if len(room):
                    room[:] = paint(labels, chance, generator, size).numpy()[: len(room)]
            if progress:
                progress(min(start + step, n), n)
    every = np.arange(n, dtype=np.int64) % len(names)
    origins = drawn("+".join(names), spec.seed, n)
    return Domain.of(spec.name, images, every, names[:n], licence=LICENCE, source=SOURCE, origins=origins)


# -- numbers and colours ---------------------------------------------------------------------------------


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


def pose(turn: Floats, flip: Floats) -> tuple[Floats, Floats]:
    """Angles within `TURN`, in radians, and -1 for a mirrored figure, else 1."""
    return np.deg2rad(between(-TURN, TURN, turn)), np.where(flip < FLIPS, -1.0, 1.0)


def between(low: Any, high: Any, u: Floats) -> Floats:
    """u from 0 … 1 to low … high."""
    scaled: Floats = low + (high - low) * u
    return scaled


def each(values: NDArray[Any], ndim: int = 3) -> Tensor:
    """One number per picture (and channel) as float32, to go with pictures of `ndim` axes."""
    import torch

    tensor = torch.as_tensor(values, dtype=torch.float32)
    return tensor.reshape(tensor.shape + (1,) * (ndim - tensor.ndim))


def palette(hue: Floats, saturation: Floats, light: Floats) -> Floats:
    """(…, 3) red, green and blue of these hues with exactly these luminances (Rec. 709 weights), all in 0 … 1.

    Y = 0.2126 R + 0.7152 G + 0.0722 B; a colour is darkened towards black or lightened towards white until Y fits.
    """
    k = (np.array([5.0, 3.0, 1.0]) + 6 * hue[..., None]) % 6
    rgb = 1 - saturation[..., None] * np.clip(np.minimum(k, 4 - k), 0, 1)
    now, light = (rgb @ np.array([0.2126, 0.7152, 0.0722]))[..., None], light[..., None]
    down, up = light / np.maximum(now, light), (light - now).clip(0) / np.maximum(1 - now, 1e-9)
    mixed: Floats = rgb * down + (1 - rgb * down) * up
    return mixed


def schemes(chance: Floats) -> tuple[Floats, Floats]:
    """Colours of ground and figure, (m, 3, 3) each: three colours, on the two sides of middle grey.

    Which side is dark is drawn, so nothing learned can hang on the polarity. In a third of the schemes the middle
    colour of the figure is of the ground's side, so that there are edges within; one in seven is grey.
    """
    m, u = len(chance), iter(chance.T)
    grey, dark = next(u) < 1 / 7, np.repeat(next(u)[:, None] < 0.5, 3, 1)
    inside = ~dark
    inside[:, 1] ^= next(u) < 1 / 3
    first, spread = np.stack([next(u), next(u)]), np.stack([next(u), next(u)]) ** 2
    found = []
    for side, below in enumerate((dark, inside)):
        turn, rich, light = (np.stack([next(u) for _ in range(3)], 1) for _ in range(3))
        hue = first[side][:, None] + between(0.05, 0.5, spread[side])[:, None] * (turn - 0.5) * 2
        saturation = np.where(grey[:, None], 0.0, rich ** (0.6 if side else 1.2))
        light = np.where(below, between(*DARK, light), between(*LIGHT, light))
        found.append(palette(hue.reshape(m, 3), saturation, light))
    return found[0], found[1]


def ramp(colours: Floats, at: Tensor) -> Tensor:
    """(m, 3, h, w): the colour map through three colours (m, 3 colours, 3), read at (m, h, w) in 0 … 1."""
    import torch

    stops = each(colours, 4).unsqueeze(-1)  # (m, 3 colours, 3, 1, 1)
    low, high = (2 * at).clamp_(0, 1)[:, None], (2 * at).sub_(1).clamp_(0, 1)[:, None]
    return torch.addcmul(stops[:, 0], stops[:, 1] - stops[:, 0], low).addcmul_(stops[:, 2] - stops[:, 1], high)


# -- textures --------------------------------------------------------------------------------------------


def axes(size: int) -> tuple[Tensor, Tensor]:
    """x (1, 1, size) and y (1, size, 1) of the pixels' middles, -0.5 … 0.5 from left and top."""
    import torch

    middle = (torch.arange(size, dtype=torch.float32) + 0.5) / size - 0.5
    return middle.reshape(1, 1, size), middle.reshape(1, size, 1)


def spectrum(slopes: Floats, size: int, generator: Generator) -> Tensor:
    """Noise (m, size, size) with mean 0 and standard deviation 1, whose spectrum falls as that of photos does.

    |S(f)| ∝ 1 / (|f_x|^a + |f_y|^b), with Gaussian coefficients.

    Reference: Baradad et al. (2021), §3.2, "Spectrum", where the phase is random and the magnitude is not.

    Args:
        slopes: (m, 2), a and b.
    """
    import torch

    m, half = len(slopes), size // 2 + 1
    fx = torch.arange(half, dtype=torch.float32) ** each(slopes[:, 0])
    fy = torch.fft.fftfreq(size, 1 / size).abs()[:, None] ** each(slopes[:, 1])
    fall = fx + fy
    fall[:, 0, 0] = torch.inf
    wave = torch.view_as_complex(torch.randn((m, size, half, 2), generator=generator)).div_(fall)
    noise: Tensor = torch.fft.irfft2(wave, s=(size, size))
    return noise.div_(noise.square().mean((1, 2), keepdim=True).sqrt_())


def texture(chance: Floats, noise: Tensor) -> Tensor:
    """(m, h, w) in 0 … 1, each of one of `TEXTURES`, bent by noise (m, h, w); eight random numbers each."""
    import torch

    u, size = iter(chance.T), noise.shape[-1]
    kind, turn, cycles = (next(u) * len(TEXTURES)).astype(int), 2 * np.pi * next(u), 2 ** between(0.7, 3.5, next(u))
    cycles = np.minimum(cycles, size / 4)
    shift, bend, steep = next(u) * 2 * np.pi, 1.5 * next(u) ** 2, 2 ** between(-0.5, 3, next(u))
    depth, other = between(0.3, 1, next(u)), between(0.5, 1.5, next(u))
    depth = np.where(kind == 0, 0.15 * depth, depth)
    x, y = axes(size)
    pattern = noise.clone()
    for k, name in enumerate(TEXTURES):
        at = np.flatnonzero(kind == k)
        if name in ("flat", "noise") or not len(at):
            continue
        cos, sin = each(np.cos(turn[at])), each(np.sin(turn[at]))
        field = noise[torch.from_numpy(at)]
        right, down = cos * x + sin * y, cos * y - sin * x
        if name == "gradient":
            value = right.mul_(3.5).addcmul_(field, each(0.4 * bend[at]))
        else:
            field = field.mul_(each(bend[at]))
            scale = 2 * np.pi * cycles[at]
            across = right.mul_(each(scale)).add_(field).add_(each(shift[at])).sin_()
            if name == "stripes":
                value = across.mul_(each(steep[at]))
            else:
                along = down.mul_(each(scale * other[at])).sub_(field).sin_()
                value = across.add_(along).sub_(0.8) if name == "dots" else across.mul_(along)
                value.mul_(each(1.5 * steep[at]))
        pattern[torch.from_numpy(at)] = value
    return pattern.mul_(0.45).clamp_(-1, 1).mul_(each(depth / 2)).add_(0.5)


# -- the camera ------------------------------------------------------------------------------------------


def exposed(x: Tensor, chance: Floats, generator: Generator) -> Tensor:
    """(m, 3, h, w) uint8: floats blurred, stretched to a random range of brightness, with grain; x is overwritten."""
    import torch

    u, size = iter(chance.T), x.shape[-1]
    soft, sharp, span, low, grain = (next(u) for _ in range(5))
    weight = each(np.where(sharp < 0.5, 0.0, soft / 3), 4)
    x = _softened(_softened(x, weight, max(1, size // 64), 3), weight, max(1, size // 64), 2)
    span = between(*SPAN, span)
    floor, top = x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True)
    gain = each(255 * span, 4) / (top - floor).clamp_(min=1e-3)
    x.mul_(gain).add_(each(255 * (1 - span) * low, 4) - floor * gain + 0.5)
    rough = torch.rand((len(x), 1, size, size), generator=generator).sub_(0.5)  # variance 1/12
    x.addcmul_(rough, each(255 * np.sqrt(12) * GRAIN * np.clip(2 * grain - 1, 0, 1), 4))
    return x.clamp_(0, 255).to(torch.uint8)


def _softened(x: Tensor, weight: Tensor, reach: int, axis: int) -> Tensor:
    """Neighbours at a distance mixed in, each with its weight (0 … 1/3); edges stay."""
    inner = x.shape[axis] - 2 * reach
    mixed, middle = x.clone(), x.narrow(axis, reach, inner)
    step = x.narrow(axis, 0, inner) + x.narrow(axis, 2 * reach, inner)
    mixed.narrow(axis, reach, inner).addcmul_(step.sub_(middle, alpha=2), weight)
    return mixed

"""Corruptions of any domain: the fifteen families of ImageNet-C, five severities, as in `digits~fog:3`.

Not a domain; `tltk.data.load` applies it where a name ends in ~NAME:SEVERITY.

Reference: Hendrycks and Dietterich (2019), Benchmarking neural network robustness to common corruptions and
perturbations, ICLR, arXiv:1903.12261; constants of CIFAR-10-C (make_cifar_c.py of their code), lengths
in pixels being multiplied by side / 32 where pictures are larger. Edges are repeated, not mirrored.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.Image import Resampling

from tltk.data.decode import allocate
from tltk.data.domain import Pixels, Progress
from tltk.errors import BadSpec, DataProblem, UnknownName

if TYPE_CHECKING:
    from torch import Tensor

PIECE_PIXELS = 2**16  # pixels that are corrupted at once; where pieces begin decides the random numbers
SUFFIX = re.compile(r"(?P<base>.*[^:/\\~])~(?P<name>[A-Za-z_]\w*):(?P<severity>[^/\\~:]*)", re.DOTALL)


@dataclass(frozen=True)
class Corruption:
    """One of `names()`, and how strong, 1 to 5."""

    name: str
    severity: int

    def __post_init__(self) -> None:
        if self.name not in FAMILIES:
            raise UnknownName.among("A corruption", self.name, FAMILIES)
        if type(self.severity) is not int or not 1 <= self.severity <= 5:
            raise BadSpec(
                f"The severity of a corruption must be 1, 2, 3, 4 or 5. Got {self.severity!r}; write ~{self.name}:3."
            )


def names() -> list[str]:
    """The corruptions, sorted."""
    return sorted(FAMILIES)


def split(name: str) -> tuple[str, Corruption | None]:
    """A domain's name without its corruption, and the corruption, if any.

    A suffix is ~NAME:SEVERITY with something before the ~ that is not a separator, NAME being a word, and
    SEVERITY a number unless NAME is known: other paths with a ~ stay whole.

    Raises:
        UnknownName: No such corruption.
        BadSpec: A severity that is not 1 to 5.

    Example:
        >>> split("digits~fog:3")
        ('digits', Corruption(name='fog', severity=3))
        >>> split("folder:~/pictures")
        ('folder:~/pictures', None)
    """
    found = SUFFIX.fullmatch(name)
    if found is None or not (found["name"] in FAMILIES or re.fullmatch(r"\s*[+-]?\d+(\.\d*)?\s*", found["severity"])):
        return name, None
    text = found["severity"].strip()
    return found["base"], Corruption(found["name"], int(text) if text.isdecimal() else text)  # type: ignore[arg-type]


def corrupt(images: Pixels, name: str, severity: int, seed: int = 0, progress: Progress | None = None) -> Pixels:
    """The pictures, corrupted.

    Args:
        images: (n, c, h, w) uint8; c is 3 as a rule, any other number works.
        name: One of `names()`.
        severity: 1 to 5.
        seed: Picture i depends on i, seed and the picture only; severities share their random numbers.
        progress: Called with (done, total).

    Returns:
        The same shape, rounded (the authors cut off).

    Raises:
        UnknownName, BadSpec, DataProblem: No such corruption, severity or array.
    """
    import torch

    Corruption(name, severity)
    if images.ndim != 4 or images.dtype != np.uint8 or min(images.shape[1:]) < 1:
        raise DataProblem(f"Pictures must be uint8 of shape (n, c, h, w). Got {images.dtype} of shape {images.shape}.")
    result, step = allocate(images.shape), max(1, PIECE_PIXELS // (images.shape[2] * images.shape[3]))
    with torch.inference_mode():
        for number, start in enumerate(range(0, len(images), step)):
            piece = torch.from_numpy(images[start : start + step].astype(np.float32)).div_(255)
            changed = FAMILIES[name](piece, severity - 1, RandomStreams(len(piece), (seed, number)))
            result[start : start + step] = changed.clamp_(0, 1).mul_(255).round_().to(torch.uint8).numpy()
            if progress:
                progress(min(start + step, len(images)), len(images))
    return result


class RandomStreams:
    """Random numbers for m pictures; every call has its own stream, and fewer pictures see its beginning."""

    def __init__(self, m: int, seed: tuple[int, ...]) -> None:
        self.m, self.seed, self.calls = m, seed, 0

    def stream(self) -> np.random.Generator:
        """The next stream; draw from it once, pictures first."""
        self.calls += 1
        return np.random.default_rng((*self.seed, self.calls))

    def uniform(self, lo: float, hi: float, *shape: int) -> Tensor:
        """(m, *shape) between lo and hi."""
        import torch

        return torch.from_numpy(self.stream().random((self.m, *shape), np.float32)).mul_(hi - lo).add_(lo)

    def normal(self, *shape: int) -> Tensor:
        """(m, *shape), standard normal."""
        import torch

        return torch.from_numpy(self.stream().standard_normal((self.m, *shape), np.float32))


# -- the families: (m, c, h, w) from 0 to 1, severity 0 to 4, dice → the same shape, perhaps out of range


def gaussian_noise(x: Tensor, severity: int, dice: RandomStreams) -> Tensor:
    """x + σ·z, z standard normal, independently for every channel.

    Args:
        x: (m, c, h, w) float32 pictures in 0 … 1.
        severity: 0 … 4, the index of the setting: one less than the severity in names.
        dice: Random numbers for these m pictures.
    """
    return x + (0.04, 0.06, 0.08, 0.09, 0.10)[severity] * dice.normal(*x.shape[1:])


def shot_noise(x: Tensor, severity: int, dice: RandomStreams) -> Tensor:
    """Poisson(c·x) / c: c photons where it is white.

    Args:
        x: (m, c, h, w) float32 pictures in 0 … 1.
        severity: 0 … 4, the index of the setting: one less than the severity in names.
        dice: Random numbers for these m pictures.
    """
    c = (500, 250, 100, 75, 50)[severity]
    return x.new_tensor(dice.stream().poisson(x.numpy().astype(np.float64) * c)) / c


def impulse_noise(x: Tensor, severity: int, dice: RandomStreams) -> Tensor:
    """A share of all values is black or white, evenly.

    Args:
        x: (m, c, h, w) float32 pictures in 0 … 1.
        severity: 0 … 4, the index of the setting: one less than the severity in names.
        dice: Random numbers for these m pictures.
    """
    share = (0.01, 0.02, 0.03, 0.05, 0.07)[severity]
    hit, salt = dice.uniform(0, 1, *x.shape[1:]), dice.uniform(0, 1, *x.shape[1:])
    return (salt < 0.5).to(x.dtype).where(hit < share, x)


def defocus_blur(x: Tensor, severity: int, dice: RandomStreams) -> Tensor:
    """A disc, its edge smoothed over three pixels, over five where it is large.

    Args:
        x: (m, c, h, w) float32 pictures in 0 … 1.
        severity: 0 … 4, the index of the setting: one less than the severity in names.
        dice: Not read: nothing here is random.
    """
    import torch
    import torch.nn.functional as F

    radius, sigma = ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1))[severity]
    radius *= _scale(x)
    soft = 1 if radius <= 8 else 2
    reach = math.floor(radius) + soft
    at = torch.arange(-reach, reach + 1)
    disc = (at[:, None] ** 2 + at**2 <= radius**2).float()
    kernel = _blur(disc[None, None], sigma, soft)
    return F.conv2d(_pad(x, reach).flatten(0, 1)[:, None], kernel / kernel.sum()).reshape(x.shape)


def glass_blur(x: Tensor, severity: int, dice: RandomStreams) -> Tensor:
    """Blur, every pixel taken from a random neighbour, blur.

    Deviation: all at once, not swapped one after the other, and with our own distances: of the authors' five
    settings some blur more where they scatter less, so that the change does not grow.

    Args:
        x: (m, c, h, w) float32 pictures in 0 … 1.
        severity: 0 … 4, the index of the setting: one less than the severity in names.
        dice: Random numbers for these m pictures.
    """
    (h, w), far = x.shape[2:], (0.6, 0.8, 1.0, 1.3, 1.6)[severity] * _scale(x)
    x = _blur(x, 0.25 * _scale(x))
    down, right = (dice.uniform(-1, 1, h, w).mul_(far).round_().long() for _ in "yx")
    down += down.new_tensor(range(h))[:, None]
    right += right.new_tensor(range(w))
    at = down.clamp_(0, h - 1) * w + right.clamp_(0, w - 1)
    x = x.flatten(2).gather(2, at.reshape(len(x), 1, h * w).expand(-1, x.shape[1], -1)).reshape(x.shape)
    return _blur(x, 0.25 * _scale(x))


def motion_blur(x: Tensor, severity: int, dice: RandomStreams) -> Tensor:
    """A one-sided Gaussian along a line at −45° to 45°. Deviation: σ is 2.25, not 2, in the fourth, else the third.

    Args:
        x: (m, c, h, w) float32 pictures in 0 … 1.
        severity: 0 … 4, the index of the setting: one less than the severity in names.
        dice: Random numbers for these m pictures.
    """
    radius, sigma = ((6, 1), (6, 1.5), (6, 2), (8, 2.25), (9, 2.5))[severity]
    return _streak(x, radius * _scale(x), sigma * _scale(x), dice.uniform(-45, 45))


def zoom_blur(x: Tensor, severity: int, dice: RandomStreams) -> Tensor:
    """The mean of the picture and its enlargements by 0, 1, 2 … per cent.

    Args:
        x: (m, c, h, w) float32 pictures in 0 … 1.
        severity: 0 … 4, the index of the setting: one less than the severity in names.
        dice: Not read: nothing here is random.
    """
    count = (6, 11, 16, 21, 26)[severity]
    total = x.clone()
    for step in range(count):
        total += _zoom(x, 1 + step / 100)
    return total / (count + 1)


def snow(x: Tensor, severity: int, dice: RandomStreams) -> Tensor:
    """Random flakes, enlarged, streaked by the wind and added to a whitened picture, once upside down.

    Args:
        x: (m, c, h, w) float32 pictures in 0 … 1.
        severity: 0 … 4, the index of the setting: one less than the severity in names.
        dice: Random numbers for these m pictures.
    """
    mean, spread, zoom, least, radius, sigma, keep = (
        (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
        (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
        (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
        (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
        (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
    )[severity]
    h, w = x.shape[2:]
    flakes = _zoom(dice.normal(1, h, w) * spread + mean, max(1.0, zoom * _scale(x)))
    flakes = flakes.where(flakes >= least, flakes.new_zeros(())).clamp(0, 1)
    flakes = _streak(flakes, radius * _scale(x), sigma * _scale(x), dice.uniform(-135, -45))
    grey = _grey(x)
    x = keep * x + (1 - keep) * x.maximum(grey * 1.5 + 0.5)
    return x + flakes + flakes.flip((2, 3))


def frost(x: Tensor, severity: int, dice: RandomStreams) -> Tensor:
    """A darkened picture under ice. Deviation: ridges of plasma clouds that grow replace the authors' photos.

    Args:
        x: (m, c, h, w) float32 pictures in 0 … 1.
        severity: 0 … 4, the index of the setting: one less than the severity in names.
        dice: Random numbers for these m pictures.
    """
    dark, light = ((1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45))[severity]
    bare = (0.3, 0.25, 0.2, 0.1, 0)[severity]
    ridges = [1 - (2 * _plasma(x, decay, dice) - 1).abs() for decay in (1.6, 2.2)]
    ice = (0.75 * ridges[0] ** 2 + 0.45 * ridges[1] ** 4 - bare).clamp_(0, 1)
    tint = x.new_tensor((0.88, 0.95, 1.0) if x.shape[1] == 3 else (1.0,) * x.shape[1]).reshape(-1, 1, 1)
    return dark * x + light * ice * tint


def fog(x: Tensor, severity: int, dice: RandomStreams) -> Tensor:
    """Plasma clouds added, then all scaled back to the brightest value that there was.

    Args:
        x: (m, c, h, w) float32 pictures in 0 … 1.
        severity: 0 … 4, the index of the setting: one less than the severity in names.
        dice: Random numbers for these m pictures.
    """
    amount, decay = ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75))[severity]
    top = x.amax((1, 2, 3), keepdim=True)
    return (x + amount * _plasma(x, decay, dice)) * top / (top + amount)


def brightness(x: Tensor, severity: int, dice: RandomStreams) -> Tensor:
    """V of HSV raised: with the highest channel V, all are multiplied by min(V + c, 1) / V.

    Args:
        x: (m, c, h, w) float32 pictures in 0 … 1.
        severity: 0 … 4, the index of the setting: one less than the severity in names.
        dice: Not read: nothing here is random.
    """
    value = x.amax(1, keepdim=True)
    raised = (value + (0.05, 0.1, 0.15, 0.2, 0.3)[severity]).clamp(max=1)
    return (x * (raised / value.clamp(min=1e-6))).where(value > 0, raised)


def contrast(x: Tensor, severity: int, dice: RandomStreams) -> Tensor:
    """(x − mean)·c + mean, per channel.

    Args:
        x: (m, c, h, w) float32 pictures in 0 … 1.
        severity: 0 … 4, the index of the setting: one less than the severity in names.
        dice: Not read: nothing here is random.
    """
    mean = x.mean((2, 3), keepdim=True)
    return (x - mean) * (0.75, 0.5, 0.4, 0.3, 0.15)[severity] + mean


def elastic_transform(x: Tensor, severity: int, dice: RandomStreams) -> Tensor:
    """A random affine map and a smooth random displacement.

    Deviation: the authors' five settings do not grow in strength; here both parts grow from 1 to 5, and end
    at their largest displacement (0.1 of the side) and their middle smoothness and affine jitter.

    Args:
        x: (m, c, h, w) float32 pictures in 0 … 1.
        severity: 0 … 4, the index of the setting: one less than the severity in names.
        dice: Random numbers for these m pictures.
    """
    import torch
    import torch.nn.functional as F

    (h, w), step = x.shape[2:], (severity + 1) / 5
    field = [_blur(dice.uniform(-1, 1, 1, h, w), 0.04 * min(h, w)) * (0.1 * min(h, w) * step) for _ in "xy"]
    # three corners of a square, moved: p → p + a·px + b·py + c, solved for all pictures at once
    moved = dice.uniform(-0.05, 0.05, 3, 2) * step  # shares of the side
    a, b = (moved[:, 1] - moved[:, 2]) * 1.5, (moved[:, 0] - moved[:, 1]) * 1.5  # over a side of 2/3
    c = (moved[:, 0] + moved[:, 2]) / 2
    across, down = (torch.arange(w) + 0.5) / w - 0.5, (torch.arange(h) + 0.5)[:, None] / h - 0.5
    grid = []
    for axis, (base, side) in enumerate(((across, w), (down, h))):
        p, q, r = (v[:, axis, None, None] for v in (a, b, c))
        grid.append(2 * (base + p * across + q * down + r + field[axis][:, 0] / side))
    return F.grid_sample(x, torch.stack(grid, -1), padding_mode="reflection", align_corners=False)


def pixelate(x: Tensor, severity: int, dice: RandomStreams) -> Tensor:
    """Reduced to a share of the side and enlarged again, both by boxes.

    Args:
        x: (m, c, h, w) float32 pictures in 0 … 1.
        severity: 0 … 4, the index of the setting: one less than the severity in names.
        dice: Not read: nothing here is random.
    """
    share = (0.95, 0.9, 0.85, 0.75, 0.65)[severity]
    down, across = (x.new_tensor(_boxes(side, max(1, int(side * share)))) for side in x.shape[2:])
    return down @ x @ across.T


def jpeg_compression(x: Tensor, severity: int, dice: RandomStreams) -> Tensor:
    """Written and read as JPEG; channels one by one where there are not three.

    Args:
        x: (m, c, h, w) float32 pictures in 0 … 1.
        severity: 0 … 4, the index of the setting: one less than the severity in names.
        dice: Not read: nothing here is random.
    """
    quality = (80, 65, 58, 50, 40)[severity]
    whole = np.rint(x.numpy() * 255).astype(np.uint8)
    if x.shape[1] == 3:
        done = np.stack([_jpeg(picture, quality) for picture in whole.transpose(0, 2, 3, 1)]).transpose(0, 3, 1, 2)
    else:
        done = np.stack([_jpeg(picture, quality) for picture in whole.reshape(-1, *whole.shape[2:])])
    return x.new_tensor(done).reshape(x.shape) / 255


FAMILIES: dict[str, Callable[[Tensor, int, RandomStreams], Tensor]] = {
    f.__name__: f
    for f in (
        gaussian_noise,
        shot_noise,
        impulse_noise,
        defocus_blur,
        glass_blur,
        motion_blur,
        zoom_blur,
        snow,
        frost,
        fog,
        brightness,
        contrast,
        elastic_transform,
        pixelate,
        jpeg_compression,
    )
}


# -- what they share -----------------------------------------------------------------------------------


def _scale(x: Tensor) -> float:
    """How much larger the pictures are than those for which the constants were chosen; not less than 1."""
    return max(1.0, min(x.shape[2:]) / 32)


def _grey(x: Tensor) -> Tensor:
    """(m, 1, h, w): luma (ITU-R BT.601) of colour pictures, else the mean over channels."""
    if x.shape[1] != 3:
        return x.mean(1, keepdim=True)
    return (x * x.new_tensor((0.299, 0.587, 0.114)).reshape(-1, 1, 1)).sum(1, keepdim=True)


def _pad(x: Tensor, reach: int) -> Tensor:
    """Edges repeated: unlike mirrors, that works for any reach."""
    import torch.nn.functional as F

    return F.pad(x, (reach,) * 4, mode="replicate")


def _blur(x: Tensor, sigma: float, reach: int = 0) -> Tensor:
    """Gaussian, cut off at 4 σ or at `reach` pixels."""
    import torch

    reach = reach or math.ceil(4 * sigma)
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    wide = _pad(x, reach)
    for axis in (2, 3):
        side = x.shape[axis]
        total = wide.narrow(axis, 0, side) * 0
        for i, weight in enumerate((weights / weights.sum()).tolist()):
            total.add_(wide.narrow(axis, i, side), alpha=weight)
        wide = total
    return wide


def _streak(x: Tensor, radius: float, sigma: float, angle: Tensor) -> Tensor:
    """Every pixel is a weighted mean along its picture's line, weights exp(−i² / 2σ²), i = 0 … 2·radius."""
    import torch
    import torch.nn.functional as F

    h, w = x.shape[2:]
    steps = np.arange(max(1, round(2 * radius)) + 1)
    weights = np.exp(-0.5 * (steps / sigma) ** 2)
    weights = weights[weights > 1e-3 * weights.sum()]
    turn = torch.deg2rad(angle)
    here = F.affine_grid(torch.eye(2, 3)[None], [1, 1, h, w], align_corners=False)
    way = torch.stack([2 * turn.cos() / w, 2 * turn.sin() / h], -1)[:, None, None]
    total = torch.zeros_like(x)
    for i, weight in enumerate((weights / weights.sum()).tolist()):
        total += weight * F.grid_sample(x, here + i * way, padding_mode="border", align_corners=False)
    return total


def _zoom(x: Tensor, factor: float) -> Tensor:
    """The middle, enlarged by this factor; whole pixels are cut out before, linear between them."""
    down, across = (x.new_tensor(_enlarging(side, factor)) for side in x.shape[2:])
    return down @ x @ across.T


def _enlarging(side: int, factor: float) -> NDArray[np.float64]:
    """(side, side): weights of the old pixels for the new ones, along one axis."""
    cut = math.ceil(side / factor)
    whole = max(side, round(cut * factor))
    at = (np.arange(side) + (whole - side) // 2) * ((cut - 1) / max(1, whole - 1)) + (side - cut) // 2
    weights: NDArray[np.float64] = np.clip(1 - np.abs(at[:, None] - np.arange(side)), 0, 1)
    return weights


def _plasma(x: Tensor, decay: float, dice: RandomStreams) -> Tensor:
    """(m, 1, h, w) clouds from 0 to 1 by the diamond-square algorithm (Fournier et al. 1982), as the authors'."""
    import torch

    h, w = x.shape[2:]
    side = 2 ** math.ceil(math.log2(max(h, w, 2)))
    field, step, wobble = torch.zeros(len(x), side, side), side, 100.0
    while step >= 2:
        half = step // 2
        corner = field[:, ::step, ::step]
        square = corner + corner.roll(-1, 1)
        square = square + square.roll(-1, 2)
        field[:, half::step, half::step] = square / 4 + wobble * dice.uniform(-wobble, wobble, *square.shape[1:])
        middle = field[:, half::step, half::step]
        for axis, part in (
            (1, (slice(None), slice(0, None, step), slice(half, None, step))),
            (2, (slice(None), slice(half, None, step), slice(0, None, step))),
        ):
            four = middle + middle.roll(1, axis) + corner + corner.roll(-1, 3 - axis)
            field[part] = four / 4 + wobble * dice.uniform(-wobble, wobble, *four.shape[1:])
        step, wobble = half, wobble / decay
    field -= field.amin((1, 2), keepdim=True)
    return (field / field.amax((1, 2), keepdim=True))[:, None, :h, :w]


def _boxes(side: int, fewer: int) -> NDArray[np.float32]:
    """(side, side): there and back along one axis; Pillow gives the weights when it resizes the identity."""
    eye = Image.fromarray(np.eye(side, dtype=np.float32))
    down = eye.resize((side, fewer), Resampling.BOX)
    return np.asarray(down.resize((side, side), Resampling.BOX), np.float32)


def _jpeg(picture: Pixels, quality: int) -> Pixels:
    Image.fromarray(picture).save(buffer := io.BytesIO(), "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))

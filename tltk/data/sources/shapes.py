"""The shift lab: shapes drawn from signed distance functions, with a dial for every shift.

`shapes`, or `shapes:rotation=30,hue=0.2,background=photo,classes=0-4`: source and target are two settings of
the dials, so the true shift is known. Licence: CC0 1.0 (drawn here), CC BY 2.0 (photos, with background=photo).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Resampling

from tltk.data.attributes import Attribute
from tltk.data.decode import allocate
from tltk.data.dials import NamedDials
from tltk.data.domain import Domain, Pixels, Progress
from tltk.data.drawing.distances import DISTANCES, Distance, length
from tltk.data.identity import generated_origins
from tltk.errors import BadSpec, UnknownName
from tltk.specs.knobs import knob
from tltk.specs.parts import DataSpec

if TYPE_CHECKING:
    from torch import Tensor

Look = dict[str, NDArray[Any]]  # attributes: one array of length n for each
LICENCE, PHOTO_LICENCE = "CC0 1.0", "CC0 1.0 (shapes), CC BY 2.0 (photos)"
SOURCE = "drawn here from signed distance functions"
PHOTO_SOURCE = f"{SOURCE}; photos china.jpg (danielbuechele) and flower.jpg (vultilion), from scikit-learn"
DEFAULT_N = 4000
CLASSES = tuple(DISTANCES)
TEXTURES = ("plain", "stripes", "dots", "noise")
COLOURS = ("red", "yellow", "green", "cyan", "blue", "magenta")  # a sixth of the colour circle each
TONES = ("dark", "middle", "light")  # of a drawn background, thirds of their range
GROUND = (0.05, 0.4)  # least brightness of a drawn background, and over what it varies
PHOTOS = ("china", "flower")
DRAWS, LATER = 29, 2  # random numbers per picture, used or not: one dial does not disturb the others
PIECE_PIXELS = 2**21  # pixels that are drawn at once; where pieces begin decides the noise of a picture
RADIUS = (0.26, 0.42)  # of the side, from the middle of a shape to its tips
MIN_BLUR_PX = 0.05  # pixels: below this deviation a neighbour weighs e⁻²⁰⁰, so a blur changes nothing
CYCLES = (2.0, 4.0)  # of the texture, over a radius
DEPTH = 0.6  # share of the light that the dark half of a texture takes
CROP_SIDES_PX = (64, 128, 256)  # sides of photo backgrounds, in photo pixels
GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class Dials(NamedDials):
    """What is shifted, and by how much. At the defaults nothing is.

    Example:
        >>> Dials.parse("hue=0.2, rotation=30").text()
        'rotation=30,hue=0.2'
    """

    domain: ClassVar[str] = "shapes"
    example: ClassVar[str] = "shapes:hue=0.2,classes=0-4"

    rotation: float = knob(0.0, 0.0, 180.0, help="Each shape is turned by up to this angle either way, in degrees.")
    scale: float = knob(1.0, 0.3, 1.5, help="Factor of every shape's size.")
    position: float = knob(0.0, 0.0, 0.5, help="Shapes lie up to this share of the side from the middle, both ways.")
    hue: float = knob(0.0, 0.0, 1.0, help="All hues of shapes are turned by this share of the colour circle.")
    hues: float = knob(0.5, 0.0, 1.0, help="Share of the colour circle over which the hues of shapes vary.")
    correlation: float = knob(0.0, 0.0, 1.0, help="Share of pictures in which the label decides the hue.")
    texture: str = knob("mixed", choices=("mixed", *TEXTURES), help="Texture of the shapes; mixed = any of the four.")
    background: str = knob("plain", choices=("plain", "gradient", "photo"), help="What lies behind the shape.")
    blur: float = knob(0.0, 0.0, 0.1, help="Standard deviation of a Gaussian blur, as a share of the side.")
    noise: float = knob(0.0, 0.0, 0.5, help="Standard deviation of Gaussian noise; black to white is 1.")
    inversion: float = knob(0.0, 0.0, 1.0, help="Share of pictures that are shown as negatives.")
    contrast: float = knob(1.0, 0.05, 2.0, help="Factor of the distance to middle grey.")
    occlusion: float = knob(0.0, 0.0, 0.8, help="Share of the picture that a grey square covers.")
    classes: str = knob("0-9", help="Which shapes there are: numbers, ranges or names, as in 0-4+7 or star+ring.")
    prior: float = knob(1.0, 0.5, 1.0, help="Each class is so many times as frequent as the one ahead of it.")
    label_noise: float = knob(0.0, 0.0, 0.9, help="Share of pictures with a wrong label.")
    shape_noise: float = knob(0.0, 0.0, 1.0, help="Share of pictures that show any shape, whatever their label.")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "classes", _ranges(_parse_numbers(self.classes)))

    @property
    def class_numbers(self) -> tuple[int, ...]:
        """Which of `CLASSES` there are, sorted."""
        return _parse_numbers(self.classes)


def check(argument: str) -> str:
    """The argument as it is written in names and keys: dials in one order, defaults left out.

    Raises:
        UnknownName, BadSpec: As `Dials.parse`.
    """
    return Dials.parse(argument).text()


def load(spec: DataSpec, argument: str = "", progress: Progress | None = None, device: str = "cpu") -> Domain:
    """Shapes of ten kinds with dials for every shift, as in shapes:hue=0.2,background=photo.

    Picture i depends on i, `spec.seed`, `spec.size` and the dials only, so a smaller set is the beginning of
    a larger one; the seed decides what is drawn, the dials how. Every attribute is in `attributes`.

    Args:
        spec: n, size and seed.
        argument: The dials.
        progress: Called with (done, total).
        device: Where to draw; random numbers come from the CPU, so other devices differ in rounding alone.
    """
    import torch

    dials, size, n = Dials.parse(argument), spec.size, spec.n or DEFAULT_N
    images, labels, shapes, start = allocate((n, 3, size, size)), np.empty(n, np.int64), np.empty(n, np.int64), 0
    told: list[dict[str, Attribute]] = []
    photos = _photos(size) if dials.background == "photo" else []
    with torch.inference_mode():
        for number, look in enumerate(_looks(n, spec.seed, dials, size)):
            stop = start + len(look["label"])
            state = np.random.SeedSequence((spec.seed, number)).generate_state(1)
            generator = torch.Generator().manual_seed(int(state[0]))
            images[start:stop] = _draw(look, dials, size, photos, generator, device).cpu().numpy()
            labels[start:stop], shapes[start:stop], start = look["label"], look["shape"], stop
            told.append(_tell(look, dials))
            if progress:
                progress(stop, n)
    licence, source = (PHOTO_LICENCE, PHOTO_SOURCE) if photos else (LICENCE, SOURCE)
    # The dials turn a picture into another view of the same example, unless it shows another shape.
    origins = generated_origins("shapes", spec.seed, n * len(CLASSES))[np.arange(n) * len(CLASSES) + shapes]
    return Domain.of(
        spec.name,
        images,
        labels,
        [CLASSES[c] for c in dials.class_numbers],
        licence=licence,
        source=source,
        origins=origins,
        attributes={
            which: Attribute(first.classes, np.concatenate([piece[which].numbers for piece in told]))
            for which, first in told[0].items()
        },
    )


def class_names(argument: str) -> tuple[str, ...]:
    """The shapes that the dials let in."""
    return tuple(CLASSES[c] for c in Dials.parse(argument).class_numbers)


def attribute_names(argument: str) -> tuple[str, ...]:
    """Those attributes that differ from picture to picture and are not the class, by the dials."""
    dials = Dials.parse(argument)
    shape = bool(dials.shape_noise or dials.label_noise)
    return tuple(
        which
        for which, differs in {
            "shape": shape,
            "colour": dials.hues > 0,
            "texture": dials.texture == "mixed",
            "background": True,
        }.items()
        if differs
    )


def attributes(spec: DataSpec, argument: str = "") -> Look:
    """What is truly in every picture of this domain: one array of length n per attribute.

    Returns:
        shape (index into `CLASSES`), label (into the domain's classes, wrong where `wrong`), decided (the label
        decides the hue), radius, x, y (shares of the side, from the middle, down), rotation (degrees), hue,
        saturation, brightness, texture (into `TEXTURES`), cycles, grain, background_hue and so on, all before
        blur, contrast and noise; left, top and zoom of the photo; inverted; block_x, block_y, block_grey.
    """
    looks = list(_looks(spec.n or DEFAULT_N, spec.seed, Dials.parse(argument), spec.size))
    return {name: np.concatenate([look[name] for look in looks]) for name in looks[0]}


# -- names ---------------------------------------------------------------------------------------------


def _parse_numbers(text: str) -> tuple[int, ...]:
    """`0-2+star` → (0, 1, 2, 3)."""
    found: set[int] = set()
    for part in (p.strip() for p in text.split("+")):
        first, dash, last = (p.strip() for p in part.partition("-"))
        ends = [first, last] if dash else [first]
        for end in ends:
            if not (end in CLASSES or (end.isdecimal() and int(end) < len(CLASSES))):
                raise UnknownName.among("A class of shapes", end, [*map(str, range(len(CLASSES))), *CLASSES])
        numbers = [CLASSES.index(end) if end in CLASSES else int(end) for end in ends]
        found.update(range(numbers[0], numbers[-1] + 1))
    if len(found) < 2:
        raise BadSpec(f"Dials.classes must name at least two shapes, first before last. Got {text!r}.")
    return tuple(sorted(found))


def _ranges(numbers: tuple[int, ...]) -> str:
    """(0, 1, 2, 5) → `0-2+5`."""
    starts = [c for c in numbers if c - 1 not in numbers]
    ends = [c for c in numbers if c + 1 not in numbers]
    return "+".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True))


# -- what is in a picture ------------------------------------------------------------------------------


def _looks(n: int, seed: int, dials: Dials, size: int) -> Iterator[Look]:
    """The attributes of the pictures, piece by piece."""
    draw, step = np.random.default_rng(seed), max(1, PIECE_PIXELS // size**2)
    later = np.random.default_rng((seed, 2))  # for dials that came after the first pictures, which stay as they were
    first = np.random.default_rng((seed, 1)).random()
    for start in range(0, n, step):
        index = np.arange(start, min(start + step, n))
        # Classes in golden-ratio order: every beginning of the set has them in their shares, nearly exactly.
        turn = np.asarray((first + GOLDEN * index) % 1, np.float64)
        chance = [draw.random((len(index), DRAWS)), later.random((len(index), LATER))]
        yield _look(turn, np.concatenate(chance, 1), dials)


def _look(turn: NDArray[np.float64], chance: NDArray[np.float64], dials: Dials) -> Look:
    """Attributes from the class's place (m,) and the random numbers (m, DRAWS + LATER) of each picture."""
    u = iter(chance.T)
    chosen = np.array(dials.class_numbers)
    share = dials.prior ** np.arange(len(chosen))
    label = np.minimum(np.searchsorted(np.cumsum(share / share.sum()), turn, "right"), len(chosen) - 1)
    shape = chosen[label]  # decides the hue, also where shape noise has another shape drawn
    drawn = np.where(chance[:, -2] < dials.shape_noise, chosen[(chance[:, -1] * len(chosen)).astype(np.int64)], shape)
    radius = dials.scale * (RADIUS[0] + (RADIUS[1] - RADIUS[0]) * next(u))
    rotation, x, y = (reach * (2 * next(u) - 1) for reach in (dials.rotation, dials.position, dials.position))
    free, decided = next(u), next(u) < dials.correlation
    hue = (dials.hue + dials.hues * (np.where(decided, (shape + 0.5) / len(CLASSES), free) - 0.5)) % 1
    saturation, brightness = 0.6 + 0.4 * next(u), 0.75 + 0.25 * next(u)
    kind = (next(u) * len(TEXTURES)).astype(np.int64)
    texture = kind if dials.texture == "mixed" else np.full_like(kind, TEXTURES.index(dials.texture))
    look = {
        "shape": drawn,
        "decided": decided,
        "radius": radius,
        "rotation": rotation,
        "x": x,
        "y": y,
        "hue": hue,
        "saturation": saturation,
        "brightness": brightness,
        "texture": texture,
        "cycles": CYCLES[0] + (CYCLES[1] - CYCLES[0]) * next(u),
        "phase_x": next(u),
        "phase_y": next(u),
        "texture_rotation": 360 * next(u),
        "grain": (next(u) * 2**30).astype(np.int64),
        "background_hue": next(u),
        "background_saturation": 0.6 * next(u),
        "background_brightness": GROUND[0] + GROUND[1] * next(u),
        "gradient": 360 * next(u),
        "photo": (next(u) * 2).astype(np.int64),
        "zoom": (next(u) * len(CROP_SIDES_PX)).astype(np.int64),
        "left": next(u),
        "top": next(u),
        "inverted": next(u) < dials.inversion,
        "block_x": next(u),
        "block_y": next(u),
        "block_grey": next(u),
    }
    wrong, other = next(u) < dials.label_noise, 1 + (next(u) * (len(chosen) - 1)).astype(np.int64)
    return {**look, "wrong": wrong, "label": np.where(wrong, (label + other) % len(chosen), label).astype(np.int64)}


def _tell(look: Look, dials: Dials) -> dict[str, Attribute]:
    """What pictures show, as attributes of a domain: as they are drawn, before negatives, contrast and noise."""
    if dials.background == "photo":
        background = Attribute(PHOTOS, look["photo"])
    else:
        tone = (look["background_brightness"] - GROUND[0]) / GROUND[1] * len(TONES)
        background = Attribute(TONES, np.clip(tone.astype(np.int64), 0, len(TONES) - 1))
    return {
        "shape": Attribute(
            tuple(CLASSES[c] for c in dials.class_numbers), np.searchsorted(dials.class_numbers, look["shape"])
        ),
        "colour": Attribute(COLOURS, np.rint(len(COLOURS) * look["hue"]).astype(np.int64) % len(COLOURS)),
        "texture": Attribute(TEXTURES, look["texture"]),
        "background": background,
    }


def _rgb(hue: NDArray[np.float64], saturation: NDArray[np.float64], value: NDArray[np.float64]) -> NDArray[np.float64]:
    """(m, 3) in 0 … 1 (Smith 1978, Color gamut transform pairs)."""
    k = (np.array([5.0, 3.0, 1.0]) + 6 * hue[:, None]) % 6
    return np.asarray(value[:, None] * (1 - saturation[:, None] * np.clip(np.minimum(k, 4 - k), 0, 1)), np.float64)


# -- drawing: pictures of one shape at a time, in floats from 0 to 255 ----------------------------------


def _draw(look: Look, dials: Dials, size: int, photos: list[Pixels], generator: Any, device: str) -> Tensor:
    """(m, 3, size, size) uint8: the pictures with these attributes."""
    import torch

    m = len(look["label"])
    order = np.lexsort((look["texture"], look["shape"]))
    look = {name: values[order] for name, values in look.items()}
    noise = None
    if dials.noise:  # for a whole piece, so that the beginning of it has the same noise
        whole = torch.randn((max(1, PIECE_PIXELS // size**2), 3, size, size), generator=generator)
        noise = whole[torch.from_numpy(order)].to(device)
    pictures = torch.empty((m, 3, size, size), dtype=torch.uint8, device=device)
    ends = np.searchsorted(look["shape"], np.arange(len(CLASSES) + 1))
    for c, name in enumerate(CLASSES):
        part = slice(ends[c], ends[c + 1])
        if ends[c] < ends[c + 1]:
            some = {key: values[part] for key, values in look.items()}
            x = _blend(some, *_figure(some, DISTANCES[name], size, device), dials, photos)
            x = _spoil(x, some, dials, None if noise is None else noise[part])
            pictures[part] = x.to(torch.uint8)
    return pictures[torch.from_numpy(np.argsort(order)).to(device)]


def _figure(look: Look, distance: Distance, size: int, device: str) -> tuple[Tensor, Tensor]:
    """Where the shape is and how bright its texture, both (m, size, size) from 0 to 1."""
    import torch

    column = (np.arange(size) + 0.5) / size - 0.5
    right, up = column - look["x"][:, None], look["y"][:, None] - column
    angle, radius = np.deg2rad(look["rotation"])[:, None], look["radius"][:, None]
    cos, sin = np.cos(angle) / radius, np.sin(angle) / radius
    (cr, su, sr, cu) = (
        torch.as_tensor(v, dtype=torch.float32, device=device) for v in (cos * right, sin * up, -sin * right, cos * up)
    )
    x, y = cr[:, None, :] + su[:, :, None], sr[:, None, :] + cu[:, :, None]
    # the edge is 1.5 pixels wide: smoothstep of the distance in pixels
    pixels = _each(look["radius"] * (size / 1.5), x)
    t = distance(x, y).mul_(pixels).neg_().add_(0.5).clamp_(0, 1)
    mask = (t * t).mul_(t.mul_(-2).add_(3))
    paint = mask.clone()
    ends = np.searchsorted(look["texture"], np.arange(len(TEXTURES) + 1))
    for kind in range(1, len(TEXTURES)):
        part = slice(ends[kind], ends[kind + 1])
        if ends[kind] < ends[kind + 1]:
            some = {key: values[part] for key, values in look.items()}
            paint[part].mul_(_texture(kind, some, x[part], y[part], size).mul_(-DEPTH).add_(1))
    return mask, paint


def _texture(kind: int, look: Look, x: Tensor, y: Tensor, size: int) -> Tensor:
    """(m, size, size): how dark the texture is, 0 to 1; it turns and grows with the shape."""
    angle, cycles = np.deg2rad(look["texture_rotation"]), look["cycles"]
    cos, sin = _each(np.cos(angle) * cycles, x), _each(np.sin(angle) * cycles, x)
    u = (x * cos).addcmul_(y, sin).add_(_each(look["phase_x"], x))
    if kind > 1:
        v = (y * cos).addcmul_(x, sin, value=-1).add_(_each(look["phase_y"], x))
    if TEXTURES[kind] == "noise":  # cells of random darkness: an integer hash of the cell
        a, b = u.mul_(2).floor_().int(), v.mul_(2).floor_().int()
        h = a.mul_(374761393).add_(b.mul_(668265263)).add_(_each(look["grain"], a))
        h = h.bitwise_xor_(h >> 13).mul_(1274126177)
        return (h >> 16).bitwise_and_(255).float().mul_(1 / 255)
    pixels = _each(look["radius"] * size / cycles, x)  # per cycle: edges are a pixel wide
    u = u.sub_(u.floor()).sub_(0.5)
    if TEXTURES[kind] == "stripes":
        return u.abs_().sub_(0.25).mul_(pixels).add_(0.5).clamp_(0, 1)
    v = v.sub_(v.floor()).sub_(0.5)
    return length(u, v).sub_(0.3).mul_(-pixels).add_(0.5).clamp_(0, 1)


def _blend(look: Look, mask: Tensor, paint: Tensor, dials: Dials, photos: list[Pixels]) -> Tensor:
    """(m, 3, size, size), 0 to 255: the painted shape on its background, perhaps behind a square."""
    size, mask, paint = mask.shape[-1], mask[:, None], paint[:, None]
    colour = _each(255 * _rgb(look["hue"], look["saturation"], look["brightness"]), mask)
    ground = [look[f"background_{part}"] for part in ("hue", "saturation", "brightness")]
    behind = _each(255 * _rgb(*ground), mask)
    if dials.background == "plain":
        x = (mask * -behind).add_(behind)
    else:
        if dials.background == "photo":
            behind = mask.new_tensor(_crops(look, photos, size))
        else:
            angle, column = np.deg2rad(look["gradient"])[:, None], (np.arange(size) + 0.5) / size - 0.5
            light = (np.cos(angle) * column)[:, None, :] + (np.sin(angle) * column)[:, :, None]
            behind = behind * mask.new_tensor(1 + 0.8 * light)[:, None]
        x = (1 - mask) * behind
    x.addcmul_(paint, colour)
    if dials.occlusion:
        side, edge = math.sqrt(dials.occlusion), np.arange(size + 1) / size
        first = (1 - side) * np.stack([look["block_x"], look["block_y"]])[:, :, None]
        # how much of each column and row the square covers
        across, down = np.diff(np.clip(edge, first, first + side), axis=2) * size
        cover = mask.new_tensor(across[:, None, :] * down[:, :, None])[:, None]
        x.add_((_each(255 * look["block_grey"][:, None], mask) - x).mul_(cover))
    return x


def _spoil(x: Tensor, look: Look, dials: Dials, noise: Tensor | None) -> Tensor:
    """The pictures after the lens, the darkroom and the sensor, rounded but not yet integers."""
    if dials.blur * x.shape[-1] > MIN_BLUR_PX:
        x = _blur(_blur(x, dials.blur * x.shape[-1]).mT, dials.blur * x.shape[-1]).mT
    gain = dials.contrast * np.where(look["inverted"], -1.0, 1.0)
    if (gain != 1).any():
        x = x.mul_(_each(gain[:, None], x)).add_(_each(127.5 * (1 - gain)[:, None], x))
    if noise is not None:
        x = x.add_(noise, alpha=255 * dials.noise)
    return x.add_(0.5).clamp_(0, 255)


def _blur(x: Tensor, sigma: float) -> Tensor:
    """Gaussian blur along the last axis, edges repeated."""
    import torch

    reach = max(1, math.ceil(3 * sigma))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    ends = [x[..., :1].expand(*x.shape[:-1], reach), x[..., -1:].expand(*x.shape[:-1], reach)]
    wide, width = torch.cat([ends[0], x, ends[1]], dim=-1), x.shape[-1]
    result = torch.zeros(x.shape, device=x.device)
    for i, weight in enumerate((weights / weights.sum()).tolist()):  # tap by tap: the same on any number of threads
        result.add_(wide[..., i : i + width], alpha=weight)
    return result


def _photos(size: int) -> list[Pixels]:
    """Scikit-learn's two photos, (3, h, w), each so enlarged that its crops of `CROP_SIDES_PX` have this size."""
    from tltk.data.sources import blended_digits

    found = []
    for photo in blended_digits._photos():
        for side in CROP_SIDES_PX:
            factor = size / max(side, size // 4)
            shape = (max(size, round(photo.width * factor)), max(size, round(photo.height * factor)))
            found.append(np.asarray(photo.resize(shape, Resampling.BICUBIC)).transpose(2, 0, 1).copy())
    return found


def _crops(look: Look, photos: list[Pixels], size: int) -> Pixels:
    """(m, 3, size, size): the piece of photo behind each picture."""
    crops = np.empty((len(look["photo"]), 3, size, size), np.uint8)
    which = look["photo"] * len(CROP_SIDES_PX) + look["zoom"]
    for number in np.unique(which):
        at, windows = which == number, np.lib.stride_tricks.sliding_window_view(photos[number], (size, size), (1, 2))
        top, left = ((look[k][at] * windows.shape[i]).astype(np.int64) for i, k in ((1, "top"), (2, "left")))
        crops[at] = windows[:, top, left].swapaxes(0, 1)
    return crops


def _each(values: NDArray[Any], like: Tensor) -> Tensor:
    """One number per picture (and channel), to go with pictures."""
    tensor = like.new_tensor(values)
    return tensor.reshape(tensor.shape + (1,) * (max(3, like.ndim) - tensor.ndim))

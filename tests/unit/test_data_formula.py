"""Pictures made from formulas: that the seed decides them, that none is blank, that classes can be learned."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tltk import data
from tltk.data.drawing import pieces
from tltk.data.sources import contours, formulas, fractals, leaves, surfaces
from tltk.errors import BadSpec, DataProblem
from tltk.specs.parts import DataSpec

MADE = [fractals, contours, surfaces, leaves, formulas]


def of(module: ModuleType, n: int, size: int = 32, seed: int = 0) -> data.Domain:
    domain = module.load(DataSpec(module.__name__.rpartition(".")[2], n=n, size=size, seed=seed))
    assert isinstance(domain, data.Domain)
    return domain


@pytest.mark.parametrize("module", MADE)
def test_a_smaller_set_is_the_beginning_of_a_larger_one(module: ModuleType) -> None:
    calls: list[tuple[int, int]] = []
    many = module.load(DataSpec("x", n=900, size=32), "", lambda *at: calls.append(at))
    assert calls[-1] == (900, 900) and calls == sorted(calls) and len(calls) == (2 if module is formulas else 4)
    classes = 300 if module is formulas else 200
    assert many.images.shape == (900, 3, 32, 32) and many.images.dtype == np.uint8
    assert many.labels.tolist() == [i % classes for i in range(900)] and len(many.classes) == classes
    few, other = of(module, 301), of(module, 301, seed=1)
    assert np.array_equal(few.images, many.images[:301])
    assert (few.images != other.images).any((1, 2, 3)).all()
    same = many.images[classes : classes + 100]  # another instance of the same class
    assert (many.images[:100] != same).any((1, 2, 3)).all()
    assert few.licence == "CC0 1.0" and few.source.startswith("drawn here")


@pytest.mark.parametrize("module", MADE)
def test_threads_change_no_bit(module: ModuleType) -> None:
    before = torch.get_num_threads()
    try:
        marks = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            marks.append(of(module, 60, 64).fingerprint)
    finally:
        torch.set_num_threads(before)
    assert marks[0] == marks[1]


def test_classes_are_those_that_n_allows() -> None:
    assert of(contours, 5).classes == tuple(f"contour {c}" for c in range(5))
    assert of(fractals, 3).classes == ("fractal 0", "fractal 1", "fractal 2")
    assert of(formulas, 5).classes == ("fractal 0", "contour 0", "surface 0", "fractal 1", "contour 1")
    with pytest.raises(DataProblem, match="at least two classes"):
        of(fractals, 1)


@pytest.mark.parametrize(("module", "kinds"), [(fractals, 1), (contours, 1), (surfaces, 1), (leaves, 1), (formulas, 3)])
def test_fewer_classes(module: ModuleType, kinds: int) -> None:
    name = module.__name__.rpartition(".")[2]
    domain = module.load(DataSpec(f"{name}:3", n=20), "3")
    assert len(domain.classes) == 3 * kinds and domain.labels.tolist() == [i % (3 * kinds) for i in range(20)]
    if kinds == 1:  # the pictures of the first turn are those of the whole set
        assert np.array_equal(domain.images[:3], of(module, 20).images[:3])
    assert data.parse(f"{name}: 03") == (name, "3") and data.parse(f"{name}:{max(100, 300 - 100 * kinds)}") == (
        name,
        "",
    )
    for wrong in ("0", "201", "x", "-1", "3.5", "9" * 30):
        with pytest.raises(BadSpec, match="number of classes"):
            data.parse(f"{name}:{wrong}")


def test_leaves_take_turns_where_they_are_asked_for() -> None:
    domain = formulas.load(DataSpec("formulas:2+leaves", n=20, size=32), "2+leaves")
    assert domain.classes == tuple(f"{kind} {c}" for c in (0, 1) for kind in ("fractal", "contour", "surface", "leaf"))
    assert data.parse("formulas: 02 + leaves") == ("formulas", "2+leaves")
    assert data.parse("formulas:100+leaves") == data.parse("formulas:+leaves") == ("formulas", "+leaves")
    for wrong in ("2+", "2+petals", "+", "x+leaves", "201+leaves"):
        with pytest.raises(BadSpec, match=r"After \+|number of classes"):
            data.parse(f"formulas:{wrong}")


def test_formulas_take_turns_between_the_three(monkeypatch: pytest.MonkeyPatch) -> None:
    for k, module in enumerate((fractals, contours, surfaces)):
        monkeypatch.setattr(
            module, "paint", lambda labels, chance, generator, size, k=k: plain(labels % 80 + 80 * k, size)
        )
    domain = of(formulas, 1203, 16)
    value = domain.images[:, 0, 0, 0].astype(int)
    index = np.arange(1203)
    assert np.array_equal(value, index // 3 % 100 % 80 + 80 * (index % 3))
    assert np.array_equal(domain.labels, index % 300) and domain.classes[298:] == ("contour 99", "surface 99")


def plain(values: NDArray[np.int64], size: int) -> torch.Tensor:
    return torch.from_numpy(values).to(torch.uint8)[:, None, None, None].expand(-1, 3, size, size)


@pytest.mark.parametrize("module", [fractals, contours])
def test_no_category_is_blank(module: ModuleType) -> None:
    images = of(module, 1000).images.astype(np.float32)
    spread = images.std((1, 2, 3)).reshape(5, 200)
    assert spread.min() > 10 and np.median(spread, 0).min() > 18 and np.median(spread) > 35
    assert images.min() < 5 and images.max() > 250 and 100 < images.mean() < 155
    dark, light = images.min((1, 2, 3)), images.max((1, 2, 3))
    assert (light - dark).min() > 130  # every picture is well exposed
    assert (images.max(1) - images.min(1) > 25).any((1, 2)).mean() > 0.75  # most are in colour, some are grey
    assert (np.ptp(images, axis=1) < 4).all((1, 2)).mean() > 0.05


def test_figures_lie_in_the_picture() -> None:
    """Whatever is drawn by chance: some of the figure, and some of the ground."""
    labels = np.arange(200)
    for seed in range(3):
        chance = np.random.default_rng(seed).random((200, pieces.DRAWS))
        count, _ = fractals.histogram(labels, chance[:, :12], torch.Generator().manual_seed(seed), 32)
        share = (count > 0).float().mean((1, 2))
        assert share.min() > 0.02 and share.median() > 0.15 and share.max() < 0.95


@pytest.mark.parametrize("size", [16, 33, 64, 256])
@pytest.mark.parametrize("module", [fractals, contours, surfaces, leaves])
def test_any_size(module: ModuleType, size: int) -> None:
    images = of(module, 6, size).images
    assert images.shape == (6, 3, size, size) and images.astype(float).std((1, 2, 3)).min() > 10


def test_the_same_look_at_every_size() -> None:
    """The random numbers of a class's shape do not hang on the size, but pieces do; so one piece is drawn twice."""
    labels, chance = np.arange(8), np.random.default_rng(0).random((8, pieces.DRAWS))
    counts = [
        fractals.histogram(labels, chance[:, :12], torch.Generator().manual_seed(0), size)[0] for size in (32, 64)
    ]
    small, large = counts[0] > 0, torch.nn.functional.max_pool2d((counts[1] > 0).float()[:, None], 2)[:, 0] > 0
    assert (small == large).float().mean() > 0.9


def measures(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Pooled |grey - border| on 8 × 8, in place and sorted, and edges at four scales: no colour, no polarity."""
    grey = images.astype(float).mean(1)
    border = np.concatenate([grey[:, 0], grey[:, -1], grey[:, :, 0], grey[:, :, -1]], 1)
    grey -= np.median(border, 1)[:, None, None]
    grey /= grey.std((1, 2), keepdims=True) + 1e-3
    pooled = np.abs(grey).reshape(-1, 8, 4, 8, 4).mean((2, 4)).reshape(len(grey), 64)
    found = [pooled, np.sort(pooled, 1)]
    for _ in range(4):
        steps = [np.abs(np.diff(grey, axis=axis)) for axis in (1, 2)]
        found.append(
            np.stack([sum(s.mean((1, 2)) for s in steps), sum(np.sqrt((s**2).mean((1, 2))) for s in steps)], 1)
        )
        found.append(grey.var((1, 2))[:, None])
        half = grey.shape[1] // 2
        grey = grey.reshape(-1, half, 2, half, 2).mean((2, 4))
    return np.concatenate(found, 1)


@pytest.mark.parametrize(("module", "least"), [(fractals, 0.2), (contours, 0.26), (surfaces, 0.2)])
def test_classes_can_be_learned(module: ModuleType, least: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ridge on simple features of one seed reads another above chance, 0.1; a network does far better."""
    monkeypatch.setattr(module, "CLASSES", 10)
    seen, new = of(module, 1000), of(module, 500, seed=1)
    x, z = measures(seen.images), measures(new.images)
    mean, scale = x.mean(0), x.std(0) + 1e-9
    x, z = ((np.pad((v - mean) / scale, ((0, 0), (0, 1)), constant_values=1)) for v in (x, z))
    weights = np.linalg.solve(x.T @ x + 30 * np.eye(x.shape[1]), x.T @ np.eye(10)[seen.labels])
    assert ((z @ weights).argmax(1) == new.labels).mean() > least
    apart = ((z[:, None] - z) ** 2).sum(-1)
    same = new.labels[:, None] == new.labels
    other = ~same
    np.fill_diagonal(same, False)
    assert apart[same].mean() < 0.97 * apart[other].mean()


def test_they_are_registered_and_kept() -> None:
    spec = DataSpec("fractals", n=20, size=16)
    first = data.load(spec)
    assert data.load(spec).fingerprint == first.fingerprint and isinstance(data.load(spec).images, np.memmap)
    assert {"fractals", "contours", "formulas"} <= set(data.domains.names())


def test_the_screen_can_list_them_without_torch() -> None:
    code = (
        "import sys, tltk.data; print([tltk.data.domains.summary(k) for k in ('fractals', 'contours', 'formulas')]);"
        "assert not {'torch', 'scipy', 'sklearn'} & set(sys.modules)"
    )
    root = Path(data.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_colour_names_a_surface_and_nothing_else() -> None:
    """Mean colours of one seed read the classes of another; of fractals and contours they say next to nothing."""
    found = {}
    for module in (fractals, contours, surfaces, leaves):
        name = module.__name__.rpartition(".")[2]
        seen, new = (module.load(DataSpec(f"{name}:10", n=600, size=32, seed=seed), "10") for seed in (0, 1))
        x, z = (d.images.reshape(600, 3, -1).mean(2) for d in (seen, new))
        centres = np.stack([x[seen.labels == c].mean(0) for c in range(10)])
        nearest = np.linalg.norm(z[:, None] - centres, axis=2).argmin(1)
        found[name] = float((nearest == new.labels).mean())
    assert min(found["surfaces"], found["leaves"]) > 0.5 and max(found["fractals"], found["contours"]) < 0.25

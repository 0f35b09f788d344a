"""Systems, chaos game, contours and noise against their equations, in float64 NumPy."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tltk.data.drawing.palette import palette, ramp
from tltk.data.drawing.texture import spectrum
from tltk.data.sources import contours, fractals
from tltk.data.sources.contours import Curves

Floats = NDArray[np.float64]
CORNERS = np.array([(0.0, 0.0), (1.0, 0.0), (0.5, math.sqrt(3) / 2)])
SIERPINSKI = np.array([(0.5, 0, 0, 0.5, *(corner / 2)) for corner in CORNERS])


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def off_sierpinski(points: Floats, levels: int = 16) -> tuple[Floats, list[Floats]]:
    """How far points (n, 2) are from the triangle, as barycentric coordinates, and the corner taken at each level."""
    edges = np.stack([CORNERS[1] - CORNERS[0], CORNERS[2] - CORNERS[0]], 1)
    u = (points - CORNERS[0]) @ np.linalg.inv(edges).T
    weights = np.concatenate([1 - u.sum(1, keepdims=True), u], 1)
    worst, taken = np.maximum(-weights.min(1), 0), []
    for level in range(levels):
        corner = weights.argmax(1)
        taken.append(corner)
        weights = 2 * weights - np.eye(3)[corner]  # the map's inverse
        worst = np.maximum(worst, -weights.min(1) * 0.5 ** (level + 1))
    return worst, taken


def random_maps(n: int = 300) -> Floats:
    return np.random.default_rng(0).uniform(-1.5, 1.5, (n, 6))


# -- iterated function systems -----------------------------------------------------------------------------


def test_the_chaos_game_stays_on_the_sierpinski_triangle_and_fills_it() -> None:
    share = fractals.map_probabilities(SIERPINSKI[None])
    np.testing.assert_allclose(share, 1 / 3)
    x, y = fractals.chaos_game(SIERPINSKI[None], share, 12, generator(), particles=999)
    points = np.stack([x.numpy().ravel(), y.numpy().ravel()], 1).astype(float)
    worst, taken = off_sierpinski(points)
    assert len(points) == 12 * 999 and worst.max() < 5e-7
    for a, b, c, d, e, f in SIERPINSKI:  # one application more leads nowhere else
        moved = np.stack([a * points[:, 0] + b * points[:, 1] + e, c * points[:, 0] + d * points[:, 1] + f], 1)
        assert off_sierpinski(moved)[0].max() < 5e-7
    cells = np.bincount(sum(corner * 3**k for k, corner in enumerate(taken[:5])), minlength=243)
    assert len(cells) == 243 and cells.min() > 0.3 * cells.mean() and cells.max() < 2 * cells.mean()
    first = np.bincount(taken[0], minlength=3)
    np.testing.assert_allclose(first / len(points), 1 / 3, atol=1e-3)  # shares are exact, not random


def test_a_step_is_a_map_of_the_points_before_it() -> None:
    maps, share = (array[4:5] for array in fractals.systems())
    x, y = fractals.chaos_game(maps, share, 2, generator(3), particles=64)
    n = int((share > 0).sum())
    before, after = (np.stack([x[0, k], y[0, k]], 1).astype(float) for k in (0, 1))
    images = [before @ maps[0, k, :4].reshape(2, 2).T + maps[0, k, 4:] for k in range(n)]
    nearest = np.stack([np.hypot(*(after[:, None] - image).transpose(2, 0, 1)).min(1) for image in images]).min(0)
    assert nearest.max() < 1e-5


def test_contraction_is_the_largest_singular_value() -> None:
    maps = random_maps()
    singular = np.linalg.svd(maps[:, :4].reshape(-1, 2, 2), compute_uv=False)[:, 0]
    np.testing.assert_allclose(fractals.contraction(maps), singular, rtol=1e-12)
    categories, share = fractals.systems()
    assert fractals.contraction(categories).max() <= fractals.CONTRACTION + 1e-12
    assert set((share > 0).sum(1)) == set(range(2, 9))
    chance = np.random.default_rng(1).random((len(categories), 2))
    moved = fractals.perturb(categories, chance)
    assert fractals.contraction(moved).max() <= fractals.CONTRACTION + 1e-12
    for before, after, (which, weight) in zip(categories[:20], moved, chance, strict=False):
        expected = before.copy()
        expected[:, int(6 * which)] *= 0.8 + 0.4 * weight
        for row in expected:
            norm = float(np.linalg.norm(row[:4].reshape(2, 2), 2))
            row[:4] *= min(1.0, fractals.CONTRACTION / max(norm, 1e-9))
        np.testing.assert_allclose(after, expected, atol=1e-12)


def test_singular_values_add_to_alpha() -> None:
    for seed in range(100):
        draw = np.random.default_rng(seed)
        n = int(draw.integers(2, 9))
        alpha = draw.uniform((5 + n) / 2, (6 + n) / 2)
        sigma = fractals._singular_values(n, alpha, draw)
        assert np.isclose(sigma @ (1, 2) @ np.ones(n), alpha)
        assert (sigma[:, 0] >= sigma[:, 1] - 1e-12).all() and sigma.min() >= -1e-12 and sigma.max() <= 1 + 1e-12
        maps = fractals.system(seed)
        there = maps[maps.any(1)]
        factor = (np.linalg.svd(there[:, :4].reshape(-1, 2, 2), compute_uv=False) @ (1, 2)).sum()
        # a map of 0.97 at most may take a little from the sum
        assert (5 + len(there)) / 2 - 0.03 * len(there) <= factor <= (6 + len(there)) / 2 + 1e-9
        assert np.abs(there[:, 4:]).max() <= 1


def test_shares_follow_the_determinants() -> None:
    maps = np.zeros((1, 8, 6))
    maps[0, :3] = random_maps(3)
    maps[0, 2, :4] = (1, 1, 1, 1)  # flat: the least share
    area = np.abs(np.linalg.det(maps[0, :3, :4].reshape(-1, 2, 2)))
    area = np.maximum(area / area.sum(), fractals.MIN_PROBABILITY)
    np.testing.assert_allclose(fractals.map_probabilities(maps)[0], [*(area / area.sum()), 0, 0, 0, 0, 0])
    given = fractals.values_at_places(np.arange(8.0)[None], np.array([[0.5, 0.25, 0, 0.25, 0, 0, 0, 0]]), 100)
    np.testing.assert_array_equal(np.bincount(given[0].astype(int), minlength=8), [50, 25, 0, 25, 0, 0, 0, 0])


def test_filling_rate_counts_pixels() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(3, 500)), 0.5 * rng.normal(size=(3, 500))
    for row, rate in enumerate(fractals.filling_rate(x, y, 32)):
        side = max(np.ptp(x[row]), np.ptp(y[row]))
        cells = {
            (min(int((a - x[row].min()) / side * 32), 31), min(int((b - y[row].min()) / side * 32), 31))
            for a, b in zip(x[row], y[row], strict=True)
        }
        assert rate == len(cells) / 32**2
    grid = np.stack(np.meshgrid(np.arange(64.0), np.arange(64.0))).reshape(2, 1, -1)
    assert fractals.filling_rate(*grid) == 1.0


def test_every_category_is_filled_on_other_random_numbers_too() -> None:
    maps, share = fractals.systems()
    x, y = fractals.chaos_game(maps, share, 8, generator(99))
    assert fractals.filling_rate(x.numpy(), y.numpy()).min() > 0.95 * fractals.MIN_FILLING_RATE
    assert np.array_equal(maps[:10], fractals.systems(10)[0])  # a category is its own, however many there are


def test_fixed_points_and_turned_systems() -> None:
    maps, _ = fractals.systems()
    points = fractals.fixed_points(maps)
    linear = maps[..., :4].reshape(*maps.shape[:2], 2, 2)
    np.testing.assert_allclose((linear @ points[..., None])[..., 0] + maps[..., 4:], points, atol=1e-9)
    view = np.random.default_rng(0).normal(size=(len(maps), 2, 2))
    seen = fractals.fixed_points(fractals.change_basis(maps, view))
    np.testing.assert_allclose(seen, (view[:, None] @ points[..., None])[..., 0], atol=1e-6)


def test_the_histogram_counts_every_point_once_and_knows_its_map() -> None:
    labels = np.arange(6)
    chance = np.full((6, 12), 0.5)
    chance[:, 5] = 0.0  # small, in the middle: nothing lies outside
    count, shade = fractals.histogram(labels, chance, generator(), 64)
    assert torch.equal(count.sum((1, 2)), torch.full((6,), 12.0 * fractals.PARTICLES))
    assert shade.min() >= 0 and shade.max() <= 1 and bool((shade[count == 0] == 0).all())
    share = fractals.systems()[1][:6]
    n = (share > 0).sum(1)
    mean = [(np.floor(16 * np.arange(k) / k) / 15 * row[:k]).sum() for k, row in zip(n, share, strict=True)]
    found = (count * shade).sum((1, 2)) / count.sum((1, 2))
    np.testing.assert_allclose(found, mean, atol=2e-3)  # places are whole numbers


# -- contours ----------------------------------------------------------------------------------------------


def curve(**changes: object) -> Curves:
    """A circle, or what the changes make of it."""
    one, none = np.ones(1), np.zeros((1, contours.WAVES))
    circle = Curves(4 * one, 0 * one, one, none + 1, none, none, one, 0.2 * one, 0.02 * one, one)
    return replace(circle, **{name: np.asarray(value, float)[None] for name, value in changes.items()})


def formula(c: Curves, angle: Floats) -> Floats:
    step = 2 * math.pi / c.vertices[0]
    polygon = np.cos(step / 2) / np.cos(angle % step - step / 2) if c.edged[0] else 1.0
    ellipse = (np.cos(angle) ** 2 + np.sin(angle) ** 2 / c.aspect[0] ** 2) ** -0.5
    waves = sum(a * np.sin(k * angle + p) for k, a, p in zip(c.waves[0], c.amplitudes[0], c.phases[0], strict=True))
    r: Floats = polygon * ellipse * (1 + waves)
    return r


@pytest.mark.parametrize("edged", [0, 1])
def test_radius_and_slope(edged: int) -> None:
    c = curve(vertices=5, edged=edged, aspect=0.6, waves=(3, 7, 11), amplitudes=(0.3, 0.1, 0.05), phases=(1, 2, 3))
    angle = np.linspace(-3.1, 3.1, 200)
    angle = angle[np.abs((angle / (2 * np.pi / 5) + 0.5) % 1 - 0.5) > 0.02]  # away from the corners
    shape, slope = contours.radius(c, torch.from_numpy(angle).float()[None, None])
    np.testing.assert_allclose(shape[0, 0], formula(c, angle), rtol=1e-5)
    h = 1e-6
    steep = (formula(c, angle + h) - formula(c, angle - h)) / (2 * h) / formula(c, angle)
    np.testing.assert_allclose(slope[0, 0], steep, atol=1e-4)


def at(c: Curves, *points: tuple[float, float], r0: float = 0.4) -> tuple[Floats, Floats]:
    x, y = (torch.tensor(v, dtype=torch.float32).reshape(1, 1, -1) for v in zip(*points, strict=True))
    edge, lines = contours.distance(c, np.array([r0]), x, y)
    return edge.numpy()[0, 0], lines.numpy()[0, 0]


def test_distance_to_a_circle_a_square_and_a_flower() -> None:
    edge, lines = at(curve(), (0.1, 0.0), (0.0, -0.4), (0.3, 0.4))
    np.testing.assert_allclose(edge, (-0.3, 0.0, 0.1), atol=1e-7)
    np.testing.assert_allclose(lines, (0.3, 0.0, 0.1), atol=1e-7)
    s = 0.4 / math.sqrt(2)  # corners on the axes, so the sides run at 45 degrees, s from the middle
    middle = s / math.sqrt(2)
    edge, _ = at(curve(edged=1), (middle, middle), (0.9 * middle, 0.9 * middle), (0.41, 0.0), (0.0, -0.39), (0.25, 0.1))
    np.testing.assert_allclose(edge[:2], (0, -0.1 * s), atol=1e-7)
    assert edge[2] > 0 > edge[3] and math.isclose(edge[4], 0.35 / math.sqrt(2) - s, rel_tol=0.2)
    flower = curve(waves=(5, 1, 1), amplitudes=(0.5, 0, 0))  # petals at 18° + 72°k, bays between
    petal, bay = (np.array((math.cos(a), math.sin(a))) for a in np.deg2rad((18, 54)))
    edge, _ = at(flower, *(tuple(v * r) for v, r in ((petal, 0.59), (petal, 0.61), (bay, 0.19), (bay, 0.21))))
    np.testing.assert_allclose(edge, (-0.01, 0.01, -0.01, 0.01), atol=1e-5)  # exact where the slope is zero


def test_distance_to_nested_lines() -> None:
    c = curve(nested=3, gap=0.25)  # at 0.4, 0.3 and 0.2
    _, lines = at(c, (0.4, 0), (0.31, 0), (0, 0.19), (0.05, 0), (0.5, 0))
    np.testing.assert_allclose(lines, (0, 0.01, 0.01, 0.15, 0.1), atol=1e-7)


def test_the_distance_is_right_near_a_wavy_contour() -> None:
    c = curve(aspect=0.8, waves=(2, 5, 9), amplitudes=(0.1, 0.1, 0.03), phases=(0, 1, 2))
    angle = np.linspace(0, 2 * np.pi, 40_000)
    outline = 0.4 * formula(c, angle)[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    rng = np.random.default_rng(0)
    points = outline[rng.integers(len(outline), size=50)] + rng.normal(size=(50, 2)) * 0.004
    true = np.hypot(*(points[:, None] - outline).transpose(2, 0, 1)).min(1)
    edge, lines = at(c, *map(tuple, points))
    np.testing.assert_allclose(np.abs(edge), true, atol=0.002)  # an eighth of a pixel at 64
    np.testing.assert_allclose(lines, np.abs(edge), atol=1e-6)


# -- scenery -----------------------------------------------------------------------------------------------


def test_noise_has_the_spectrum_asked_for() -> None:
    size, slopes = 32, np.tile([1.0, 2.0], (800, 1))
    noise = spectrum(slopes, size, generator()).double().numpy()
    np.testing.assert_allclose(noise.mean((1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(noise.std((1, 2)), 1, rtol=1e-5)
    power = (np.abs(np.fft.rfft2(noise)) ** 2).mean(0)[:16, 1:16]
    wanted = 1 / (np.arange(1, 16) ** 1.0 + np.arange(16)[:, None] ** 2.0) ** 2
    ratio = power / wanted
    np.testing.assert_allclose(ratio / np.exp(np.log(ratio).mean()), 1, atol=0.25)


def test_a_palette_has_the_luminance_asked_for() -> None:
    rng = np.random.default_rng(0)
    hue, saturation, light = rng.uniform(-2, 2, 500), rng.random(500), rng.random(500)
    rgb = palette(hue, saturation, light)
    np.testing.assert_allclose(rgb @ (0.2126, 0.7152, 0.0722), light, atol=1e-12)
    assert rgb.min() >= 0 and rgb.max() <= 1 + 1e-12
    np.testing.assert_allclose(np.ptp(palette(hue, 0 * hue, light), axis=1), 0, atol=1e-12)


def test_a_ramp_goes_through_its_three_colours() -> None:
    colours = np.random.default_rng(0).random((2, 3, 3))
    at = torch.tensor([0.0, 0.25, 0.5, 1.0]).expand(2, 1, 4).clone()
    image = ramp(colours, at).numpy()
    for i in range(2):
        for column, wanted in ((0, colours[i, 0]), (1, colours[i, :2].mean(0)), (2, colours[i, 1]), (3, colours[i, 2])):
            np.testing.assert_allclose(image[i, :, 0, column], wanted, atol=1e-6)

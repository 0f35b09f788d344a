"""Embeddings, films and places: PCA against the SVD; what must hold of the others whatever they draw."""

from __future__ import annotations

from typing import Any, TypedDict

import numpy as np
import pytest
import torch
from sklearn.manifold import TSNE

from tltk.errors import BadSpec, UnknownName
from tltk.reduce.align import align
from tltk.reduce.embed import METHODS, embed, embed_frames, place_new
from tltk.reduce.trustworthiness import trustworthiness

QUICK = {"tsne": 500, "umap": 60, "pca": 0}


def clusters(n: int, seed: int = 0, d: int = 20, classes: int = 8) -> torch.Tensor:
    g = torch.Generator().manual_seed(seed)
    return torch.randn(classes, d, generator=g)[torch.arange(n) % classes] * 3 + torch.randn(n, d, generator=g)


X = clusters(160)
NEAR = X + 0.3 * torch.randn(X.shape, generator=torch.Generator().manual_seed(5))
FAR = torch.relu(X @ torch.randn(20, 12, generator=torch.Generator().manual_seed(6)))
TELL: dict[str, torch.Tensor] = {
    "one feature": X[:40, :1],
    "duplicates": X[:5].repeat(8, 1),
    "two points": torch.tensor([[0.0], [1.0]]).repeat(10, 1),
    "one apart": torch.cat([torch.zeros(19, 3), torch.ones(1, 3)]),
    "four samples": X[:4],
    "huge": X[:20] * 1e30,
    "tiny": X[:20] * 1e-38,
    "far off": X[:20] + 1e5,
    "half": X[:20].half(),
}


class Settings(TypedDict):
    epochs: int
    seed: int


class Made:
    """What a method made of X and its neighbours; each is made once."""

    def __init__(self, method: str) -> None:
        self.method = method
        self.told: list[tuple[int, int]] = []
        self.film_told: list[tuple[int, int]] = []
        k = Settings(epochs=QUICK[method], seed=3)
        self.first = embed(X, method, progress=lambda *a: self.told.append(a), **k)
        self.second = embed(X, method, **k)
        self.frames = embed_frames([X, X.clone(), NEAR, FAR], method, progress=lambda *a: self.film_told.append(a), **k)
        self.raw = [embed(x, method, start=z, **k) for x, z in zip((NEAR, FAR), self.frames[1:3], strict=True)]
        self.odd = {name: embed(x, method, **k) for name, x in TELL.items()}
        self.through_nothing = embed_frames([X[:9], torch.ones(9, 3), X[:9]], method, **k)


@pytest.fixture(scope="module", params=METHODS)
def made(request: pytest.FixtureRequest) -> Made:
    """The only fits by UMAP in the suite: its first compiles for tens of seconds."""
    return Made(request.param)


def test_it_is_float64_and_repeats_by_seed(made: Made) -> None:
    assert made.first.shape == (160, 2)
    assert made.first.dtype == torch.float64
    assert torch.equal(made.first, made.second)
    assert torch.equal(made.first, made.frames[0])


def test_it_keeps_neighbours(made: Made) -> None:
    assert trustworthiness(X, made.first) > 0.9
    if made.method != "pca":
        assert trustworthiness(X, made.first) > trustworthiness(X, embed(X, "pca"))


def test_the_same_features_give_the_same_frame(made: Made) -> None:
    assert torch.equal(made.frames[1], made.frames[0])
    assert made.frames[1] is not made.frames[0]


def test_a_film_jumps_less_than_its_frames_unaligned(made: Made) -> None:
    """Procrustes minimises the squared way; turning and shifting back again is one of its choices."""
    for i, raw in enumerate(made.raw):
        before, after = made.frames[i + 1], made.frames[i + 2]
        torch.testing.assert_close(after, align(raw, before))
        assert (after - before).square().sum() <= (raw - before).square().sum() + 1e-9
        torch.testing.assert_close(torch.pdist(after), torch.pdist(raw))


def test_nearly_the_same_features_move_little(made: Made) -> None:
    way = (made.frames[2] - made.frames[1]).norm(dim=1).median() / made.frames[1].std(0).norm()
    assert way < 0.5


def test_progress_goes_on_to_its_end(made: Made) -> None:
    for told in (made.told, made.film_told):
        assert told[-1][0] == told[-1][1] > 0
        assert all(0 <= done <= whole for done, whole in told)
        shares = [done / whole for done, whole in told]
        assert shares == sorted(shares)
    if made.method != "pca":
        assert made.told[0] == (0, QUICK[made.method])


@pytest.mark.parametrize("name", TELL)
def test_odd_features(made: Made, name: str) -> None:
    assert made.odd[name].shape == (len(TELL[name]), 2)
    assert made.odd[name].isfinite().all()
    assert made.odd[name].std(0).max() > 0


def test_a_constant_layer_is_a_point_and_the_film_goes_on(made: Made) -> None:
    _, nothing, after = made.through_nothing
    assert (nothing.std(0) == 0).all()
    assert after.std(0).min() > 0


def test_pca_is_the_svd() -> None:
    x = X.double().numpy() - X.double().numpy().mean(0)
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    sign = np.sign(vt[np.arange(2), np.abs(vt[:2]).argmax(1)])
    np.testing.assert_allclose(embed(X, "pca"), u[:, :2] * s[:2] * sign, atol=1e-5)
    assert torch.equal(embed(X, "pca", start=X[:, :2], seed=9), embed(X, "pca"))


def test_tsne_is_as_good_as_scikit_learns_own() -> None:
    theirs = TSNE(init="pca", random_state=0, max_iter=500).fit_transform(X.numpy())
    ours = trustworthiness(X, embed(X, "tsne", epochs=500))
    assert ours == pytest.approx(trustworthiness(X, torch.from_numpy(theirs)), abs=0.01)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_samples(n: int) -> None:
    assert embed(X[:n], "pca").shape == (n, 2)
    for method in ("umap", "tsne"):
        with pytest.raises(BadSpec, match=f"{method} needs at least 4 samples. Got {n}; .*pca"):
            embed(X[:n], method)


@pytest.mark.parametrize("method", METHODS)
def test_equal_samples_lie_on_one_point(method: str) -> None:
    told: list[tuple[int, int]] = []
    assert not embed(torch.full((10, 3), 0.1), method, progress=lambda *a: told.append(a)).any()
    assert told == [(1, 1)]


def test_films_of_nothing_and_of_one() -> None:
    assert embed_frames([], "pca") == []
    assert torch.equal(embed_frames([X], "pca")[0], embed(X, "pca"))


def test_a_film_with_sizes_matched() -> None:
    plain, scaled = embed_frames([X, 50 * X], "pca")[1], embed_frames([X, 50 * X], "pca", scale=True)[1]
    torch.testing.assert_close(scaled, embed(X, "pca"), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(plain, 50 * scaled, atol=1e-2, rtol=1e-4)


# -- place -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 5, 500])
def test_place_equals_shepard(k: int) -> None:
    z, new = embed(X, "pca").numpy(), NEAR[:30].double().numpy()
    placed = place_new(X, torch.from_numpy(z), NEAR[:30], k)
    for i, row in enumerate(new):
        d = np.linalg.norm(X.double().numpy() - row, axis=1)
        near = np.argsort(d)[:k]
        np.testing.assert_allclose(placed[i], (z[near] / d[near, None]).sum(0) / (1 / d[near]).sum(), rtol=1e-9)


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_a_sample_of_the_set_is_placed_on_itself(offset: float) -> None:
    z = torch.randn(160, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert torch.equal(place_new(X + offset, z, X + offset), z)


def test_duplicates_are_placed_between_and_overflow_is_not() -> None:
    x, z = torch.tensor([[0.0], [0.0], [9.0]]), torch.tensor([[0.0, 0.0], [2.0, 4.0], [7.0, 7.0]])
    assert place_new(x, z, torch.tensor([[0.0]]), 3).tolist() == [[1.0, 2.0]]
    near = place_new(x.double(), z, torch.tensor([[1e-300]], dtype=torch.float64), 3)
    assert near.isfinite().all()
    assert place_new(x, z, torch.empty(0, 1)).shape == (0, 2)


# -- sentences -------------------------------------------------------------------------------------


def test_errors_are_sentences() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'umap'"):
        embed(X, "umpa")
    changes: list[tuple[dict[str, Any], str]] = [
        ({"start": X}, r"start must be \(160, 2\)"),
        ({"start": X[:5, :2]}, r"start must be \(160, 2\)"),
        ({"start": X[:, :2] * torch.nan}, "start must be finite"),
        ({"seed": -1}, "seed must be from 0"),
        ({"neighbours": 1}, "neighbours must be at least 2"),
        ({"epochs": 250}, "epochs must be 0, or at least 500"),
    ]
    for change, text in changes:
        with pytest.raises(BadSpec, match=text):
            embed(X, "tsne", **change)
    with pytest.raises(BadSpec, match="at least 1. Got -1"):
        embed(X, "umap", epochs=-1)
    with pytest.raises(BadSpec, match="finite"):
        embed(X * torch.nan, "pca")
    with pytest.raises(BadSpec, match="same samples. Got 160, 5 rows"):
        embed_frames([X, X[:5]], "pca")
    with pytest.raises(BadSpec, match="a row per sample"):
        place_new(X, X[:5, :2], X)
    with pytest.raises(BadSpec, match="width of the old"):
        place_new(X, X[:, :2], X[:, :3])
    with pytest.raises(BadSpec, match="neighbours must be at least 1"):
        place_new(X, X[:, :2], X, 0)

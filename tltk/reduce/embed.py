"""Features as points in the plane, as a film that does not jump, and where a new sample lies in it.

`embed` makes one picture by PCA, UMAP or t-SNE, `embed_frames` one per layer or epoch, `place_new` adds samples to one.
The first UMAP of a process compiles for tens of seconds: it belongs to a worker, never to a page.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tltk.errors import BadSpec, UnknownName
from tltk.features import as_float64, check_features
from tltk.reduce.align import align
from tltk.reduce.pca import pca

METHODS = ("pca", "tsne", "umap")
MIN_SAMPLES = 4  # samples, for a picture of neighbours
MIN_EPOCHS = 500  # steps of t-SNE: the first 250 exaggerate, and a picture that ends there is none
NOISE = 1e-5  # of the start's size: points that start as one, or on a line, could not part
TILE_ROWS = 512

Progress = Callable[[int, int], None]


def embed(
    features: Tensor,
    method: str,
    *,
    start: Tensor | None = None,
    seed: int = 0,
    neighbours: int = 15,
    epochs: int = 0,
    progress: Progress | None = None,
) -> Tensor:
    """(n, 2) coordinates by PCA, UMAP or t-SNE, the same for the same seed on a CPU.

    UMAP starts from the first two principal components stretched to 0…10 on either axis, as its own
    init="pca" does; t-SNE from the same at a standard deviation of 10⁻⁴, with perplexity min(30, (n − 1)/3).
    From an earlier picture t-SNE starts at that picture's size, exaggerated 4 instead of 12 times at first:
    from 10⁻⁴ it would nearly forget it (on 500 digits, samples then moved twice as far). Features are
    centred and divided by their largest value first, which changes neither, so that float32 is enough.
    Samples that are all equal lie on one point.

    Reference: McInnes, Healy & Melville (2018), UMAP, arXiv:1802.03426; van der Maaten & Hinton (2008),
    Visualizing data using t-SNE, JMLR 9; the start: Kobak & Berens (2019), The art of using t-SNE for
    single-cell transcriptomics, Nature Communications 10.

    Args:
        features: (n, d); UMAP and t-SNE need four samples.
        method: pca, umap or tsne.
        start: (n, 2) coordinates of an earlier picture by the same method, to start from instead of PCA's.
            PCA has no use for them.
        seed: From 0 to 2³² − 1.
        neighbours: UMAP's, the sample itself among them; at most n − 1 count.
        epochs: Steps of UMAP or t-SNE; 0 = the library's choice (UMAP 500, or 200 above 10,000 samples; t-SNE
            1,000). For UMAP 100 are enough for a first look at many samples.
        progress: Called with steps done and steps in all. t-SNE tells its beginning and its end only.

    Returns:
        (n, 2) in float64, on the CPU.

    Raises:
        UnknownName: A method that is not there.
        BadSpec: Too few samples, or shapes or numbers that cannot be used.

    Example:
        >>> embed(torch.tensor([[0.0, 0.0], [0.0, 3.0], [0.0, 6.0]]), "pca").round(decimals=6).tolist()
        [[-3.0, 0.0], [0.0, 0.0], [3.0, 0.0]]
    """
    _check(features, method, start, seed, neighbours, epochs)
    n, x = len(features), as_float64(features.detach())
    if bool((x == x[0]).all()):
        return _report_whole(torch.zeros(n, 2, dtype=torch.float64), progress)
    if method == "pca":
        return _report_whole(_principal(x), progress)
    if start is not None and bool((start == start[0]).all()):
        start = None  # the picture of a constant layer: nothing to start from
    begin = _begin(_principal(x) if start is None else start.detach().cpu().double(), seed)
    x = x - x.mean(0)
    small: NDArray[np.float32] = (x / x.abs().max()).float().cpu().numpy()
    if method == "umap":
        points = _umap(small, begin, seed, neighbours, epochs, progress)
    else:
        points = _tsne(small, begin, start is not None, seed, epochs, progress)
    return torch.from_numpy(points.astype(np.float64))


def embed_frames(
    layers: Sequence[Tensor],
    method: str,
    *,
    seed: int = 0,
    neighbours: int = 15,
    epochs: int = 0,
    scale: bool = False,
    progress: Progress | None = None,
) -> list[Tensor]:
    """One embedding per layer (or epoch) of the same samples, such that nothing jumps in between.

    Each frame starts from the coordinates of the one before, and is turned, mirrored and shifted onto them
    (`align`). Where features are the very same (a frozen layer from epoch to epoch) the frame is too.

    Reference: Schönemann (1966), A generalized solution of the orthogonal Procrustes problem, Psychometrika 31.

    Args:
        layers: (n, d_i) each, rows in one order.
        method: pca, umap or tsne.
        seed: As for `embed`; one for all frames.
        neighbours: As for `embed`.
        epochs: As for `embed`; of each frame.
        scale: Sizes are matched too. PCA's sizes are those of the features, which differ between layers.
        progress: Called with what is done and the whole, over all frames.

    Returns:
        (n, 2) in float64 for each layer.

    Raises:
        UnknownName: A method that is not there.
        BadSpec: Layers of other samples, or what `embed` refuses.

    Example:
        >>> x = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 1.0]])
        >>> first, second = embed_frames([x, -x], "pca")
        >>> torch.allclose(first, second)
        True
    """
    for x in layers:
        _check(x, method, None, seed, neighbours, epochs)
    if len({len(x) for x in layers}) > 1:
        raise BadSpec(f"Layers must be of the same samples. Got {', '.join(str(len(x)) for x in layers)} rows.")
    frames: list[Tensor] = []
    for i, x in enumerate(layers):
        told = None if progress is None else _within(progress, i, len(layers))
        if i and x.dtype == layers[i - 1].dtype and torch.equal(x, layers[i - 1]):
            frames.append(_report_whole(frames[-1].clone(), told))
            continue
        last = frames[-1] if frames else None
        new = embed(x, method, start=last, seed=seed, neighbours=neighbours, epochs=epochs, progress=told)
        frames.append(new if last is None else align(new, last, scale=scale))
    return frames


def place_new(features: Tensor, embedding: Tensor, new_features: Tensor, neighbours: int = 5) -> Tensor:
    """Where new samples lie in an embedding: between those that they are nearest to by features.

    z = Σ_j w_j z_j / Σ_j w_j over the nearest j, w_j = 1 / ‖x − x_j‖₂; on z_j itself where x = x_j. Thousands
    of times as fast as UMAP's own transform, which costs more than a new fit.

    Reference: Shepard (1968), A two-dimensional interpolation function for irregularly-spaced data, ACM '68.

    Args:
        features: (n, d), as embedded.
        embedding: (n, 2), of the same samples.
        new_features: (m, d).
        neighbours: At most n count.

    Returns:
        (m, 2).

    Raises:
        BadSpec: Shapes that do not fit.

    Example:
        >>> x, z = torch.tensor([[0.0], [3.0]]), torch.tensor([[0.0, 0.0], [3.0, 6.0]])
        >>> place_new(x, z, torch.tensor([[3.0], [1.0]])).tolist()
        [[3.0, 6.0], [1.0, 2.0]]
    """
    check_features("features", features, 1)
    check_features("embedding", embedding, 1)
    check_features("new_features", new_features, 0)
    if len(features) != len(embedding) or features.shape[1] != new_features.shape[1]:
        raise BadSpec(
            f"The embedding must have a row per sample, and new features the width of the old. Got "
            f"{tuple(features.shape)} features, {tuple(embedding.shape)} coordinates, {tuple(new_features.shape)} new."
        )
    if neighbours < 1:
        raise BadSpec(f"neighbours must be at least 1. Got {neighbours}.")
    x, z, new = as_float64(features.detach()), as_float64(embedding.detach()), as_float64(new_features.detach())
    z, centre, k = z.to(x.device), x.mean(0), min(neighbours, len(x))
    placed = [z[:0]]
    for rows in torch.split(new.to(x.device), TILE_ROWS):
        near = torch.cdist(rows - centre, x - centre).topk(k, largest=False).indices
        # Again from the differences: those of the product above are not 0 for a sample against itself.
        distance = torch.linalg.vector_norm(rows[:, None] - x[near], dim=2)
        nearest = distance.amin(1, keepdim=True)
        weight = torch.where(distance == 0, 1.0, nearest / distance)  # relative, so that none overflows
        placed.append((weight[:, :, None] * z[near]).sum(1) / weight.sum(1, keepdim=True))
    return torch.cat(placed).to(embedding.dtype)


# -- what the methods share ------------------------------------------------------------------------


def _check(features: Tensor, method: str, start: Tensor | None, seed: int, neighbours: int, epochs: int) -> None:
    if method not in METHODS:
        raise UnknownName.among("method", method, METHODS)
    check_features("features", features, 1)
    n = len(features)
    if method != "pca" and n < MIN_SAMPLES:
        raise BadSpec(f"{method} needs at least {MIN_SAMPLES} samples. Got {n}; give it more, or take pca.")
    if start is not None:
        check_features("start", start, 1)
        if start.shape != (n, 2):
            raise BadSpec(f"start must be ({n}, 2), a point per sample. Got {tuple(start.shape)}.")
    if not 0 <= seed < 2**32:
        raise BadSpec(f"seed must be from 0 to {2**32 - 1}. Got {seed}.")
    if neighbours < 2:
        raise BadSpec(f"neighbours must be at least 2, since a sample counts as its own. Got {neighbours}.")
    if epochs < 0 or (method == "tsne" and 0 < epochs < MIN_EPOCHS):
        raise BadSpec(f"epochs must be 0, or at least {MIN_EPOCHS if method == 'tsne' else 1}. Got {epochs}.")


def _principal(x: Tensor) -> Tensor:
    """(n, 2): the first two principal components; 0 for an axis that is not there."""
    n, d = x.shape
    points = torch.zeros(n, 2, dtype=torch.float64)
    k = min(n, d, 2)
    points[:, :k] = pca(x, k).project(x).cpu().double()
    return points


def _begin(points: Tensor, seed: int) -> NDArray[np.float64]:
    """Centred, and with a little noise."""
    z: NDArray[np.float64] = (points - points.mean(0)).numpy()
    return z + np.random.default_rng(seed).normal(scale=NOISE * (np.abs(z).max() or 1.0), size=z.shape)


def _report_whole(points: Tensor, progress: Progress | None) -> Tensor:
    """What came at once is one step of one."""
    if progress is not None:
        progress(1, 1)
    return points


def _within(progress: Progress, frame: int, frames: int) -> Progress:
    """Progress within one frame as progress of the whole film."""
    return lambda done, whole: progress(frame * whole + done, frames * whole)


# -- UMAP ------------------------------------------------------------------------------------------


class _Steps:
    """A file for UMAP's own progress bar, which tells its numbers to a function instead of a terminal."""

    FORMAT = "{n} {total}"

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def write(self, text: str) -> None:
        numbers = text.split()
        if len(numbers) == 2:
            self.progress(int(numbers[0]), int(numbers[1]))

    def flush(self) -> None:
        """Nothing is held back."""


def _umap(
    x: NDArray[np.float32],
    begin: NDArray[np.float64],
    seed: int,
    neighbours: int,
    epochs: int,
    progress: Progress | None,
) -> NDArray[np.float32]:
    with warnings.catch_warnings():  # its import says that there is no Tensorflow, which none here asked for
        warnings.filterwarnings("ignore", "Tensorflow not installed", ImportWarning)
        from umap import UMAP
    bar: dict[str, Any] = {"disable": True}
    if progress is not None:
        bar = {"disable": False, "file": _Steps(progress), "bar_format": _Steps.FORMAT}
    model = UMAP(
        n_neighbors=min(neighbours, len(x) - 1),
        n_epochs=epochs or None,
        init=(10 * begin / np.abs(begin).max()).astype(np.float32),
        random_state=seed,
        n_jobs=1,  # what a seed makes of it anyhow; said here, it does not warn
        tqdm_kwds=bar,
    )
    points: NDArray[np.float32] = model.fit_transform(x)
    return points


# -- t-SNE -----------------------------------------------------------------------------------------


def _tsne(
    x: NDArray[np.float32],
    begin: NDArray[np.float64],
    warm: bool,
    seed: int,
    epochs: int,
    progress: Progress | None,
) -> NDArray[np.float32]:
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    steps = epochs or 1000
    if progress is not None:
        progress(0, steps)
    model = TSNE(
        perplexity=min(30.0, (len(x) - 1) / 3),
        early_exaggeration=4.0 if warm else 12.0,
        learning_rate=max(len(x) / 48, 50.0),  # the library's own, whatever the exaggeration
        max_iter=steps,
        init=(begin if warm else begin * (1e-4 / begin[:, 0].std())).astype(np.float32),
        random_state=seed,
    )
    with threadpool_limits(1, user_api="openmp"):  # more threads sum the gradient's norm in any order
        points: NDArray[np.float32] = model.fit_transform(x)
    if progress is not None:
        progress(steps, steps)
    return points

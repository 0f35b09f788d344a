"""How far would a score move with other pictures? And which candidates can be told apart for all that?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from tltk.errors import BadSpec

N_GROUPS = 10
LEVEL = 0.95
MIN_CLASS_PICTURES = 3  # a class with fewer pictures is never touched, so that none vanishes
MAX_SMALL_CLASS_SHARE = 0.1  # share of the pictures that may be in such classes
MIN_PICTURES = 2 * N_GROUPS  # pictures


def leave_out_groups(labels: Tensor, seed: int = 0) -> list[Tensor]:
    """Row numbers that are left when a tenth of the pictures is taken out, each picture once, spread over the classes.

    The same for every candidate, so that candidates are compared on the same pictures.

    Args:
        labels: (n,) class numbers.
        seed: Of the division.

    Returns:
        Ten sorted index tensors.

    Raises:
        BadSpec: Too few pictures, of all or of most classes.
    """
    members = [torch.nonzero(labels == c)[:, 0] for c in torch.unique(labels)]
    few = [m for m in members if len(m) < MIN_CLASS_PICTURES]
    if len(labels) < MIN_PICTURES or sum(map(len, few)) > MAX_SMALL_CLASS_SHARE * len(labels):
        raise BadSpec(
            f"An interval needs {MIN_PICTURES} pictures, and {MIN_CLASS_PICTURES} of a class. "
            f"There are {len(labels)}, and {len(few)} of "
            f"{len(members)} classes have fewer than {MIN_CLASS_PICTURES}; look at more pictures."
        )
    generator = torch.Generator().manual_seed(seed)
    dealt = torch.cat([m[torch.randperm(len(m), generator=generator)] for m in members if len(m) >= MIN_CLASS_PICTURES])
    part = torch.full_like(labels, -1)
    part[dealt] = torch.arange(len(dealt), device=labels.device).to(labels.dtype) % N_GROUPS
    return [torch.nonzero(part != g)[:, 0] for g in range(N_GROUPS)]


def replicates(score: Callable[[Tensor], float], rows: Sequence[Tensor]) -> Tensor:
    """The score without each group, (10,) in float64.

    Args:
        score: Row numbers → the score on these rows.
        rows: From `leave_out_groups`: the rows that are left, ten times.

    Raises:
        BadSpec: The score refuses what is left, or is no number there.
    """
    found = torch.tensor([score(left) for left in rows], dtype=torch.float64)
    if not bool(found.isfinite().all()):
        raise BadSpec("An interval needs a score that is a number without any tenth of the pictures. It is not.")
    return found


def standard_error(found: Tensor) -> float:
    """Standard error from the replicates of a score, or from the differences of two: √((g − 1)/g Σ (θ_i − θ̄)²).

    Everything is fitted again without the group: mixture, neighbours, probe. A bootstrap cannot be, as pictures that
    come twice are no new ones to a nearest neighbour or a covariance; with what was fitted held fast it is too small
    by up to 1.7, and random halves by up to 2.5 where there are more features than pictures.

    Reference: Tukey (1958), Bias and confidence in not-quite large samples, Annals of Mathematical Statistics 29;
    groups: Shao & Wu (1989), A general theory for jackknife variance estimation, Annals of Statistics 17.

    Args:
        found: (g,) replicates, or the differences of two scores’ replicates.
    """
    g = len(found)
    return math.sqrt((g - 1) / g * float((found - found.mean()).square().sum()))


def interval(value: float, found: Tensor) -> tuple[float, float]:
    """95% interval of a score from its replicates: value ± t · error, t with g − 1 degrees of freedom.

    Args:
        value: The score on all rows.
        found: (g,) its replicates.
    """
    half = _quantile((1 + LEVEL) / 2, len(found) - 1) * standard_error(found)
    return value - half, value + half


def rank_ranges(values: Sequence[float], found: Sequence[Tensor | None]) -> list[tuple[int, int]]:
    """Between which places each candidate is, 1 = the largest value: those that cannot be told apart share places.

    Two are told apart where |a − b| > t · error(a − b), with the same pictures left out of both and t by Bonferroni
    over all pairs: with 95% no pair is told apart wrongly. Without replicates nothing is told.

    Reference: Mogstad, Romano, Shaikh & Wilhelm (2024), Inference for ranks, Review of Economic Studies 91 (an
    interval of the place from the differences that are told).

    Args:
        values: One per candidate.
        found: Replicates of each; None = nothing is known.

    Returns:
        (best, worst) place of each.

    Example:
        >>> noise = torch.linspace(-0.1, 0.1, 10)
        >>> rank_ranges([1.0, 5.0, 3.0], [1 + noise, 5 - noise, None])
        [(2, 3), (1, 2), (1, 3)]
    """
    k = len(values)
    level = 1 - (1 - LEVEL) / max(2, k * (k - 1))
    better, worse = [0] * k, [0] * k
    for i, a in enumerate(found):
        for j, b in enumerate(found):
            if a is None or b is None or not values[i] > values[j]:
                continue
            if values[i] - values[j] > _quantile(level, len(a) - 1) * standard_error(a - b):
                better[j] += 1
                worse[i] += 1
    return [(1 + better[i], k - worse[i]) for i in range(k)]


def _quantile(p: float, freedom: int) -> float:
    from scipy.stats import t

    return float(t.ppf(p, freedom))

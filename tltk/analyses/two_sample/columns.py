"""The columns that tell two tables apart: those whose means differ most, in deviations."""

from __future__ import annotations

import numpy as np

from tltk.analyses.sample import Sample
from tltk.analyses.two_sample.result import TellingColumn
from tltk.data.rows import KIND, decode

SHOWN = 20  # columns


def telling_columns(source: Sample, target: Sample) -> list[TellingColumn]:
    """The columns that both tables have, those whose means differ most first; none of what are no tables.

    d = (m_s − m_t) / √((v_s + v_t) / 2), with mean m and variance v (over n − 1) of the numbers that are there.

    Args:
        source: Rows of the source.
        target: Rows of the target.

    Reference:
        Austin (2009), Balance diagnostics for comparing the distribution of baseline covariates between treatment
        groups in propensity-score matched samples, Statistics in Medicine 28(25), §3.1 (standardized difference).
    """
    if source.domain.kind != KIND or target.domain.kind != KIND:
        return []
    sides = [_by_name(side) for side in (source, target)]
    found = []
    for name in (name for name in sides[0] if name in sides[1]):
        xs = [side[name][np.isfinite(side[name])] for side in sides]
        if min(map(len, xs)) < 2:
            continue
        means, variance = [float(x.mean()) for x in xs], sum(float(x.var(ddof=1)) for x in xs) / 2
        if variance > 0:
            found.append(TellingColumn(name, means[0], means[1], (means[0] - means[1]) / variance**0.5))
    return sorted(found, key=lambda one: -abs(one.gap))[:SHOWN]


def _by_name(side: Sample) -> dict[str, np.ndarray]:
    """The numbers of each column of some rows."""
    values = decode(np.asarray(side.domain.images[side.index]))[1].astype(np.float64)
    return {name: values[:, i] for i, name in enumerate(side.domain.columns)}

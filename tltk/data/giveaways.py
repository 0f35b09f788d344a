"""Columns of a table that give its label away: then a network learns to copy, and its figures hold nowhere else.

Not a domain. `cautions` says it. No torch here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tltk.data import rows
from tltk.data.domain import Domain

FEWEST_ROWS = 20  # below which a column may tell the label by chance
ROWS_PER_VALUE = 4  # on average: of fewer each value tells its own row


def giveaways(domain: Domain) -> list[str]:
    """Names of the columns each of which alone tells the label of every row.

    A column does where each of its values comes with one class alone, or where classes follow each other in the order
    of its numbers.

    Args:
        domain: Of rows.
    """
    if len(domain.labels) < FEWEST_ROWS:
        return []
    values, groups = rows.decode(domain.images)[1].astype(np.float64), dict[str, list[int]]()
    for at, name in enumerate(domain.columns):
        groups.setdefault(name.removesuffix(rows.MISSING).partition(rows.IS)[0], []).append(at)
    found = []
    for name, own in groups.items():
        is_words = rows.IS in domain.columns[own[0]]
        column = values[:, own] @ np.arange(len(own)) if is_words else np.nan_to_num(values[:, own[0]], nan=-np.inf)
        found += [name] if _tells(column, domain.labels, len(domain.classes)) else []
    return found


def _tells(column: NDArray[np.float64], labels: NDArray[np.int64], n_classes: int) -> bool:
    kinds, number = np.unique(column, return_inverse=True)
    if len(np.unique(number * n_classes + labels)) > len(kinds):
        return False  # some value comes with two classes
    if len(kinds) * ROWS_PER_VALUE <= len(labels):
        return True
    in_order = labels[np.argsort(number, kind="stable")]
    return int((np.diff(in_order) != 0).sum()) == n_classes - 1

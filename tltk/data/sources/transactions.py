"""The shift lab of tables: payments of which a few are fraud, made by formula, with a dial for every shift.

`transactions`, or `transactions:fraud=0.02,prices=1,columns=1`: source and target are two settings of the dials, so the
true shift is known. Licence: CC0 1.0 (made here).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tltk.data import rows
from tltk.data.dials import NamedDials
from tltk.data.domain import Domain, Ints, Progress
from tltk.data.identity import find_copies, generated_origins
from tltk.data.rows import IS, MISSING, Floats
from tltk.specs.knobs import knob
from tltk.specs.parts import DataSpec

MODALITY = rows.KIND
LICENCE, SOURCE = "CC0 1.0", "made here by a formula of payments"
DEFAULT_N = 4000
CLASSES = ("honest", "fraud")
DAY = 24.0


@dataclass(frozen=True)
class Dials(NamedDials):
    """What is shifted, and by how much. At the defaults a twentieth of the payments is fraud, and nothing is missing.

    Example:
        >>> Dials.parse("prices=1, fraud=0.02").text()
        'fraud=0.02,prices=1'
    """

    domain: ClassVar[str] = "transactions"
    example: ClassVar[str] = "transactions:fraud=0.02,prices=1"

    fraud: float = knob(0.05, 0.001, 0.5, help="Share of the payments that is fraud: a shift of the labels.")
    prices: float = knob(0.0, -3.0, 3.0, help="How much dearer everything is, in powers of e: a shift of one column.")
    night: float = knob(0.0, 0.0, 1.0, help="Share of honest payments at night, when fraud is usual: hours say less.")
    habits: float = knob(0.0, 0.0, 1.0, help="How much of what gives fraud away is turned round: a shift of concept.")
    noise: float = knob(1.0, 0.1, 5.0, help="How far apart payments of one class are; more of it is harder.")
    missing: float = knob(0.0, 0.0, 0.9, help="Share of the ages of accounts that is not known.")
    columns: int = knob(0, 0, 1, help="Which bank: 0 knows failed logins and balance, 1 address match and basket size.")


def check(argument: str) -> str:
    """The argument as it is written in names and keys: dials in one order, defaults left out.

    Raises:
        UnknownName, BadSpec: As `Dials.parse`.
    """
    return Dials.parse(argument).text()


def load(spec: DataSpec, argument: str = "", progress: Progress | None = None) -> Domain:
    """Payments made by formula, a few of them fraud, with dials for every shift: transactions:fraud=0.02,prices=1.

    Row i depends on i, `spec.seed` and the dials only, so a smaller set is the beginning of a larger one.

    Args:
        spec: n (0 = 4,000), size in columns and seed.
        argument: The dials.
        progress: Called with (done, total).
    """
    dials, n = Dials.parse(argument), spec.n or DEFAULT_N
    labels = classes_of(n, dials.fraud)
    names, values = payments(labels, spec.seed, dials)
    if progress:
        progress(n, n)
    # The same payment under other dials is the same example.
    origins = generated_origins("transactions", spec.seed, n * len(CLASSES))[np.arange(n) * len(CLASSES) + labels]
    return Domain.of(
        spec.name,
        rows.encode(names, values, spec.size, spec.name),
        labels,
        CLASSES,
        licence=LICENCE,
        source=SOURCE,
        origins=origins,
        twins=find_copies(origins),
        kind=rows.KIND,
        columns=names,
    )


def class_names(argument: str) -> tuple[str, ...]:
    """Honest and fraud."""
    return CLASSES


def classes_of(n: int, share: float) -> Ints:
    """(n,) 1 for fraud, so that of the first m about m · share are; the second row is fraud, whatever the share.

    Args:
        n: Rows.
        share: Of fraud.
    """
    at = np.arange(n)
    found: Ints = np.floor((at + 1) * share).astype(np.int64) - np.floor(at * share).astype(np.int64)
    found[1:2] = 1
    return found


def payments(labels: Ints, seed: int, dials: Dials) -> tuple[list[str], Floats]:
    """Names of the columns, and their numbers (n, columns).

    Fraud is dearer, at night, from young accounts, far away and quick: each column alone says little.

    Args:
        labels: (n,) 1 for fraud.
        seed: Of the domain.
        dials: How the numbers lie.
    """
    n = len(labels)
    # A stream for each column: none disturbs what the others decide, and a smaller set is the beginning of a larger.
    streams = [np.random.default_rng((seed, s)) for s in range(12)]
    normal = [dials.noise * stream.standard_normal(n) for stream in streams[:8]]
    even = [stream.random(n) for stream in streams[8:]]
    bad = labels * (1 - 2 * dials.habits)  # −1: what gave fraud away is now honest
    at_night = (labels == 1) | (even[0] < dials.night)
    found: dict[str, Floats] = {
        "amount": np.exp(3.0 + dials.prices + 0.8 * bad + 0.7 * normal[0]),
        "hour": np.mod(np.where(at_night, 2.0, 14.0) + 3.5 * normal[1], DAY),
        "account age": np.exp(6.0 - 1.0 * bad + 0.9 * normal[2]),
        "payments of the day": np.floor(np.exp(0.8 + 0.7 * bad + 0.5 * normal[3])),
        "distance": np.exp(1.5 + 1.0 * bad + 1.0 * normal[4]),
    }
    phone = even[1] < 0.5 + 0.25 * bad
    found |= {f"device{IS}phone": phone.astype(np.float64), f"device{IS}computer": (~phone).astype(np.float64)}
    if dials.columns == 0:
        found |= {
            "failed logins": np.floor(np.maximum(0.3 + 1.2 * bad + 0.8 * normal[5], 0.0)),
            "balance": 1000 * np.exp(0.5 - 0.6 * bad + 0.8 * normal[6]),
        }
    else:
        found |= {
            "address match": (even[2] < 0.85 - 0.35 * bad).astype(np.float64),
            "basket size": np.floor(np.exp(1.2 - 0.5 * bad + 0.6 * normal[7])),
        }
    if dials.missing:
        lost = even[3] < dials.missing
        found[f"account age{MISSING}"] = lost.astype(np.float64)
        found["account age"] = np.where(lost, np.nan, found["account age"])
    return list(found), np.stack(list(found.values()), 1)

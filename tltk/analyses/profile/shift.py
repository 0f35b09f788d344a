"""Where two domains part: shift measures over depth, each beside what chance gives."""

from __future__ import annotations

import msgspec
import torch
from torch import Tensor

from tltk.analyses.chance import is_constant, null_without_shift, with_null
from tltk.analyses.profile.ledger import Ledger
from tltk.analyses.profile.spec import WITHIN, ProfileSpec
from tltk.analyses.sample import Context, Sample, features, shared_classes, strangers
from tltk.errors import BadSpec
from tltk.nn.net import Net
from tltk.results.layers import Column
from tltk.shift.class_mmd import permutation_class_mmd
from tltk.shift.multiple import correct_p_values
from tltk.shift.null import Null

TITLES = {"mmd": "MMD²", "coral": "CORAL", "frechet": "Fréchet distance"}

Side = tuple[Sample, list[Tensor]]  # pictures, and their features at each layer, (n, d) each


class Shift(msgspec.Struct, frozen=True):
    """What the tests rest on.

    Attributes:
        compared: Side → pictures in the tests; empty without a test.
        drawn: What was left out so that no example is in both domains, in words; empty = nothing.
        why: Measure → why it has no column.
        within: Class → side → its pictures, where class_mmd is asked.
    """

    compared: dict[str, int] = {}
    drawn: str = ""
    why: dict[str, str] = {}
    within: dict[str, dict[str, int]] = {}


def add_shift(ledger: Ledger, net: Net, source: Side, target: Side, spec: ProfileSpec, context: Context) -> Shift:
    """Add a column for each measure of the spec.

    Args:
        ledger: Where they go.
        net: The network.
        source: As drawn for the probes, which examine all pictures; the tests those that are in one sample only.
        target: Likewise.
        spec: The question.
        context: For pictures and features.

    Raises:
        BadSpec: Too few different examples; no class in common where class_mmd is asked.
    """
    if not spec.measures:
        return Shift()
    other, one, drawn = strangers(spec, context, target[0], source[0])
    if drawn:
        source, target = ((s, features(net, s, context, spec.pooling)) for s in (one, other))
    why: dict[str, str] = {}
    for name in spec.measures:
        if name == WITHIN:
            _add_within_classes(ledger, source, target, spec)
            continue
        try:
            _add_measure(ledger, name, source[1], target[1], spec)
        except BadSpec as fault:  # the other measures go on
            why[name] = str(fault)
    within = _class_sizes(source[0], target[0]) if WITHIN in spec.measures else {}
    return Shift({"source": len(source[0]), "target": len(target[0])}, drawn, why, within)


def correct_columns(columns: list[Column]) -> list[Column]:
    """The columns with p-values that are corrected over all tests of all of them; kept columns hold the raw ones."""
    left = iter(correct_p_values([p for column in columns for p in column.p]))
    found = []
    for column in columns:
        its = [next(left) for _ in column.p]
        found.append(msgspec.structs.replace(column, p_holm=[h for h, _ in its], p_bh=[b for _, b in its]))
    return found


def _class_sizes(source: Sample, target: Sample) -> dict[str, dict[str, int]]:
    """Pictures of each class that both domains have by name."""
    return {
        name: {"source": int((source.labels == c).sum()), "target": int((target.labels == there).sum())}
        for c, (there, name) in shared_classes(source, target).items()
    }


def _add_measure(ledger: Ledger, name: str, source: list[Tensor], target: list[Tensor], spec: ProfileSpec) -> None:
    """One shift measure with its null at every layer."""

    def test_entries(i: int) -> dict[str, float]:
        return _entries(with_null(name, source[i], target[i], spec.permutations, spec.seed))

    title = f"{TITLES.get(name, name.replace('_', ' '))}, source to target"
    ledger.add(name, title, "", [*source, *target], [spec.permutations, spec.seed], test_entries)


def _add_within_classes(ledger: Ledger, source: Side, target: Side, spec: ProfileSpec) -> None:
    """MMD² within classes, for those that both domains have by name."""
    pairs = shared_classes(source[0], target[0])
    own = torch.tensor([pairs[int(c)][0] if int(c) in pairs else -1 for c in source[0].labels])
    labels, shared = target[0].labels, own >= 0
    if not shared.any():
        raise BadSpec(
            "class_mmd must be asked of domains that share classes by name. They share none; leave class_mmd out."
        )

    def test_entries(i: int) -> dict[str, float]:
        x, y = source[1][i], target[1][i]
        if is_constant(torch.cat([x, y])):
            return _entries(null_without_shift(WITHIN, spec.permutations))
        found = permutation_class_mmd(x[shared], own[shared], y, labels, permutations=spec.permutations, seed=spec.seed)
        return _entries(found)

    settings = [spec.permutations, spec.seed, own.tolist(), labels.tolist()]
    ledger.add(WITHIN, "MMD² within classes", "", [*source[1], *target[1]], settings, test_entries)


def _entries(found: Null) -> dict[str, float]:
    """A test as an entry of a column."""
    return {"values": found.value, "null_lo": found.lo, "null_hi": found.hi, "p": found.p, "effect": found.effect}

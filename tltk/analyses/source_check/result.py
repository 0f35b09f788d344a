"""What `tltk source-check` finds."""

from __future__ import annotations

import msgspec


class ShiftAtLayer(msgspec.Struct, frozen=True):
    """How far source and target are apart at one layer, beside chance.

    Attributes:
        name: The layer; features = what enters the head.
        mmd: Squared MMD of all pictures.
        null_hi: Upper end of 95% of its values when the domains are permuted.
        p_holm: p by Holm, over the layers.
        within: Mean squared MMD within the classes that both have; None where there are none.
        within_null_hi: Upper end of its values by chance; None likewise.
        within_p_holm: p by Holm, over the layers; None likewise.
    """

    name: str
    mmd: float
    null_hi: float
    p_holm: float
    within: float | None = None
    within_null_hi: float | None = None
    within_p_holm: float | None = None


class AttributeResult(msgspec.Struct, frozen=True):
    """What one plain attribute of pictures, such as their colours, tells of the source's labels.

    Attributes:
        name: The attribute.
        source_right: Held-out pictures of the source whose label it tells, by cross-validation.
        wrong: Target pictures of shared classes that the network names wrong.
        agree: Of these, those that the attribute, learned on the source, names as the network does.
        expected: So many would agree by chance, with the same answers in each class.
        recoloured_wrong: The same of held-out pictures of the source with other colours: so many are named wrong.
        recoloured_agree: Of these, so many as the attribute has it.
        recoloured_expected: So many by chance.
    """

    name: str
    source_right: int
    wrong: int
    agree: int
    expected: float
    recoloured_wrong: int
    recoloured_agree: int
    recoloured_expected: float


class SourceCheckResult(msgspec.Struct, frozen=True):
    """Counts of pictures named right, and what lies behind them.

    Attributes:
        source_classes: Names of the source's classes.
        target_classes: Names of the target's.
        shared: Names that both have.
        matrix: Target pictures by their class (rows) and the source class that the network names (columns).
        source_n: Held-out pictures of the source: it has not learned from them.
        source_right: Of these, those that the network names right.
        source_majority: Of these, those of the commonest class.
        target_n: Labelled pictures of the target, of shared classes.
        target_right: Of these, those that the network names right.
        target_majority: Of these, those of the commonest class.
        mapped_n: Labelled pictures of the target, of all classes.
        mapped_right: Of these, those named right once each class has the source class that fits the other half best.
        mapping: Target class → the source class that fits all of them best, one to one.
        layers: How far the domains are apart at each layer.
        drawn: What was left out so that no example is on both sides; empty = nothing.
        probe_n: Labelled pictures of the target in the probes.
        probe: Accuracy of a linear probe of the network's features, cross-validated; None with too few pictures.
        probe_random: The same of networks with random weights, their mean; None likewise.
        probe_gap: The difference, paired by picture; None likewise.
        probe_lo: Lower end of its interval; None likewise.
        probe_hi: Upper end; None likewise.
        attributes: What plain attributes of pictures tell of the source's labels.
        sentence: What it comes to, in words.
    """

    source_classes: list[str]
    target_classes: list[str]
    shared: list[str]
    matrix: list[list[int]]
    source_n: int
    source_right: int
    source_majority: int
    target_n: int
    target_right: int
    target_majority: int
    mapped_n: int
    mapped_right: int
    mapping: dict[str, str]
    layers: list[ShiftAtLayer]
    drawn: str
    probe_n: int
    probe: float | None
    probe_random: float | None
    probe_gap: float | None
    probe_lo: float | None
    probe_hi: float | None
    attributes: list[AttributeResult]
    sentence: str

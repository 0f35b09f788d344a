"""What `tltk response` finds."""

from __future__ import annotations

import msgspec

Level = float | str  # what a dial says: a number, or the name of a setting


class DialLevels(msgspec.Struct, frozen=True):
    """A dial with its settings.

    Attributes:
        name: As in `shapes:NAME=VALUE`.
        label: The same in words.
        shares: How far each setting is turned: 0 = not at all, 1 = to the end.
        levels: What the dial says at each setting.
    """

    name: str
    label: str
    shares: list[float]
    levels: list[Level]


class LevelTest(msgspec.Struct, frozen=True):
    """One measure at one setting of a dial, beside chance.

    Attributes:
        level: What the dial says.
        value: The measure between source and target.
        effect: (value − mean of the null) / its standard deviation.
        p: p-value of the permutation test, of this setting alone, above 0 and at most 1.
        lo: Lower end of 95% of its values when the domains are permuted.
        hi: Upper end.
        p_holm: p by Holm, over all tests of the measure; None in results of earlier versions.
        p_bh: p by Benjamini and Hochberg; likewise.
    """

    level: Level
    value: float
    effect: float
    p: float
    lo: float
    hi: float
    p_holm: float | None = None
    p_bh: float | None = None


class DialResponseResult(msgspec.Struct, frozen=True):
    """Which shift measure sees which dial of the shift lab, and from which setting on.

    Attributes:
        layer: That was examined; as many as there are layers = what enters the head.
        name: Its name.
        names: The layers, then "features".
        measures: The measures.
        dials: The dials with their settings; setting 0 is not turned.
        cells: Measure → dial → a test at each setting.
        seen: Measure → dial → number of the setting, from 1, from which on p ≤ .05; None = not at the dial's end.
        alarms: Measure → share of the dials with p ≤ .05 at setting 0, 0 … 1: false alarms.
        n: Pictures of each domain.
        permutations: Draws of each null.
        seconds: Part → seconds that it took; all = everything.
        tests: Tests of each measure, whose p-values are corrected together.
        correction: That in a sentence; empty in results of earlier versions.
    """

    layer: int
    name: str
    names: list[str]
    measures: list[str]
    dials: list[DialLevels]
    cells: dict[str, dict[str, list[LevelTest]]]
    seen: dict[str, dict[str, int | None]]
    alarms: dict[str, float]
    n: int
    permutations: int
    seconds: dict[str, float]
    tests: int = 0
    correction: str = ""

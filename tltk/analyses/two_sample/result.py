"""What `tltk shift` finds."""

from __future__ import annotations

import msgspec


class PermutationTest(msgspec.Struct, frozen=True):
    """A measured value beside what chance gives.

    Attributes:
        value: The measure between source and target.
        null_lo: Lower end of 95% of its values when the domains are permuted.
        null_hi: Upper end.
        p: p-value of this test alone, above 0 and at most 1.
        effect: (value − mean of the null) / its standard deviation.
    """

    value: float
    null_lo: float
    null_hi: float
    p: float
    effect: float


class MeasureTest(msgspec.Struct, frozen=True):
    """One measure at the layer, beside chance and between halves.

    Attributes:
        measure: Its name.
        value: The measure between source and target; None, as all up to `self_n`, where it cannot be computed.
        null_lo: Lower end of 95% of its values when the domains are permuted.
        null_hi: Upper end.
        p: p-value of that test alone, above 0 and at most 1.
        effect: (value − mean of the null) / its standard deviation.
        p_holm: p by Holm, over all measures; None in results of earlier versions.
        p_bh: p by Benjamini and Hochberg; likewise.
        self_value: The measure between `self_n` pictures of each domain, mean over the draws.
        self_lo: Lower end of at least 95% of its values between so many of the target and as many others of it.
        self_hi: Upper end.
        self_n: Half of the pictures of the smaller side.
        why: Why the measure cannot be computed; empty where it can.
    """

    measure: str
    value: float | None
    null_lo: float | None
    null_hi: float | None
    p: float | None
    effect: float | None
    p_holm: float | None = None
    p_bh: float | None = None
    self_value: float | None = None
    self_lo: float | None = None
    self_hi: float | None = None
    self_n: int | None = None
    why: str = ""


class ClassTest(msgspec.Struct, frozen=True):
    """MMD² between the pictures of one class, beside chance.

    Attributes:
        name: The class.
        value: Its MMD².
        null_lo: Lower end of 95% of its values when the pictures of this class are dealt out again.
        null_hi: Upper end.
        p: p-value of this class alone, above 0 and at most 1.
        effect: (value − mean of the null) / its standard deviation.
        p_holm: p by Holm, over all classes.
        p_bh: p by Benjamini and Hochberg.
        source: Pictures of the class in the source.
        target: And in the target.
    """

    name: str
    value: float
    null_lo: float
    null_hi: float
    p: float
    effect: float
    p_holm: float
    p_bh: float
    source: int
    target: int


class Witness(msgspec.Struct, frozen=True):
    """A picture that looks like its own side only; numbers are those of pictures on the sheet, from 0.

    Attributes:
        at: The picture.
        near: The nearest pictures of the other side, nearest first.
        distance: How far they are, in the layer's own space.
    """

    at: int
    near: list[int]
    distance: list[float]


class ClassShare(msgspec.Struct, frozen=True):
    """Shares of one class, each 0 … 1: in the source, estimated in the target without its labels, true there."""

    source: float
    estimated: float
    true: float


class TellingWord(msgspec.Struct, frozen=True):
    """A word that one side uses more often than the other.

    Attributes:
        word: In small letters.
        source: Share of the source's texts that hold it, 0 … 1.
        target: Share of the target's.
        z: Log odds ratio over its standard error: above 0 = a word of the source, below 0 of the target.
    """

    word: str
    source: float
    target: float
    z: float


class TellingColumn(msgspec.Struct, frozen=True):
    """A column that both tables have.

    Attributes:
        name: Of the column.
        source: Its mean in the source; of a column of a word, the share of rows that have it.
        target: Its mean in the target.
        gap: Their difference in deviations (standardized difference): above 0 = larger in the source.
    """

    name: str
    source: float
    target: float
    gap: float


class TwoSampleResult(msgspec.Struct, frozen=True):
    """Whether two domains differ at one layer, and which classes and pictures show it; sides are source and target.

    Attributes:
        layer: That was examined; as many as there are layers = what enters the head.
        name: Its name.
        names: The layers, then "features".
        table: A test of each measure.
        mixed: Share of pictures whose nearest neighbours hold both domains, 0 … 1.
        witness: Side → the pictures most typical of it alone.
        labels: Class of each picture on the sheet, the source's first.
        n: Side → pictures.
        seconds: Part → seconds that it took.
        per_class: Class that both have by name → MMD² between its pictures.
        conditional: Mean of `per_class`; None where it is empty.
        label_shift: Class → its shares; or why there is no estimate.
        tests: Measures whose p-values are corrected together.
        correction: That in a sentence; empty in results of earlier versions.
        drawn: What was left out so that no example is in both domains, or twice in one; empty = nothing.
        classes: A test of each class of `per_class`.
        within: The test of their mean; None where there is none.
        class_correction: Over how many classes p-values are corrected, in a sentence.
        texts: What each example on the sheet says, in domains of texts; empty elsewhere.
        words: The words that tell the two apart, those of the source first; empty where they are no texts.
        columns: Of two tables, the columns that both have, those that differ most first.
        noun: What examples are called: pictures, sounds, texts or rows.
    """

    layer: int
    name: str
    names: list[str]
    table: list[MeasureTest]
    mixed: float
    witness: dict[str, list[Witness]]
    labels: list[str]
    n: dict[str, int]
    seconds: dict[str, float]
    per_class: dict[str, float]
    conditional: float | None
    label_shift: dict[str, ClassShare] | str
    tests: int = 0
    correction: str = ""
    drawn: str = ""
    classes: list[ClassTest] = []
    within: PermutationTest | None = None
    class_correction: str = ""
    texts: list[str] = []
    words: list[TellingWord] = []
    columns: list[TellingColumn] = []
    noun: str = "pictures"

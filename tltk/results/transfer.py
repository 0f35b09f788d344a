"""What curves and answers of two arms tell beside the gap: transfer metrics, speed-ups, pictures that flip."""

from __future__ import annotations

import msgspec


class TransferMetric(msgspec.Struct, frozen=True):
    """One way to compare two learning curves on the validation pictures, paired by seed.

    Attributes:
        name: jump_start, slope, asymptote or area_ratio.
        scratch: Mean over the seeds of the first arm.
        transfer: Of the second.
        value: The second less the first; of area_ratio that difference over the first.
        lo: Lower end of the 95% interval of `value` over the seeds (Student's t); None with one seed.
        hi: Upper end.
        seeds: The seeds that it rests on.
    """

    name: str
    scratch: float
    transfer: float
    value: float
    lo: float | None
    hi: float | None
    seeds: int


class SpeedUp(msgspec.Struct, frozen=True):
    """How much sooner the second arm is as good as the first ever is, seed by seed.

    Attributes:
        over: What is counted: step, epoch, images, seconds or gflops.
        scratch: Mean of when the first arm has its best validation accuracy.
        transfer: Mean of when the second arm has the same; None where in some seed it never has.
        ratio: Geometric mean over the seeds of the first over the second; None where `transfer` is.
        lo: Lower end of its 95% interval (Student's t on the logarithm); None as well, and with one seed.
        hi: Upper end.
        reached: Seeds in which the second arm gets there.
        at_first: Of these, the seeds in which it is there at its first evaluation: it may have been sooner.
        seeds: All that were compared.
    """

    over: str
    scratch: float
    transfer: float | None
    ratio: float | None
    lo: float | None
    hi: float | None
    reached: int
    at_first: int
    seeds: int


class Flip(msgspec.Struct, frozen=True):
    """A test picture that one arm gets right and the other wrong, each in most of the seeds.

    Attributes:
        index: Its place among the test pictures, from 0.
        label: Its class number.
        scratch: Class numbers that the first arm answers, one for each seed.
        transfer: Those of the second.
    """

    index: int
    label: int
    scratch: list[int]
    transfer: list[int]


class Flips(msgspec.Struct, frozen=True):
    """Test pictures on which two arms differ in most of the seeds, the surest first.

    Attributes:
        lost: Places of those that are right from scratch and wrong after transfer.
        gained: Places of the reverse.
        pictures: The answers on the first of both.
        classes: Names, by class number.
    """

    lost: list[int]
    gained: list[int]
    pictures: list[Flip]
    classes: list[str]

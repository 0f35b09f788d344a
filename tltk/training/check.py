"""Whether the parts of a training go together, as far as names and numbers tell. No torch."""

from __future__ import annotations

from collections.abc import Sequence

from tltk import adapters, strategies, terms
from tltk.data.classes import UNKNOWN, match_classes
from tltk.errors import BadSpec, abbreviate
from tltk.specs.encoders import reads_text
from tltk.specs.parts import NetSpec
from tltk.specs.size import in_pixels
from tltk.specs.training import TransferSpec


def check_transfer(spec: TransferSpec) -> None:
    """Refuse names of nothing, and a strategy, an adapter, terms, a source and labels that do not go together.

    Raises:
        UnknownName: No such strategy, adapter, term or knob.
        BadSpec: Values that do not go together.
    """
    spec.check()
    strategy = strategies.make(spec.strategy)
    adapters.make(spec.adapter)
    terms.check(
        spec.terms,
        spec.source,
        labels=spec.labels,
        kept=spec.net.weights != "scratch",
    )
    made = [(term.name, terms.make(term)) for term in spec.terms]
    for name, term in made:
        if term.weight and spec.optim.batch_size < term.least:
            raise BadSpec(
                f"The term {name} compares pictures of a batch with each other. optim.batch_size is "
                f"{spec.optim.batch_size}; take {term.least} or more."
            )
    # In a network of one layer more than the boundary, so that a layer is left to learn if the strategy lets it.
    planned = strategy.phases(spec.net.boundary + 1, spec.net.boundary, spec.optim.epochs)
    idle = terms.for_the_backbone(spec.terms)
    if idle and all(phase.boundary > spec.net.boundary for phase in planned):
        raise BadSpec(
            f"The term {idle[0].name} acts on layers that learn. With the strategy {spec.strategy.name} only the head "
            f"does, so that the term would change nothing; take another strategy, such as fine_tune, or leave it out."
        )
    if spec.views.copies and spec.views.is_none:
        raise BadSpec(
            f"Copies of pictures are kept where they are augmented. views.copies is {spec.views.copies} and all "
            f"augmentation is off; set crop, flip, colour or rotation, or copies to 0."
        )
    if first := spec.optim.first_size:
        _check_growth(first, spec)
    if spec.optim.processes > 1:
        _check_processes(spec)
    if spec.optim.mixup and (tasks := [name for name, term in made if term.tasks]):
        raise BadSpec(
            f"Mixup blends pictures, and of a blend it is not known what else it shows. optim.mixup is "
            f"{spec.optim.mixup:g}; set it to 0, or leave out {', '.join(tasks)}."
        )
    needs = {need for _, term in made for need in term.needs}
    if spec.optim.mixup and needs & {"teacher", "answers"}:
        raise BadSpec(
            "Mixup blends pictures, and some of these terms look at each picture by itself. optim.mixup is "
            f"{spec.optim.mixup:g}; set it to 0, or leave out {', '.join(term.name for term in spec.terms)}."
        )
    if "classifier" in needs and spec.net.weights == "scratch":
        raise BadSpec(
            "What the weights' own classifier knows can be kept where there is one. net.weights is scratch; take those "
            "of a run (run:ID) or of the store."
        )


def check_kept_head(net: NetSpec, name: str, classes: Sequence[str], known: Sequence[str] | None) -> None:
    """Refuse to begin with the weights' own classifier where it knows none of the classes.

    Args:
        net: That asks for it.
        name: Of the domain.
        classes: Its classes.
        known: Those of the classifier; None = the weights came with none that is linear.

    Raises:
        BadSpec: It knows none of them by name.
    """
    if known is None or (match_classes(classes, known) == UNKNOWN).all():
        knows = "came with none" if known is None else f"knows {abbreviate(', '.join(known)) if known else 'no names'}"
        raise BadSpec(
            f"A classifier can be kept where it is linear and knows a class of {name} by name "
            f"({abbreviate(', '.join(classes))}). {net.weights} {knows}; leave keep_head out."
        )


def _check_processes(spec: TransferSpec) -> None:
    """Refuse several processes where a share of a batch is not enough to go on with."""
    n, optim = spec.optim.processes, spec.optim
    if optim.batch_size < n:
        raise BadSpec(
            f"Each process must have a picture of every batch. optim.processes is {n} and optim.batch_size "
            f"{optim.batch_size}; take a batch of {n} or more, or fewer processes."
        )
    if optim.device == "mps":
        raise BadSpec(
            f"Several processes have a CUDA GPU each, or all compute on the processor. optim.processes is {n} and "
            f"optim.device is mps; set one of them otherwise."
        )
    if passing := [term.name for term in spec.terms if "pictures" in terms.make(term).needs]:
        raise BadSpec(
            f"What passes through the network is divided among the processes, each batch once. The terms "
            f"{', '.join(passing)} pass its pictures through once more by themselves; set optim.processes to 1, or "
            f"leave them out."
        )
    if reads_text(spec.net.backbone) and (inner := [t.name for t in spec.terms if "layers" in terms.make(t).needs]):
        raise BadSpec(
            f"Each process fills up its texts to the longest of its own. The terms {', '.join(inner)} compare outputs "
            f"of layers, which then differ in length; set optim.processes to 1, or leave them out."
        )


def _check_growth(first: int, spec: TransferSpec) -> None:
    """Refuse pictures that would not grow, or where something looks at them at one size alone."""
    if spec.target.width:
        raise BadSpec(
            f"Training pictures that grow are squares. optim.first_size is {first}, and those of the target are "
            f"{in_pixels(spec.target.picture_size)}; set it to 0, or leave the width out."
        )
    if first >= spec.target.size:
        raise BadSpec(
            f"Training pictures grow from optim.first_size to the target's size. They are {first} and "
            f"{spec.target.size} px; take a smaller first size, or 0 for none."
        )
    if spec.views.copies:
        raise BadSpec(
            f"Pictures that grow are seen anew in each epoch. views.copies keeps {spec.views.copies} of each; "
            f"set one of views.copies and optim.first_size to 0."
        )
    if reading := [one.name for one in spec.terms if {"pictures", "layers"} & set(terms.make(one).needs)]:
        raise BadSpec(
            f"The terms {', '.join(reading)} are made for pictures of one size. optim.first_size is {first}; set it to "
            f"0, or leave them out."
        )

"""A technique in one word, such as `lora:rank=4+l2_sp@3`: how transferred weights are used. No torch here.

Parts are joined by `+`. Each is the name of a strategy, an adapter or a term, with its knobs after a colon; `@3` sets
the boundary. Beside them: `scratch`, new weights of which all learn; weights of its own (`store:NAME`, `hub:TAG`,
`run:ID`, `file:/PATH`) in place of the study's; `source_only`, learned from the source's labels alone; `target_only`,
learned from the target's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tltk import terms as every_term
from tltk.adapters import adapters
from tltk.errors import BadSpec, UnknownName
from tltk.specs.command import as_named, read_named
from tltk.specs.parts import AdapterSpec, StrategySpec, TermSpec
from tltk.specs.training import TransferSpec
from tltk.strategies import strategies
from tltk.studies.arms import Arm

WEIGHTS = ("store", "hub", "run", "file")  # kinds of weights that a technique may name
LABELS = {"source_only": "source", "target_only": "target"}


@dataclass(frozen=True)
class Technique:
    """How weights are used.

    Attributes:
        word: As it was written.
        strategy: When a layer learns; None = as the study has it.
        adapter: What of a layer learns.
        terms: What else is minimised.
        boundary: Lowest layer that learns; None = as the study has it.
        labels: Whose labels are learned from; "" = as the study has it.
        scratch: Whether the weights are new ones.
        weights: Those that are transferred; "" = as the study has it.
    """

    word: str
    strategy: StrategySpec | None = None
    adapter: AdapterSpec | None = None
    terms: tuple[TermSpec, ...] = ()
    boundary: int | None = None
    labels: str = ""
    scratch: bool = False
    weights: str = ""

    @property
    def reads_source(self) -> bool:
        """Whether it needs a second domain."""
        return self.labels == "source" or every_term.needs_source(self.terms)

    def apply(self, base: TransferSpec) -> TransferSpec:
        """The training that uses the weights so.

        Args:
            base: What the study has: domains, weights, optimisation, seed.
        """
        net = base.net if self.boundary is None else dataclasses.replace(base.net, boundary=self.boundary)
        net = dataclasses.replace(net, weights=self.weights or net.weights)
        if self.scratch:
            return dataclasses.replace(
                base,
                net=net.anew,
                strategy=StrategySpec(),
                source=None,
                labels="target",
            )
        return dataclasses.replace(
            base,
            net=net,
            strategy=self.strategy or base.strategy,
            adapter=self.adapter or base.adapter,
            terms=self.terms,
            labels=self.labels or base.labels,
        )


def arm(word: str, base: TransferSpec, trained: TransferSpec | None = None, forgetting: bool = False) -> Arm:
    """The trainings of one technique at a rate and a seed.

    Args:
        word: The technique.
        base: What all arms have in common; its source is kept where the technique reads it.
        trained: The training whose weights are transferred; None = those of `base.net`.
        forgetting: Whether accuracy on the source is measured wherever weights are transferred.
    """
    how = parse(word)
    if trained is not None:
        base = dataclasses.replace(base, net=dataclasses.replace(base.net, weights=f"run:{trained.run_id}"))

    def make(lr: float, seed: int) -> TransferSpec:
        made = how.apply(dataclasses.replace(base, optim=dataclasses.replace(base.optim, lr=lr), seed=seed))
        reads = how.reads_source or made.labels != "target" or (forgetting and made.net.weights != "scratch")
        return made if reads else dataclasses.replace(made, source=None)

    return make


def refuse_alike(trainings: Mapping[str, TransferSpec]) -> None:
    """Refuse techniques that come to the same training: their difference would be nothing.

    Args:
        trainings: Technique → its training, all at one rate and one seed.

    Raises:
        BadSpec: Two of them are the same.
    """
    first: dict[str, str] = {}
    for word, training in trainings.items():
        other = first.setdefault(training.run_id, word)
        if other != word:
            new = training.net.weights == "scratch"
            cure = "name weights to transfer, with --weights or --source" if new else "leave one of them out"
            raise BadSpec(f"Each technique must be a training of its own. {other} and {word} are the same; {cure}.")


def names() -> list[str]:
    """Every word that a technique may be made of."""
    return ["scratch", *LABELS, *strategies.names(), *adapters.names(), *every_term.terms.names()]


def parse(word: str) -> Technique:
    """The technique of a word.

    Raises:
        UnknownName: A part that is none of ours.
        BadSpec: Two strategies, adapters or weights, a boundary that is no number, or parts that do not go together.

    Example:
        >>> parse("lora:rank=4+l2_sp@3").boundary
        3
    """
    text, at, boundary = word.rpartition("@") if "@" in word else (word, "", "")
    if at and not boundary.isdecimal():
        raise BadSpec(f"After @ stands the boundary, a whole number, as in fine_tune@3. Got {word!r}.")
    found = Technique(word, boundary=int(boundary) if at else None)
    for part in text.split("+"):
        found = _with(found, part.strip(), word)
    if found.scratch and found != Technique(word, scratch=True):
        raise BadSpec(f"scratch stands by itself: all layers learn, from new weights. Got {word!r}.")
    return found


def write(strategy: StrategySpec, adapter: AdapterSpec, terms: tuple[TermSpec, ...]) -> str:
    """The word that `parse` reads as these; plain fine-tuning is left out where other parts stand.

    Args:
        strategy: When a layer learns.
        adapter: What of it learns.
        terms: What else is minimised.
    """
    parts: list[StrategySpec | AdapterSpec | TermSpec] = [*([] if adapter == AdapterSpec() else [adapter]), *terms]
    if strategy != StrategySpec() or not parts:
        parts.insert(0, strategy)
    return "+".join(map(as_named, parts))


def _with(found: Technique, part: str, word: str) -> Technique:
    """The technique with one part more."""
    if part == "scratch":
        return dataclasses.replace(found, scratch=True)
    if part in LABELS:
        return dataclasses.replace(found, labels=LABELS[part])
    kind, colon, where = part.partition(":")
    if colon and kind in WEIGHTS:
        if found.weights:
            raise BadSpec(f"A technique has one set of weights. Got {found.weights} and {part} in {word!r}.")
        if not where or (kind == "file" and not Path(where).is_absolute()):
            raise BadSpec(
                f"Weights of a technique must be named, a file by its whole path, as in file:/PATH. Got {word!r}."
            )
        return dataclasses.replace(found, weights=part)
    named = read_named("A technique", part)
    name, knobs = named["name"], named["knobs"]
    if name in strategies:
        if found.strategy is not None:
            raise BadSpec(f"A technique has one strategy. Got {found.strategy.name} and {name} in {word!r}.")
        strategies.make(name, knobs)
        return dataclasses.replace(found, strategy=StrategySpec(name, knobs))
    if name in adapters:
        if found.adapter is not None:
            raise BadSpec(f"A technique has one adapter. Got {found.adapter.name} and {name} in {word!r}.")
        adapters.make(name, knobs)
        return dataclasses.replace(found, adapter=AdapterSpec(name, knobs))
    if name in every_term.terms:
        every_term.terms.make(name, knobs)
        return dataclasses.replace(found, terms=(*found.terms, TermSpec(name, knobs)))
    raise UnknownName.among("technique", name, names())

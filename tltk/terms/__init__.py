"""What else is minimised beside the task's loss: one file each, its name is the term's. No torch at import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tltk import data
from tltk.data.attributes import require_attribute
from tltk.errors import BadSpec
from tltk.registry import Registry
from tltk.specs.parts import DataSpec, TermSpec
from tltk.specs.spelling import camel_case
from tltk.terms.term import NEEDS, Term

SOURCES = {"source", "source_at_start"}  # what a term needs that reads a second domain
UNLABELLED = {"pictures", "layers"}  # what there is where nobody's labels are learned from

terms: Registry[type[Term]] = Registry("term", "tltk.terms", camel_case, skip=("term",))


def make(spec: TermSpec) -> Term:
    """The term that a spec names, with its knobs set.

    Raises:
        UnknownName: No such term or knob.
        BadSpec: A knob out of range.
    """
    found: Term = terms.make(spec.name, spec.knobs)
    return found


def check(specs: Sequence[TermSpec], source: DataSpec | None, *, labels: str = "target", kept: bool = False) -> None:
    """Refuse terms that lack what they need, and a source that nothing reads.

    Args:
        specs: The terms.
        source: The second domain; None = there is none.
        labels: Whose labels are learned from.
        kept: Whether the source is read in any case: a network is trained on it, or the weights came with a
            classifier, so that what is forgotten of it can be measured.

    Raises:
        UnknownName: No such term or knob.
        BadSpec: A knob is out of range, a term is named twice, or the terms and the source do not go together.
    """
    made = {spec.name: make(spec) for spec in specs}
    if len(made) < len(specs):
        raise BadSpec(f"Each term may be named once. Got {', '.join(spec.name for spec in specs)}.")
    if labels == "none":
        _check_unlabelled(made)
    wanting = [name for name, term in made.items() if SOURCES & set(term.needs)]
    if wanting and source is None:
        raise BadSpec(f"The term {wanting[0]} reads a second domain. There is no source; name one with --source.")
    for term in made.values():
        term.check()
    if labels != "target":
        for name, term in made.items():
            if "companion" in term.needs:
                raise BadSpec(
                    f"The term {name} has a second network learn beside the first, from the target's labels. labels is "
                    f"{labels!r}; leave the term out, or learn from the target's labels."
                )
            if set(term.needs) & {"teacher", "answers"}:
                raise BadSpec(
                    f"The term {name} keeps what was learned before while the target's labels are learned. "
                    f"labels is {labels!r}; leave the term out, or learn from the target's labels."
                )
    elif source is not None and not wanting and not kept:
        raise BadSpec(
            "The source of a training is read by its terms, by labels, or to measure what is forgotten where the "
            "weights came with a classifier (run:ID). None of these holds. Name a term that reads it, such as coral, "
            "or no source."
        )


def check_tasks(specs: Sequence[TermSpec], target: DataSpec, source: DataSpec | None, *, labels: str) -> None:
    """Refuse tasks beside the class of which a domain's name tells that it does not know them.

    Args:
        specs: The terms.
        target: The target.
        source: The second domain; None = there is none.
        labels: Whose labels are learned from.

    Raises:
        UnknownName, DataProblem: The domain of whose pictures a task is learned does not know it.
    """
    for term in map(make, specs):
        on_source = source is not None and (term.tasks_on_source or labels == "source")
        domain = source if source is not None and on_source else target
        for task in term.tasks:
            require_attribute(domain.name, task, data.attribute_names(domain.name))


def teachers() -> list[str]:
    """Names of the terms that can teach a network without labels."""
    return [name for name in terms.names() if terms[name].teaches]


def _check_unlabelled(made: Mapping[str, Term]) -> None:
    """Refuse terms that lack what they need where nobody's labels are learned from, and terms that teach nothing.

    Raises:
        BadSpec: They do.
    """
    for name, term in made.items():
        if missing := [need for need in term.needs if need not in UNLABELLED]:
            raise BadSpec(
                f"Without labels a term has the pictures and the network, no more. labels is 'none', and the term "
                f"{name} needs {NEEDS[missing[0]]}; leave it out."
            )
    if not any(term.teaches and term.weight for term in made.values()):
        raise BadSpec(
            f"Without labels a term must teach the network. labels is 'none', and "
            f"{'none of ' + ', '.join(made) + ' does' if made else 'there is no term'}; name {' or '.join(teachers())} "
            f"with --term."
        )


def needs_source(specs: Sequence[TermSpec]) -> bool:
    """Whether one of these terms sees a second domain, in each step or before the first."""
    return any(SOURCES & set(make(spec).needs) for spec in specs)


def for_the_backbone(specs: Sequence[TermSpec]) -> list[TermSpec]:
    """Those of these terms that are on and change nothing where only the head learns.

    One that learns attributes is not among them: its own heads learn on frozen features too.
    """
    made = [(spec, make(spec)) for spec in specs]
    return [s for s, term in made if term.weight and not term.reaches_head and "attributes" not in term.needs]


def needs_classifier(specs: Sequence[TermSpec]) -> bool:
    """Whether one of these terms that is on asks for the classifier that came with the weights."""
    return any("classifier" in term.needs for term in map(make, specs) if term.weight)

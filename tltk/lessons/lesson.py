"""A lesson as it stands in `assets/lessons/NN-name.md`: a head in TOML between two lines of `+++`, then Markdown."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Callable
from functools import cache

import msgspec

from tltk import assets
from tltk.data import domains
from tltk.errors import BadSpec, TltkError, UnknownName
from tltk.lessons.outcome import Case, Outcome, Value, check_cases, check_values, judge
from tltk.runs import index
from tltk.runs.run import Run
from tltk.specs.command import read_command
from tltk.specs.knobs import Spec
from tltk.specs.reading import result_class

FOLDER = "lessons"
LOOK = "\n## What to look for\n"
_FILE = re.compile(r"(\d\d)-([a-z][a-z0-9-]*)\.md")
_HEAD = re.compile(r"\A\+\+\+\n(.*?)\n\+\+\+\n(.*)\Z", re.DOTALL)


class Choice(Case, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An answer that can be predicted, when a run gives it, and what is said then.

    Attributes:
        name: That is stored.
        text: That is read.
    """

    name: str
    text: str


class See(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page of the dashboard where the run shows what the lesson is about.

    Attributes:
        page: Its name.
        text: Of the link.
    """

    page: str
    text: str


class _Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The fields of the head, as they are written."""

    title: str
    short: str
    minutes: float
    command: str
    question: str
    choices: list[Choice]
    otherwise: str
    values: dict[str, str | Value] = {}
    see: list[See] = []
    needs: list[str] = []


class Lesson(msgspec.Struct, frozen=True, kw_only=True):
    """A question about transfer, to be answered before a run, and what is drawn from that run.

    Attributes:
        name: Of the file, without its number.
        number: Its place among the lessons.
        title: In a few words.
        short: The question in one short sentence.
        minutes: That the run takes on two cores.
        command: The run, as a command of the shell.
        spec: The same, read.
        question: To be answered before the run.
        choices: The answers; the first whose conditions hold is what the run says.
        otherwise: What is said where none of them holds.
        values: Name → where in the result a figure stands.
        see: Pages that show it.
        needs: Domains without which it is not listed.
        text: What it is about, in Markdown.
        look: What to look for in the run, in Markdown.
    """

    name: str
    number: int
    title: str
    short: str
    minutes: float
    command: str
    spec: Spec
    question: str
    choices: tuple[Choice, ...]
    otherwise: str
    values: dict[str, Value]
    see: tuple[See, ...]
    needs: tuple[str, ...]
    text: str
    look: str

    def choice(self, name: str) -> Choice | None:
        """The answer of that name; None where there is none any more."""
        return next((one for one in self.choices if one.name == name), None)

    def outcome(self, run: Run, escape: Callable[[str], str] = str) -> Outcome | None:
        """What a run of this lesson says to its question; None until it is done.

        Args:
            run: Of the lesson's spec, perhaps with another seed.
            escape: Applied to figures and words of the result before they come into a sentence, such as for Markdown.

        Raises:
            RunProblem: Its result is of another version.
        """
        found = run.read(result_class(type(self.spec))) if run.status.state == "done" else None
        if found is None:
            return None
        return judge({one.name: one for one in self.choices}, self.otherwise, self.values, found, escape)

    @property
    def tag(self) -> str:
        """The tag on its runs."""
        return f"lesson:{self.name}"

    @property
    def _seed(self) -> str:
        """The field that holds the seed of its spec."""
        return "first_seed" if hasattr(self.spec, "first_seed") else "seed"

    def with_seed(self, seed: int) -> Spec:
        """Its spec with another seed: a run of one's own."""
        return dataclasses.replace(self.spec, **{self._seed: seed})  # type: ignore[type-var]

    def seed_of(self, spec: Spec) -> int:
        """The seed of one of its runs."""
        return int(getattr(spec, self._seed))

    def asks(self, spec: Spec) -> bool:
        """Whether this is its spec, perhaps with another seed."""
        return type(spec) is type(self.spec) and self.with_seed(self.seed_of(spec)) == spec

    def runs(self) -> list[Run]:
        """Its runs in this home, newest first: those that were predicted, and that of its command."""
        found = [entry.run for entry in index.find(tags=[self.tag])]
        own = Run.at(self.spec.run_id)
        is_new = (own.path / "spec.json").is_file() and own.id not in [run.id for run in found]
        return [*found, *([own] if is_new else [])]


def read(file: str, text: str) -> Lesson:
    """The lesson in this text.

    Args:
        file: Name of the file, such as 01-what-transfers.md.
        text: Its content.

    Raises:
        BadSpec: It is no lesson; the sentence says what it lacks.
    """
    named, parts = _FILE.fullmatch(file), _HEAD.match(text.replace("\r\n", "\n"))
    if named is None:
        raise BadSpec(f"The file of a lesson must be called NN-name.md. Got {file!r}.")
    if parts is None:
        raise BadSpec(f"The lesson {file} must begin with its head between two lines of +++. There is none.")
    try:
        head = msgspec.convert(tomllib.loads(parts[1]), _Head)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as fault:
        raise BadSpec(f"The head of the lesson {file} must have the fields of a lesson. It has not: {fault}.") from None
    about, found, look = parts[2].partition(LOOK)
    if not found or not about.strip() or not look.strip():
        raise BadSpec(f"The lesson {file} must say what it is about, and then under {LOOK.strip()!r} what to look for.")
    names = [one.name for one in head.choices]
    if len(names) < 2 or len(set(names)) < len(names):
        raise BadSpec(f"The lesson {file} must offer two answers or more, each of its own name. Got {names}.")
    values = {name: Value(at) if isinstance(at, str) else at for name, at in head.values.items()}
    try:
        spec = read_command(head.command)
        check_values(values, result_class(type(spec)))
        check_cases([*head.choices, Case(answer=head.otherwise)], values)
    except TltkError as fault:
        raise BadSpec(f"The lesson {file} must ask for a run and read its result. {fault}") from None
    return Lesson(
        name=named[2],
        number=int(named[1]),
        title=head.title,
        short=head.short,
        minutes=head.minutes,
        command=head.command.strip(),
        spec=spec,
        question=head.question.strip(),
        choices=tuple(head.choices),
        otherwise=head.otherwise.strip(),
        values=values,
        see=tuple(head.see),
        needs=tuple(head.needs),
        text=about.strip(),
        look=look.strip(),
    )


@cache
def _texts() -> dict[str, str]:
    """The files of lessons that can be listed here: those whose domains exist."""
    folder = assets.folder() / FOLDER
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md"))}


def _is_listed(text: str) -> bool:
    """Whether the domains that it needs exist; a lesson may wait for one."""
    parts = _HEAD.match(text)
    try:
        needs = tomllib.loads(parts[1]).get("needs", []) if parts else []
    except tomllib.TOMLDecodeError:  # told when it is read
        return True
    return all(name in domains for name in needs)


@cache
def lessons() -> tuple[Lesson, ...]:
    """The lessons in their order; those that need a domain which is not there are left out."""
    return tuple(read(name, text) for name, text in _texts().items() if _is_listed(text))


def find(name: str) -> Lesson:
    """The lesson of that name, or of that number.

    Raises:
        UnknownName: There is none.
    """
    for one in lessons():
        if name in (one.name, str(one.number), f"{one.number:02}"):
            return one
    raise UnknownName.among("lesson", name, [one.name for one in lessons()])

"""What a run says to the question of a lesson: fields of its typed result, conditions on them, sentences with them.

A field is named by a path, such as `verdict.gap`, `curves[arm=AnB].accuracy` or `arms[0].name`. Nothing is evaluated.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from tltk.errors import BadSpec
from tltk.verdicts.judge import format_points

_STEP = re.compile(r"(?P<name>[a-z_]\w*)|\[(?P<index>-?\d+)\]|\[(?P<field>[a-z_]\w*)=(?P<value>[^\]]*)\]")
_FIELD = re.compile(r"\{([a-z_]\w*)(?::([a-z]+))?\}")


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure or a word of a result.

    Attributes:
        of: Path to it; with `largest` to a list of which one is taken.
        less: Path to a figure that is subtracted; empty = none.
        largest: Path to a list of figures: of `of` that at the place of the largest one is meant; empty = `of` itself.
    """

    of: str
    less: str = ""
    largest: str = ""


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What must hold of a value; a value that is not known fulfils none.

    Attributes:
        value: Its name.
        equals: It is this word or figure.
        above: It is larger.
        below: It is smaller.
    """

    value: str
    equals: str | float | None = msgspec.field(name="is", default=None)
    above: float | None = None
    below: float | None = None

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether it does."""
        found = values.get(self.value)
        if found is None or (self.equals is not None and found != self.equals):
            return False
        return (self.above is None or found > self.above) and (self.below is None or found < self.below)


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is said where some conditions hold.

    Attributes:
        when: All of them must hold.
        answer: With fields to fill in, as `{gap:points}`.
    """

    answer: str
    when: list[Condition] = []


class Outcome(msgspec.Struct, frozen=True):
    """What a run says.

    Attributes:
        choice: Name of the answer; empty = none of them.
        answer: In words.
        values: Name → figure or word; None where the result has none.
    """

    choice: str
    answer: str
    values: dict[str, Any]


FORMS: dict[str, Callable[[Any], str]] = {
    "": str,
    "percent": lambda share: f"{100 * share:.1f}%",
    "points": lambda share: f"{format_points(share)} points",
    "signed": format_points,
    "size": lambda share: f"{100 * abs(share):.1f} points",
    "count": lambda number: f"{number:,.0f}",
    "number": lambda number: f"{number:.3g}".replace("-", "−"),
}


def judge(
    cases: Mapping[str, Case],
    otherwise: str,
    values: Mapping[str, Value],
    result: Any,
    escape: Callable[[str], str] = str,
) -> Outcome:
    """What this result says to a question.

    Args:
        cases: The answers by name; the first whose conditions hold is given.
        otherwise: What is said where those of none hold.
        values: Name → where it stands in the result.
        result: Of the class that the values were checked against.
        escape: Applied to figures and words of the result before they come into a sentence, such as for Markdown.
    """
    found = {name: _read(value, result) for name, value in values.items()}
    for name, case in cases.items():
        if all(condition.holds(found) for condition in case.when):
            return Outcome(name, fill(case.answer, found, escape), found)
    return Outcome("", fill(otherwise, found, escape), found)


def fill(text: str, values: Mapping[str, Any], escape: Callable[[str], str] = str) -> str:
    """The sentence with its fields filled in; what is not known is a dash.

    Args:
        text: With fields such as `{gap:points}`.
        values: Name → figure or word.
        escape: Applied to each as it is written.
    """

    def one(match: re.Match[str]) -> str:
        found = values.get(match[1])
        if found is None:
            return "–"
        return escape(FORMS[match[2] or ""](found))

    return _FIELD.sub(one, " ".join(text.split()))


def _read(value: Value, result: Any) -> Any:
    """The figure or word; None where the result has none."""
    found = follow(value.of, result)
    if value.largest:
        figures = follow(value.largest, result)
        known = [n for n, figure in enumerate(figures or ()) if figure is not None]
        return found[max(known, key=lambda n: figures[n])] if found and known else None
    if value.less:
        less = follow(value.less, result)
        return None if found is None or less is None else found - less
    return found


def _steps(path: str) -> list[re.Match[str]]:
    """The steps of a path.

    Raises:
        BadSpec: It is none.
    """
    found, at = [], 0
    while at < len(path):
        at += path[at] == "." and at > 0
        step = _STEP.match(path, at)
        if step is None:
            raise BadSpec(f"A path must be such as verdict.gap, arms[0].name or curves[arm=AnB].lo. Got {path!r}.")
        found.append(step)
        at = step.end()
    if not found:
        raise BadSpec("A path must name a field of the result. It is empty.")
    return found


def follow(path: str, result: Any) -> Any:
    """What stands there; None where something on the way is not there.

    Raises:
        BadSpec: The path is none.
    """
    found = result
    for step in _steps(path):
        if found is None:
            return None
        if step["name"]:
            found = found.get(step["name"]) if isinstance(found, dict) else getattr(found, step["name"], None)
        elif step["index"]:
            number = int(step["index"])
            found = found[number] if -len(found) <= number < len(found) else None
        else:
            found = next((one for one in found if str(getattr(one, step["field"])) == step["value"]), None)
    return found


# -- what is checked before there is a result ----------------------------------------------------------------


def check_values(values: Mapping[str, Value], kind: Any) -> None:
    """Refuse paths that no result of this class has.

    Args:
        values: Name → where it stands.
        kind: Class of the result.

    Raises:
        BadSpec: A field or a list that is not there.
    """
    for value in values.values():
        for path in filter(None, (value.of, value.less, value.largest)):
            here = kind
            for step in _steps(path):
                here = _next(here, step, path)


def _next(kind: Any, step: re.Match[str], path: str) -> Any:
    """The type at which a step of a path arrives."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        kind = next(one for one in typing.get_args(kind) if one is not type(None))
    inner = typing.get_args(kind)
    if step["name"]:
        if typing.get_origin(kind) is dict:
            return inner[1]
        hints = {} if inner or kind in (str, int, float, bool) else typing.get_type_hints(kind)
        if step["name"] not in hints:
            raise BadSpec(f"The path {path!r} must name fields of the result. There is no {step['name']}.")
        return hints[step["name"]]
    if typing.get_origin(kind) not in (list, tuple):
        raise BadSpec(f"The path {path!r} must choose from lists alone. {step[0]} stands after what is none.")
    if step["field"]:
        _next(inner[0], next(iter(_steps(step["field"]))), path)
    return inner[0]


def check_cases(cases: Sequence[Case], values: Mapping[str, Value]) -> None:
    """Refuse conditions and fields of sentences that name no value, or a form that there is not.

    Raises:
        BadSpec: One does.
    """
    for case in cases:
        for condition in case.when:
            if condition.value not in values:
                raise BadSpec(f"A condition must name one of the values {', '.join(values)}. Got {condition.value}.")
            if (condition.equals, condition.above, condition.below) == (None, None, None):
                raise BadSpec(f"A condition must say is, above or below. That on {condition.value} says none.")
        for name, form in _FIELD.findall(case.answer):
            if name not in values or form not in FORMS:
                known = f"{', '.join(values)}, in a form of {', '.join(filter(None, FORMS))}"
                raise BadSpec(f"A sentence must have fields of {known}. Got {{{name}{form and f':{form}'}}}.")
        if not case.answer.strip():
            raise BadSpec("Every answer must have words. One has none.")

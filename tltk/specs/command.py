"""A spec as a shell command and as Python, and back: one table of options for all directions."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import shlex
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tltk.errors import BadSpec, UnknownName, abbreviate
from tltk.specs.knobs import Knob, S, Spec, knobs, spec_type, type_hints
from tltk.specs.parts import AdapterSpec, StrategySpec, TermSpec
from tltk.specs.reading import spec_kinds

NAMED = (StrategySpec, AdapterSpec)  # parts that are a name with knobs
RENAMED = {"target": {"seed": "data-seed"}}  # where a bare name would mislead
PREFIXES = {"source": "source-", "without": "without-", "other": "other-", "source_optim": "source-"}


@dataclass(frozen=True)
class Option:
    """A flag of the shell, and where its value belongs in a spec."""

    flag: str
    path: tuple[str, ...]
    knob: Knob
    optional: bool = False  # whether it names a part that is absent without it

    @property
    def key(self) -> str:
        """The flag as a Python name."""
        return self.flag.replace("-", "_")


def options(kind: type[Spec]) -> tuple[Option, ...]:
    """All flags of the verb that asks for this kind of spec: a knob each, those of its parts first."""
    own = kind()
    found = []
    for field, hint in type_hints(kind).items():
        part = spec_type(hint)
        if part is None or part in NAMED:
            continue
        given = getattr(own, field)
        here = given or part()
        for name, rule in knobs(part).items():
            if name in kind.kept.get(field, (name,)):
                flag = PREFIXES.get(field, "") + RENAMED.get(field, {}).get(name, name).replace("_", "-")
                if name == "name":  # of a domain: --target, --source
                    flag = field
                rule = dataclasses.replace(rule, default=getattr(here, name))
                found.append(Option(flag, (field, name), rule, optional=given is None and name == "name"))
    return (*found, *(Option(name.replace("_", "-"), (name,), rule) for name, rule in knobs(kind).items()))


def flags(kind: type[Spec]) -> tuple[Option, ...]:
    """Those of the options that are flags: not the fields that the verb takes as words."""
    return tuple(one for one in options(kind) if one.path[0] not in kind.words)


def list_options(kind: type[Spec]) -> dict[str, tuple[type, str]]:
    """Fields of the spec that hold several values: name → type of each, and help. Flags with commas."""
    hints = type_hints(kind)
    return {
        f.name: (typing.get_args(hints[f.name])[0], f.metadata["several"])
        for f in dataclasses.fields(kind)  # type: ignore[arg-type]
        if "several" in f.metadata
    }


def build_spec(kind: type[S], given: dict[str, Any], usual: S | None = None) -> S:
    """The spec that these flags ask for; absent ones keep their defaults.

    Args:
        kind: Which spec.
        given: Key of a flag → value; `strategy`, `knob` (a list of NAME=VALUE); texts with commas for `list_options`.
        usual: What absent flags stand for; None = the kind's own defaults.

    Raises:
        BadSpec: A value that cannot be meant.
    """
    body: dict[str, Any] = {}
    for option in options(kind):
        if given.get(option.key) is not None:
            place = body
            for part in option.path[:-1]:
                place = place.setdefault(part, {})
            place[option.path[-1]] = given[option.key]
    needed = {
        "source": "whose pictures are to be used",
        "without": "whose test pictures must stay unseen",
        "other": "whose pictures are compared",
    }
    for part, what in needed.items():
        if body.get(part) is not None and "name" not in body[part]:
            raise BadSpec(f"The options --{part}-… need --{part} NAME, the domain {what}.")
    if given.get("strategy") or given.get("knob"):
        body["strategy"] = {
            "name": given.get("strategy") or "fine_tune",
            "knobs": dict(_knob(text) for text in given.get("knob") or ()),
        }
    if given.get("adapter"):
        body["adapter"] = read_named("--adapter", given["adapter"])
    if given.get("term"):
        body["terms"] = [read_named("--term", text) for text in given["term"]]
    for name, (of, _) in list_options(kind).items():
        if isinstance(given.get(name), tuple):  # words, one value each
            body |= {name: list(given[name])} if given[name] else {}
        elif given.get(name) is not None:
            body[name] = _values_of(name, of, str(given[name]))
    rest = json.loads((usual or kind()).to_json())  # a part of which some is given has the rest from here
    parts = {k: {**rest[k], **v} for k, v in body.items() if isinstance(v, dict) and isinstance(rest.get(k), dict)}
    return kind.from_dict({**rest, **body, **parts})


def _values_of(name: str, of: type, text: str) -> list[Any]:
    """`0.1,1` → [0.1, 1.0]; names keep what stands between the commas, and no text is no names."""
    if of is str and not text.strip():
        return []
    try:
        return [of(part.strip()) for part in split_list(text)]
    except ValueError:
        what, such = ("whole numbers", "1,5") if of is int else ("numbers", "0.0003,0.001")
        raise BadSpec(f"--{name} must be {what} separated by commas, as in {such}. Got {text!r}.") from None


def split_list(text: str) -> list[str]:
    """What stands between the commas; a part in double quotes may hold commas itself, as in "resnet18@file:a,b.pth"."""
    return next(csv.reader(io.StringIO(text, newline=""), skipinitialspace=True), [""])


def join_list(parts: Sequence[str]) -> str:
    """The parts with commas between them, quoted where one holds a comma, for `split_list`."""
    return ",".join('"' + part.replace('"', '""') + '"' if set(part) & set(',"\r\n') else part for part in parts)


def read_named(flag: str, text: str) -> dict[str, Any]:
    """`lora:rank=4,alpha=8` → the name with its knobs.

    Raises:
        BadSpec: It is none; the sentence begins with `flag`.
    """
    name, _, rest = text.partition(":")
    try:
        return {"name": name, "knobs": dict(_knob(part) for part in rest.split(",")) if rest else {}}
    except BadSpec:
        raise BadSpec(f"{flag} must be NAME or NAME:KNOB=VALUE,…, as in coral:weight=0.5. Got {text!r}.") from None


def as_named(part: StrategySpec | AdapterSpec | TermSpec) -> str:
    """The text that `read_named` reads."""
    knobs_ = ",".join(knobs_as_text(part.knobs))
    return f"{part.name}:{knobs_}" if knobs_ else part.name


def knobs_as_text(knobs: Mapping[str, Any]) -> list[str]:
    """`NAME=VALUE` of each, as `--knob` reads it."""
    return [f"{name}={_value_as_text(value)}" for name, value in knobs.items()]


TRUTH = {"true": True, "false": False}


def _value_as_text(value: Any) -> str:
    """A knob's value as `_knob` reads it."""
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, float) else str(value)


def _knob(text: str) -> tuple[str, Any]:
    """`decay=0.5` → ("decay", 0.5); `entropy=false` → ("entropy", False)."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise BadSpec(f"--knob must be NAME=VALUE, as in decay=0.5. Got {text!r}.")
    if value.lower() in TRUTH:
        return name, TRUTH[value.lower()]
    for kind in (int, float):
        try:
            return name, kind(value)
        except ValueError:
            continue
    return name, value


def to_command(spec: Spec) -> str:
    """The shell command that asks for this very spec."""
    return shlex.join(["tltk", *(spec.as_words() or _as_flags(spec))])


def _as_flags(spec: Spec) -> list[str]:
    """The verb, its words, and a flag for each knob that is not at its default."""
    kind = type(spec)
    words = [kind.verb]
    for name in kind.words:
        value = getattr(spec, name)
        words += [*value] if isinstance(value, tuple) else [value.removeprefix("run:")] if value else []
    for option in flags(kind):
        owner: Any = spec
        for part in option.path[:-1]:
            owner = getattr(owner, part)
        if owner is None:
            continue
        value = getattr(owner, option.path[-1])
        if value != option.knob.default or option.path[1:] == ("name",):
            if isinstance(value, bool):
                words.append(f"--{option.flag}" if value else f"--no-{option.flag}")
            else:
                words += [f"--{option.flag}", f"{value!r}" if isinstance(value, float) else str(value)]
    strategy = getattr(spec, "strategy", None)
    if isinstance(strategy, StrategySpec):
        if strategy.name != "fine_tune":
            words += ["--strategy", strategy.name]
        for text in knobs_as_text(strategy.knobs):
            words += ["--knob", text]
    adapter = getattr(spec, "adapter", AdapterSpec())
    words += [] if adapter == AdapterSpec() else ["--adapter", as_named(adapter)]
    for term in getattr(spec, "terms", ()):
        words += ["--term", as_named(term)]
    for name in [n for n in list_options(kind) if n not in kind.words]:
        words += [f"--{name}", join_list([v if isinstance(v, str) else repr(v) for v in getattr(spec, name)])]
    return words


def read_command(text: str) -> Spec:
    """The spec that a shell command asks for, as `to_command` writes it: flags alone, each with its value.

    Args:
        text: Such as "tltk compare --target digits --shots 5".

    Raises:
        BadSpec: It is no such command, or asks for what cannot be meant.
        UnknownName: It has no such verb or flag.
    """
    try:
        words = shlex.split(text)
    except ValueError as fault:
        raise BadSpec(f"A command must be words of the shell. Got {abbreviate(text)}: {fault}.") from None
    verbs = {kind.verb: kind for kind in spec_kinds().values() if kind.verb}
    if len(words) < 2 or words[0] != "tltk":
        raise BadSpec(f"A command must begin with tltk and a verb. Got {abbreviate(text)}.")
    if words[1] not in verbs:
        raise UnknownName.among("The verb of a command", words[1], verbs)
    kind = verbs[words[1]]
    return build_spec(kind, _read_flags(kind, words[2:]))


def _read_flags(kind: type[Spec], words: Sequence[str]) -> dict[str, Any]:
    """The words after the verb as `build_spec` takes them."""
    known = {one.flag: one for one in flags(kind)}
    texts = {*list_options(kind), *(name for name in ("strategy", "adapter") if name in type_hints(kind))}
    repeated = {"term": "terms", "knob": "strategy"}
    several = {flag for flag, part in repeated.items() if part in type_hints(kind)}
    given: dict[str, Any] = {}
    rest = iter(words)
    for word in rest:
        flag, equals, value = word.removeprefix("--").partition("=")
        option = known.get(flag) or known.get(flag.removeprefix("no-"))
        if not word.startswith("--") or (option is None and flag not in texts | several):
            raise UnknownName.among(f"A flag of tltk {kind.verb}", word, [f"--{one}" for one in (*known, *texts)])
        if option is not None and isinstance(option.knob.default, bool):
            given[option.key] = flag == option.flag
            continue
        found = value if equals else next(rest, None)
        if found is None:
            raise BadSpec(f"The flag --{flag} must have a value. There is none after it.")
        if flag in several:
            given.setdefault(flag, []).append(found)
        elif option is None:
            given[flag] = found
        else:
            try:
                given[option.key] = type(option.knob.default)(found)
            except ValueError:
                what = {int: "a whole number", float: "a number"}.get(type(option.knob.default), "of its type")
                raise BadSpec(f"--{flag} must be {what}. Got {found!r}.") from None
    return given


def to_python(*specs: Spec) -> str:
    """Python that asks for these very specs, only what differs from the defaults spelt out."""
    names = ", ".join(sorted(set().union(*map(_classes, specs))))
    asked = "\n".join(f"run = tltk.launch({_expression(spec, '')})\nprint(run.result())\n" for spec in specs)
    return f"import tltk\nfrom tltk import {names}\n\n{asked}"


def _classes(spec: Spec) -> set[str]:
    """The classes that `_expression` names."""
    found, default = {type(spec).__name__}, type(spec)()
    for f in dataclasses.fields(spec):  # type: ignore[arg-type]
        value = getattr(spec, f.name)
        if value != getattr(default, f.name):
            for one in value if isinstance(value, tuple) else (value,):
                found |= _classes(one) if isinstance(one, Spec) else set()
    return found


def _expression(value: Any, indent: str) -> str:
    inner = indent + "    "
    if isinstance(value, tuple) and any(isinstance(one, Spec) for one in value):
        return f"({' '.join(f'{_expression(one, inner)},' for one in value)})"
    if not isinstance(value, Spec):
        return repr(value)
    default = type(value)()
    changed = [
        f"{inner}{f.name}={_expression(getattr(value, f.name), inner)},\n"
        for f in dataclasses.fields(value)  # type: ignore[arg-type]
        if getattr(value, f.name) != getattr(default, f.name)
    ]
    return f"{type(value).__name__}({chr(10) if changed else ''}{''.join(changed)}{indent if changed else ''})"

"""A spec as a shell command and as Python, and back: one table of options for all directions."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tltk.errors import BadSpec
from tltk.spec import (
    AdoptSpec,
    AnySpec,
    CompareSpec,
    DataSpec,
    DepthSpec,
    DescribeSpec,
    EmbedSpec,
    Knob,
    LookSpec,
    NetSpec,
    OptimSpec,
    ProfileSpec,
    RankSpec,
    ResponseSpec,
    ShiftSpec,
    Spec,
    TransferSpec,
    ViewSpec,
    knobs,
)

Launched = TransferSpec | CompareSpec | ProfileSpec | ShiftSpec | EmbedSpec | RankSpec | ResponseSpec
VERBS: dict[type[Launched], str] = {
    TransferSpec: "run", CompareSpec: "compare", ProfileSpec: "profile", ShiftSpec: "shift", EmbedSpec: "embed",
    RankSpec: "rank", ResponseSpec: "response",
}  # fmt: skip


@dataclass(frozen=True)
class Option:
    """A flag of the shell, and where its value belongs in a spec."""

    flag: str
    path: tuple[str, ...]
    knob: Knob

    @property
    def key(self) -> str:
        """The flag as a Python name."""
        return self.flag.replace("-", "_")


def _part(field: str, spec: type[Spec], prefix: str = "", **names: str) -> list[Option]:
    """One option per knob of a part of the spec; `names` renames where a bare name would mislead."""
    return [
        Option(prefix + names.get(name, name).replace("_", "-"), (field, name), rule)
        for name, rule in knobs(spec).items()
    ]


def options(kind: type[Launched]) -> list[Option]:
    """All flags of the verb that asks for this kind of spec."""
    fields = [f.name for f in dataclasses.fields(kind)]
    found = _part("target", DataSpec, seed="data-seed")
    for other in ("source", "without"):
        if other in fields:
            found += _part(other, DataSpec, f"{other}-")
    found = [dataclasses.replace(o, flag=o.path[0]) if o.path[1:] == ("name",) else o for o in found]
    if issubclass(kind, DepthSpec | CompareSpec):
        found = [o for o in found if o.flag != "source-size"]  # the source is read at the target's size
    if issubclass(kind, DepthSpec):
        found += [o for o in _part("net", NetSpec) if o.flag in ("backbone", "weights")]
    elif kind is ResponseSpec:  # it keeps these alone, and their defaults are its own
        own = ResponseSpec()
        kept = {
            "target": own.target.name, "size": own.target.size,
            "backbone": own.net.backbone, "weights": own.net.weights,
        }  # fmt: skip
        found = [
            dataclasses.replace(o, knob=dataclasses.replace(o.knob, default=kept[o.flag]))
            for o in (*found, *_part("net", NetSpec))
            if o.flag in kept
        ]
    else:
        parts = {"source_optim": OptimSpec, "net": NetSpec, "optim": OptimSpec, "views": ViewSpec}
        for name, part in parts.items():
            found += _part(name, part, "source-" if name == "source_optim" else "") if name in fields else []
    return found + [Option(name.replace("_", "-"), (name,), rule) for name, rule in knobs(kind).items()]


def lists(kind: type[Launched]) -> dict[str, type]:
    """Fields of the spec that hold several values, and of what type: flags with commas."""
    known: dict[str, type] = {"lrs": float, "measures": str, "candidates": str, "scores": str, "dials": str}
    fields = [f.name for f in dataclasses.fields(kind)]
    return {name: of for name, of in known.items() if name in fields}


def build(kind: type[Launched], given: dict[str, Any], usual: Launched | None = None) -> Launched:
    """The spec that these flags ask for; absent ones keep their defaults.

    Args:
        kind: Which spec.
        given: Key of a flag → value; `strategy`, `knob` (a list of NAME=VALUE); texts with commas for `lists`.
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
    needed = {"source": "to train the source network on", "without": "whose test pictures must stay unseen"}
    for part, what in needed.items():
        if body.get(part) is not None and "name" not in body[part]:
            raise BadSpec(f"The options --{part}-… need --{part} NAME, the domain {what}.")
    if given.get("strategy") or given.get("knob"):
        body["strategy"] = {
            "name": given.get("strategy") or "fine_tune",
            "knobs": dict(_knob(text) for text in given.get("knob") or ()),
        }
    for name, of in lists(kind).items():
        if given.get(name) is not None:
            body[name] = _several(name, of, str(given[name]))
    rest = json.loads((usual or kind()).to_json())  # a part of which some is given has the rest from here
    parts = {k: {**rest[k], **v} for k, v in body.items() if isinstance(v, dict) and isinstance(rest.get(k), dict)}
    return kind.from_dict({**rest, **body, **parts})


def _several(name: str, of: type, text: str) -> list[Any]:
    """`0.1,1` → [0.1, 1.0]; names keep what stands between the commas, and no text is no names."""
    if of is str and not text.strip():
        return []
    try:
        return [of(part.strip()) for part in _parts(text)]
    except ValueError:
        raise BadSpec(f"--{name} must be numbers with commas, as in 0.0003,0.001. Got {text!r}.") from None


def _parts(text: str) -> list[str]:
    """What stands between the commas; a part in double quotes may hold commas itself, as in "resnet18@file:a,b.pth"."""
    return next(csv.reader(io.StringIO(text, newline=""), skipinitialspace=True), [""])


def _listed(parts: Sequence[str]) -> str:
    """The parts with commas between them, quoted where one holds a comma, for `_parts`."""
    return ",".join('"' + part.replace('"', '""') + '"' if set(part) & set(',"\r\n') else part for part in parts)


def validate(spec: AnySpec) -> None:
    """Refuse now what a worker would only find wrong later: `tltk.checking.check`."""
    from tltk.checking import check

    check(spec)


def _knob(text: str) -> tuple[str, Any]:
    """`decay=0.5` → ("decay", 0.5)."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise BadSpec(f"--knob must be NAME=VALUE, as in decay=0.5. Got {text!r}.")
    for kind in (int, float):
        try:
            return name, kind(value)
        except ValueError:
            continue
    return name, value


def to_command(spec: AnySpec) -> str:
    """The shell command that asks for this very spec."""
    if isinstance(spec, DescribeSpec):
        return f"tltk layers {shlex.quote(spec.backbone)} --size {spec.size} --channels {spec.channels}"
    if isinstance(spec, AdoptSpec):
        words = ["tltk", "weights", "add" if spec.name else "check", spec.weights.partition(":")[2]]
        chosen = (("name", spec.name), ("backbone", spec.backbone), ("part", spec.part))
        words += [f"--{k}={v}" for k, v in chosen if v]
        return shlex.join(words)
    if isinstance(spec, LookSpec):
        return f"tltk look {shlex.quote(spec.data.name)} --size {spec.data.size} --n {spec.data.n}"
    kind = type(spec)
    words = ["tltk", VERBS[kind]]
    for option in options(kind):
        owner: Any = spec
        for part in option.path[:-1]:
            owner = getattr(owner, part)
        if owner is None:
            continue
        value = getattr(owner, option.path[-1])
        if value != option.knob.default or option.path[1:] == ("name",):
            words += [f"--{option.flag}", f"{value!r}" if isinstance(value, float) else str(value)]
    if isinstance(spec, TransferSpec | CompareSpec):
        if spec.strategy.name != "fine_tune":
            words += ["--strategy", spec.strategy.name]
        for name, value in spec.strategy.knobs.items():
            words += ["--knob", f"{name}={value}"]
    for name in lists(kind):
        words += [f"--{name}", _listed([v if isinstance(v, str) else repr(v) for v in getattr(spec, name)])]
    return shlex.join(words)


def to_python(spec: AnySpec) -> str:
    """Python that asks for this very spec, only what differs from the defaults spelt out."""
    return f"import tltk\nfrom tltk.spec import *\n\nrun = tltk.launch({_expression(spec, '')})\nprint(run.result())\n"


def _expression(value: Any, indent: str) -> str:
    if not isinstance(value, Spec):
        return repr(value)
    default = type(value)()
    inner = indent + "    "
    changed = [
        f"{inner}{f.name}={_expression(getattr(value, f.name), inner)},\n"
        for f in dataclasses.fields(value)  # type: ignore[arg-type]
        if getattr(value, f.name) != getattr(default, f.name)
    ]
    return f"{type(value).__name__}({chr(10) if changed else ''}{''.join(changed)}{indent if changed else ''})"

"""A spec as a shell command and as Python, and back: one table of options for all directions."""

from __future__ import annotations

import dataclasses
import shlex
from dataclasses import dataclass
from typing import Any

from tltk.errors import BadSpec
from tltk.spec import (
    AnySpec,
    CompareSpec,
    DataSpec,
    DescribeSpec,
    Knob,
    LookSpec,
    NetSpec,
    OptimSpec,
    Spec,
    TransferSpec,
    ViewSpec,
    knobs,
)


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


def options(kind: type[TransferSpec] | type[CompareSpec]) -> list[Option]:
    """All flags of `tltk run` or `tltk compare`."""
    found = _part("target", DataSpec, name="target", seed="data-seed")
    if kind is CompareSpec:
        found += _part("source", DataSpec, "source-", name="name")
        found = [dataclasses.replace(o, flag="source") if o.flag == "source-name" else o for o in found]
        found += _part("source_optim", OptimSpec, "source-", name="name")
    found += _part("net", NetSpec)
    found += _part("optim", OptimSpec)
    found += _part("views", ViewSpec)
    found += [Option(name.replace("_", "-"), (name,), rule) for name, rule in knobs(kind).items()]
    return found


def build(kind: type[TransferSpec] | type[CompareSpec], given: dict[str, Any]) -> TransferSpec | CompareSpec:
    """The spec that these flags ask for; absent ones keep their defaults.

    Args:
        kind: Which spec.
        given: Key of a flag → value, and `strategy`, `knob` (a list of NAME=VALUE), `lrs` (text).

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
    if kind is CompareSpec and body.get("source") is not None and "name" not in body["source"]:
        raise BadSpec("The options of the source need --source NAME, the domain to train the source network on.")
    body["strategy"] = {
        "name": given.get("strategy") or "fine_tune",
        "knobs": dict(_knob(text) for text in given.get("knob") or ()),
    }
    if kind is CompareSpec and given.get("lrs"):
        try:
            body["lrs"] = [float(part) for part in str(given["lrs"]).split(",")]
        except ValueError:
            raise BadSpec(f"--lrs must be numbers with commas, as in 0.0003,0.001. Got {given['lrs']!r}.") from None
    return kind.from_dict(body)


def validate(spec: AnySpec) -> None:
    """Refuse now the names that a worker would only find wrong later.

    Raises:
        UnknownName, BadSpec: No such strategy, knob or domain; nothing to transfer.
    """
    from tltk import data
    from tltk.compare import source_spec
    from tltk.strategies import make

    if isinstance(spec, TransferSpec | CompareSpec):
        make(spec.strategy)
        data.parse(spec.target.name)
    if isinstance(spec, CompareSpec):
        source_spec(spec)
        if spec.source is not None:
            data.parse(spec.source.name)


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
    if isinstance(spec, LookSpec):
        return f"tltk look {shlex.quote(spec.data.name)} --size {spec.data.size} --n {spec.data.n}"
    kind = type(spec)
    words = ["tltk", "compare" if kind is CompareSpec else "run"]
    for option in options(kind):
        owner: Any = spec
        for part in option.path[:-1]:
            owner = getattr(owner, part)
        if owner is None:
            continue
        value = getattr(owner, option.path[-1])
        if value != option.knob.default or option.flag in ("target", "source"):
            words += [f"--{option.flag}", f"{value!r}" if isinstance(value, float) else str(value)]
    if spec.strategy.name != "fine_tune":
        words += ["--strategy", spec.strategy.name]
    for name, value in spec.strategy.knobs.items():
        words += ["--knob", f"{name}={value}"]
    if isinstance(spec, CompareSpec):
        words += ["--lrs", ",".join(repr(lr) for lr in spec.lrs)]
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

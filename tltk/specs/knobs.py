"""How a spec is made: a frozen dataclass whose fields know their ranges and which goes to JSON and back.

A `knob` is a field with an inclusive range, choices and a sentence of help: validation, options of the
shell and widgets all come from that one line.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, TypeVar

from tltk.errors import BadSpec, UnknownName, abbreviate

S = TypeVar("S", bound="Spec")


@dataclass(frozen=True)
class Knob:
    """Range and meaning of one field; `choices` for names, `lo`…`hi` (inclusive) for numbers."""

    default: Any
    lo: float | None = None
    hi: float | None = None
    help: str = ""
    log: bool = False
    choices: tuple[str, ...] = ()


def knob(
    default: Any,
    lo: float | None = None,
    hi: float | None = None,
    *,
    help: str,
    log: bool = False,
    choices: tuple[str, ...] = (),
) -> Any:
    """A dataclass field with a default, an inclusive range and a sentence of help.

    Args:
        default: Its type decides whether the field is a number, a name or a switch.
        lo: Least value; None = any.
        hi: Greatest value; None = any.
        help: A sentence for the shell, the page and error messages.
        log: Whether a slider is logarithmic.
        choices: All names that are allowed; empty = any text.

    Example:
        >>> @dataclass(frozen=True)
        ... class Dial(Spec):
        ...     angle: float = knob(0.0, 0.0, 90.0, help="Rotation in degrees.")
        >>> Dial(angle=120.0)
        Traceback (most recent call last):
        tltk.errors.BadSpec: Dial.angle must be between 0.0 and 90.0. Got 120.0.
    """
    return field(default=default, metadata={"knob": Knob(default, lo, hi, help, log, choices)})


def knobs(spec: type | Spec) -> dict[str, Knob]:
    """The knobs of a spec class, in order of declaration."""
    found: dict[str, Knob] = dict(_knobs(spec if isinstance(spec, type) else type(spec)))
    return found


def list_field(default: tuple[Any, ...], *, help: str, choices: tuple[str, ...] = ()) -> Any:
    """A dataclass field that holds several values, of the type that its annotation names; a flag with commas.

    Args:
        default: Its values.
        help: What they are.
        choices: Of which they are; none = any.
    """
    return field(default=default, metadata={"several": help, "choices": choices})


def list_choices(kind: type[Any], name: str) -> tuple[str, ...]:
    """Of which a field with several values takes them; none = any.

    Args:
        kind: Class of the spec.
        name: Of the field.
    """
    found: tuple[str, ...] = kind.__dataclass_fields__[name].metadata["choices"]
    return found


def spec_type(hint: Any) -> type[Spec] | None:
    """The spec class of a field with this annotation, `DataSpec` or `DataSpec | None`; None for other fields."""
    if typing.get_origin(hint) is tuple:
        return None
    for one in (hint, *typing.get_args(hint)):
        if isinstance(one, type) and issubclass(one, Spec):
            return one
    return None


def type_hints(kind: Any) -> dict[str, Any]:
    """The annotations of a spec class, evaluated once: that takes half a millisecond."""
    found: dict[str, Any] = _evaluated(kind)
    return found


_evaluated: Any = cache(typing.get_type_hints)


def _knobs(kind: Any) -> tuple[tuple[str, Knob], ...]:
    """The knobs of a class, looked up once: lists read thousands of specs."""
    found: tuple[tuple[str, Knob], ...] = _knobs_of(kind)
    return found


_knobs_of: Any = cache(
    lambda kind: tuple((f.name, f.metadata["knob"]) for f in dataclasses.fields(kind) if "knob" in f.metadata)
)


_names: Any = cache(lambda kind: tuple(f.name for f in dataclasses.fields(kind)))  # of the fields of a class, in order


def _check(where: str, value: Any, rule: Knob) -> Any:
    """The value, with int widened to float where the default is a float; else a sentence."""
    wanted = type(rule.default)
    if wanted is float and type(value) in (int, float):
        value = _as_float(value)
    if type(value) is not wanted:
        raise BadSpec(f"{where} must be of type {wanted.__name__}. Got {abbreviate(value)}.")
    if rule.choices and value not in rule.choices:
        raise UnknownName.among(where, str(value), rule.choices)
    if wanted is float and not math.isfinite(value):
        raise BadSpec(f"{where} must be a finite number. Got {abbreviate(value)}.")
    if wanted in (int, float):
        lo = -math.inf if rule.lo is None else rule.lo
        hi = math.inf if rule.hi is None else rule.hi
        if not lo <= value <= hi:
            raise BadSpec(f"{where} must be between {rule.lo} and {rule.hi}. Got {abbreviate(value)}.")
    return value


def _as_float(value: float) -> float:
    """A float; one zero alone, since −0 equals 0 but is written otherwise; too large is infinite."""
    try:
        return float(value) + 0.0
    except OverflowError:
        return math.inf


class Spec:
    """A frozen dataclass whose knobs are checked on creation and which goes to JSON and back."""

    kind: ClassVar[str] = ""  # written into the JSON of specs that a worker can run
    verb: ClassVar[str] = ""  # of the shell, for specs with flags: `tltk VERB`
    about: ClassVar[str] = ""  # what the verb does, for its help
    words: ClassVar[tuple[str, ...]] = ()  # fields that the verb takes as words without a flag, in this order
    files: ClassVar[tuple[str, ...]] = ()  # kinds of file that the verb writes on request: png, csv
    kept: ClassVar[Mapping[str, tuple[str, ...]]] = {}  # a part → those of its knobs that count; absent = all
    # Seconds that an analysis may take, since others wait for its slot; the setting TLTK_QUESTION_SECONDS overrides it.
    time_limit_s: ClassVar[float] = 3600.0
    trains: ClassVar[bool] = False  # whether it trains networks; what does not is answered beside any training
    later: ClassVar[tuple[str, ...]] = ()  # fields that came after the first runs: at their default, not written
    of_texts: ClassVar[bool] = True  # whether it can be about texts and rows; what only pictures have cannot
    of_rows: ClassVar[bool] = True  # whether what is not about pictures alone can be about rows of tables
    instead: ClassVar[str] = "ask another question"  # what there is to do where it cannot, and why

    def __post_init__(self) -> None:
        for name, rule in _knobs(type(self)):
            given = getattr(self, name)
            if (value := _check(self.field_in_words(name), given, rule)) is not given:
                object.__setattr__(self, name, value)

    @classmethod
    def field_in_words(cls, name: str) -> str:
        """A field as sentences about it begin."""
        return f"{cls.__name__}.{name}"

    def check(self) -> None:
        """Refuse what cannot be meant, as far as names and numbers tell: before anything is queued, without the disk.

        Raises:
            UnknownName: A name on none of our lists.
            BadSpec: Values that do not go together.
        """

    def as_words(self) -> list[str]:
        """The words after `tltk` that ask for this spec, where flags alone cannot; else none."""
        return []

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, no spaces.

        Raises:
            BadSpec: A field holds what JSON cannot: infinity, NaN, an object.
        """
        body = _plain(self)
        if self.kind:
            body["kind"] = self.kind
        try:
            return json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)
        except (TypeError, ValueError) as fault:
            raise BadSpec(f"{type(self).__name__} must hold plain, finite values. It does not: {fault}.") from None

    @classmethod
    def from_json(cls: type[S], text: str | bytes) -> S:
        """The spec that this JSON describes.

        Raises:
            BadSpec: Not JSON, an unknown field, a wrong type, or a value out of range.
        """
        return cls.from_dict(read_body(text))

    @classmethod
    def from_dict(cls: type[S], body: Any) -> S:
        """The spec with these fields; absent ones keep their defaults.

        Raises:
            UnknownName: A field that this spec does not have.
            BadSpec: Another kind of spec, a field that is missing, of the wrong type or out of range.
        """
        if not isinstance(body, dict):
            raise BadSpec(f"{cls.__name__} must be an object of fields. Got {abbreviate(body)}.")
        body = dict(body)
        kind = body.pop("kind", cls.kind)
        if kind != cls.kind:
            raise BadSpec(f"This spec must be of kind {cls.kind!r}. Got {abbreviate(kind)}.")
        hints = type_hints(cls)
        known = _names(cls)
        for name in body:
            if name not in known:
                raise UnknownName.among(f"A field of {cls.__name__}", name, known)
        values = {name: read_value(hints[name], value, name) for name, value in body.items()}
        try:
            return cls(**values)
        except TypeError as fault:
            raise BadSpec(f"{cls.__name__} lacks a field: {fault}.") from None

    @property
    def group_id(self) -> str:
        """The run id with the seed left out: runs of one group differ by seed alone."""
        names = [f.name for f in dataclasses.fields(self) if f.name in ("seed", "first_seed")]  # type: ignore[arg-type]
        usual = {f.name: f.default for f in dataclasses.fields(self) if f.name in names}  # type: ignore[arg-type]
        return dataclasses.replace(self, **usual).run_id if names else self.run_id  # type: ignore[type-var]

    @property
    def run_id(self) -> str:
        """12 hex digits of the SHA-256 of the canonical JSON."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]


def _plain(value: Any) -> Any:
    """A spec as a dict of its fields, deep."""
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if not isinstance(value, Spec):
        return value
    held = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}  # type: ignore[arg-type]
    later = {f.name: _usual(f) for f in dataclasses.fields(value) if f.name in value.later}  # type: ignore[arg-type]
    return {name: _plain(v) for name, v in held.items() if name not in later or v != later[name]}


def _usual(f: dataclasses.Field[Any]) -> Any:
    """The default of a field."""
    return f.default if f.default_factory is dataclasses.MISSING else f.default_factory()


def read_body(text: str | bytes) -> Any:
    """The JSON of a spec.

    Raises:
        BadSpec: It is none, or is nested too deep.
    """
    try:
        return json.loads(text)
    except ValueError as fault:
        raise BadSpec(f"A spec must be JSON. It cannot be read: {fault}.") from None
    except RecursionError:
        raise BadSpec("A spec must be JSON, a few levels deep. It is nested too deep to be read.") from None


def read_value(hint: Any, value: Any, name: str) -> Any:
    """One JSON value as the type that the annotation names.

    Args:
        hint: The annotation: a plain type, a spec class, a tuple of one type, or one of these or None.
        value: As JSON was decoded.
        name: The field as error sentences name it.

    Raises:
        BadSpec: It is of another type.
    """
    if hint is type(value) and hint in (int, str, bool):
        return value
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        if value is None:
            return None
        return read_value(next(a for a in arguments if a is not type(None)), value, name)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise BadSpec(f"{name} must be a list. Got {abbreviate(value)}.")
        return tuple(read_value(arguments[0], item, name) for item in value)
    if isinstance(hint, type) and issubclass(hint, Spec):
        return hint.from_dict(value)
    if hint is float and type(value) in (int, float):
        return _as_float(value)
    plain = origin or hint
    if isinstance(plain, type) and (not isinstance(value, plain) or type(value) is bool is not plain):
        raise BadSpec(f"{name} must be of type {plain.__name__}. Got {abbreviate(value)}.")
    return value

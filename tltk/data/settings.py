"""Settings that stand behind a path in a domain's name: `csv:PATH?label=species&group=patient`, to values and back."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Mapping, Sequence

from tltk.data.domain import argument_path
from tltk.errors import BadSpec, DataProblem, UnknownName, abbreviate


def divide_settings(
    kind: str, argument: str, names: Sequence[str], empty: Collection[str] = ()
) -> tuple[str, dict[str, str]]:
    """Path and settings, as `parse_settings`; a path that exists as it stands has none.

    Args:
        kind: The domain, as its name begins.
        argument: What stands behind `kind:`.
        names: Settings that there are.
        empty: Those of them that may be empty: there is no such column.

    Raises:
        BadSpec: A setting without a value.
        UnknownName: A setting that there is not.
    """
    if "?" in argument:
        with contextlib.suppress(DataProblem):
            if argument_path(argument).exists():
                return argument, {}
    return parse_settings(kind, argument, names, empty)


def parse_settings(
    kind: str, argument: str, names: Sequence[str], empty: Collection[str] = ()
) -> tuple[str, dict[str, str]]:
    """Path and settings, without a look at the disk; `&` in a value is written %26, and % is %25.

    Args:
        kind: The domain, as its name begins.
        argument: What stands behind `kind:`.
        names: Settings that there are.
        empty: Those of them that may be empty.

    Raises:
        BadSpec: A setting without a value.
        UnknownName: A setting that there is not.

    Example:
        >>> parse_settings("csv", "a.csv?label=x&root=pictures", ("label", "root"))
        ('a.csv', {'label': 'x', 'root': 'pictures'})
    """
    path, _, text = argument.partition("?")
    settings: dict[str, str] = {}
    for part in filter(None, text.split("&")):
        name, equals, value = part.partition("=")
        if name not in names:
            raise UnknownName.among(f"A setting of {kind}", name, names)
        if not equals or (not value and name not in empty):
            raise BadSpec(
                f"A setting of {kind} must have a value, as in {kind}:PATH?{name}=COLUMN. Got {abbreviate(part)}."
            )
        settings[name] = re.sub("%(25|26)", lambda found: chr(int(found[1], 16)), value)
    return path, settings


def spell_settings(kind: str, path: str, settings: Mapping[str, str], names: Sequence[str]) -> str:
    """Path and settings in one spelling, the settings in the order of their names.

    Args:
        kind: The domain, as its name begins.
        path: As it was written.
        settings: Their values.
        names: Settings that there are.

    Raises:
        BadSpec: There is no path.
    """
    if not path.strip():
        raise BadSpec(f"The domain {kind} needs a path. Got none; write {kind}:PATH.")
    values = {name: settings[name].replace("%", "%25").replace("&", "%26") for name in names if name in settings}
    told = "&".join(f"{name}={value}" for name, value in values.items())
    return f"{path}?{told}" if told else path

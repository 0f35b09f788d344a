"""Image data sets of the Hugging Face hub: `hf:beans`, `hf:user/name?config=small&label=species`. Needs `tltk[hf]`.

They come from the cache of the library `datasets`, or from the hub where there is a network. No program that a data set
brings is run.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tltk.data.domain import Domain, Progress, subsample
from tltk.data.gathered import Gathered, gathering
from tltk.data.layout import part_of
from tltk.data.names import escape_name
from tltk.data.parts import FREE, TRAIN
from tltk.data.sources.csv import GROUPS, LABELS, MAX_COLUMNS
from tltk.data.sources.folder import read_layout
from tltk.data.tables import plain_word
from tltk.errors import BadSpec, DataProblem, UnknownName, abbreviate
from tltk.specs.parts import DataSpec

SETTINGS = ("config", "revision", "split", "image", "label", "group")
NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", re.ASCII)
PLAIN = ("string", "large_string", "bool", "int", "uint", "float")  # how the types of columns that are kept begin
BATCH = 256  # rows that are read at a time
FOUND = "cannot be loaded by the library datasets"


def load(spec: DataSpec, argument: str, progress: Progress | None = None) -> Domain:
    """A data set of the Hugging Face hub that has pictures and labels, from its cache or the network.

    Args:
        spec: `n` (0 = all), `size` in pixels and `seed`; parts and shots are not read here.
        argument: NAME on the hub, perhaps with ?config=…&label=COLUMN.
        progress: Called with (done, total) pictures.

    Raises:
        BadSpec: The extra is not installed.
        DataProblem: It is not to be had, or has no pictures, or several labels to a picture.
        UnknownName: A column or a split that it has not.
    """
    name, settings = divide(argument)
    what = f"hf:{escape_name(argument)}"
    library = _library()
    parts, notes = _parts(_open(library, name, settings, what), settings, what)
    first = next(iter(parts.values())).rows
    image, label = _columns(first.features, settings, what)
    classes = _classes([one.rows for one in parts.values()], label, what)
    columns = _kept_columns(first.features, image, label)
    with gathering() as found:
        chosen = _choose(parts, _named_rows(parts, label, classes), found, classes, spec, what)
        for split, rows in chosen.items():
            raw = parts[split].rows.cast_column(image, library.Image(decode=False))
            for start in range(0, len(rows), BATCH):
                some = rows[start : start + BATCH]
                for (i, name_of_class), row in zip(some, raw.select([i for i, _ in some]), strict=True):
                    content, more = row[image] or {}, {c: "" if row[c] is None else str(row[c]) for c in columns}
                    path = Path(content.get("path") or str(i))
                    if content.get("bytes") or path.is_file():
                        pixels = content.get("bytes") or path
                        found.add(pixels, f"{split}/{path.name}", name_of_class, parts[split].part, more)
                    else:
                        found.skipped.append((f"{split}/{path.name}", "it has no pixels"))
        group = settings.get("group", next(iter(_named(GROUPS, columns)), ""))
        layout = found.layout(what, classes, notes, group)
        whole = dataclasses.replace(spec, n=0)  # those that `n` asks for were chosen before
        licence = str(getattr(first.info, "license", "") or "") or "not stated (see the data set's card)"
        return read_layout(layout, whole, progress, source=f"huggingface.co/datasets/{name}", licence=licence)


@dataclass(frozen=True)
class _Split:
    """Rows of a split, and the part that it is."""

    rows: Any
    part: int


def _named_rows(parts: Mapping[str, _Split], label: str, classes: Sequence[str]) -> list[tuple[str, int, str]]:
    """Split, place and class of every row; "" = it has none."""
    return [(split, i, c) for split, one in parts.items() for i, c in enumerate(_labels(one.rows, label, classes))]


def _choose(
    parts: Mapping[str, _Split],
    rows: Sequence[tuple[str, int, str]],
    found: Gathered,
    classes: Sequence[str],
    spec: DataSpec,
    what: str,
) -> dict[str, list[tuple[int, str]]]:
    """Split → place and class of the rows that are read: those with a label, as many as are asked for."""
    good = [row for row in rows if row[2]]
    if unlabelled := len(rows) - len(good):
        found.skipped.append((f"{unlabelled:,} pictures", "they have no label"))
    numbers = {c: i for i, c in enumerate(classes)}
    labels = np.array([numbers[c] for _, _, c in good], np.int64)
    given = np.array([parts[split].part for split, _, _ in good], np.int8)
    chosen: dict[str, list[tuple[int, str]]] = {split: [] for split in parts}
    for at in subsample(labels, spec.n, spec.seed, what, given).tolist():
        split, i, c = good[at]
        chosen[split].append((i, c))
    return chosen


def check(argument: str) -> str:
    """The argument in one spelling.

    Raises:
        BadSpec: No name of a data set, or a setting without a value.
        UnknownName: A setting that there is not.
    """
    name, settings = divide(argument)
    told = "&".join(f"{key}={settings[key]}" for key in SETTINGS if key in settings)
    return f"{name}?{told}" if told else name


def survey(argument: str, group_by: str = "") -> None:
    """Refuse it where the library that reads it is not here; what is in it, only a worker sees.

    Args:
        argument: NAME on the hub, perhaps with settings.
        group_by: As `DataSpec.group_by`.

    Raises:
        BadSpec: The extra is not installed.
    """
    if "datasets" not in sys.modules and importlib.util.find_spec("datasets") is None:
        raise BadSpec("hf:NAME needs the library datasets. It is not installed; pip install 'tltk[hf]' does so.")


def source_version(argument: str) -> str:
    """The same for the same name and revision: a data set is taken as it first came."""
    return check(argument)


def divide(argument: str) -> tuple[str, dict[str, str]]:
    """Name and settings: `user/name?label=x` → ("user/name", {"label": "x"}).

    Raises:
        BadSpec: No name of a data set, or a setting without a value.
        UnknownName: A setting that there is not.
    """
    name, _, text = argument.strip().partition("?")
    if NAME.fullmatch(name) is None or ".." in name:
        raise BadSpec(
            f"hf:NAME must name a data set of the hub, as in hf:beans or hf:user/name. Got {abbreviate(name)}."
        )
    settings: dict[str, str] = {}
    for part in filter(None, text.split("&")):
        key, equals, value = part.partition("=")
        if key not in SETTINGS:
            raise UnknownName.among("A setting of hf", key, SETTINGS)
        if not equals or (not value and key != "group"):
            raise BadSpec(f"A setting of hf must have a value, as in hf:NAME?{key}=VALUE. Got {abbreviate(part)}.")
        settings[key] = value
    return name, settings


def _library() -> Any:
    survey("")
    return importlib.import_module("datasets")


def _open(library: Any, name: str, settings: Mapping[str, str], what: str) -> Mapping[str, Any]:
    """Split → its rows.

    Raises:
        DataProblem: The library cannot load it; a folder of that name would be read in its place.
    """
    if Path(name).exists():  # the library reads a folder that is called so before it asks the hub
        raise DataProblem(f"{what} must be a name on the hub. A file or folder here is called so; write folder:{name}.")
    try:
        found = library.load_dataset(name, settings.get("config"), revision=settings.get("revision"))
    except Exception as fault:  # network, cache, format: whatever the library raises
        reason = " ".join(str(fault).split())[:300] or type(fault).__name__
        raise DataProblem(f"{what} {FOUND}: {reason}. Check the name, its config, and the network.") from None
    return found if isinstance(found, Mapping) else {"train": found}


def _parts(found: Mapping[str, Any], settings: Mapping[str, str], what: str) -> tuple[dict[str, _Split], list[str]]:
    """Split → its rows and its part; and sentences on what is left out.

    Raises:
        UnknownName: A split that there is not.
        DataProblem: None of several is called train.
    """
    if (one := settings.get("split")) is not None:
        if one not in found:
            raise UnknownName.among(f"A split of {what}", one, tuple(found))
        return {one: _Split(found[one], FREE)}, []
    if len(found) == 1:
        return {name: _Split(rows, FREE) for name, rows in found.items()}, []
    known = {name: _Split(rows, part) for name, rows in found.items() if (part := part_of(name)) is not None}
    if TRAIN not in {one.part for one in known.values()}:
        raise DataProblem(
            f"{what} must have a split to train on. It has {abbreviate(', '.join(found))}; name one that is divided "
            f"here: ?split=NAME."
        )
    left = [name for name in found if name not in known]
    return known, [f"Splits of {what} that are no part were left out: {abbreviate(', '.join(left))}."] if left else []


def _kind(feature: Any) -> str:
    return type(feature).__name__


def _columns(features: Mapping[str, Any], settings: Mapping[str, str], what: str) -> tuple[str, str]:
    """The column of the pictures and that of the labels, by their types, then by their names.

    Raises:
        UnknownName: A column was named that there is not.
        DataProblem: They cannot be told, or a picture has several labels.
    """
    for role in ("image", "label", "group"):
        if settings.get(role) and settings[role] not in features:
            raise UnknownName.among(f"A column of {what}", settings[role], tuple(features))
    images = [name for name, feature in features.items() if _kind(feature) == "Image"]
    image = settings.get("image") or (images[0] if len(images) == 1 else "")
    if image not in images:
        raise DataProblem(
            f"{what} must have one column of pictures. It has {_told(features)}; name it: ?image=COLUMN, or take "
            f"another data set."
        )
    label = settings.get("label", "")
    if not label:
        labels = [name for name, feature in features.items() if _kind(feature) == "ClassLabel"]
        named = _named(LABELS, labels or list(features))
        label = labels[0] if len(labels) == 1 else next(iter(named), "")
    if not label:
        raise DataProblem(f"{what} must have a column of labels. It has {_told(features)}; name it: ?label=COLUMN.")
    if _kind(features[label]) not in ("ClassLabel", "Value"):
        raise DataProblem(
            f"One picture has one class here. The column {escape_name(label)} of {what} has several labels to a "
            f"picture ({_kind(features[label])}); name another: ?label=COLUMN."
        )
    return image, label


def _told(features: Mapping[str, Any]) -> str:
    return abbreviate(", ".join(f"{name} ({_kind(feature)})" for name, feature in features.items()))


def _named(words: Sequence[str], names: Sequence[str]) -> list[str]:
    return [name for word in words for name in names if plain_word(name) == word]


def _classes(parts: Sequence[Any], label: str, what: str) -> list[str]:
    """Names of the classes in their order."""
    names = getattr(parts[0].features[label], "names", None)
    if names:
        return [str(name) for name in names]
    values = {value for rows in parts for value in rows[label] if value is not None}
    if any(isinstance(value, float) for value in values):
        raise DataProblem(
            f"Labels of {what} must be classes. The column {escape_name(label)} holds numbers; name another."
        )
    return [
        str(value) for value in (sorted(values) if len({type(v) for v in values}) == 1 else sorted(map(str, values)))
    ]


def _labels(rows: Any, label: str, classes: Sequence[str]) -> list[str]:
    """The name of the class of each row; "" = none, as test parts of competitions have it."""
    is_number = bool(getattr(rows.features[label], "names", None))

    def name(value: Any) -> str:
        if value is None:
            return ""
        return (classes[value] if 0 <= value < len(classes) else "") if is_number else str(value)

    return [name(value) for value in rows[label]]


def _kept_columns(features: Mapping[str, Any], image: str, label: str) -> list[str]:
    """Columns of texts and numbers, which may say what belongs together."""
    plain = [n for n, f in features.items() if _kind(f) == "Value" and str(getattr(f, "dtype", "")).startswith(PLAIN)]
    return [name for name in plain if name not in (image, label)][:MAX_COLUMNS]

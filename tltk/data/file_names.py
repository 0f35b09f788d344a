"""Which file each picture of a domain was read from. Not a domain; no torch here."""

from __future__ import annotations

import dataclasses
import importlib

import numpy as np

from tltk import data
from tltk.data.domain import Domain, subsample
from tltk.data.layout import Layout
from tltk.errors import TltkError
from tltk.specs.parts import DataSpec


def picture_names(spec: DataSpec, domain: Domain) -> list[str]:
    """A name of each picture: its file below the domain's folder or inside its archive, else its place in the domain.

    Args:
        spec: Of the domain.
        domain: As it was loaded from the spec.

    Returns:
        Names in the order of the pictures; `digits[17]` where no file can be named.
    """
    return _files(spec, domain) or [f"{domain.name}[{i}]" for i in range(len(domain.labels))]


def _files(spec: DataSpec, domain: Domain) -> list[str]:
    """The files in the order of the pictures; none where they are not known for certain."""
    name, _ = data.split(spec.name)
    kind, _, argument = name.partition(":")
    if kind == "grey":
        return _files(dataclasses.replace(spec, name=argument), domain)
    if kind == "subset":
        return _files(dataclasses.replace(spec, name=argument.partition("@")[2]), domain)
    try:
        survey = getattr(importlib.import_module(data.domains[kind].__module__), "survey", None)
        found: Layout | None = None if survey is None else survey(argument)
    except TltkError:  # none of ours, or moved away since
        found = None
    if found is None:
        return []
    numbers = {label: i for i, label in enumerate(found.classes)}
    labels = np.array([numbers[one.label] for one in found.pictures], np.int64)
    given = np.array([one.part for one in found.pictures], np.int8)
    try:
        kept = subsample(labels, spec.n, spec.seed, spec.name, given)
    except TltkError:
        return []
    skipped, own = {file for file, _ in domain.skipped}, set(domain.classes)
    chosen = [found.pictures[i] for i in kept]
    chosen = [one for one in chosen if one.name not in skipped and one.label in own]
    same = [one.label for one in chosen] == [domain.classes[c] for c in domain.labels]
    return [one.name for one in chosen] if same else []

"""Which file each picture of a domain was read from. Not a domain; no torch here."""

from __future__ import annotations

from tltk.data.domain import Domain
from tltk.data.texts import KIND as TEXT
from tltk.data.texts import sentence
from tltk.specs.parts import DataSpec


def picture_names(spec: DataSpec, domain: Domain) -> list[str]:
    """A name of each picture: its file below the domain's folder or inside its archive, else its place in the domain.

    Args:
        spec: Of the domain.
        domain: As it was loaded from the spec.

    Returns:
        Names in the order of the pictures, as they were read; `digits[17]` where there are no files. Of a text, its
        beginning follows.
    """
    names = list(domain.files.names) or [f"{spec.name}[{i}]" for i in range(len(domain.labels))]
    if domain.kind != TEXT:
        return names
    return [f"{name}: {sentence(domain, i)}" for i, name in enumerate(names)]

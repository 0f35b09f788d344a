"""Which file each picture of a domain was read from. Not a domain; no torch here."""

from __future__ import annotations

from tltk.data.domain import Domain
from tltk.data.texts import MAX_SHOWN_CHARS
from tltk.specs.parts import DataSpec


def picture_names(spec: DataSpec, domain: Domain) -> list[str]:
    """A name of each picture: its file below the domain's folder or inside its archive, else its place in the domain.

    Args:
        spec: Of the domain.
        domain: As it was loaded from the spec.

    Returns:
        Names in the order of the pictures, as they were read; `digits[17]` where there are no files. Of a text or a
        row, its beginning follows.
    """
    names = list(domain.files.names) or [f"{spec.name}[{i}]" for i in range(len(domain.labels))]
    said = [domain.modality.sentence(domain, i, MAX_SHOWN_CHARS) for i in range(len(names))]
    return [f"{name}: {one}" if one else name for name, one in zip(names, said, strict=True)]

"""Features moved before the classifier, so that two domains come to lie alike: one file each.

`tltk/alignments/coral.py` holds `Coral(Alignment)`: labelled features of the source and unlabelled ones of the target
in, moved ones out. No torch at import.
"""

from __future__ import annotations

from tltk.alignments.alignment import Aligned, Alignment
from tltk.registry import Registry
from tltk.specs.spelling import camel_case

alignments: Registry[type[Alignment]] = Registry("alignment", "tltk.alignments", camel_case, skip=("alignment",))

__all__ = ["Aligned", "Alignment", "alignments"]

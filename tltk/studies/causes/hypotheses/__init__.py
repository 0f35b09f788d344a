"""Why transfer may hurt: one cause a file.

`tltk/studies/causes/hypotheses/label_sets.py` holds `LabelSets`: what speaks for it, and the experiment that settles
it. No torch at import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tltk.registry import Registry
from tltk.specs.spelling import camel_case

if TYPE_CHECKING:
    from tltk.studies.causes.hypotheses.cause import Cause

causes: Registry[type[Cause]] = Registry(
    "cause", "tltk.studies.causes.hypotheses", camel_case, skip=("cause",), group="tltk.causes"
)

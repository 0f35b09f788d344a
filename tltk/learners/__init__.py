"""Classical learners on frozen features: one file each, its name is the learner's. No torch at import.

`tltk/learners/ridge.py` holds `Ridge(Learner)`: which hyper-parameters are worth trying, and scikit-learn's estimator
with given ones. `search` chooses among them by cross-validation and fits; `tradaboost` boosts one on two domains.
"""

from __future__ import annotations

from tltk.learners.learner import Learner
from tltk.registry import Registry
from tltk.specs.spelling import camel_case

learners: Registry[type[Learner]] = Registry(
    "learner", "tltk.learners", camel_case, skip=("learner", "search", "tradaboost")
)

__all__ = ["Learner", "learners"]

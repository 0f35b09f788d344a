"""The batteries that every entry of a registry has to pass, and the pytest plugin that runs them.

A package that adds entries to any of the registries below, by entry points, runs them on its own. Its
`pyproject.toml` says whose they are, and a test file imports them:

    [tool.pytest.ini_options]
    tltk_entries = "my-package"

    from tltk.testing.batteries import *

Without `tltk_entries` they run on tltk's own. This module is the plugin; it is read whenever pytest starts in an
environment with tltk, so it imports next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tltk.registry import Registry

pytest.register_assert_rewrite("tltk.testing.batteries")

# Argument of a test → the module and the name of the registry whose entries it is run on.
ENTRIES = {
    "tltk_strategy": ("tltk.strategies", "strategies"),
    "tltk_adapter": ("tltk.adapters", "adapters"),
    "tltk_term": ("tltk.terms", "terms"),
    "tltk_domain": ("tltk.data", "domains"),
    "tltk_measure": ("tltk.shift", "measures"),
    "tltk_score": ("tltk.transferability", "scores"),
    "tltk_criterion": ("tltk.selection", "criteria"),
    "tltk_learner": ("tltk.learners", "learners"),
    "tltk_alignment": ("tltk.alignments", "alignments"),
    "tltk_reweighting": ("tltk.reweightings", "reweightings"),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Whose entries are tested."""
    parser.addini("tltk_entries", "the installed distribution whose entries tltk's batteries test; default: tltk's own")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for an entry runs once for each."""
    import importlib

    for argument in set(metafunc.fixturenames) & set(ENTRIES):
        module, name = ENTRIES[argument]
        registry: Registry[object] = getattr(importlib.import_module(module), name)
        metafunc.parametrize(argument, registry.names_of(str(metafunc.config.getini("tltk_entries"))))

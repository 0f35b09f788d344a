"""tltk's batteries, on the entries that this package adds: see `tltk_entries` in pyproject.toml."""

from tltk.testing.batteries import *  # noqa: F403

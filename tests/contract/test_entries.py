"""The batteries on tltk's own entries: what `tltk.testing` asks of everybody's."""

from tltk.testing.batteries import *  # noqa: F403

"""The page about domains, with its answers known."""

from __future__ import annotations

from PIL import Image

from tests.support.pages import _no_workers as _no_workers
from tests.support.pages import answered
from tests.support.results import inspected as seen
from tltk.analyses.inspect.result import InspectResult
from tltk.analyses.inspect.spec import InspectSpec
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec
from tltk.specs.reading import with_absolute_paths


def known(spec: DataSpec, found: InspectResult | None = None) -> None:
    """A domain that has been looked at, with its sheet."""
    found = found or seen()
    answered(with_absolute_paths(InspectSpec(spec)), found)
    rows = -(-found.shown // 32)
    Image.new("RGB", (32 * 40, rows * 40), "red").save(
        Run.at(with_absolute_paths(InspectSpec(spec)).run_id).path / "pictures.png"
    )

"""Whether there is a run to export and a place to write it to: asked before anything is queued. No torch."""

from __future__ import annotations

from pathlib import Path

from tltk.analyses.export.spec import IN_FOLDER, ExportSpec
from tltk.errors import BadSpec
from tltk.runs.run import Run
from tltk.specs.training import TransferSpec


def check_place(spec: ExportSpec) -> None:
    """Refuse a run of another kind, and a place that is taken or lies in no folder.

    Raises:
        UnknownName: No such run.
        BadSpec: It is so.
    """
    run, place = Run.open(spec.run), Path(spec.file)
    if spec.to != "zip" and not isinstance(run.spec, TransferSpec):
        raise BadSpec(
            f"What is exported must be a training, or with --to zip any run. Run {run.id} is of kind "
            f"{run.spec.kind!r}; `tltk runs show {run.id} --json` names its trainings as children."
        )
    if not place.parent.is_dir():
        raise BadSpec(f"FILE must lie in a folder that is there. There is no {place.parent}; make it first.")
    if spec.to in IN_FOLDER and (place.is_file() or (place.is_dir() and any(place.iterdir()))):
        raise BadSpec(f"A {spec.to} is written to a folder that is new or empty. {place} is neither; name another.")
    if spec.to not in IN_FOLDER and place.is_dir():
        raise BadSpec(f"{spec.to} is written to a file. {place} is a folder; name a file in it.")

"""A run as a zip: what was asked and found, and on request its weights as other programs load them. No torch here."""

from __future__ import annotations

import io
import zipfile
from typing import BinaryIO

from tltk.runs.run import KEPT, Run
from tltk.weights import weightfile


def export_bytes(run: Run, weights: bool = False) -> bytes:
    """The zip that `export` writes."""
    buffer = io.BytesIO()
    export(run, buffer, weights)
    return buffer.getvalue()


def export(run: Run, file: BinaryIO, weights: bool = False) -> list[str]:
    """Write a zip of a run and of the runs it started: specs, rows, results and logs.

    Args:
        run: Which.
        file: Where to.
        weights: Whether to put their weights in, under timm's names and with the classes in the header, so that
            `timm.create_model(BACKBONE, num_classes=N, checkpoint_path=FILE)` loads them as they are.

    Returns:
        The names of the weight files in the zip.
    """
    found: list[str] = []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder in dict.fromkeys((run.path, *(run.path.parent / c.id for c in run.children()))):
            for name in KEPT:
                if (folder / name).is_file():
                    archive.write(folder / name, f"{folder.name}/{name}")
            if weights and (folder / "model.safetensors").is_file():
                for name, data in weightfile.export_files((folder / "model.safetensors").read_bytes()).items():
                    archive.writestr(f"{folder.name}/{name}", data, zipfile.ZIP_STORED)
                    found.append(f"{folder.name}/{name}")
    return found

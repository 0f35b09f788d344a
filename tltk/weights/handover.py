"""A run that goes to another machine: packed without what is private, checked before it is taken in. No torch.

The zip holds a folder for the run and for each training that it started, and `export.json` with the checksum of every
file. Paths are cut to their last part wherever they are told; the id stays, though the spec may no longer give it.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from tltk import __version__, home
from tltk.data.sources.archive import BLOCK_BYTES, FREE_BYTES, MAX_BYTES, MAX_RATIO
from tltk.errors import DataProblem, RunProblem, TltkError, machine_errors
from tltk.runs import label as labels
from tltk.runs.private import cut_paths, folders_named, without_paths
from tltk.runs.run import MODEL, Run, Status, is_id, walk
from tltk.specs.encoders import READER, read_reader
from tltk.weights import weightfile
from tltk.weights.weightfile import sanitise

MANIFEST, FORMAT = "export.json", 1
TOLD = ("spec.json", "status.json", labels.FILE, "result.json")  # JSON in which paths may stand
PLAIN = ("rows.jsonl", "children.jsonl", READER)
MOST_RUNS, MAX_MANIFEST_BYTES = 10_000, 2**24
BEGINS = b"PK\x03\x04"  # a zip that holds a file


class Manifest(msgspec.Struct, frozen=True):
    """What `export.json` says.

    Attributes:
        format: Number of this form of zip.
        run: Id of the run that was exported.
        version: Of the tltk that wrote it.
        files: Name in the zip → its SHA-256.
        cut: Ids whose specs had paths, so that they no longer give the id.
    """

    format: int
    run: str
    version: str
    files: dict[str, str]
    cut: list[str] = []


class Imported(msgspec.Struct, frozen=True):
    """What became of a zip.

    Attributes:
        id: The run that was exported.
        imported: Ids of the runs that are new here, it and those that it started.
        present: Ids of those that were here already; they were left as they are.
        weights: Ids of those new ones that have weights, for `--weights run:ID`.
        path: The run's folder.
    """

    id: str
    imported: list[str]
    present: list[str]
    weights: list[str]
    path: str


def pack(run: Run, file: IO[bytes]) -> list[str]:
    """Write a zip of a finished run and of the finished runs that it started, with their weights.

    Logs, contact sheets, checkpoints, snapshots, and the names of machine and process are left out.

    Args:
        run: Which.
        file: Where to.

    Returns:
        The names in the zip.

    Raises:
        RunProblem: It is not done, or its folder cannot be read.
    """
    if run.status.state != "done":
        raise RunProblem(f"Run {run.id} must be done to be handed over. It is {run.status.state}.")
    sums: dict[str, str] = {}
    cut: list[str] = []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:

        def add(name: str, data: bytes, how: int = zipfile.ZIP_DEFLATED) -> None:
            archive.writestr(name, data, how)
            sums[name] = hashlib.sha256(data).hexdigest()

        for one in {one.id: one for one in walk(run)}.values():
            if one.status.state != "done":
                continue
            asked = json.loads(one.spec.to_json())
            folders = folders_named(asked)
            if without_paths(asked, folders) != asked:
                cut.append(one.id)
            for name in TOLD:
                body = _read_told(one, name)
                if body is not None:
                    text = json.dumps(without_paths(body, folders), ensure_ascii=False, separators=(",", ":"))
                    add(f"{one.id}/{name}", text.encode())
            for name in (*PLAIN, MODEL):
                if (one.path / name).is_file():
                    how = zipfile.ZIP_STORED if name == MODEL else zipfile.ZIP_DEFLATED
                    data = (one.path / name).read_bytes()
                    if name == MODEL:  # whose header may name a file of word vectors, as the spec does
                        data = weightfile.change_told(data, lambda word, folders=folders: cut_paths(word, folders))  # type: ignore[misc]
                    add(f"{one.id}/{name}", data, how)
        archive.writestr(MANIFEST, msgspec.json.encode(Manifest(FORMAT, run.id, __version__, sums, cut)))
    return [*sums, MANIFEST]


def pack_bytes(run: Run) -> bytes:
    """The zip that `pack` writes."""
    buffer = io.BytesIO()
    pack(run, buffer)
    return buffer.getvalue()


def weigh(run: Run) -> int:
    """Bytes of the weights that `pack` writes; what else is in the zip is small beside them."""
    models = [one.path / MODEL for one in {one.id: one for one in walk(run)}.values()]
    return sum(file.stat().st_size for file in models if file.is_file())


def _read_told(run: Run, name: str) -> Any:
    """The JSON of a file of a run; of its status what is no matter of one machine."""
    if name == "spec.json":
        return json.loads(run.spec.to_json())
    if name == "status.json":
        kept = run.written_status()
        return msgspec.to_builtins(
            Status("done", epoch=kept.epoch, epochs=kept.epochs, seconds=kept.seconds, device=kept.device)
        ) | {"threads": kept.threads, "updated": kept.updated, "note": kept.note}
    return home.read_json(run.path / name) if (run.path / name).is_file() else None


def import_zip(file: Path) -> Imported:
    """Take in the runs of a zip that `tltk export RUN --to zip` wrote; those that are here already stay as they are.

    Args:
        file: The zip.

    Raises:
        DataProblem: It is no such zip, damaged, too large unpacked, or holds what no run holds: links, names that lead
            elsewhere, pickles.
    """
    file = home.expand_path(str(file), "A zip")
    if not file.is_file():
        raise DataProblem(f"A run is imported from a zip file. There is none at {file}; check the path.")
    folder = home.folder("runs")
    with machine_errors(folder), tempfile.TemporaryDirectory(dir=folder, prefix=".import.", suffix=".tmp") as scratch:
        root = Path(scratch)
        try:
            manifest = _unpack(file, root)
        except TltkError:
            raise
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as fault:
            raise _no_export(file, fault) from None
        found = sorted({name.partition("/")[0] for name in manifest.files})
        for run_id in found:
            _check_run(file, Run(root / run_id), run_id in manifest.cut)
        present = [run_id for run_id in found if (folder / run_id).exists()]
        fresh = [run_id for run_id in found if run_id not in present]
        for run_id in fresh:
            (root / run_id).rename(folder / run_id)
    with_weights = [run_id for run_id in fresh if (folder / run_id / MODEL).is_file()]
    return Imported(manifest.run, fresh, present, with_weights, str(folder / manifest.run))


def _unpack(file: Path, root: Path) -> Manifest:
    """Write the files that the manifest names, each checked, below an empty folder."""
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        _check_entries(file, entries)
        manifest = _read_manifest(file, archive, {entry.filename for entry in entries})
        for name, checksum in manifest.files.items():
            target, digest, left = root / name, hashlib.sha256(), archive.getinfo(name).file_size
            target.parent.mkdir(exist_ok=True)
            with archive.open(name) as content, target.open("xb") as out:
                for block in _blocks(content):
                    left -= len(block)
                    if left < 0:
                        raise _damaged(file, f"{name} is larger than it says")
                    digest.update(block)
                    out.write(block)
            if digest.hexdigest() != checksum:
                raise _damaged(file, f"{name} is not what was exported")
    return manifest


def _blocks(content: IO[bytes]) -> Iterator[bytes]:
    while block := content.read(BLOCK_BYTES):
        yield block


def _check_entries(file: Path, entries: list[zipfile.ZipInfo]) -> None:
    """Refuse links, names that no run's folder has, names that come twice, and what unpacks to too much."""
    allowed = "|".join(re.escape(name) for name in (*TOLD, *PLAIN, MODEL))
    names: set[str] = set()
    for entry in entries:
        kind = stat.S_IFMT(entry.external_attr >> 16)
        shown = sanitise(entry.filename, 120)
        if kind not in (0, stat.S_IFREG):
            raise DataProblem(f"An exported run holds plain files alone. {file.name} has {shown!r}, which is none.")
        inside = re.fullmatch(rf"([0-9a-f]{{6,64}})/({allowed})", entry.filename)
        if entry.filename != MANIFEST and inside is None:
            raise DataProblem(
                f"An exported run holds the files of runs alone, as `tltk export RUN --to zip` writes them. "
                f"{file.name} has {shown!r}; export the run so."
            )
        if entry.filename in names:
            raise _damaged(file, f"{shown} comes twice in it")
        names.add(entry.filename)
    if len(entries) > MOST_RUNS * (len(TOLD) + len(PLAIN) + 1):
        raise DataProblem(f"An exported run holds at most {MOST_RUNS:,} runs. {file.name} has {len(entries):,} files.")
    total = sum(entry.file_size for entry in entries)
    limit = min(MAX_BYTES, max(FREE_BYTES, MAX_RATIO * file.stat().st_size))
    if total > limit:
        raise DataProblem(
            f"{file.name} may unpack to at most {limit / 1e6:,.0f} MB. It says {total / 1e6:,.0f} MB; do not trust it."
        )


def _read_manifest(file: Path, archive: zipfile.ZipFile, names: set[str]) -> Manifest:
    if MANIFEST not in names:
        raise DataProblem(
            f"An exported run has {MANIFEST} in it, as `tltk export RUN --to zip` writes it. {file.name} has none; "
            f"export the run so."
        )
    if archive.getinfo(MANIFEST).file_size > MAX_MANIFEST_BYTES:
        raise _damaged(file, f"{MANIFEST} is too large")
    manifest: Manifest = home.decode_json(archive.read(MANIFEST), Manifest)
    if manifest.format != FORMAT:
        raise DataProblem(
            f"{file.name} must be of format {FORMAT} to be read here. It is of format {manifest.format}, of tltk "
            f"{sanitise(manifest.version, 40)}; install that version."
        )
    if set(manifest.files) != names - {MANIFEST} or not is_id(manifest.run):
        raise _damaged(file, "its files are not those that it lists")
    if f"{manifest.run}/spec.json" not in manifest.files:
        raise _damaged(file, f"run {manifest.run} is not in it")
    return manifest


def _check_run(file: Path, run: Run, is_cut: bool) -> None:
    """Refuse a run whose files cannot be read as what they are."""
    try:
        spec = run.spec
    except RunProblem as fault:
        raise DataProblem(f"{file.name} holds run {run.id}, which cannot be read here: {fault}") from None
    if spec.run_id != run.id and not is_cut:
        raise _damaged(file, f"the spec of run {run.id} is of another run")
    for name in ("status.json", "result.json"):
        if not (run.path / name).is_file():
            raise _damaged(file, f"run {run.id} has no {name}")
    rows = run.path / "rows.jsonl"
    if run.result() is None or run.status.state != "done" or (rows.is_file() and not run.has_rows(rows.stat().st_size)):
        raise _damaged(file, f"result, status or rows of run {run.id} cannot be read")
    model = run.path / MODEL
    if model.is_file():
        if weightfile.sniff_format(model) != weightfile.SAFETENSORS:
            raise DataProblem(
                f"Weights of an exported run must be safetensors. Those of run {run.id} in {file.name} are a pickle, "
                f"which could run code; do not trust it."
            )
        weightfile.read_header(model)
    read_reader(run.path)


def _no_export(file: Path, fault: Exception) -> DataProblem:
    """What is wrong with a file that Python's reader of zips gave up on, in our words."""
    with file.open("rb") as content:
        begins = content.read(len(BEGINS))
    if begins != BEGINS:
        return DataProblem(
            f"A run is imported from a zip that `tltk export RUN --to zip` wrote. {sanitise(file.name, 120)} is no zip "
            f"file; export the run so, and copy the file as it is."
        )
    if not zipfile.is_zipfile(file):
        return _damaged(file, "its end is missing")
    if isinstance(fault, NotImplementedError | RuntimeError):
        return _damaged(file, "it is encrypted, or packed as no export is")
    return _damaged(file, "what is in it cannot be unpacked")


def _damaged(file: Path, why: str) -> DataProblem:
    return DataProblem(
        f"{sanitise(file.name, 120)} must be a whole zip of `tltk export RUN --to zip`. It is damaged: {why}. Copy or "
        f"export it again."
    )

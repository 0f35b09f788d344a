"""What a training made, as files to take along: written by a worker, which runs and compares them, then downloaded."""

from __future__ import annotations

import io
import zipfile
from functools import partial
from pathlib import Path

import streamlit as st

from tltk import home
from tltk.analyses.export.result import ExportResult
from tltk.analyses.export.spec import FORMS, IN_FOLDER, ExportSpec, about
from tltk.analyses.export.table import lines
from tltk.dashboard import permitted, plan
from tltk.dashboard.network import of_another_version, wait
from tltk.dashboard.words import plain
from tltk.errors import RunProblem, TltkError
from tltk.jobs import executor
from tltk.runs.run import ACTIVE, Run
from tltk.specs.nouns import PICTURES, noun_of
from tltk.specs.training import TransferSpec

ENDINGS = {"safetensors": ".safetensors", "onnx": ".onnx", "torchscript": ".pt", "card": ".md", "zip": ".zip"}
MOST_BYTES = 2**30  # in a download, which the server holds in memory
FORM = "use:form"


def show(run: Run) -> None:
    """The section: which form, the button, then the file."""
    noun = noun_of(run.spec.net.backbone) if isinstance(run.spec, TransferSpec) else PICTURES
    form = st.radio("Form", FORMS, captions=list(about(noun).values()), horizontal=False, **plan.hold(FORM, FORMS[0]))
    name = offer(run, form)
    with st.expander("As a shell command"):
        st.code(f"tltk export {run.id} --to {form} {name}", language="bash")
        st.caption(f"Or behind an HTTP address of this machine, for programs that bring {noun}:")
        st.code(f"tltk serve {run.id}", language="bash")


def offer(run: Run, form: str) -> str:
    """The button that writes a training in this form; then the file. Its name."""
    name = f"tltk-{run.id}{ENDINGS.get(form, '')}"
    file = home.folder("exports") / run.id / form / name
    spec = ExportSpec(run.id, form, str(file))
    try:
        _show_answer(Run.at(spec.run_id), spec, file)
    except TltkError as fault:
        st.error(plain(fault))
    return name


def _show_answer(asked: Run, spec: ExportSpec, file: Path) -> None:
    """A button to write it; once it is written, what it is and a button to download it."""
    if asked.path.exists() and executor().state(asked.id) in ACTIVE:
        wait(asked.id, "Writing the files, running them, and comparing their answers with the network's.")
        return
    found = None
    try:
        found = asked.read(ExportResult) if file.exists() else None
    except RunProblem as fault:
        of_another_version(spec, fault, f"use:export:{asked.id}")
    if found is None and asked.path.exists() and asked.status.state == "failed":
        st.error(plain(asked.status.message))
    if st.button(
        "Write it anew" if found else "Write it",
        type="secondary" if found else "primary",
        icon=":material/inventory_2:",
        key=f"use:write:{spec.to}",
    ):
        home.remove(file)
        file.parent.mkdir(parents=True, exist_ok=True)
        permitted.submit(spec, again=True)
        st.rerun()
    if found is not None:
        _download(found, file)


def _download(found: ExportResult, file: Path) -> None:
    """What was written and how it was checked, and the file itself; a folder comes as a zip."""
    for sentence in lines(found):
        st.markdown(plain(sentence.replace(str(file), file.name)))
    if found.bytes > MOST_BYTES:
        st.caption(f"It is too large for a download. On the machine that runs the dashboard it lies at {plain(file)}.")
        return
    is_folder = found.to in IN_FOLDER
    st.download_button(
        "Download",
        partial(as_zip if is_folder else Path.read_bytes, file),
        f"{file.name}-{found.to}.zip" if is_folder else file.name,
        key=f"use:download:{found.to}",
        on_click="ignore",
        icon=":material/download:",
        type="primary",
    )


def as_zip(folder: Path) -> bytes:
    """A folder as a zip of itself."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, f"{folder.name}/{file.name}")
    return buffer.getvalue()

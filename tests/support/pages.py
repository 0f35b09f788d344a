"""Pages opened without a browser."""

from __future__ import annotations

import functools
import json
import os
import re
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from tests.support.results import (
    caused,
    compared,
    cross_validated,
    described,
    inspected,
    labelled,
    mapped,
    planed,
    raced,
    swept,
    trained,
    tuned,
)
from tltk import home
from tltk.analyses.describe.spec import DescribeSpec
from tltk.analyses.inspect.spec import InspectSpec
from tltk.results.rows import Row
from tltk.results.training import FeatureProbe, SelfTaught
from tltk.runs.run import Child, Run
from tltk.specs.knobs import Spec
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec, TermSpec
from tltk.specs.training import TransferSpec
from tltk.studies.atlas.spec import AtlasSpec
from tltk.studies.causes.spec import CausesSpec
from tltk.studies.compare.spec import CompareSpec
from tltk.studies.cross_validate.spec import CrossValidateSpec
from tltk.studies.labels.spec import LabelsSpec
from tltk.studies.plane.spec import PlaneSpec
from tltk.studies.race.spec import RaceSpec
from tltk.studies.sweep.spec import SweepSpec
from tltk.studies.tune.spec import TuneSpec

ROOT = Path(__file__).parents[2]
# Each page that is opened looks through all installed packages for components; in one process they stay the same.
manifest_scanner.scan_component_manifests = functools.cache(manifest_scanner.scan_component_manifests)

ROUTER = str(ROOT / "tltk" / "dashboard" / "router.py")


@pytest.fixture(autouse=True)
def _no_workers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Pages may queue, but nothing is started: what a worker would answer is written by the test. Nothing is shipped."""
    monkeypatch.setattr("tltk.weights.store.shipped_shelf", lambda: tmp_path / "shipped")
    monkeypatch.setenv("TLTK_EXECUTOR", "tests.support.executors:Idle")
    monkeypatch.setenv("TLTK_ROOTS", os.sep)


def open_page(name: str, **query: str) -> AppTest:
    app = AppTest.from_file(ROUTER, default_timeout=60)
    for key, value in query.items():
        app.query_params[key] = value
    app.run()
    return app if name == "workbench" else app.switch_page(str(ROOT / "pages" / f"{name}.py")).run()


def texts(app: AppTest) -> str:
    """What a reader sees: without the backslashes before marks and the signs without width."""
    return re.sub(r"\\([^a-zA-Z0-9\s])", r"\1", markdown(app)).replace("\u2060", "")


def markdown(app: AppTest) -> str:
    """What Streamlit is given."""
    kinds = (app.title, app.markdown, app.caption, app.info, app.warning, app.error, app.success, app.subheader)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def is_clean(app: AppTest) -> None:
    assert not app.exception, app.exception
    assert "Internal error in tltk" not in texts(app), texts(app)


def answered(spec: Spec, result: Any) -> None:
    """A run that is done, with this result, of the class of its kind or as JSON."""
    run = Run.create(spec)
    home.write_atomic(run.path / "result.json", json.dumps(msgspec.to_builtins(result)))
    run.write_status(state="done")


def network_known(size: int = 36) -> None:
    answered(DescribeSpec(backbone="test_resnet", size=size), described(size))


def pictures_known(spec: DataSpec) -> None:
    counts: dict[str, Any] = {"counts": [180] * 10, "n": 1800, "train": 50, "val": 270, "test": 790}
    answered(InspectSpec(spec), inspected(**counts, skipped=[("bad.png", "it is empty")], shown=0, shown_labels=None))


def training(state: str = "done", message: str = "", boundary: int = 2) -> Run:
    """A training's folder as a worker would have left it."""
    run = Run.create(TransferSpec(target=DataSpec(shots=5), net=NetSpec(boundary=boundary), optim=OptimSpec(epochs=2)))
    rows = []
    for epoch in (1, 2):
        step = 5 * epoch
        rows += [
            Row(epoch, step, epoch * 1.0, "train", "loss", 2.0 / epoch),
            Row(epoch, step, epoch * 1.0, "val", "accuracy", 0.2 * epoch),
            Row(epoch, step, epoch * 1.0, "net", "frozen_moved", 0.0),
            Row(epoch, step, epoch * 1.0, "net", "boundary", float(boundary)),
            *(Row(epoch, step, epoch * 1.0, "net", "change", float(i), i) for i in range(6)),
            *(Row(epoch, step, epoch * 1.0, "net", "lr", 0.001, i) for i in range(6)),
        ]
    (run.path / "rows.jsonl").write_bytes(b"".join(msgspec.json.encode(r) + b"\n" for r in rows))
    own = {"pid": os.getpid(), "pid_born": psutil.Process().create_time()} if state == "running" else {}
    run.write_status(state=state, message=message, epoch=2, epochs=2, device="cpu", **own)
    if state == "done":
        home.write_atomic(run.path / "result.json", msgspec.json.encode(trained()))
    return run


def self_taught() -> Run:
    """The folder of a training without labels, as a worker would have left it."""
    run = Run.create(TransferSpec(terms=(TermSpec("rotation"),), labels="none", optim=OptimSpec(epochs=2)))
    figures = {"term.rotation": 1.25, "term.rotation.accuracy": 0.44}
    rows = [Row(e, 5 * e, float(e), part, "loss", 1.25) for e in (1, 2) for part in ("train", "val")]
    rows += [Row(2, 10, 2.0, "test", name, value) for name, value in {"loss": 1.25, **figures}.items()]
    (run.path / "rows.jsonl").write_bytes(b"".join(msgspec.json.encode(r) + b"\n" for r in rows))
    run.write_status(state="done", epoch=2, epochs=2, device="cpu")
    probes = [FeatureProbe("knn", 0.31, 0.28, 0.34, 0.52, 0.49, 0.55)]
    none: dict[str, Any] = dict.fromkeys(("accuracy", "macro_f1", "val_accuracy"))
    found = trained(**none, loss=1.25, predictions=[], labels=[], self_taught=SelfTaught(figures, figures, probes))
    home.write_atomic(run.path / "result.json", msgspec.json.encode(found))
    return run


DOMAINS: dict[str, Any] = {"source": DataSpec("rendered_digits"), "target": DataSpec("blended_digits", shots=5)}
STUDIES: dict[str, tuple[Spec, Any]] = {
    "race": (RaceSpec(**DOMAINS, arms=("lora+l2_sp", "fine_tune", "scratch")), raced()),
    "labels": (LabelsSpec(**DOMAINS, arms=("scratch", "fine_tune"), shots=(5, 10, 40)), labelled()),
    "sweep": (SweepSpec(**DOMAINS, layers=(1, 3, 5)), swept()),
    "tune": (TuneSpec(**DOMAINS), tuned()),
    "plane": (PlaneSpec(**DOMAINS, arms=("bias", "l2_sp:weight=0.1|1")), planed()),
    "causes": (CausesSpec(**DOMAINS), caused()),
    "cross_validate": (
        CrossValidateSpec(**DOMAINS, arms=("feature_extraction", "fine_tune"), folds=3),
        cross_validated(),
    ),
    "atlas": (AtlasSpec(domains=("digits", "rendered_digits", "blended_digits")), mapped()),
}


def study(kind: str, state: str = "done") -> Run:
    """The folder of a study of any kind as a worker would have left it."""
    spec, result = STUDIES[kind]
    run, one = Run.create(spec), training()
    run.write_children([Child(one.id, "fine_tune", role, 0, 0.001) for role in ("search", "measure")])
    if state == "done":
        home.write_atomic(run.path / "result.json", msgspec.json.encode(result))
    run.write_status(state=state, seconds=42.0, message="" if state == "done" else "The reason.")
    return run


def comparison(label: str, state: str = "done") -> Run:
    spec = CompareSpec(source=DataSpec("rendered_digits"), target=DataSpec("blended_digits", shots=5))
    run = Run.create(spec)
    one = training()
    run.write_children([Child(one.id, arm, "measure", 0, 0.001) for arm in ("scratch", "transfer")])
    gap = {"helps": 0.2, "hurts": -0.2, "cannot tell": 0.01}[label]
    if state == "done":
        home.write_atomic(run.path / "result.json", msgspec.json.encode(compared(label, gap)))
    run.write_status(state=state, seconds=42.0, message="" if state == "done" else "The reason.")
    return run

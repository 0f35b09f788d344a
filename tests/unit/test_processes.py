"""One training in several processes: its curve is that of one, and what cannot be divided is refused."""

from __future__ import annotations

import json
import os
import signal
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from tests.support.processes import until
from tests.support.shares import MEASURED, Curve, curve, curves
from tltk.errors import BadSpec, Diverged, RunProblem
from tltk.jobs import torchrun
from tltk.jobs.worker import Worker
from tltk.results.training import TrainingResult
from tltk.runs.run import Run
from tltk.specs.knobs import knobs
from tltk.specs.parts import AdapterSpec, DataSpec, NetSpec, OptimSpec, TermSpec, ViewSpec
from tltk.specs.training import TransferSpec
from tltk.terms import SOURCES, terms
from tltk.training.callbacks import Stopped
from tltk.training.check import check_transfer
from tltk.training.processes import Processes

ROUNDING = 1e-3  # relative: sums of shares round otherwise, and each step adds to it

OPTIM = OptimSpec(epochs=2, batch_size=22, lr=1e-3, device="cpu")  # a last batch of 15 pictures, so that shares differ
TARGET, OTHER = DataSpec("digits", n=300, size=16), DataSpec("rendered_digits", n=200)


def source_of(term: str) -> DataSpec | None:
    """A second domain, for a term that reads one."""
    return OTHER if SOURCES & set(terms[term].needs) else None


DIVIDED = [  # the terms of which nothing is refused, and that need nothing of the user's
    name
    for name in terms.names()
    if not {"pictures", "classifier"} & set(terms[name].needs)
    and not any(rule.default == "" for rule in knobs(terms[name]).values())
]
SPECS = {
    # Batch statistics over both shares, views drawn for the whole batch, and a term on the weights.
    "norms": TransferSpec(
        TARGET, NetSpec("test_resnet"), optim=OPTIM, views=ViewSpec(crop=0.3, flip=0.5), terms=(TermSpec("l2_sp"),)
    ),
    # Each keeps the features of its part; mixup across the shares, and gradients clipped to their common norm.
    "kept": TransferSpec(TARGET, NetSpec("test_vit", boundary=3), optim=replace(OPTIM, mixup=0.4, clip=1.0)),
    # Both domains in one batch and statistics of the whole batch in a term, with weights of its own.
    "adapting": TransferSpec(
        TARGET,
        NetSpec("test_resnet", boundary=2),
        optim=replace(OPTIM, epochs=1),
        labels="source",
        source=OTHER,
        terms=(TermSpec("coral"), TermSpec("dann")),
    ),
    "long": TransferSpec(TARGET, NetSpec("test_vit", boundary=2), optim=replace(OPTIM, epochs=12)),
    "every_term": TransferSpec(
        TARGET,
        NetSpec("test_vit", boundary=1),
        optim=replace(OPTIM, epochs=1),
        source=OTHER,
        terms=tuple(TermSpec(name, dict(terms[name].eager)) for name in DIVIDED),
    ),
    "in_bfloat16": TransferSpec(
        TARGET, NetSpec("test_vit"), optim=replace(OPTIM, precision="bfloat16", class_weights="balanced")
    ),
}


def differences(one: Curve, two: Curve) -> np.ndarray:
    """Relative differences of the two curves' values; they tell the same of the same steps."""
    assert [row[:-1] for row in one] == [row[:-1] for row in two]
    a, b = (np.array([row[-1] for row in rows]) for rows in (one, two))
    found: np.ndarray = np.abs(a - b) / np.maximum(np.abs(a), 1e-2)
    return found


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Curve]:
    return dict(zip(SPECS, curves(list(SPECS.values()), tmp_path_factory.mktemp("two")), strict=True))


@pytest.mark.parametrize("name", ["norms", "kept", "adapting"])
def test_two_processes_give_the_curve_of_one(name: str, shared: dict[str, Curve]) -> None:
    assert differences(curve(SPECS[name]), shared[name]).max() < ROUNDING


def test_in_bfloat16_it_is_the_same_to_its_three_digits(shared: dict[str, Curve]) -> None:
    one = [row for row in curve(SPECS["in_bfloat16"]) if row[3] == "loss"]
    two = [row for row in shared["in_bfloat16"] if row[3] == "loss"]
    assert 0 < differences(one, two).max() < 2e-2


@pytest.mark.parametrize(("n", "size"), [(7, 2), (8, 3), (3, 3), (2, 4)])
def test_shares_are_the_batch_once(n: int, size: int) -> None:
    batch = torch.arange(n) * 10
    every = [Processes(rank, size) for rank in range(size)]
    shares = [one.share(batch) for one in every]
    assert [len(share) for share in shares] == [one.mine(n) for one in every]
    assert max(len(share) for share in shares) == every[0].count(n)
    if n < size:
        assert all(torch.equal(share, batch) for share in shares), "each has all of it"
    else:
        assert torch.equal(torch.cat(shares), batch) and all(len(share) for share in shares)


def test_alone_it_is_the_run_that_it_was() -> None:
    assert "processes" not in TransferSpec(optim=OPTIM).to_json()
    assert TransferSpec(optim=replace(OPTIM, processes=2)).run_id != TransferSpec(optim=OPTIM).run_id


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"optim": replace(OPTIM, batch_size=1)}, "a picture of every batch. optim.processes is 2"),
        ({"optim": replace(OPTIM, device="mps")}, "optim.device is mps"),
        ({"terms": (TermSpec("rotation"), TermSpec("l2_sp"))}, "The terms rotation pass its pictures"),
        (
            {"net": NetSpec("encoder:bert"), "terms": (TermSpec("delta"),)},
            "The terms delta compare outputs of layers",
        ),
    ],
)
def test_what_cannot_be_divided_is_refused(change: dict[str, object], sentence: str) -> None:
    asked = replace(TransferSpec(TARGET, NetSpec("test_vit"), optim=OPTIM), **change)  # type: ignore[arg-type]
    if "device is mps" not in sentence:
        check_transfer(asked)
    with pytest.raises(BadSpec, match=sentence):
        check_transfer(replace(asked, optim=replace(asked.optim, processes=2)))


def test_it_is_begun_in_as_many_processes_as_it_asks_for() -> None:
    asked = TransferSpec(TARGET, NetSpec("test_vit"), optim=replace(OPTIM, processes=2))
    with pytest.raises(BadSpec, match="must be begun in as many. Got 1; let a worker start them"):
        curve(asked)


def test_fewer_gpus_than_processes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    asked = TransferSpec(TARGET, optim=replace(OPTIM, device="auto", processes=3))
    with pytest.raises(BadSpec, match="optim.processes is 3, and 2 of the kind cuda can be used here"):
        torchrun.check_devices(asked)
    torchrun.check_devices(replace(asked, optim=replace(asked.optim, device="cpu")))
    torchrun.check_devices(replace(asked, optim=replace(asked.optim, processes=2)))


def test_normalisation_of_an_unknown_kind_is_refused_by_name() -> None:
    from tltk.training.compose import build_network, divide

    asked = TransferSpec(TARGET, NetSpec("test_resnet"), optim=OPTIM, adapter=AdapterSpec("stochastic_norm"))
    net, _ = build_network(asked, divide(asked).domain)
    with pytest.raises(BadSpec, match="StochasticBatchNorm2d of this network or its adapter"):
        Processes(0, 2).join_norms(net)


def test_every_term_is_refused_or_tells_the_same(shared: dict[str, Curve]) -> None:
    refused = set()
    for name in terms.names():
        one = replace(SPECS["every_term"], terms=(TermSpec(name, dict(terms[name].eager)),), source=source_of(name))
        try:
            check_transfer(replace(one, optim=replace(one.optim, processes=2)))
        except BadSpec as fault:
            if "optim.processes" in str(fault):
                refused.add(name)
    assert refused == {name for name in terms.names() if "pictures" in terms[name].needs}
    assert not refused & set(DIVIDED) and {"coral", "dan", "jan", "dann", "cdan", "mcc"} <= set(DIVIDED)
    whole, two = curve(SPECS["every_term"]), shared["every_term"]
    assert {f"term.{name}" for name in DIVIDED} <= {row[3] for row in whole}
    assert differences(whole, two).max() < ROUNDING


def workers(run: Run) -> list[psutil.Process]:
    """The processes that share this run, the first one first."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "tltk.jobs.share" in words and str(run.path) in words and "torch.distributed.run" not in words:
            found.append(process)
    return sorted(found, key=lambda one: int(one.environ()["RANK"]))


@pytest.mark.skipif(os.name != "posix", reason="a process is killed by a signal")
def test_one_that_is_lost_fails_the_run_which_goes_on_to_the_same_curve(shared: dict[str, Curve]) -> None:
    run = Run.create(replace(SPECS["long"], optim=replace(SPECS["long"].optim, processes=2)))

    def lose_the_second() -> None:
        until(lambda: len(workers(run)) == 2)
        second = workers(run)[1]
        until(lambda: (run.path / "checkpoint.safetensors").exists())
        second.send_signal(signal.SIGKILL)

    threading.Thread(target=lose_the_second, daemon=True).start()
    with pytest.raises(RunProblem, match="All 2 processes of this training must live to its end. One was lost"):
        Worker(run).train(run)
    run.release()
    assert run.status.state == "failed" and "continues from its last checkpoint" in run.status.message
    assert not workers(run) and len(run.rows()[0]) > 0

    Worker(run).train(run)
    assert run.status.state == "done" and run.status.device == "cpu"
    result = run.read(TrainingResult)
    assert result is not None and result.frozen_moved == 0 and result.epochs == SPECS["long"].optim.epochs
    rows = [(r.epoch, r.step, r.split, r.name, r.layer, r.value) for r in run.rows()[0] if r.name not in MEASURED]
    assert rows == shared["long"], "each row once, to the last bit"


@pytest.mark.skipif(os.name != "posix", reason="a process is ended by a signal")
def test_a_stop_ends_every_process() -> None:
    run = Run.create(replace(SPECS["long"], optim=replace(SPECS["long"].optim, processes=2)))

    def stop() -> None:
        until(lambda: len(workers(run)) == 2)
        run.ask_to_stop()

    threading.Thread(target=stop, daemon=True).start()
    with pytest.raises(Stopped):
        Worker(run).train(run)
    run.release()
    assert run.status.state == "stopped" and run.status.message == "Stopped by request; it can be resumed."
    assert not workers(run)


def test_what_a_process_says_is_why_the_run_failed(tmp_path: Path) -> None:
    for rank, (kind, said, at) in enumerate([("RunProblem", "An echo.", 2.0), ("Diverged", "The loss …", 1.0)]):
        body = {"kind": kind, "says": said, "at": str(at)}
        (tmp_path / torchrun.FAULT.format(rank)).write_text(json.dumps(body))
    fault = torchrun.read_fault(tmp_path, 3)
    assert isinstance(fault, Diverged) and str(fault) == "The loss …"
    assert torchrun.read_fault(tmp_path / "none", 3) is None

"""Trainings of which only the head learns, as one batch: each comes out as it would by itself."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tltk.jobs import pool
from tltk.jobs.worker import Worker
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec, StrategySpec, TermSpec, ViewSpec
from tltk.specs.training import TransferSpec
from tltk.training.callbacks import Stopped
from tltk.training.heads import HeadBatch, batch_key

SPEC = TransferSpec(
    target=DataSpec("digits", size=16, n=400, test=0.3),
    net=NetSpec("resnet10t", "store:resnet10t_formulas"),
    strategy=StrategySpec("feature_extraction"),
    optim=OptimSpec(epochs=3, batch_size=16, lr=3e-3, device="cpu"),
)
MEASURED = ("images_per_second", "memory")


def variants(spec: TransferSpec, rates: tuple[float, ...], seeds: tuple[int, ...]) -> list[TransferSpec]:
    return [
        dataclasses.replace(spec, seed=seed, optim=dataclasses.replace(spec.optim, lr=lr))
        for seed in seeds
        for lr in rates
    ]


def trained(folder: Path, specs: list[TransferSpec], monkeypatch: pytest.MonkeyPatch, together: bool) -> list[Run]:
    """The runs of these specs in a home of their own, trained one by one or as one batch."""
    monkeypatch.setenv("TLTK_HOME", str(folder))
    runs = [Run.create(spec) for spec in specs]
    worker = Worker(Run.create(dataclasses.replace(specs[0], seed=12345)))
    if together:
        batches: list[int] = []
        run_all = HeadBatch.run_all

        def counted(self: HeadBatch, ended: Any) -> None:
            batches.append(len(self.members))
            run_all(self, ended)

        monkeypatch.setattr(HeadBatch, "run_all", counted)
        worker.train_batch(runs)
        assert batches == [len(runs)], "they were one batch"
    else:
        for run in runs:
            worker.train(run)
    return runs


def result(run: Run) -> dict[str, Any]:
    found = run.result()
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("change", "rates", "seeds"),
    [
        ({}, (1e-3, 1e-2), (0, 1, 2)),
        ({"target": DataSpec("digits", size=16, n=400, test=0.3, shots=5)}, (3e-3,), (0, 7)),
        ({"optim": {"optimizer": "sgd", "label_smoothing": 0.1, "schedule": "one_cycle"}}, (1e-3, 1e-2), (4,)),
        ({"optim": {"epoch_images": 500, "evaluate": 2, "batch_size": 13, "weight_decay": 0.1}}, (1e-2,), (0, 1)),
    ],
    ids=["adamw", "few-shot", "sgd", "epochs"],
)
def test_each_comes_out_as_it_would_by_itself(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
    rates: tuple[float, ...],
    seeds: tuple[int, ...],
) -> None:
    optim = dataclasses.replace(SPEC.optim, **change.get("optim", {}))
    specs = variants(dataclasses.replace(SPEC, **{**change, "optim": optim}), rates, seeds)
    assert len({batch_key(spec) for spec in specs}) == 1
    alone = trained(tmp_path / "a", specs, monkeypatch, together=False)
    together = trained(tmp_path / "b", specs, monkeypatch, together=True)
    for a, b in zip(alone, together, strict=True):
        x, y = result(a), result(b)
        assert x["predictions"] == y["predictions"]
        close = {"loss", "val_loss", "tested_val_loss", "gflops"}
        other = {"seconds", "frozen_tensors", "joules", "peak_memory"} | close
        assert {k: v for k, v in x.items() if k not in other} == {k: v for k, v in y.items() if k not in other}
        assert x["frozen_tensors"] == y["frozen_tensors"] > 0 == y["frozen_moved"]
        for name in close:
            assert y[name] == pytest.approx(x[name], rel=1e-4), name
        ours, theirs = a.rows()[0], b.rows()[0]
        assert [(r.epoch, r.step, r.split, r.name, r.layer) for r in ours] == [
            (r.epoch, r.step, r.split, r.name, r.layer) for r in theirs
        ]
        for one, two in zip(ours, theirs, strict=True):
            if one.name not in MEASURED:
                assert two.value == pytest.approx(one.value, rel=1e-3, abs=1e-5), one
        kept, same = load_file(a.path / "model.safetensors"), load_file(b.path / "model.safetensors")
        assert kept.keys() == same.keys()
        for name, tensor in kept.items():
            if name.startswith("head."):
                torch.testing.assert_close(same[name], tensor, rtol=1e-3, atol=1e-5)
            else:
                assert torch.equal(same[name], tensor), name
        assert b.status.state == "done"
        assert 0 < y["seconds"] < 60
        if y["energy_source"] == "estimated":
            assert y["joules"] == pytest.approx(y["watts"] * y["seconds"]), "of its share of the time"


def test_one_that_diverges_does_not_harm_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = dataclasses.replace(
        SPEC, optim=dataclasses.replace(SPEC.optim, optimizer="sgd", schedule="constant", weight_decay=1.0)
    )
    specs = variants(plain, (1e-3, 10.0), (0, 1))
    alone = trained(tmp_path / "a", [s for s in specs if s.optim.lr < 1], monkeypatch, together=False)
    runs = trained(tmp_path / "b", specs, monkeypatch, together=True)
    wild = [run for run, spec in zip(runs, specs, strict=True) if spec.optim.lr > 1]
    assert all(run.diverged and run.status.state == "failed" for run in wild)
    assert "try a tenth of it" in wild[0].status.message
    calm = [run for run, spec in zip(runs, specs, strict=True) if spec.optim.lr < 1]
    assert [result(r)["predictions"] for r in calm] == [result(r)["predictions"] for r in alone]


@pytest.mark.parametrize(
    "change",
    [
        {"net": NetSpec("resnet10t")},
        {"net": NetSpec("resnet10t", "store:resnet10t_formulas", head="cosine")},
        {"net": NetSpec("resnet10t", "store:resnet10t_formulas", dropout=0.5)},
        {"strategy": StrategySpec("fine_tune")},
        {"views": ViewSpec(flip=0.5)},
        {"terms": (TermSpec("l2_sp"),)},
        {"optim": dataclasses.replace(SPEC.optim, patience=3)},
        {"optim": dataclasses.replace(SPEC.optim, optimizer="lamb")},
        {"optim": dataclasses.replace(SPEC.optim, schedule="plateau")},
        {"optim": dataclasses.replace(SPEC.optim, clip=1.0)},
        {"source": DataSpec("digits")},
    ],
)
def test_what_cannot_be_one_batch(change: dict[str, Any]) -> None:
    assert batch_key(SPEC) is not None
    assert batch_key(dataclasses.replace(SPEC, **change)) is None


def test_a_study_trains_its_heads_together(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [Run.create(spec) for spec in variants(SPEC, (1e-3, 1e-2), (0, 1))]
    other = Run.create(dataclasses.replace(SPEC, strategy=StrategySpec("fine_tune")))
    smaller = Run.create(dataclasses.replace(SPEC, target=DataSpec("digits", size=16, n=300)))
    assert pool.batches([runs[0], other, *runs[1:], smaller]) == [tuple(runs), (other,), (smaller,)]
    many = [Run.create(spec) for spec in variants(SPEC, (1e-3, 1e-2), tuple(range(10)))]
    assert pool.batches(many, 2) == [tuple(many[:10]), tuple(many[10:])], "one half for each core"
    assert [len(unit) for unit in pool.batches(many, 8)] == [10, 10], "parts of five are too small"
    assert pool.batches([*many, other], 2) == [tuple(many), (other,)], "the other core has work"
    assert pool.batches([], 2) == []


def test_what_is_done_is_left_and_what_has_a_checkpoint_goes_on_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs = variants(SPEC, (1e-3,), (0, 1, 2, 3))
    runs = trained(tmp_path, specs[:1], monkeypatch, together=False)
    before = (runs[0].path / "result.json").read_bytes()
    runs += [Run.create(spec) for spec in specs[1:]]
    joined: list[int] = []
    made = HeadBatch.__init__

    def watched(self: HeadBatch, members: Any, *rest: Any) -> None:
        joined.extend(member.spec.seed for member in members)
        made(self, members, *rest)

    monkeypatch.setattr(HeadBatch, "__init__", watched)
    (runs[1].path / "checkpoint.safetensors").write_bytes(b"")  # unreadable: it begins again, by itself
    Worker(runs[0]).train_batch(runs)
    assert joined == [2, 3]
    assert [run.status.state for run in runs] == ["done"] * 4
    assert (runs[0].path / "result.json").read_bytes() == before


def test_a_stop_ends_them_all_and_they_can_be_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLTK_HOME", str(tmp_path))
    runs = [Run.create(spec) for spec in variants(SPEC, (1e-3,), (0, 1))]
    worker = Worker(runs[0])
    asked = 0

    def check() -> None:
        nonlocal asked
        asked += 1
        if asked > 20:
            raise Stopped

    monkeypatch.setattr(worker, "check", check)
    with pytest.raises(Stopped):
        worker.train_batch(runs)
    assert [run.status.state for run in runs] == ["stopped"] * 2
    Worker(runs[0]).train_batch(runs)
    assert [run.status.state for run in runs] == ["done"] * 2
    epochs = [row.epoch for row in runs[0].rows()[0] if row.name == "accuracy" and row.split == "val"]
    assert epochs == sorted(set(epochs)), "rows of the first try are gone"
    assert np.isfinite(result(runs[1])["accuracy"])

"""Terms that keep what was learned before: what is forgotten with them, what they ask for, what is refused."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support import engine
from tests.support.engine import domain, spec, split
from tests.support.forgetting import known_weights, train, wanted
from tltk.errors import BadSpec, UnknownName
from tltk.jobs import checking
from tltk.jobs.provenance import source_versions
from tltk.results.training import TrainingResult
from tltk.runs.run import Run
from tltk.specs.parts import NetSpec, StrategySpec, TermSpec
from tltk.specs.training import TransferSpec
from tltk.training import checkpoint, compose
from tltk.training.callbacks import Callbacks
from tltk.weights import load as weights


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> str:
    return known_weights(tmp_path_factory.mktemp("weights") / "known.safetensors")


def forgotten(result: TrainingResult) -> float:
    assert result.source_accuracy is not None and result.source_accuracy_before is not None
    return result.source_accuracy_before - result.source_accuracy


@pytest.mark.parametrize("name", ["ewc", "lwf"])
def test_less_is_forgotten_than_by_plain_fine_tuning(monkeypatch: pytest.MonkeyPatch, known: str, name: str) -> None:
    """At the same budget, and the target is learned as well."""
    plain = train(monkeypatch, wanted(known, epochs=12, lr=1e-2)).result
    kept = train(monkeypatch, wanted(known, TermSpec(name), epochs=12, lr=1e-2)).result
    assert (plain.steps, plain.images) == (kept.steps, kept.images)
    assert forgotten(plain) > 0.5 and forgotten(kept) < 0.25
    assert (kept.accuracy or 0) > 0.9


def test_lwf_needs_no_source(monkeypatch: pytest.MonkeyPatch, known: str) -> None:
    """The pictures of the source change nothing, since they are only tested."""
    alone = train(monkeypatch, wanted(known, TermSpec("lwf"), source=None)).net.state_dict()
    beside = train(monkeypatch, wanted(known, TermSpec("lwf"))).net.state_dict()
    assert all(torch.equal(alone[name], beside[name]) for name in alone)


def test_what_is_computed_before_the_first_step_is_paid_for(monkeypatch: pytest.MonkeyPatch, known: str) -> None:
    """LwF passes each of the 24 training pictures through once; EWC, with gradients, ten of the source."""
    plain = train(monkeypatch, wanted(known, epochs=1))
    lwf = train(monkeypatch, wanted(known, TermSpec("lwf"), epochs=1))
    ewc = train(monkeypatch, wanted(known, TermSpec("ewc", {"pictures": 10}), epochs=1))
    assert plain.result.gflops and lwf.result.gflops and ewc.result.gflops
    once = lwf.result.gflops - plain.result.gflops
    assert plain.result.gflops == pytest.approx(3 * once), "an epoch: forward, and twice as much backward"
    assert ewc.result.gflops - plain.result.gflops == pytest.approx(3 * 10 / 24 * once)


@pytest.mark.parametrize("name", ["ewc", "lwf", "co_tuning"])
def test_what_the_source_left_is_resumed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, known: str, name: str
) -> None:
    """From the checkpoint of the first epoch, bit for bit."""
    saved: list[int] = []

    def save(tensors: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
        if not saved:
            checkpoint.write(tmp_path / "c", tensors, {**state, "rows": 0})
        saved.append(state["progress"]["epoch"])

    asked = wanted(known, TermSpec(name))
    whole = train(monkeypatch, asked, callbacks=Callbacks(save=save)).net.state_dict()
    assert saved[0] == 1
    again = train(monkeypatch, asked, callbacks=Callbacks(saved=checkpoint.read(tmp_path / "c"))).net.state_dict()
    assert all(torch.equal(whole[key], again[key]) for key in whole)


def test_what_was_prepared_is_resumed(tmp_path: Path) -> None:
    """DELTA's attention is that of the start, not of the epoch at which the training goes on."""
    asked = dataclasses.replace(spec("test_resnet", boundary=2), terms=(TermSpec("delta", {"weight": 1.0}),))
    whole = engine.train(asked)
    assert engine.interrupted(asked, tmp_path / "c", 1).values() == whole.values()


def test_weights_without_a_classifier_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    d = domain()
    cosine = compose.train(spec("test_resnet", epochs=1, net={"head": "cosine"}), domain=d, split=split(d))
    weights.save(cosine.net, cosine.spec.net, tmp_path / "w.safetensors")
    with pytest.raises(BadSpec, match="linear head, or leave out lwf"):
        train(monkeypatch, wanted(f"file:{tmp_path / 'w.safetensors'}", TermSpec("lwf"), source=None))
    with pytest.raises(BadSpec, match="net.weights is scratch"):
        train(monkeypatch, wanted("scratch", TermSpec("lwf"), source=None))


def test_ewc_asks_for_a_source(monkeypatch: pytest.MonkeyPatch, known: str) -> None:
    with pytest.raises(BadSpec, match="ewc reads a second domain"):
        train(monkeypatch, wanted(known, TermSpec("ewc"), source=None))


def test_ewc_holds_layers_that_join_later(monkeypatch: pytest.MonkeyPatch, known: str) -> None:
    """With gradual unfreezing the head learns first; the Fisher information covers what learns in any phase."""
    asked = dataclasses.replace(wanted(known, epochs=6), strategy=StrategySpec("gradual_unfreezing"))
    held = dataclasses.replace(asked, terms=(TermSpec("ewc", {"weight": 1e8}),))

    def way(one: compose.Trained) -> dict[int, float]:
        found = {r.layer: r.value for r in one.rows if r.name == "change" and r.epoch == 6 and r.layer is not None}
        return {layer: value for layer, value in found.items() if value > 0 and layer < one.net.depth}

    free, stiff = way(train(monkeypatch, asked)), way(train(monkeypatch, held))
    assert set(free) == set(stiff) and len(free) > 2
    assert sum(stiff.values()) < 0.7 * sum(free.values())


# -- a teacher -------------------------------------------------------------------------------------------


def finished(monkeypatch: pytest.MonkeyPatch, path: Path, classes: tuple[str, ...], head: str = "linear") -> Run:
    """A finished run that knows the noise, its classes named so."""
    monkeypatch.setenv("TLTK_HOME", str(path / "home"))
    d = domain()
    asked = spec("test_vit", epochs=8, net={"head": head})
    taught = compose.train(asked, domain=d, split=split(d))
    run = Run.create(asked)
    weights.save(taught.net, asked.net, run.path / "model.safetensors", classes=json.dumps(classes))
    run.write_status(state="done")
    return run


def distilled(run: Run, epochs: int = 6, **knobs: float) -> TransferSpec:
    term = TermSpec("distillation", {"teacher": f"run:{run.id}", **knobs})
    return dataclasses.replace(spec("test_resnet", epochs=epochs), terms=(term,))


def test_a_network_of_another_architecture_learns_the_teacher_s_answers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Classes go by name: a teacher that numbers them otherwise teaches the same."""
    run = finished(monkeypatch, tmp_path, ("c2", "c0", "c1"))
    asked = distilled(run, 20, weight=100.0, temperature=1.0)
    checking.check(asked)
    d = domain()
    taught = compose.train(asked, domain=d, split=split(d))
    values = [r.value for r in taught.rows if r.name == "term.distillation"]
    assert values[-1] < 0.8 * values[0]
    # The teacher's classes are named one further on than they are: so is what its pupil says.
    theirs = NetSpec("test_vit", weights=f"run:{run.id}")
    teacher, head = weights.build_net(theirs, 3, 32, 3, 0).eval(), weights.source_classifier(theirs)
    assert head is not None
    x = torch.from_numpy(d.images[:24]).float() / 255
    with torch.no_grad():
        said = head.logits(teacher.pool(teacher.backbone(teacher.normalise(x)))).argmax(1)
        pupil = taught.net.eval()(taught.net.normalise(x))[1].argmax(1)
    assert (torch.tensor([2, 0, 1])[said] == pupil).float().mean() > 0.9


def test_a_teacher_that_cannot_teach_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    d = domain()

    def refused(run: Run) -> str:
        with pytest.raises(BadSpec) as caught:
            compose.train(distilled(run), domain=d, split=split(d))
        return str(caught.value)

    assert "by name: 'c0, c1, c2'" in refused(finished(monkeypatch, tmp_path, ("c0", "c1", "x")))
    assert "linear head" in refused(finished(monkeypatch, tmp_path, ("c0", "c1", "c2"), "cosine"))
    with pytest.raises(BadSpec, match="distillation:teacher=run:ID"):
        checking.check(dataclasses.replace(spec(), terms=(TermSpec("distillation"),)))
    with pytest.raises(UnknownName, match="No run|run"):
        term = TermSpec("distillation", {"teacher": "run:0123456789ab"})
        checking.check(dataclasses.replace(spec(), terms=(term,)))


def test_what_lies_behind_the_teacher_s_name_is_part_of_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = finished(monkeypatch, tmp_path, ("c0", "c1", "c2"))
    (run.path / "result.json").write_text("{}")
    assert f"run:{run.id}" in source_versions(distilled(run))

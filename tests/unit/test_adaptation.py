"""Learning from the source's labels: the target's are hidden; classes go by name; forgetting is measured."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.engine import domain, spec, split
from tltk import home, terms
from tltk.data.classes import class_numbers, union_of_classes, with_classes
from tltk.data.domain import Domain, Split
from tltk.errors import BadSpec, DataProblem, RunProblem
from tltk.selection import Unlabelled, criteria
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec, StrategySpec, TermSpec
from tltk.specs.training import TransferSpec
from tltk.terms.term import Side, Step
from tltk.training import checkpoint, compose
from tltk.training.callbacks import Callbacks, Stopped
from tltk.weights import load as weights

SOURCE = DataSpec("rendered_digits", n=40, size=32)
CORAL = (TermSpec("coral"),)


def adapt(monkeypatch: pytest.MonkeyPatch, asked: TransferSpec, *, d: Domain | None = None, **options: Any) -> Any:
    """A training whose source is noise in other colours."""
    other = domain(60, seed=3)
    monkeypatch.setattr(compose.add_source, "__defaults__", (lambda _: other,))
    d = d or domain()
    return compose.train(asked, domain=d, split=split(d), **options)


def adaptation(boundary: int = 0, **changes: Any) -> TransferSpec:
    return dataclasses.replace(
        spec("test_resnet", boundary=boundary, epochs=4), **{"source": SOURCE, "labels": "source", **changes}
    )


def relabelled(d: Domain) -> Domain:
    """The same pictures under other labels, as many of each class."""
    return dataclasses.replace(d, labels=(d.labels + 1) % len(d.classes))


@pytest.mark.parametrize("boundary", [0, 3])
@pytest.mark.parametrize("asked", [(), CORAL], ids=["source only", "coral"])
def test_the_target_s_labels_move_no_weight(
    monkeypatch: pytest.MonkeyPatch, asked: tuple[TermSpec, ...], boundary: int
) -> None:
    one = adapt(monkeypatch, adaptation(boundary, terms=asked))
    other = adapt(monkeypatch, adaptation(boundary, terms=asked), d=relabelled(domain()))
    a, b = one.net.state_dict(), other.net.state_dict()
    assert all(torch.equal(a[name], b[name]) for name in a)
    picked = [[(p.criterion, p.epoch) for p in run.result.adaptation.picks] for run in (one, other)]
    assert picked[0] == picked[1], "no criterion has seen them"
    assert (one.result.val_accuracy, one.result.best_epoch) == (other.result.val_accuracy, other.result.best_epoch)
    assert one.result.loss != other.result.loss, "they test it"


def test_without_a_term_the_target_s_pictures_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even by running statistics: the training that adaptation has to beat knows the source alone."""
    d = domain()
    darker = dataclasses.replace(d, images=d.images // 2)
    a, b = (adapt(monkeypatch, adaptation(), d=one).net.state_dict() for one in (d, darker))
    assert all(torch.equal(a[name], b[name]) for name in a)
    c = adapt(monkeypatch, adaptation(terms=CORAL), d=darker).net.state_dict()
    assert any(not torch.equal(a[name], c[name]) for name in a)


def test_it_learns_the_target_from_the_source_s_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    run = adapt(monkeypatch, adaptation(optim=spec(epochs=12, lr=3e-3).optim))
    assert run.result.accuracy > 0.6, "the same corner tells the classes of both"
    assert run.result.source_accuracy > 0.6 and run.result.source_accuracy_before is None


def test_last_label_free_and_oracle_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    run = adapt(monkeypatch, adaptation(terms=CORAL))
    found = run.result.adaptation
    assert found.last == run.result.accuracy
    assert {p.criterion for p in found.picks} == set(criteria)
    by_epoch = {r.epoch: r.value for r in run.rows if (r.split, r.name) == ("oracle", "test_accuracy")}
    assert set(by_epoch) == {1, 2, 3, 4} and by_epoch[4] == found.last
    for pick in (*found.picks, found.oracle):
        assert pick.accuracy == by_epoch[pick.epoch]
        says = {r.epoch: r.value for r in run.rows if (r.split, r.name) == ("select", pick.criterion)}
        if says:
            assert says[pick.epoch] == max(says.values())
    labelled = {r.epoch: r.value for r in run.rows if (r.split, r.name) == ("oracle", "accuracy")}
    assert labelled[found.oracle.epoch] == max(labelled.values())


def test_an_adaptation_goes_on_where_it_was_stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = adaptation(3, terms=CORAL)
    whole = adapt(monkeypatch, asked)
    saved: list[bool] = []

    def save(tensors: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
        if state["progress"]["epoch"] == 2 and not saved:
            checkpoint.write(tmp_path / "c", tensors, {**state, "rows": 0})
            saved.append(True)

    def check() -> None:
        if saved:
            raise Stopped

    from tltk.training.loop import Training

    monkeypatch.setattr(Training, "_save_cost", property(lambda self: 0.0, lambda self, _: None), raising=False)
    with pytest.raises(Stopped):
        adapt(monkeypatch, asked, callbacks=Callbacks(save=save, check=check))
    again = adapt(monkeypatch, asked, callbacks=Callbacks(saved=checkpoint.read(tmp_path / "c")))
    a, b = whole.net.state_dict(), again.net.state_dict()
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert again.result.adaptation == whole.result.adaptation


@pytest.mark.parametrize("strategy", ["lp_ft", "gradual_unfreezing"])
def test_the_test_follows_the_layers_that_begin_to_learn(monkeypatch: pytest.MonkeyPatch, strategy: str) -> None:
    """What is kept of the test's pictures for frozen layers is no longer theirs once these learn."""
    kept = adaptation(strategy=StrategySpec(strategy), optim=spec(epochs=8, lr=1e-2).optim)
    live = dataclasses.replace(kept, optim=dataclasses.replace(kept.optim, cache="off"))
    one, other = (adapt(monkeypatch, asked) for asked in (kept, live))
    curves = [[r.value for r in run.rows if (r.split, r.name) == ("oracle", "test_accuracy")] for run in (one, other)]
    assert curves[0] == curves[1] and len(set(curves[0])) > 1
    assert one.result.loss == pytest.approx(other.result.loss, rel=1e-3)
    assert one.result.predictions == other.result.predictions


def test_both_learns_from_both(monkeypatch: pytest.MonkeyPatch) -> None:
    both = adapt(monkeypatch, adaptation(labels="both"))
    other = adapt(monkeypatch, adaptation(labels="both"), d=relabelled(domain()))
    a, b = both.net.state_dict(), other.net.state_dict()
    assert any(not torch.equal(a[name], b[name]) for name in a), "the target's labels count"
    assert both.result.adaptation is None and both.result.source_accuracy is not None


# -- classes ---------------------------------------------------------------------------------------------


def named(classes: list[str], n: int = 30, seed: int = 0) -> Domain:
    return dataclasses.replace(domain(n, classes=len(classes), seed=seed), classes=tuple(classes))


def test_classes_are_matched_by_name() -> None:
    one, other = named(["cat", "dog", "owl"]), named(["dog", "eel", "cat"])
    assert class_numbers(other, one.classes).tolist()[:3] == [1, -1, 0]
    assert union_of_classes(one, other) == ["cat", "dog", "owl", "eel"]
    found, parts, left = with_classes(other, Split(*(np.arange(i * 10, i * 10 + 10) for i in range(3))), one.classes)
    assert found.classes == one.classes and left == 10
    assert set(found.labels[np.concatenate([parts.train, parts.val, parts.test])]) == {0, 1}
    accented = named(["e\u0301", "b", "c"])
    assert class_numbers(accented, ["\u00e9"]).tolist()[:2] == [0, -1], "compared in NFC"
    with pytest.raises(DataProblem, match="classes of the same name"):
        with_classes(named(["x", "y", "z"]), split(named(["x", "y", "z"])), one.classes)


def test_a_partial_label_set_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    source = named(["c0", "c1", "c2", "extra"], 60, 3)
    parts = compose.add_source(adaptation(), compose.Divided(domain(), split(domain())), lambda _: source)
    assert parts.domain.classes == source.classes
    assert any("partial label set" in note and "extra" in note for note in parts.notes)
    fewer = named(["c0", "c1"], 60, 3)
    parts = compose.add_source(adaptation(), compose.Divided(domain(), split(domain())), lambda _: fewer)
    assert any("c2" in note for note in parts.notes) and any("in no part" in note for note in parts.notes)
    assert set(parts.domain.labels[parts.split.test]) == {0, 1}


# -- what is forgotten -----------------------------------------------------------------------------------


@pytest.fixture
def pretrained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[str, Any]:
    """Weights of a network that knows noise, with its classifier."""
    monkeypatch.setenv("TLTK_HOME", str(tmp_path / "home"))
    d = domain(60, seed=3)
    source = compose.train(spec("test_resnet", epochs=10), domain=d, split=split(d, 30))
    path = home.home() / "mine.safetensors"
    import json

    weights.save(source.net, source.spec.net, path, classes=json.dumps(d.classes))
    return f"file:{path}", source


def test_what_is_forgotten_of_the_source_is_measured(monkeypatch: pytest.MonkeyPatch, pretrained: Any) -> None:
    where, source = pretrained
    asked = dataclasses.replace(
        spec("test_resnet", epochs=6, lr=3e-2), source=SOURCE, net=NetSpec("test_resnet", weights=where)
    )
    d = dataclasses.replace(domain(), labels=(domain().labels + 1) % 3)
    run = adapt(monkeypatch, asked, d=d)
    values = [r.value for r in run.rows if (r.split, r.name) == ("source", "accuracy")]
    assert len(values) == 7, "before the first epoch and after each"
    assert (values[0], values[-1]) == (run.result.source_accuracy_before, run.result.source_accuracy)
    assert values[0] > 0.8 and values[-1] < values[0]
    frozen = adapt(
        monkeypatch,
        dataclasses.replace(asked, net=dataclasses.replace(asked.net, boundary=5), optim=OptimSpec(epochs=2)),
    )
    assert frozen.result.source_accuracy == frozen.result.source_accuracy_before, "frozen features forget nothing"


def test_a_source_that_nothing_reads_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadSpec, match="leave --source out|None of these holds"):
        adapt(monkeypatch, dataclasses.replace(spec("test_resnet"), source=SOURCE))


# -- refusals, and what a term may ask for --------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"source": None}, "no source"),
        ({"optim": OptimSpec(mixup=0.2)}, "Mixup"),
        ({"target": DataSpec(shots=5)}, "Few labels"),
    ],
)
def test_labels_that_are_not_there_are_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(BadSpec, match=told):
        adaptation(**changes).check()


def test_the_batch_is_the_one_that_is_learned_from() -> None:
    x = torch.zeros(2, 3)
    hidden, labelled = Side(x, x, None), Side(x, x, torch.zeros(2, dtype=torch.int64))

    def step(target: Side | None, source: Side | None) -> Step:
        return Step(target, source, torch.nn.Identity(), {}, 0.0, None)  # type: ignore[arg-type]

    assert step(labelled, hidden).batch is labelled
    assert step(hidden, labelled).batch is labelled and step(None, labelled).batch is labelled
    assert step(hidden, labelled).pair == (labelled, hidden)
    with pytest.raises(RunProblem, match="does not ask for"):
        step(None, labelled).pair  # noqa: B018


PROBE = '''
"""A probe."""
from dataclasses import dataclass
import torch
from tltk.terms.term import Term

@dataclass(frozen=True)
class Probe(Term):
    """Asks for everything."""

    needs = ("layers", "teacher", "answers")

    def prepare(self, start):
        with torch.no_grad():
            sides = list(start.batches("target", 7))
        assert torch.equal(torch.cat([s.positions for s in sides]), torch.arange(start.n_train))
        return {"features": torch.cat([s.features for s in sides])}

    def __call__(self, step):
        then = step.prepared["features"][step.target.positions.to(step.target.features.device)]
        step.report("teacher", (step.teacher.features - then).abs().max())
        step.report("layers", torch.tensor(float(len(step.target.layers))))
        gap = sum((step.target.layers[i] - step.teacher.layers[i]).square().mean() for i in step.teacher.layers)
        return self.weight * gap
'''


@pytest.mark.parametrize("boundary", [0, 2])
def test_a_term_gets_what_it_needs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, boundary: int) -> None:
    import sys

    (tmp_path / "probe.py").write_text(PROBE)
    monkeypatch.setattr(terms, "__path__", [*terms.__path__, str(tmp_path)])
    try:
        asked = dataclasses.replace(spec("test_vit", boundary=boundary), terms=(TermSpec("probe"),))
        run = adapt(monkeypatch, asked)
    finally:
        sys.modules.pop("tltk.terms.probe", None)
    reported = {r.name: r.value for r in run.rows if r.name.startswith("term.probe.")}
    assert reported["term.probe.teacher"] < 1e-5, "the teacher is the network of the start"
    assert reported["term.probe.layers"] == run.net.depth - boundary
    values = [r.value for r in run.rows if r.name == "term.probe"]
    assert values[-1] > 0


def test_terms_that_keep_what_was_learned_do_not_adapt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import sys

    (tmp_path / "probe.py").write_text(PROBE)
    monkeypatch.setattr(terms, "__path__", [*terms.__path__, str(tmp_path)])
    try:
        with pytest.raises(BadSpec, match="probe keeps what was learned before"):
            adapt(monkeypatch, adaptation(terms=(TermSpec("probe"),)))
    finally:
        sys.modules.pop("tltk.terms.probe", None)


# -- criteria --------------------------------------------------------------------------------------------


def unlabelled(sure: float, right: float = 1.0) -> Unlabelled:
    g = torch.Generator().manual_seed(0)
    logits = torch.randn(50, 4, generator=g, dtype=torch.float64)
    labels = logits.argmax(1)
    source = torch.where(torch.rand(50, 1, generator=g) < right, logits, -logits)
    return Unlabelled(logits, sure * logits, logits, source, labels, lambda: logits)


def test_entropy_equals_its_equation() -> None:
    from scipy.special import softmax
    from scipy.stats import entropy

    found = unlabelled(2.0)
    expected = -np.mean(entropy(softmax(found.target_logits.numpy(), axis=1), axis=1))
    assert criteria["entropy"](found) == pytest.approx(expected, rel=1e-12)
    assert criteria["entropy"](unlabelled(5.0)) > criteria["entropy"](unlabelled(1.0))


def test_source_accuracy_is_what_it_says() -> None:
    assert criteria["source_accuracy"](unlabelled(1.0)) == 1.0
    found = unlabelled(1.0, right=0.5)
    assert criteria["source_accuracy"](found) == pytest.approx(
        float((found.source_logits.argmax(1) == found.source_labels).double().mean())
    )

"""Several tasks in one training: what they share, what they leave alone, and what is told of each."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.engine import Record, domain, interrupted, spec, split, train, training
from tltk.data.attributes import Attribute
from tltk.data.domain import Domain
from tltk.errors import DataProblem, UnknownName
from tltk.nn.net import Net
from tltk.specs.parts import DataSpec, TermSpec
from tltk.specs.training import TransferSpec
from tltk.training import compose
from tltk.training.callbacks import Callbacks

COLOURED = ("multi_task", "soft_sharing")


def coloured(n: int = 48, seed: int = 0) -> Domain:
    """Noise that shows a class, and beside it is brighter in one colour or another, or dark in a corner."""
    d = domain(n, seed=seed)
    draw = np.random.default_rng(seed + 1)
    colour, corner = draw.integers(0, 2, n), draw.integers(0, 2, n)
    images = d.images.copy()
    for c in (0, 1):
        images[colour == c, 2 * c, :, 16:] += 60
    images[corner == 1, :, 24:, 24:] //= 3
    told = {"colour": Attribute(("red", "blue"), colour), "corner": Attribute(("light", "dark"), corner)}
    return dataclasses.replace(d, images=images, attributes=told)


def with_term(asked: TransferSpec, name: str, **knobs: Any) -> TransferSpec:
    return dataclasses.replace(asked, terms=(TermSpec(name, {"task": "colour", **knobs}),))


def companion(run: Record) -> Net:
    (found,) = run.training.terms.companions
    return found


def curve(run: Any, name: str, part: str) -> list[float]:
    return [r.value for r in run.rows if (r.name, r.split) == (name, part)]


def plain_rows(run: Record) -> list[tuple[Any, ...]]:
    return [row for row in run.values() if not row[3].startswith("term.") and row[3] not in ("gradient_norm", "gflops")]


@pytest.mark.parametrize("boundary", [0, 3])
def test_heads_learn_their_tasks_beside_the_class(boundary: int) -> None:
    run = train(with_term(spec(boundary=boundary, epochs=12), "multi_task", task="colour/corner"), coloured())
    assert [(t.term, t.task, t.classes) for t in run.result.tasks] == [
        ("multi_task", "colour", ["red", "blue"]),
        ("multi_task", "corner", ["light", "dark"]),
    ]
    assert run.result.tasks[0].accuracy > 0.8 and run.result.tasks[0].on == "noise"
    for one in run.result.tasks:
        name = f"term.multi_task.{one.task}"
        assert curve(run, f"{name}.accuracy", "val")[-1] == one.val_accuracy
        assert curve(run, f"{name}.accuracy", "test") == [one.accuracy]
        assert curve(run, f"{name}.weight", "train") == one.weights == [1.0] * 12
        losses = curve(run, f"{name}.loss", "train")
        assert losses[-1] < 0.7 * losses[0]
    assert run.result.class_weights == {"multi_task": [1.0] * 12} and run.result.frozen_moved == 0


def test_learned_weights_move_towards_what_is_learned_well() -> None:
    asked = with_term(spec(epochs=8, lr=0.03, schedule="constant"), "multi_task", weighting="uncertainty")
    d = coloured()
    luck = np.random.default_rng(9).integers(0, 2, len(d.labels))
    d = dataclasses.replace(d, attributes={**d.attributes, "luck": Attribute(("heads", "tails"), luck)})
    run = train(
        dataclasses.replace(asked, terms=(TermSpec("multi_task", {**asked.terms[0].knobs, "task": "colour/luck"}),)), d
    )
    colour, luck_ = (t.weights for t in run.result.tasks)
    assert len(colour) == 8 and colour[-1] > 1.05 * luck_[-1]
    assert len(run.result.class_weights["multi_task"]) == 8


@pytest.mark.parametrize("boundary", [0, 3])
def test_without_coupling_two_networks_train_as_if_alone(boundary: int) -> None:
    asked, d = spec(boundary=boundary), coloured()
    both = train(with_term(asked, "soft_sharing", coupling=0.0), d)
    assert plain_rows(both) == plain_rows(train(asked, d))
    alone = dataclasses.replace(d, labels=d.attributes["colour"].numbers, classes=("red", "blue"))
    made = training(asked, alone)
    made.net.head.load_state_dict(companion_at_start(with_term(asked, "soft_sharing"), d).head.state_dict())
    result = made.run()
    assert all(
        torch.equal(x, y)
        for x, y in zip(companion(both).state_dict().values(), made.net.state_dict().values(), strict=True)
    )
    (score,) = both.result.tasks
    assert (score.accuracy, score.val_accuracy) == (result.accuracy, result.tested_val_accuracy)


def companion_at_start(asked: TransferSpec, d: Domain) -> Net:
    (found,) = training(asked, d).terms.companions
    return found


def test_dropout_of_the_second_network_does_not_disturb_the_first() -> None:
    asked, d = spec(net={"dropout": 0.3, "drop_path": 0.2}), coloured()
    assert plain_rows(train(with_term(asked, "soft_sharing", coupling=0.0), d)) == plain_rows(train(asked, d))


def test_coupling_brings_the_networks_together_until_they_are_one() -> None:
    asked = spec(boundary=1, optimizer="sgd", momentum=0.0, lr=0.002, schedule="constant", epochs=15)
    apart, moved = [], 0.0
    for coupling in (0.0, 10.0, 125.0):  # at the last, a step closes the gap, and what is left is one step's
        run = train(with_term(asked, "soft_sharing", coupling=coupling), coloured())
        pairs = zip(run.net.backbone.parameters(), companion(run).backbone.parameters(), strict=True)
        apart.append(sum(float((a - b).detach().square().sum()) for a, b in pairs) ** 0.5)
        moved = max(r.value for r in run.rows if r.name == "change" and r.epoch == 15 and r.layer != run.net.depth)
    assert apart[0] > 2 * apart[1] > 4 * apart[2] and apart[2] < 0.1 * moved


def test_upper_layers_are_freer_where_the_coupling_decays() -> None:
    asked, d = spec(optimizer="sgd", momentum=0.0, lr=0.01, schedule="constant"), coloured()

    def gaps(**knobs: float) -> list[float]:
        run = train(with_term(asked, "soft_sharing", coupling=20.0, **knobs), d)
        found, other = [0.0] * run.net.depth, dict(companion(run).named_parameters())
        for name, p in run.net.named_parameters():
            if (layer := run.net.layer_of[name]) < run.net.depth:
                found[layer] += float((p - other[name]).detach().square().sum())
        return found

    even, free = gaps(), gaps(decay=0.1)
    assert free[0] < 2 * even[0] and free[-1] > 10 * even[-1]


@pytest.mark.parametrize("strategy", ["fine_tune", "gradual_unfreezing", "discriminative", "surgical"])
@pytest.mark.parametrize("cache", ["float32", "off"])
def test_what_is_frozen_is_frozen_in_both_networks(strategy: str, cache: str) -> None:
    run = train(with_term(spec(boundary=2, strategy=strategy, epochs=6, cache=cache), "soft_sharing"), coloured())
    assert run.result.frozen_moved == 0 and run.result.cached is (cache != "off")
    second = companion(run)
    assert second.frozen == run.net.frozen
    learned = {i for p in run.training.phases for i, scale in enumerate(p.lr_scale) if scale}
    for name, tensor in second.state_dict().items():
        layer = run.net.layer_of[name]
        if layer not in learned:
            assert torch.equal(tensor, run.first[name]), name
    moved = {run.net.layer_of[n] for n, p in second.named_parameters() if layer_moved(run, n, p)}
    assert moved | {run.net.depth} == learned
    assert {i for g in run.training.optimizer.param_groups for i in g["layers"]} <= learned


def layer_moved(run: Record, name: str, parameter: torch.Tensor) -> bool:
    return parameter.shape == run.first[name].shape and not torch.equal(parameter, run.first[name])


def test_a_frozen_layer_of_the_second_network_that_moves_is_found() -> None:
    made = training(with_term(spec(boundary=2), "soft_sharing"), coloured(), callbacks=Callbacks())
    made._enter(made.phases[0])
    name = next(n for n in made.net.layer_of if made.net.layer_of[n] == 0)
    with torch.no_grad():
        made.terms.companions[0].state_dict()[name].add_(1)
    assert [x for audit in made.audits for x in audit.changed_tensors()] == [name]


def test_kept_features_are_those_of_both_networks() -> None:
    asked = with_term(spec(boundary=3, epochs=4), "soft_sharing")
    run, live = (
        train(asked, coloured()),
        train(dataclasses.replace(asked, optim=dataclasses.replace(asked.optim, cache="off")), coloured()),
    )
    name = "term.soft_sharing.colour.loss"
    assert curve(run, name, "val") == pytest.approx(curve(live, name, "val"), rel=1e-3)


@pytest.mark.parametrize("patience", [0, 9])
@pytest.mark.parametrize(
    ("name", "knobs"),
    [("multi_task", {"weighting": "uncertainty"}), ("soft_sharing", {"coupling": 0.1})],
)
def test_they_are_resumed(name: str, knobs: dict[str, Any], patience: int, tmp_path: Path) -> None:
    asked = with_term(spec(boundary=2, epochs=4, patience=patience), name, **knobs)
    whole, again = train(asked, coloured()), interrupted(asked, tmp_path / "c", 2, coloured())
    assert [r for r in whole.values() if r[0] > 2] == [r for r in again.values() if r[0] > 2]
    assert whole.result.tasks == again.result.tasks and whole.result.class_weights == again.result.class_weights
    assert len(whole.result.tasks[0].weights) == 4


def test_with_patience_the_tasks_are_those_of_the_best_epoch() -> None:
    for name in COLOURED:
        run = train(with_term(spec(epochs=6, patience=9, lr=0.02), name), coloured())
        scores = curve(run, f"term.{name}.colour.accuracy", "val")
        assert run.result.tasks[0].val_accuracy == scores[run.result.best_epoch - 1]


@pytest.mark.parametrize("name", COLOURED)
def test_a_task_is_learned_of_the_source_s_pictures_alone(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    other, d = coloured(80, seed=3), coloured()
    other = dataclasses.replace(other, name="other noise")
    monkeypatch.setattr(compose.add_source, "__defaults__", (lambda _: other,))
    asked = with_term(spec(epochs=16), name, pictures="source")  # running statistics lag
    asked = dataclasses.replace(asked, source=DataSpec("shapes", n=80))
    run = compose.train(asked, domain=dataclasses.replace(d, attributes={}), split=split(d))
    (score,) = run.result.tasks
    assert score.on == "other noise" and score.accuracy > 0.75


def test_tasks_go_with_the_source_where_its_labels_are_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    other, d = coloured(80, seed=3), coloured()
    monkeypatch.setattr(compose.add_source, "__defaults__", (lambda _: dataclasses.replace(other, name="other"),))
    for terms in (("multi_task",), ("multi_task", "coral")):
        made = [TermSpec(t, {"task": "colour"} if t == "multi_task" else {}) for t in terms]
        asked = dataclasses.replace(spec(epochs=3), source=DataSpec("shapes", n=80), labels="source", terms=tuple(made))
        run = compose.train(asked, domain=dataclasses.replace(d, attributes={}), split=split(d))
        assert run.result.tasks[0].on == "other"


def test_what_is_no_task_is_refused_by_the_pictures_too() -> None:
    d = coloured()
    with pytest.raises(DataProblem, match="noise knows none"):
        train(with_term(spec(), "multi_task"), domain())
    with pytest.raises(UnknownName, match="Did you mean 'colour'"):
        train(with_term(spec(), "multi_task", task="color"), d)
    same = {"colour": Attribute(("a", "b", "c"), (d.labels + 1) % 3)}
    with pytest.raises(DataProblem, match="class by another name"):
        train(with_term(spec(), "soft_sharing"), dataclasses.replace(d, attributes=same))


def test_a_second_network_is_counted() -> None:
    d = coloured()
    plain, heads, two = (
        [r.value for r in train(asked, d).rows if r.name == "gflops"][-1]
        for asked in (spec(), with_term(spec(), "multi_task"), with_term(spec(), "soft_sharing"))
    )
    assert heads == plain and two == pytest.approx(2 * plain)


@pytest.mark.parametrize(
    ("target", "task"),
    [(DataSpec("shapes", n=600, size=24), "texture/background"), (DataSpec("digits", n=600, size=16), "parity")],
)
@pytest.mark.parametrize("name", COLOURED)
def test_from_the_domain_to_the_result(target: DataSpec, task: str, name: str) -> None:
    task = task if name == "multi_task" else task.partition("/")[0]
    asked = with_term(dataclasses.replace(spec(epochs=6), target=target), name, task=task)
    found = compose.train(asked).result
    assert [t.task for t in found.tasks] == task.split("/")
    assert all(t.accuracy > t.majority + 0.1 for t in found.tasks), [(t.accuracy, t.majority) for t in found.tasks]
    assert found.frozen_moved == 0

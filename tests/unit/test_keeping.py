"""Terms that keep what was learned before: what is forgotten with them, what they ask for, what is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from tests.support.engine import domain, spec, split
from tests.support.forgetting import known_weights, train, wanted
from tltk.errors import BadSpec
from tltk.results.training import TrainingResult
from tltk.specs.parts import StrategySpec, TermSpec
from tltk.training import compose
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
    assert kept.accuracy > 0.9


def test_lwf_needs_no_source(monkeypatch: pytest.MonkeyPatch, known: str) -> None:
    """The pictures of the source change nothing, since they are only tested."""
    alone = train(monkeypatch, wanted(known, TermSpec("lwf"), source=None)).net.state_dict()
    beside = train(monkeypatch, wanted(known, TermSpec("lwf"))).net.state_dict()
    assert all(torch.equal(alone[name], beside[name]) for name in alone)


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

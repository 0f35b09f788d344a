"""Every term that sees two domains: without the target's labels, and in half precision; what the adversaries report."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.engine import domain, spec, split
from tltk import terms
from tltk.specs.parts import DataSpec, TermSpec
from tltk.training import compose

SOURCE = DataSpec("rendered_digits", n=40, size=32)
TWO_DOMAINS = [name for name in terms.terms.names_of() if "source" in terms.terms[name].needs]


def adapt(monkeypatch: pytest.MonkeyPatch, name: str, *, turn: int = 0, **changes: Any) -> compose.Trained:
    """Three epochs on noise whose source is noise in other colours; the target's labels are turned by so many."""
    other, d = domain(60, seed=3), domain()
    monkeypatch.setattr(compose.add_source, "__defaults__", (lambda _: other,))
    d = dataclasses.replace(d, labels=(d.labels + turn) % len(d.classes))
    term = TermSpec(name, dict(terms.terms[name].eager))
    optim = {"precision": changes.pop("precision", "auto")}
    asked = dataclasses.replace(spec("test_resnet", **optim), source=SOURCE, terms=(term,), **changes)
    return compose.train(asked, domain=d, split=split(d))


@pytest.mark.parametrize("name", TWO_DOMAINS)
def test_without_the_target_s_labels_none_of_them_is_heard_of(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    one, other = (adapt(monkeypatch, name, turn=turn, labels="source") for turn in (0, 1))
    a, b = one.net.state_dict(), other.net.state_dict()
    assert all(torch.equal(a[key], b[key]) for key in a)
    values = [r.value for r in one.rows if r.name.startswith("term.")]
    assert values and np.isfinite(values).all()


@pytest.mark.parametrize("name", TWO_DOMAINS)
def test_half_precision_gives_numbers(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    run = adapt(monkeypatch, name, labels="source", precision="bfloat16")
    exact = adapt(monkeypatch, name, labels="source", precision="float32")
    first, wanted = ([r.value for r in trained.rows if r.name == f"term.{name}"][0] for trained in (run, exact))
    assert first == pytest.approx(wanted, rel=0.2, abs=0.05)


@pytest.mark.parametrize("labels", ["target", "source"])
@pytest.mark.parametrize("name", ["cdan", "dann", "domain_confusion"])
def test_what_the_adversaries_report_stands_in_the_rows(
    monkeypatch: pytest.MonkeyPatch, name: str, labels: str
) -> None:
    run = adapt(monkeypatch, name, labels=labels)
    told = [r.value for r in run.rows if r.name == f"term.{name}.accuracy"]
    assert told and all(0 <= value <= 1 for value in told)
    if name != "domain_confusion":
        strength = [r.value for r in run.rows if r.name == f"term.{name}.lambda"]
        assert strength == sorted(strength) and 0 < strength[0] < 1

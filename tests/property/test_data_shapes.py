"""Any setting of the dials: to text and back, in any order; and it can be drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tltk.data import parse
from tltk.data.sources import shapes
from tltk.data.sources.shapes import Dials
from tltk.errors import TltkError
from tltk.specs.knobs import knobs
from tltk.specs.parts import DataSpec


def values(name: str, rule: Any) -> st.SearchStrategy[Any]:
    if name == "classes":
        return st.sets(st.integers(0, 9), min_size=2).map(lambda s: "+".join(map(str, s)))
    if rule.choices:
        return st.sampled_from(rule.choices)
    return st.just(rule.default) | st.sampled_from((rule.lo, rule.hi)) | st.floats(rule.lo, rule.hi)


DIALS = st.builds(Dials, **{name: values(name, rule) for name, rule in knobs(Dials).items()})


@settings(max_examples=100, deadline=None)
@given(DIALS, st.randoms())
def test_dials_survive_their_text(dials: Dials, random: Any) -> None:
    text = dials.text()
    assert Dials.parse(text) == dials and Dials.parse(text).text() == text == shapes.check(text)
    parts = text.split(",")
    random.shuffle(parts)
    assert parse(f"shapes:{' , '.join(parts)}") == ("shapes", text)
    assert Dials.from_json(dials.to_json()) == dials
    assert (text == "") == (dials == Dials())


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=20) | st.builds("{}={}".format, st.sampled_from(list(knobs(Dials))), st.text(max_size=8)))
def test_anything_else_is_refused_in_our_words(text: str) -> None:
    try:
        assert shapes.check(shapes.check(text)) == shapes.check(text)
    except TltkError as fault:
        assert len(str(fault)) > 30


@settings(max_examples=15, deadline=None)
@given(DIALS, st.integers(8, 20), st.integers(0, 2**31 - 1))
@example(Dials(blur=1e-272), 8, 0)
def test_any_setting_can_be_drawn(dials: Dials, size: int, seed: int) -> None:
    spec = DataSpec("shapes", n=1500 if dials.prior < 0.7 else 200, size=size, seed=seed)
    looks = shapes.attributes(spec, dials.text())
    if len(np.unique(looks["label"])) < len(dials.class_numbers):  # a rare class may have none
        return
    domain = shapes.load(spec, dials.text())
    assert domain.images.shape == (spec.n, 3, size, size) and np.array_equal(domain.labels, looks["label"])

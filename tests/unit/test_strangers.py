"""Samples of a test of two domains hold no example twice: the same digits with fog are no independent sample."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import binom

from tests.support.engine import domain
from tests.support.layers import column, context
from tltk.analyses.chance import with_null
from tltk.analyses.profile.analysis import profile
from tltk.analyses.profile.spec import ProfileSpec
from tltk.analyses.sample import Context, Sample, draw, samples, strangers
from tltk.analyses.two_sample.analysis import two_sample
from tltk.analyses.two_sample.spec import TwoSampleSpec
from tltk.data.domain import Domain
from tltk.errors import BadSpec
from tltk.specs.parts import DataSpec, NetSpec

SPEC = TwoSampleSpec(
    DataSpec("one"), DataSpec("other"), NetSpec("test_resnet"), measures=("mmd", "energy"), permutations=39
)
BASE = domain(240)


def seen(base: Domain, change: int, rows: Any = slice(None), **more: Any) -> Domain:
    """The same examples, other pixels."""
    images = base.images[rows] // 2 + np.uint8(change)
    return Domain.of(
        "x", images, base.labels[rows], base.classes, licence="", source="", origins=base.origins[rows], **more
    )


def drawn(one: Domain, other: Domain, spec: TwoSampleSpec = SPEC) -> tuple[Sample, Sample, str, Context]:
    where = context(one=one, other=other)
    target, source = samples(spec, where)
    assert source is not None
    return *strangers(spec, where, target, source), where


def examples(part: Sample) -> list[int]:
    return part.domain.origins[part.index].tolist()


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("pictures", [20, 1000])
def test_no_example_is_in_both_and_both_sides_are_as_large(pictures: int, seed: int) -> None:
    y, x, text, _ = drawn(BASE, seen(BASE, 40), dataclasses.replace(SPEC, pictures=pictures, seed=seed))
    whole = len(BASE.split(SPEC.target, seed).train)
    assert not set(examples(x)) & set(examples(y))
    assert len(x) == len(y) == 20 if pictures == 20 else abs(len(x) - len(y)) <= 1 and len(x) + len(y) == whole
    counts = [np.bincount(part.labels.numpy(), minlength=3) for part in (x, y)]
    assert np.abs(counts[0] - counts[1]).max() <= 2
    assert f"have {whole} examples in common" in text and f"{len(x)} source and {len(y)} target examples" in text


def test_only_training_pictures_are_drawn() -> None:
    y, x, _, _ = drawn(BASE, seen(BASE, 40), dataclasses.replace(SPEC, source=DataSpec("other", seed=3)))
    assert set(y.index) <= set(y.domain.split(DataSpec("one"), 0).train)
    assert set(x.index) <= set(x.domain.split(DataSpec("other", seed=3), 0).train)


def test_few_shots_are_left_to_the_side_that_has_few() -> None:
    y, x, text, _ = drawn(BASE, seen(BASE, 40), dataclasses.replace(SPEC, target=DataSpec("one", shots=4)))
    assert len(y) == 12 and not set(examples(x)) & set(examples(y))
    assert len(x) == len(BASE.split(DataSpec("other"), 0).train) - 12 and "have 12 examples in common" in text


def test_some_in_common_are_dealt_out_and_the_others_stay() -> None:
    a, b = seen(BASE, 0, slice(0, 150)), seen(BASE, 40, slice(90, 240))
    y, x, text, _ = drawn(a, b)
    assert not set(examples(x)) & set(examples(y)) and abs(len(x) - len(y)) <= 4
    pools = [set(d.origins[d.split(DataSpec("x"), 0).train].tolist()) for d in (a, b)]
    assert set(examples(x)) | set(examples(y)) == pools[0] | pools[1]
    assert f"have {len(pools[0] & pools[1])} examples in common" in text


def test_nothing_is_done_where_nothing_is_common() -> None:
    other = domain(240, seed=5)
    y, x, text, where = drawn(BASE, other)
    assert text == ""
    target, source = samples(SPEC, where)
    assert source is not None
    assert np.array_equal(y.index, target.index) and np.array_equal(x.index, source.index)


def test_copies_within_a_side_count_once() -> None:
    twice = Domain.of(
        "x", np.concatenate([BASE.images] * 2), np.concatenate([BASE.labels] * 2), BASE.classes, licence="", source=""
    )
    y, x, text, _ = drawn(twice, domain(240, seed=5))
    assert len(set(examples(y))) == len(y) < len(draw(twice, DataSpec("one"), 1000, 0))
    assert "copies of another of their own side were left out" in text and "in common" not in text


def test_one_example_is_too_few_for_a_test() -> None:
    tiny = DataSpec("one", shots=1)
    with pytest.raises(
        BadSpec, match="needs different examples on both sides. Source and target have 3 examples in common"
    ):
        drawn(
            BASE, seen(BASE, 40), dataclasses.replace(SPEC, target=tiny, source=dataclasses.replace(tiny, name="other"))
        )


def test_a_shift_and_a_profile_say_it_with_the_number_that_is_left() -> None:
    other = seen(BASE, 40)
    found, _ = two_sample(SPEC, context(one=BASE, other=other))
    whole = len(BASE.split(SPEC.target, 0).train)
    assert sum(found.n.values()) == whole and f"have {whole} examples in common" in found.drawn
    assert len(found.labels) == whole
    asked = ProfileSpec(SPEC.target, SPEC.source, SPEC.net, permutations=19, measures=("mmd", "class_mmd"))
    its = profile(asked, context(one=BASE, other=other))
    assert its.drawn == found.drawn and its.compared == found.n
    assert its.n == {"source": whole, "target": whole}  # probes look at all
    assert sum(n for sides in its.within.values() for n in sides.values()) == whole
    plain = profile(dataclasses.replace(asked, measures=()), context(one=BASE, other=other))
    assert plain.drawn == "" and plain.compared == {}
    assert column(plain, "probe_target").values == column(its, "probe_target").values


def test_false_alarms_between_a_domain_and_itself_come_at_the_rate_that_is_said() -> None:
    """Both sides are one domain. With the same pictures on both the value is 0 and p is 1: every shift is hidden."""

    def p(source: Sample, target: Sample, seed: int) -> float:
        x, y = (torch.from_numpy(part.domain.images[part.index].mean((2, 3))) for part in (source, target))
        return with_null("energy", x, y, 99, seed).p

    ps = []
    for seed in range(100):
        spec = dataclasses.replace(
            SPEC, target=DataSpec("one", seed=seed), source=DataSpec("other", seed=seed), seed=seed
        )
        y, x, _, where = drawn(BASE, BASE, spec)
        ps.append(p(x, y, seed))
        target, source = samples(spec, where)
        assert source is not None and p(source, target, seed) == 1.0
    assert binom.ppf(0.001, 100, 0.05) <= np.sum(np.array(ps) <= 0.05) <= binom.ppf(0.999, 100, 0.05)
    assert 0.4 < np.mean(ps) < 0.6


def test_the_built_in_digits_and_their_corruptions_are_the_same_digits() -> None:
    from tltk import data

    specs = [DataSpec(name, n=200, size=16) for name in ("digits", "digits~fog:3", "blended_digits")]
    parts = [data.load(spec) for spec in specs]
    for other, spec in zip(parts[1:], specs[1:], strict=True):
        asked = dataclasses.replace(SPEC, target=specs[0], source=spec)
        target, source = (draw(d, s, 1000, 0) for d, s in ((parts[0], specs[0]), (other, spec)))
        y, x, text = strangers(asked, context(), target, source)
        assert not set(examples(x)) & set(examples(y)) and "examples in common" in text

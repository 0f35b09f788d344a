"""The shift lab as test bed: the true shift is known, so what each measure sees of each dial is a table to be kept."""

from __future__ import annotations

import dataclasses
from functools import lru_cache

import numpy as np
import pytest
import torch
from scipy.stats import binom
from torch import Tensor

from tltk.analyses.dial_response.analysis import Lab, dial_response
from tltk.analyses.dial_response.result import DialResponseResult
from tltk.analyses.dial_response.settings import ENDS, dial_settings
from tltk.analyses.dial_response.spec import DialResponseSpec
from tltk.analyses.sample import Context
from tltk.analyses.two_sample.label_shift import predict_classes
from tltk.data.sources import shapes
from tltk.data.sources.shapes import Dials
from tltk.shift import measures
from tltk.shift.bbse import bbse
from tltk.shift.class_mmd import class_mmd, conditional_mmd
from tltk.shift.null import permutation_mmd
from tltk.specs.parts import DataSpec
from tltk.training.bank import FeatureBank
from tltk.training.callbacks import Callbacks

# A dial at its end, against not turned; seen by the pooled features of an untrained network. With 19 permutations
# p = .05 means that none of them gave as much.
SPEC = DialResponseSpec(DataSpec("shapes", size=16), steps=1, pictures=150, permutations=19)
ROOM = Context(lambda _: pytest.fail("the lab draws its own pictures"), FeatureBank(), Callbacks())

# What no measure sees here at its end, and why. These change how a picture's parts go together, not how much of
# what there is, and the mean over places of an untrained filter holds little but the latter.
UNSEEN = {
    "rotation": "edges are as many whichever way a shape is turned",
    "correlation": "hues and shapes keep their shares; which goes with which is all that changes",
    "prior": "the shapes differ far less than the hues and backgrounds that they are drawn in",
}
MAY = {  # near the edge at this size: asserted neither way
    ("coral", "texture"): "a texture darkens: that moves means, of which CORAL has no term",
    ("coral", "classes"): "the shapes that are left move means more than covariances",
    ("a_distance", "correlation"): "one direction in which a class has its own hue is enough for a classifier",
    ("c2st", "correlation"): "the same",
    ("symmetric_kl", "correlation"): "it weighs directions of small variance, where what goes with which shows",
}


@lru_cache
def answer(seed: int, dials: tuple[str, ...]) -> DialResponseResult:
    return dial_response(dataclasses.replace(SPEC, seed=seed, dials=dials), ROOM)


@pytest.mark.parametrize("dial", [d for d in SPEC.dials if d not in UNSEEN])
@pytest.mark.parametrize("name", SPEC.measures)
def test_a_dial_at_its_end_is_seen(name: str, dial: str) -> None:
    row = answer(0, SPEC.dials).cells[name][dial][-1]
    if (name, dial) not in MAY:
        assert row.p <= 0.05 and row.value > row.hi and row.effect > 2


@pytest.mark.parametrize("dial", UNSEEN)
@pytest.mark.parametrize("name", SPEC.measures)
def test_what_changes_in_its_parts_alone_is_not_seen(name: str, dial: str) -> None:
    ps = [answer(seed, tuple(UNSEEN) if seed else SPEC.dials).cells[name][dial][-1].p for seed in (0, 1, 2)]
    if (name, dial) not in MAY:
        assert np.median(ps) > 0.05


@pytest.mark.parametrize("name", SPEC.measures)
def test_false_alarms_where_nothing_is_turned_come_at_most_at_the_rate_alpha(name: str) -> None:
    """Classes are dealt out evenly to both samples, which are thus more alike than chance would have them."""
    n = len(SPEC.dials)
    assert answer(0, SPEC.dials).alarms[name] * n <= binom.ppf(0.995, n, 0.05)


@pytest.mark.parametrize("dial", [d for d in SPEC.dials if d in ENDS and d not in UNSEEN])
def test_the_median_response_does_not_fall_from_a_small_turn_to_the_end(dial: str) -> None:
    small, end = values(dial)
    for name in measures:
        assert np.median(small[name]) <= np.median(end[name]), name


def values(dial: str) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Each measure over three seeds, for an eighth of the dial's way and for all of it."""
    found: tuple[dict[str, list[float]], dict[str, list[float]]] = (
        {m: [] for m in measures},
        {m: [] for m in measures},
    )
    ways = dial_settings(Dials(), dial, 4)
    for seed in (0, 1, 2):
        x = source(seed)
        for part, (_, dials) in zip(found, (ways[1], ways[-1]), strict=True):
            y = network().features(dials, seed + 10)
            for name in measures:
                part[name].append(float(measures[name](x, y)))
    return found


@lru_cache
def network() -> Lab:
    return Lab(SPEC, Dials(), ROOM)


@lru_cache
def source(seed: int) -> Tensor:
    return network().features(Dials(), seed)


# -- measures that know the labels --------------------------------------------------------------------------

FIVE = "classes=0-4"  # told apart well enough by a linear classifier


def masks(more: str, seed: int, classes: str = FIVE) -> tuple[Tensor, Tensor]:
    """Where each shape lies, (400, 144), and the labels."""
    domain = shapes.load(DataSpec("shapes", n=400, size=24, seed=seed), f"texture=plain,{classes}{more}")
    x = torch.from_numpy(np.asarray(domain.images)).float()
    x = torch.nn.functional.avg_pool2d((x - x[:, :, :1, :1]).abs(), 2).amax(1).flatten(1)
    return x / x.norm(dim=1, keepdim=True), torch.from_numpy(domain.labels)


def estimated(target: Tensor) -> Tensor:
    """The target's class shares without its labels, as the page *Shift* estimates them."""
    x, labels = masks("", 0)
    held, asked = predict_classes(x, labels, target, 0)
    weights = bbse(held, labels, asked)
    return weights * torch.bincount(labels, minlength=5) / len(labels)


@pytest.mark.parametrize("dial", [",prior=0.6", ",label_noise=0.8"])
def test_bbse_recovers_the_prior_and_label_noise_does_not_move_it(dial: str) -> None:
    prior = float(dial.partition("prior=")[2] or 1)
    true = prior ** torch.arange(5.0)
    found = estimated(masks(dial, 1)[0])
    assert found.tolist() == pytest.approx((true / true.sum()).tolist(), abs=0.05)


def test_bbse_finds_which_classes_are_gone() -> None:
    found = estimated(masks("", 1, "classes=1-3")[0])
    assert found.tolist() == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3, 0], abs=0.06)


def test_class_by_class_a_prior_is_no_shift_and_label_noise_is_one() -> None:
    x, labels = masks("", 0)

    def apart(more: str) -> float:
        return conditional_mmd(class_mmd(x, labels, *masks(more, 1)))

    assert permutation_mmd(x, masks(",prior=0.6", 1)[0], permutations=99).p <= 0.05  # all pictures together are one
    noise = [apart(f",label_noise={share}") for share in (0, 0.3, 0.6, 0.9)]
    assert noise == sorted(noise) and noise[-1] > 10 * abs(noise[0])
    assert abs(apart(",prior=0.6")) < noise[1] / 3

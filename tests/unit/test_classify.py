"""Classical learners on frozen features: what is learned from, what is tested on, and how far a ranking goes."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.engine import domain
from tests.support.layers import NAMES, context, round_trips
from tltk.analyses.classify.analysis import classify
from tltk.analyses.classify.ranking import accuracy_interval, sentence
from tltk.analyses.classify.spec import ClassifySpec
from tltk.analyses.classify.table import lines
from tltk.data.domain import Domain
from tltk.errors import BadSpec, UnknownName
from tltk.learners import learners
from tltk.learners.search import fit
from tltk.nn.taps import Taps
from tltk.probes.linear import wilson
from tltk.results.rows import ACROSS
from tltk.specs.parts import DataSpec, NetSpec
from tltk.verdicts.ranking import compare_pairs, ranks
from tltk.weights.load import build_net

SPEC = ClassifySpec(
    DataSpec("here"), None, NetSpec("test_resnet"), learners=("ridge", "knn", "lda"), folds=2, seeds=3, seed=2
)
ADAPT = dataclasses.replace(SPEC, source=DataSpec("there"), labels="source", seeds=2)


def ask(spec: ClassifySpec, **more: Domain) -> Any:
    return classify(spec, context(None, **more))[0]


def test_accuracy_is_that_of_the_learner_on_the_test_part() -> None:
    """By hand: features of the layer from the network, the learner fitted to the training part, tested once."""
    spec = dataclasses.replace(SPEC, learners=("ridge",), layer="layer2.0", seeds=1)
    found = ask(spec)
    here = context().load(spec.target)
    split = here.split(spec.target, 2)
    net = build_net(spec.net, 3, 32, 3, 2).eval()

    def features(index: np.ndarray) -> np.ndarray:
        x = torch.from_numpy(here.images[index]).float() / 255
        return next(
            f.double().numpy()
            for i, f in enumerate(
                Taps(net, "avg").prefix(net.normalise(x).contiguous(memory_format=torch.channels_last))
            )
            if i == NAMES.index("layer2.0")
        )

    fitted = fit(learners["ridge"](), features(split.train), here.labels[split.train], folds=2, seed=2)
    right = fitted.predict(features(split.test)) == here.labels[split.test]
    (row,) = found.rows
    assert row.accuracy == right.mean() and (row.lo, row.hi) == wilson(int(right.sum()), len(right))
    assert row.chosen == [fitted.chosen] and row.folds == 2
    assert (found.layer, found.layer_name, found.n_test) == (2, "layer2.0", len(split.test))
    assert found.n_train == [len(split.train)]
    round_trips(found)


def test_rows_are_ranked_and_pairs_are_all_there() -> None:
    found = ask(SPEC)
    values = [row.accuracy for row in found.rows]
    assert values == sorted(values, reverse=True) and {row.learner for row in found.rows} == set(SPEC.learners)
    assert len(found.pairs) == 3 and all(pair.gap <= 0 for pair in found.pairs)
    assert all(row.lo <= row.accuracy <= row.hi for row in found.rows)
    text = "\n".join(lines(found))
    assert all(name in text for name in SPEC.learners) and "hyper-parameters" in text


def test_equal_draws_are_said_and_few_shots_differ() -> None:
    assert any("same" in remark for remark in ask(SPEC).remarks)
    few = ask(dataclasses.replace(SPEC, target=DataSpec("here", shots=3)))
    assert few.n_train == [9, 9, 9] and not any("All seeds" in remark for remark in few.remarks)


def test_a_single_picture_of_each_class_is_learned_from_without_cross_validation() -> None:
    found = ask(dataclasses.replace(SPEC, target=DataSpec("here", shots=1), learners=("ridge", "knn")))
    assert {row.folds for row in found.rows} == {0}
    assert any("could not be cross-validated" in remark for remark in found.remarks)
    usual = {k: v[0] for k, v in learners["ridge"]().grid(3, 10).items()}
    assert next(row for row in found.rows if row.learner == "ridge").chosen == [usual] * 3


def test_what_cannot_be_fitted_is_left_out_and_the_others_go_on() -> None:
    """LDA needs more pictures than classes."""
    found = ask(dataclasses.replace(SPEC, target=DataSpec("here", shots=1)))
    assert set(found.left_out) == {"lda"} and len(found.rows) == 2
    with pytest.raises(BadSpec, match="None is"):
        ask(dataclasses.replace(SPEC, target=DataSpec("here", shots=1), learners=("lda",)))


def test_layers_are_found_by_name_number_and_from_the_end() -> None:
    def of(**given: Any) -> tuple[int, str]:
        found = ask(dataclasses.replace(SPEC, learners=("knn",), seeds=1, **given))
        return found.layer, found.layer_name

    assert of() == (5, "features") == of(layer="5")
    assert of(layer="stem") == (0, "stem") == of(layer="0")
    assert of(removed=1) == (3, "layer3.0") and of(removed=4) == (0, "stem")
    with pytest.raises(BadSpec, match="at least one must be left"):
        of(removed=5)
    with pytest.raises(BadSpec, match="from 0 to 5"):
        of(layer="6")
    with pytest.raises(UnknownName, match="layer"):
        of(layer="layer9")


# -- from the source's labels ----------------------------------------------------------------------------


def test_target_labels_are_for_the_test_alone() -> None:
    """Shuffled among the training pictures of the target, they change nothing that is found."""
    spec = dataclasses.replace(
        ADAPT, alignments=("coral", "optimal_transport"), reweightings=("domain_classifier", "kmm", "kliep")
    )
    here = context().load(spec.target)
    given = np.full(len(here.labels), 0, np.int8)
    turn = np.arange(len(given)) // 3  # labels go round in threes
    given[turn % 3 == 0] = 2
    given[turn % 9 == 1] = 1
    divided = dataclasses.replace(here, given=given)
    labels = here.labels.copy()
    train = np.flatnonzero(given == 0)
    labels[train] = np.roll(labels[train], 1)
    one, other = (ask(spec, here=d) for d in (divided, dataclasses.replace(divided, labels=labels)))
    for a, b in zip(one.rows, other.rows, strict=True):
        assert dataclasses_equal(a, b)
    assert one.weights == other.weights


def dataclasses_equal(a: Any, b: Any) -> bool:
    names = [name for name in a.__struct_fields__ if name != "seconds"]
    return all(getattr(a, name) == getattr(b, name) for name in names)


def test_each_way_stands_beside_the_features_as_they_are() -> None:
    spec = dataclasses.replace(ADAPT, alignments=("coral", "tca:dimension=3"), reweightings=("kmm",))
    found = ask(spec)
    assert {(row.learner, row.alignment, row.reweighting) for row in found.rows} == {
        *((learner, way, "") for learner in SPEC.learners for way in ("", "coral", "tca:dimension=3")),
        ("ridge", "", "kmm"),
    }
    assert set(found.left_out) == {"knn+kmm", "lda+kmm"} and "ridge+coral" in {row.name for row in found.rows}
    assert found.labels == "source" and "The target's labels were used for the test alone." in found.remarks
    round_trips(found)
    text = "\n".join(lines(found))
    assert "Left out: knn+kmm, lda+kmm. A learner must take weights" in text and "kmm:" in text


def test_the_pictures_that_count_most_and_least_are_named() -> None:
    asked = dataclasses.replace(ADAPT, learners=("ridge",), reweightings=("domain_classifier",))
    found, sheet = classify(asked, context())
    (one,) = found.weights
    there = context().load(DataSpec("there"))
    shown, side = [*one.largest, *one.least], there.images.shape[-1]
    assert sheet is not None and [p.place for p in shown] == list(range(16))
    for p in (one.largest[0], one.least[-1]):
        left, top = p.place % ACROSS * side, p.place // ACROSS * side
        tile = np.asarray(sheet.crop((left, top, left + side, top + side)))
        assert np.array_equal(tile.transpose(2, 0, 1), there.images[p.at]), "its picture lies where it says"
    most, least = [p.weight for p in one.largest], [p.weight for p in one.least]
    assert most == sorted(most, reverse=True) and least == sorted(least) and most[-1] >= least[-1]
    train = set(there.split(DataSpec("there"), 2).train.tolist())
    assert {p.at for p in one.largest} <= train
    assert all(there.classes[there.labels[p.at]] == p.label for p in (*one.largest, *one.least))
    assert 1 <= one.effective <= one.n == found.n_train[0]


BOTH = dataclasses.replace(ADAPT, target=DataSpec("here", shots=4), labels="both", rounds=5)


def test_both_labels_are_learned_from_alike_alone_and_boosted() -> None:
    found = ask(BOTH)
    assert {row.name for row in found.rows} == {
        *(f"{learner}{way}" for learner in SPEC.learners for way in ("", "+target_only")),
        "ridge+tradaboost",
    }
    assert set(found.left_out) == {"knn+tradaboost", "lda+tradaboost"}
    source = len(context().load(DataSpec("there")).split(DataSpec("there"), 2).train)
    assert found.n_train == [source + 12] * 2
    (one,) = found.weights
    assert (one.name, one.n) == ("ridge+tradaboost", source) and 1 <= one.effective <= source
    text = "\n".join(lines(found))
    assert "ridge+tradaboost: " in text and f"Learned from {source:,} pictures of the source and 12 of the" in text
    assert "The target's labels were used for the test alone." not in found.remarks
    round_trips(found)


def test_the_target_s_labels_alone_are_those_of_a_question_without_a_source() -> None:
    found = {row.name: row for row in ask(BOTH).rows}
    alone = {row.name: row for row in ask(dataclasses.replace(BOTH, source=None, labels="target")).rows}
    for learner in SPEC.learners:
        assert found[f"{learner}+target_only"].accuracy == alone[learner].accuracy


def test_boosting_takes_weight_from_pictures_with_wrong_labels() -> None:
    """A third of the labels of the source are wrong: they are more frequent where the weights are least."""
    there = domain(240, seed=3)
    wrong = np.arange(len(there.labels)) % 9 < 3
    spoilt = dataclasses.replace(there, labels=np.where(wrong, (there.labels + 1) % 3, there.labels))
    spec = dataclasses.replace(BOTH, target=DataSpec("here", shots=15), learners=("ridge",), rounds=10, seeds=1)
    found = ask(spec, here=domain(240, seed=4), there=spoilt)
    (one,) = found.weights
    assert np.mean([wrong[p.at] for p in one.least]) > np.mean([wrong[p.at] for p in one.largest])


def test_an_alignment_undoes_what_was_done_to_the_features() -> None:
    """The target is the source seen in other brightness and contrast: not moved, learners fail; moved, they do not."""
    bright = domain(240, seed=3)
    dim = dataclasses.replace(domain(240, seed=4), images=(domain(240, seed=4).images // 3 + 20).astype(np.uint8))
    spec = dataclasses.replace(
        ADAPT, learners=("ridge",), alignments=("coral:ridge=0.01",), layer="stem", pooling="project"
    )
    found = {row.name: row.accuracy for row in ask(spec, here=dim, there=bright).rows}
    assert found["ridge+coral:ridge=0.01"] >= found["ridge"]


def test_examples_of_the_test_are_not_learned_from() -> None:
    """A source that holds the target's own pictures, divided otherwise, loses those that are held out here."""
    spec = dataclasses.replace(ADAPT, source=DataSpec("there", seed=9))
    here = context().load(DataSpec("here"))
    found = ask(spec, there=here)
    train = here.split(DataSpec("there", seed=9), 2).train
    split = here.split(spec.target, 2)
    clean = np.setdiff1d(train, np.concatenate([split.val, split.test]))
    assert 0 < len(clean) < len(train) and found.n_train == [len(clean)] * 2
    said = f"{len(train) - len(clean)} training pictures of the source show examples that are held out here: left out."
    assert said in found.remarks


def test_classes_are_matched_by_name() -> None:
    there = context().load(DataSpec("there"))
    turned = dataclasses.replace(there, labels=(2 - there.labels), classes=tuple(reversed(there.classes)))
    one, other = (ask(dataclasses.replace(ADAPT, learners=("ridge",)), there=d) for d in (there, turned))
    assert one.n_train == other.n_train
    more = dataclasses.replace(there, classes=("x", *there.classes[1:]))
    with pytest.raises(BadSpec, match="It lacks"):
        ask(ADAPT, there=more)


# -- the ranking -----------------------------------------------------------------------------------------


def test_ranks_are_as_far_as_pairs_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    good = (rng.random((3, 400)) < 0.9).astype(float)
    scores = {"good": good, "as good": np.roll(good, 1, 1), "bad": (rng.random((3, 400)) < 0.3).astype(float)}
    order = ["good", "as good", "bad"]
    pairs = compare_pairs(scores, order)
    assert [p.label for p in pairs] == ["cannot tell", "hurts", "hurts"]
    assert [ranks(name, order, pairs) for name in order] == [(1, 2), (1, 2), (3, 3)]
    assert "good has the highest mean" in sentence(order, scores, pairs) and "as good cannot be told apart" in sentence(
        order, scores, pairs
    )
    assert "ahead of all others" in sentence(["good", "bad"], scores, compare_pairs(scores, ["good", "bad"]))


def test_fewer_than_three_seeds_rank_nothing() -> None:
    scores = {"a": np.ones((1, 300)), "b": np.zeros((1, 300))}
    pairs = compare_pairs(scores, ["a", "b"])
    assert pairs[0].label == "cannot tell" and "cannot be told from 1 seed" in sentence(["a", "b"], scores, pairs)
    assert accuracy_interval(scores["a"]) == (1.0, *wilson(300, 300))

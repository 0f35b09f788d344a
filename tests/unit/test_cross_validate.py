"""A cross-validation's order of business, its interval and its words, with trainings that are only written down."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from tests.support.results import trained
from tltk import home
from tltk.errors import BadSpec
from tltk.jobs.checking import check, check_names
from tltk.results.account import Part
from tltk.runs.run import Run
from tltk.specs.command import build_spec, to_command
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec
from tltk.specs.reading import read_spec
from tltk.specs.training import TransferSpec
from tltk.studies.cross_validate import study
from tltk.studies.cross_validate.result import CrossValidateResult
from tltk.studies.cross_validate.spec import CrossValidateSpec
from tltk.studies.cross_validate.table import lines
from tltk.studies.study import conduct
from tltk.verdicts.resampled import corrected_interval

SPEC = CrossValidateSpec(
    target=DataSpec("digits", n=400),
    net=NetSpec("test_resnet", "store:test_resnet_formula"),
    optim=OptimSpec(epochs=4),
    arms=("scratch", "feature_extraction"),
    lrs=(1e-3, 1e-2),
    widen=0,
    folds=4,
)
N = 100  # pictures of a fold


class Trainer:
    """Writes what a training would have found: how many of 100 pictures are right, and its best rate."""

    def __init__(
        self,
        right: Callable[[TransferSpec], int],
        best: Callable[[TransferSpec], float],
        groups: int,
        figure: Callable[[TransferSpec], tuple[str, float | None]],
    ) -> None:
        self.right, self.best, self.groups, self.figure = right, best, groups, figure
        self.trained: list[TransferSpec] = []
        self.stages: list[int] = []

    def __call__(self, runs: list[Run], ended: Callable[[Run], None]) -> None:
        self.stages.append(sum(run.status.state != "done" for run in runs))
        for run in runs:
            spec = run.spec
            assert isinstance(spec, TransferSpec)
            if run.status.state != "done":
                self.trained.append(spec)
                n, (metric, score) = self.right(spec), self.figure(spec)
                found = trained(
                    val_accuracy=float(np.exp(-abs(np.log(spec.optim.lr / self.best(spec))))),
                    labels=[0] * N,
                    predictions=[0] * n + [1] * (N - n),
                    accuracy=n / N,
                    metric=metric,
                    score=score,
                    parts={"test": Part(N, f"fold {spec.target.fold} of 4", self.groups)},
                )
                home.write_atomic(run.path / "result.json", msgspec.json.encode(found))
                run.write_status(state="done")
            ended(run)


def go(
    spec: CrossValidateSpec = SPEC,
    right: Callable[[TransferSpec], int] = lambda s: 80,
    best: Callable[[TransferSpec], float] = lambda s: 1e-3,
    groups: int = 0,
    figure: Callable[[TransferSpec], tuple[str, float | None]] = lambda s: ("accuracy", None),
) -> tuple[CrossValidateResult, Trainer, Run]:
    trainer, run = Trainer(right, best, groups, figure), Run.create(spec)
    return conduct(run, study.cross_validate(spec), trainer, lambda done, what: None), trainer, run


def is_scratch(spec: TransferSpec) -> bool:
    return spec.net.weights == "scratch"


def test_every_fold_searches_its_rate_and_is_tested_once() -> None:
    found, trainer, run = go()
    assert len(trainer.trained) == study.n_trainings(SPEC) == 4 * 2 * (2 + 1)
    assert trainer.stages[0] == 16, "the grid of all folds side by side"
    measured = [Run.at(c.id).spec for c in run.children() if c.role == "measure"]
    tested = [(s.target.repeat, s.target.fold) for s in measured if isinstance(s, TransferSpec) and is_scratch(s)]
    assert tested == [(1, 1), (1, 2), (1, 3), (1, 4)]
    searched = {c.seed for c in run.children() if c.role == "search"}
    assert searched.isdisjoint({c.seed for c in run.children() if c.role == "measure"})
    assert found.n_pictures == 400 and len(found.arms[0].folds) == 4
    assert set(found.search["scratch"]) == {"1/1", "1/2", "1/3", "1/4"}


def test_each_fold_uses_the_rate_that_it_found_itself() -> None:
    found, trainer, _ = go(best=lambda s: 1e-2 if s.target.fold == 3 else 1e-3)
    assert [f.lr for f in found.arms[1].folds] == [1e-3, 1e-3, 1e-2, 1e-3]
    assert "0.001 … 0.01" in "\n".join(lines(found))
    one, trainer, _ = go(dataclasses.replace(SPEC, nested=False, first_seed=3), best=lambda s: 1e-2)
    assert len(trainer.trained) == 2 * 2 + 8 == study.n_trainings(dataclasses.replace(SPEC, nested=False))
    assert {f.lr for f in one.arms[0].folds} == {1e-2}
    assert any("validation pictures test in other folds" in remark for remark in one.remarks)


def test_repeats_divide_the_same_pictures_anew_with_another_seed() -> None:
    found, trainer, run = go(dataclasses.replace(SPEC, repeats=3, lrs=(1e-3,)))
    measured = [s for s in trainer.trained if is_scratch(s)]
    assert [(s.target.repeat, s.seed) for s in measured] == [(r, r - 1) for r in (1, 2, 3) for _ in range(4)]
    assert {(s.target.seed, s.target.n) for s in measured} == {(0, 400)}
    assert [(f.repeat, f.fold) for f in found.arms[0].folds] == [(r, f) for r in (1, 2, 3) for f in (1, 2, 3, 4)]
    assert "4 folds × 3 repeats of 400 pictures" in found.sentence and "Repeat 3, fold 4" in "\n".join(lines(found))


def test_the_gap_is_paired_by_fold_and_allows_for_shared_pictures() -> None:
    base, more = [70, 80, 90, 60], [9, 11, 10, 12]
    found, *_ = go(right=lambda s: base[s.target.fold - 1] + (0 if is_scratch(s) else more[s.target.fold - 1]))
    assert found.gap is not None
    wanted = corrected_interval(np.array(more) / 100, 1 / 3)
    assert (found.gap.gap, found.gap.lo, found.gap.hi) == pytest.approx(wanted)
    assert found.gap.label == "helps"
    assert re.fullmatch(
        r"feature_extraction is better than scratch: feature_extraction gets 85\.5% of the pictures of unseen folds right, "
        r"scratch 75\.0%\. The gap is \+10\.5 points \(95% interval \+\d\.\d … \+1\d\.\d, 4 folds × 1 repeat "
        r"of 400 pictures\)\.",
        found.sentence,
    ), found.sentence
    own = corrected_interval(np.array(base) / 100, 1 / 3)
    assert (found.arms[0].score, found.arms[0].lo) == pytest.approx(own[:2]) and found.arms[0].hi <= 1


def test_what_cannot_be_told_is_said_with_what_would_settle_it() -> None:
    more = [6, -1, 5, 0]
    found, *_ = go(right=lambda s: 80 + (0 if is_scratch(s) else more[s.target.fold - 1]))
    assert found.gap is not None and found.gap.label == "cannot tell"
    assert found.sentence.startswith("Cannot tell feature_extraction from scratch")
    assert "More repeats alone would not settle a gap of this size" in found.sentence
    close, *_ = go(
        dataclasses.replace(SPEC, first_seed=5, repeats=2),
        right=lambda s: 80 + (0 if is_scratch(s) else (4, 1, 4, 0)[s.target.fold - 1]),
    )
    assert close.gap is not None and close.gap.label == "cannot tell"
    assert re.search(r"About \d+ repeats would settle a gap of this size", close.sentence), close.sentence
    same, *_ = go(dataclasses.replace(SPEC, first_seed=9, repeats=3))
    assert same.gap is not None and same.gap.hi > 0 > same.gap.lo, "alike in all folds, and not without width"


def test_one_technique_alone_has_an_accuracy_with_its_interval() -> None:
    found, *_ = go(dataclasses.replace(SPEC, arms=("feature_extraction",)), groups=3)
    assert found.gap is None and found.n_groups == 12
    assert found.sentence.startswith("feature_extraction gets 80.0% of the pictures of unseen folds right (95%")
    assert "4 folds × 1 repeat of 400 pictures, 12 groups kept whole" in found.sentence


def test_what_is_weighed_is_the_metric_that_was_asked_for() -> None:
    """A figure of each fold as it is, not of its pictures."""
    figures = [0.5, 0.6, 0.7, 0.6]
    found, *_ = go(figure=lambda s: ("macro_f1", figures[s.target.fold - 1] + 0.1 * (not is_scratch(s))))
    assert found.metric == "macro_f1" and [f.score for f in found.arms[0].folds] == figures
    assert found.arms[0].score == pytest.approx(0.6) and found.arms[0].accuracy == pytest.approx(0.8)
    assert "feature_extraction reaches 70.0% macro-F1 on unseen folds, scratch 60.0%" in found.sentence
    assert "macro-F1" in lines(found)[2] and "accuracy" in lines(found)[2]


def test_a_source_that_may_share_pictures_is_trained_without_each_fold() -> None:
    spec = dataclasses.replace(SPEC, source=DataSpec("blended_digits", n=100), net=NetSpec("test_resnet"), lrs=(1e-3,))
    found, trainer, run = go(spec)
    sources = [s for s in trainer.trained if s.without is not None]
    assert [s.without.fold for s in sources if s.without] == [1, 2, 3, 4] and trainer.stages[0] == 4
    transfers = [s for s in trainer.trained if s.net.weights.startswith("run:")]
    assert [s.net.weights for s in transfers] == [f"run:{s.run_id}" for s in sources]
    other = dataclasses.replace(spec, source=DataSpec("shapes", n=100), first_seed=11)
    assert len(go(other)[1].trained) == 1 + 8 == study.n_trainings(other), "one source for all folds"


def test_the_command_asks_for_it_again() -> None:
    spec = dataclasses.replace(SPEC, target=DataSpec("folder:/x", group_by="folder"), nested=False)
    words = to_command(spec).split()
    assert words[:2] == ["tltk", "cross-validate"] and "--group-by" in words and "--no-nested" in words
    assert "--fold" not in words and words[words.index("--folds") + 1] == "4"
    assert read_spec(spec.to_json()) == spec
    given = {"folds": 4, "target": "digits", "n": 400, "backbone": "test_resnet", "weights": SPEC.net.weights}
    more = {"epochs": 4, "arms": "scratch,feature_extraction", "lrs": "1e-3,1e-2", "widen": 0}
    assert build_spec(CrossValidateSpec, {**given, **more}) == SPEC


@pytest.mark.parametrize(
    ("arms", "sentence"),
    [
        (("a", "b", "c"), "One technique or two must be named"),
        ((), "One technique or two"),
        (("bias", "bias"), "each of them once"),
    ],
)
def test_other_numbers_of_techniques_are_refused(arms: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(BadSpec, match=sentence):
        CrossValidateSpec(arms=arms)


def test_what_cannot_be_is_refused_before_anything_is_queued() -> None:
    with pytest.raises(BadSpec, match="The two techniques|are the same"):
        check_names(CrossValidateSpec(arms=("scratch", "fine_tune")))
    with pytest.raises(BadSpec, match="between 2 and 50"):
        CrossValidateSpec(folds=1)
    check(CrossValidateSpec(net=NetSpec("test_resnet")))
    assert CrossValidateSpec(target=DataSpec(folds=3, fold=2)).target == DataSpec()

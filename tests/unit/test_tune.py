"""A search for settings: what is proposed, what is pruned, what is tested, and what is said of luck."""

from __future__ import annotations

import dataclasses
import importlib.util
import math
from collections.abc import Callable
from typing import Any

import msgspec
import optuna
import pytest

from tests.support.results import trained
from tltk import home
from tltk.errors import BadSpec, RunProblem
from tltk.jobs import launch
from tltk.jobs.checking import check
from tltk.results.rows import Row
from tltk.runs.run import Run
from tltk.specs.command import to_command
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec, ViewSpec
from tltk.specs.training import TransferSpec
from tltk.studies.study import conduct
from tltk.studies.tune import study
from tltk.studies.tune.result import TuneResult
from tltk.studies.tune.spec import TuneSpec, views
from tltk.studies.tune.table import lines, rows

EPOCHS = 4
SPEC = TuneSpec(
    target=DataSpec("digits"),
    net=NetSpec("test_resnet"),
    optim=OptimSpec(epochs=EPOCHS, lr=1e-3),
    arms=("fine_tune", "feature_extraction"),
    boundaries=(0, 2, 4),
    lrs=(1e-4, 1e-1),
    trials=16,
    seeds=3,
)
Quality = Callable[[TransferSpec], float]


def by_rate(spec: TransferSpec) -> float:
    """Best at 0.03 with all layers learning; augmentation is worth a little."""
    off = abs(math.log10(spec.optim.lr / 0.03)) * 0.15 + 0.03 * spec.net.boundary
    return max(0.9 - off + (0.01 if spec.views.flip else 0.0), 0.05)


class Trainer:
    """Writes what a training would have found; a quarter of its score each epoch, and no further than it has to."""

    def __init__(self, quality: Quality = by_rate, test: Quality | None = None, diverges: float = 1.0) -> None:
        self.quality, self.test, self.diverges = quality, test or quality, diverges
        self.epochs: dict[str, int] = {}

    def __call__(
        self, runs: list[Run], ended: Callable[[Run], None], enough: Callable[[Run], str] | None = None
    ) -> None:
        for run in runs:
            if run.status.state not in ("done", "stopped", "failed"):
                self._train(run, enough)
            ended(run)

    def _train(self, run: Run, enough: Callable[[Run], str] | None) -> None:
        spec = run.spec
        assert isinstance(spec, TransferSpec)
        if spec.optim.lr > self.diverges:
            home.write_atomic(run.path / "result.json", '{"diverged": "The loss is no number."}')
            run.write_status(state="failed")
            return
        lines_ = b""
        for epoch in range(1, EPOCHS + 1):
            row = Row(epoch, epoch, 1.0, "val", spec.optim.metric, self.quality(spec) * epoch / EPOCHS)
            lines_ += msgspec.json.encode(row) + b"\n"
            (run.path / "rows.jsonl").write_bytes(lines_)
            self.epochs[run.id] = epoch
            if enough is not None and (why := enough(run)):
                home.write_atomic(run.path / "result.json", msgspec.json.encode({"pruned": why}))
                run.write_status(state="stopped", message=why, seconds=float(epoch))
                return
        right = round(200 * self.test(spec))
        found = trained(
            tested_val_score=self.quality(spec),
            tested_val_loss=0.5,
            labels=[0] * 200,
            predictions=[0] * right + [1] * (200 - right),
            epochs=EPOCHS,
            seconds=float(EPOCHS),
            n_val=50,
            metric=spec.optim.metric,
        )
        home.write_atomic(run.path / "result.json", msgspec.json.encode(found))
        run.write_status(state="done", seconds=float(EPOCHS))


def go(spec: TuneSpec = SPEC, **how: Any) -> tuple[TuneResult, Trainer, Run]:
    trainer, run = Trainer(**how), Run.create(spec)
    return conduct(run, study.tune(spec), trainer, lambda done, what: None), trainer, run


# -- the search --------------------------------------------------------------------------------------------


def test_the_default_is_the_first_trial() -> None:
    found, *_ = go()
    assert found.trials[0].setting == study.default_setting(SPEC)
    assert dataclasses.astuple(SPEC.views) == dataclasses.astuple(
        views(found.trials[0].setting.augmentation, SPEC.views)
    )
    assert [t.number for t in found.trials] == list(range(1, 17))


def test_it_finds_what_is_better_and_later_trials_are_nearer_to_it() -> None:
    found, *_ = go(dataclasses.replace(SPEC, trials=40, prune=False))
    best = found.trials[found.best - 1]
    assert best.score == max(t.score or 0 for t in found.trials)
    assert best.setting.boundary == 0 and 0.01 < best.setting.lr < 0.09
    first, last = (
        [abs(math.log10(t.setting.lr / 0.03)) for t in part] for part in (found.trials[1:14], found.trials[-13:])
    )
    assert sum(last) < 0.7 * sum(first)


def test_the_search_sees_no_seed_that_is_measured_and_no_test_picture() -> None:
    found, _, run = go()
    seeds = {role: {c.seed for c in run.children() if c.role == role} for role in ("search", "measure")}
    assert seeds["measure"] == {0, 1, 2} and seeds["search"].isdisjoint(seeds["measure"])
    other, *_ = go(test=lambda s: 0.5)
    assert [t.setting for t in other.trials] == [t.setting for t in found.trials]
    assert other.best == found.best


def test_it_is_the_same_again_and_goes_on_over_what_is_finished() -> None:
    found, trainer, run = go()
    again = Trainer()
    assert conduct(run, study.tune(SPEC), again, lambda done, what: None) == found
    assert not again.epochs, "all trials had ended"
    assert trainer.epochs


def test_a_search_with_more_trials_begins_with_those_of_the_shorter_one() -> None:
    short, _, _ = go(dataclasses.replace(SPEC, trials=12, prune=False))
    long, trainer, _ = go(dataclasses.replace(SPEC, trials=12, prune=False, seeds=5))
    assert long.trials == short.trials
    assert len(trainer.epochs) <= 2 * 2, "two seeds more of at most two arms"


def test_a_budget_of_seconds() -> None:
    found, *_ = go(dataclasses.replace(SPEC, seconds=20, prune=False))
    assert 20 <= sum(t.seconds for t in found.trials) < 20 + SPEC.at_a_time * EPOCHS + 1
    assert any("of 16 trials were made before 20 seconds" in remark for remark in found.remarks)


# -- pruning -----------------------------------------------------------------------------------------------


def test_what_falls_behind_is_ended_and_cannot_be_the_best() -> None:
    found, trainer, _ = go(dataclasses.replace(SPEC, trials=30))
    pruned = [t for t in found.trials if t.ended == "pruned"]
    assert pruned and all(t.epochs < EPOCHS for t in pruned)
    whole = sorted(t.score or 0 for t in found.trials if t.ended == "done")
    best = found.trials[found.best - 1]
    assert best.ended == "done" and best.score == whole[-1]
    assert all(by_rate(Run.at(t.run).spec) < best.score for t in pruned if best.score)  # type: ignore[arg-type]
    assert all("below the median" in Run.at(t.run).pruned for t in pruned)
    assert any(remark.startswith("Pruned: ") for remark in found.remarks)
    assert sum(trainer.epochs[t.run] for t in found.trials) < 30 * EPOCHS


def test_the_default_is_never_pruned() -> None:
    found, *_ = go(dataclasses.replace(SPEC, trials=30, optim=dataclasses.replace(SPEC.optim, lr=1e-4)))
    assert found.trials[0].ended == "done"


def test_without_pruning_every_trial_is_whole() -> None:
    found, *_ = go(dataclasses.replace(SPEC, prune=False))
    assert {t.ended for t in found.trials} == {"done"}


def test_a_worker_ends_a_trial_that_falls_behind_and_another_study_may_finish_it() -> None:
    """Real trainings: pruned ones have a status, a sentence and no result; launched by themselves they go on."""
    spec = TuneSpec(
        target=DataSpec("digits", n=200, size=16),
        net=NetSpec("test_vit"),
        optim=OptimSpec(epochs=4, lr=3e-3, device="cpu"),
        arms=("fine_tune",),
        augment=("none",),
        lrs=(1e-7, 1e-2),
        trials=12,
        at_a_time=2,
        seeds=2,
    )
    run = launch(spec)
    found = run.read(TuneResult)
    assert found is not None and run.status.state == "done"
    pruned = [Run.at(t.run) for t in found.trials if t.ended == "pruned"]
    assert pruned, [t.score for t in found.trials]
    assert all(one.status.state == "stopped" and one.result() == {"pruned": one.pruned} for one in pruned)
    again = launch(pruned[0].spec)
    assert again.status.state == "done" and not again.pruned


# -- what it is worth --------------------------------------------------------------------------------------


def test_what_the_search_promised_and_the_test_did_not_hold_is_noise() -> None:
    found, *_ = go(test=lambda s: 0.6)
    assert found.gap == 0 and found.label != "helps"
    assert found.noise == pytest.approx(found.searched_gain) and found.searched_gain > 0.05
    assert "points of the gain were search noise" in found.sentence


def test_a_gain_that_holds_is_told_with_its_interval() -> None:
    found, *_ = go()
    assert found.label == "helps" and found.lo > 0
    assert found.sentence.startswith("Tuning helps: the best of 16 trials")
    assert f"{100 * found.gap:+.1f}" in found.sentence and f"{100 * found.searched_gain:+.1f}" in found.sentence
    assert found.noise == pytest.approx(found.searched_gain - found.gap)


def test_where_nothing_is_better_the_default_stays() -> None:
    found, trainer, _ = go(quality=lambda s: 0.7)
    assert found.best == 1 and found.gap == 0 and found.label == "no difference"
    assert found.sentence.startswith("None of 16 trials did better")
    assert found.tuned == found.default == pytest.approx(0.7)


def test_the_metric_that_chooses_is_the_one_that_was_asked_for() -> None:
    found, *_ = go(dataclasses.replace(SPEC, optim=dataclasses.replace(SPEC.optim, metric="macro_f1")))
    assert found.metric == "macro_f1" and "macro-F1" in found.sentence


def test_trials_that_diverge_have_lost() -> None:
    found, *_ = go(dataclasses.replace(SPEC, prune=False), diverges=0.01)
    assert any(t.ended == "diverged" and t.score is None for t in found.trials)
    assert found.trials[found.best - 1].ended == "done"
    with pytest.raises(RunProblem, match="lower the highest of lrs"):
        go(dataclasses.replace(SPEC, lrs=(0.05, 0.1), optim=OptimSpec(epochs=EPOCHS, lr=0.06)), diverges=0.01)


def test_few_validation_pictures_are_told() -> None:
    found, *_ = go()
    assert any("validation pictures know a score to" in remark for remark in found.remarks)


def test_the_table_has_the_best_first_and_says_which_is_the_default() -> None:
    found, *_ = go()
    table = rows(found)
    assert table[1][0].split()[0] == str(found.best)
    assert sum("(default)" in row[0] for row in table) == 1
    assert lines(found)[0] == found.sentence


def test_the_library_says_nothing_beside_us(caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder) -> None:
    optuna.logging.enable_propagation()
    try:
        go()
    finally:
        optuna.logging.disable_propagation()
    assert not [r for r in caplog.records if r.name.startswith("optuna")]
    assert not [w for w in recwarn if "optuna" in str(w.filename)]


# -- what is asked -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"lrs": (1e-3,)}, "the lowest and the highest rate"),
        ({"arms": ()}, "One technique or more"),
        ({"arms": ("fine_tune", "fine_tune")}, "each of them once"),
        ({"augment": ("blur",)}, "An augmentation is given, none, or some|An augmentation is"),
        ({"boundaries": (-1, 2)}, "boundaries must lie between"),
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadSpec, match=sentence):
        dataclasses.replace(SPEC, **wrong)


def test_two_techniques_that_are_the_same_are_refused_before_anything_is_queued() -> None:
    with pytest.raises(BadSpec, match="Each technique must be a training of its own"):
        check(dataclasses.replace(SPEC, arms=("fine_tune", "scratch")))


def test_without_the_library_a_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "optuna" else find(name, *more)
    )
    with pytest.raises(BadSpec, match=r"tltk\[tune\]"):
        SPEC.check()


def test_augmentations_in_words() -> None:
    given = ViewSpec(crop=0.2, copies=2)
    assert views("given", given) is given and views("none", given).is_none
    assert views("flip+colour", given) == ViewSpec(flip=0.5, colour=0.4)


def test_it_goes_to_the_shell_and_back() -> None:
    words = to_command(dataclasses.replace(SPEC, augment=("none", "flip")))
    assert words.startswith("tltk tune") and "--boundaries 0,2,4" in words and "--augment none,flip" in words

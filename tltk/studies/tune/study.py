"""The search for settings: trials are proposed on validation pictures, the best is tested beside the default. No torch.

Optuna proposes; it is imported when a search begins. What it proposes is a function of the spec and of how the trials
before ended, so that a search that was stopped goes on over its finished trials.
"""

from __future__ import annotations

import dataclasses
import importlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tltk import data
from tltk.errors import RunProblem
from tltk.results.training import TrainingResult
from tltk.runs.run import Run
from tltk.specs.training import TransferSpec
from tltk.studies import technique
from tltk.studies.arms import result_of, scores_of, search_seed, source_training
from tltk.studies.study import Stage, Study, Wanted
from tltk.studies.tune.result import SettingResult, TrialResult, TuneResult
from tltk.studies.tune.spec import TuneSpec, views
from tltk.verdicts.judge import classify_interval, format_points, mean_interval, paired_interval
from tltk.verdicts.metrics import ACCURACY, WORDS

DEFAULT, TUNED, TRIAL = "default", "tuned", "trial"
STARTUP = 10  # trials that are drawn at random before any is proposed, at most a third of all
WHOLE = 5  # trials that have to end before any is pruned


@dataclass
class Trial:
    """A trial as the search knows it.

    Attributes:
        number: From 1.
        setting: What is tried.
        asked: Optuna's own.
        reported: Epochs of which it knows the score.
    """

    number: int
    setting: SettingResult
    asked: Any
    reported: set[int] = field(default_factory=set)


def source_spec(spec: TuneSpec) -> TransferSpec | None:
    """The training of the source network; None where the weights come from elsewhere."""
    if spec.source is None:
        return None
    return source_training(spec.source, spec.target, spec.net, spec.source_optim, spec.views, spec.first_seed)


def default_setting(spec: TuneSpec) -> SettingResult:
    """What the search begins with, and is held against."""
    return SettingResult(spec.arms[0], _within(spec.optim.lr, spec), _boundary(spec), spec.augment[0])


def training(spec: TuneSpec, setting: SettingResult, seed: int) -> TransferSpec:
    """The training of a setting.

    Args:
        spec: The search.
        setting: What is tried.
        seed: Of the training.
    """
    net = dataclasses.replace(spec.net, boundary=setting.boundary)
    base = TransferSpec(
        target=spec.target,
        net=net,
        optim=spec.optim,
        views=views(setting.augmentation, spec.views),
        source=spec.source,
    )
    return technique.arm(setting.technique, base, source_spec(spec))(setting.lr, seed)


def examples(spec: TuneSpec) -> list[TransferSpec]:
    """A training of each technique, and that of the source: what is checked before anything is queued.

    Raises:
        BadSpec: Two techniques are the same training.
    """
    own = default_setting(spec)
    made = {
        word: training(spec, SettingResult(word, own.lr, own.boundary, own.augmentation), spec.first_seed)
        for word in spec.arms
    }
    technique.refuse_alike(made)
    source = source_spec(spec)
    highest = [
        training(spec, SettingResult(own.technique, own.lr, boundary, own.augmentation), spec.first_seed)
        for boundary in spec.boundaries[-1:]
    ]
    return [*([] if source is None else [source]), *made.values(), *highest]


def n_trainings(spec: TuneSpec) -> int:
    """How many trainings it needs at most."""
    return spec.trials + 2 * spec.seeds + (0 if spec.source is None else 1)


def tune(spec: TuneSpec) -> Study[TuneResult]:
    """Propose trials until the budget is spent, then test the best of them and the default with other seeds.

    Raises:
        RunProblem: Every trial diverged, or a training has no result.
    """
    search = Search(spec)
    source = source_spec(spec)
    if source is not None:
        [run] = yield Stage((Wanted("source", "source", source),), "Training the source network.")
        result_of(run)
    while proposed := search.propose():
        wanted = tuple(Wanted(TRIAL, "search", training(spec, t.setting, search.seed)) for t in proposed)
        unlike = {one.spec.run_id: one for one in wanted}  # a setting may be proposed twice
        what = f"Trial {proposed[0].number} and those beside it, of at most {spec.trials}."
        runs = yield Stage(tuple(unlike.values()), what, search.judge_of(proposed, wanted) if spec.prune else None)
        by_id = {run.id: run for run in runs}
        for trial, one in zip(proposed, wanted, strict=True):
            search.tell(trial, by_id[one.spec.run_id])
    best = search.best()
    arms = {DEFAULT: default_setting(spec)} | ({} if best.number == 1 else {TUNED: best.setting})
    measured = [
        Wanted(arm, "measure", training(spec, setting, seed))
        for seed in range(spec.first_seed, spec.first_seed + spec.seeds)
        for arm, setting in arms.items()
    ]
    runs = yield Stage(tuple(measured), "Testing what was found beside the default, with other seeds.")
    results = {arm: [result_of(run) for run, one in zip(runs, measured, strict=True) if one.arm == arm] for arm in arms}
    return weigh(spec, search.trials, best, results)


class Search:
    """Optuna's study with our trials.

    Args:
        spec: What is searched.
    """

    def __init__(self, spec: TuneSpec) -> None:
        optuna: Any = importlib.import_module("optuna")
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.spec, self.seed, self.trials = spec, search_seed(spec.first_seed), list[TrialResult]()
        self._trial_state = optuna.trial.TrialState
        startup = max(2, min(STARTUP, spec.trials // 3))
        self._study = optuna.create_study(
            direction="maximize",
            sampler=optuna.samplers.TPESampler(seed=spec.first_seed, n_startup_trials=startup),
            pruner=optuna.pruners.MedianPruner(
                n_startup_trials=min(startup, WHOLE), n_warmup_steps=spec.optim.epochs // 4
            ),
        )
        own = default_setting(spec)
        self._study.enqueue_trial(
            {
                "lr": own.lr,
                "technique": own.technique,
                "augment": own.augmentation,
                "boundary": _nearest(spec.boundaries, own.boundary),
            }
        )
        self._best: Trial | None = None
        self._seconds = 0.0

    def propose(self) -> list[Trial]:
        """The next trials; none where the budget is spent."""
        spec, first = self.spec, len(self.trials)
        if spec.seconds and self._seconds >= spec.seconds:
            return []
        found = []
        for number in range(first + 1, min(first + spec.at_a_time, spec.trials) + 1):
            asked = self._study.ask()
            lr = float(f"{asked.suggest_float('lr', min(spec.lrs), max(spec.lrs), log=True):.3g}")
            word = asked.suggest_categorical("technique", list(spec.arms))
            augmentation = asked.suggest_categorical("augment", list(spec.augment))
            boundary = spec.net.boundary
            if spec.boundaries:
                boundary = spec.boundaries[asked.suggest_int("boundary", 0, len(spec.boundaries) - 1)]
            found.append(Trial(number, SettingResult(word, lr, boundary, augmentation), asked))
        return found

    def judge_of(self, trials: Sequence[Trial], wanted: Sequence[Wanted]) -> Callable[[Run], str]:
        """Tells of a training of these whether it has fallen behind the trials before.

        Args:
            trials: That were proposed together.
            wanted: Their trainings.
        """
        by_id = {one.spec.run_id: trial for trial, one in zip(trials, wanted, strict=True)}

        def enough(run: Run) -> str:
            trial = by_id.get(run.id)
            if trial is None or trial.number == 1:  # the default is what all is held against
                return ""
            for epoch, value in self._curve(run):
                self._report(trial, epoch, value)
                if trial.asked.should_prune():
                    return (
                        f"Pruned at epoch {epoch}: a validation score of {value:.3f}, below the median of those before."
                    )
            return ""

        return enough

    def tell(self, trial: Trial, run: Run) -> None:
        """Note how a trial ended.

        Args:
            trial: Which.
            run: Its training.
        """
        curve = self._curve(run)
        for epoch, value in curve:
            self._report(trial, epoch, value)
        seconds, epochs, score, ended = run.status.seconds, len(curve), None, "diverged"
        if run.pruned:
            score, ended = (curve[-1][1] if curve else None), "pruned"
            self._study.tell(trial.asked, state=self._trial_state.PRUNED)
        elif run.diverged:
            self._study.tell(trial.asked, state=self._trial_state.FAIL)
        else:
            result = result_of(run)
            score, ended, epochs, seconds = result.tested_scores[0], "done", result.epochs, result.seconds
            self._study.tell(trial.asked, score)
            # Of equal ones the first: the default, or the one that was found with less searching.
            if self._best is None or score > self.trials[self._best.number - 1].score:  # type: ignore[operator]
                self._best = trial
        self._seconds += seconds
        self.trials.append(TrialResult(trial.number, trial.setting, run.id, score, ended, epochs, seconds))

    def best(self) -> Trial:
        """The trial with the best validation score, of those that were not pruned.

        Raises:
            RunProblem: All diverged.
        """
        if self._best is None:
            raise RunProblem("A trial must come to an end. All of them diverged; lower the highest of lrs.")
        return self._best

    def _curve(self, run: Run) -> list[tuple[int, float]]:
        """(epoch, validation score) of each evaluation so far, by the metric that chooses."""
        rows, name = run.rows()[0], self.spec.optim.metric
        return [(r.epoch, r.value) for r in rows if (r.split, r.name) == ("val", name) and math.isfinite(r.value)]

    def _report(self, trial: Trial, epoch: int, value: float) -> None:
        """Tell Optuna once: it warns of what it is told again."""
        if epoch not in trial.reported:
            trial.reported.add(epoch)
            trial.asked.report(value, epoch)


def weigh(
    spec: TuneSpec, trials: Sequence[TrialResult], best: Trial, results: dict[str, list[TrainingResult]]
) -> TuneResult:
    """What the search is worth on pictures that chose nothing.

    Args:
        spec: The search.
        trials: All of them.
        best: The one that was found.
        results: "default" and, where something else was found, "tuned" → results of the seeds.
    """
    scores = {arm: scores_of(found) for arm, found in results.items()}
    first = results[DEFAULT][0]
    default, tuned = scores[DEFAULT], scores.get(TUNED, scores[DEFAULT])
    found = trials[best.number - 1].score or 0.0
    gain = found - (trials[0].score or 0.0)
    gap, lo, hi = paired_interval(tuned - default) if TUNED in scores else (0.0, 0.0, 0.0)
    label = classify_interval(lo, hi, spec.seeds) if TUNED in scores else "no difference"
    return TuneResult(
        trials=list(trials),
        best=best.number,
        searched_gain=gain,
        **dict(zip(("default", "default_lo", "default_hi"), mean_interval(default), strict=True)),
        **dict(zip(("tuned", "tuned_lo", "tuned_hi"), mean_interval(tuned), strict=True)),
        gap=gap,
        lo=lo,
        hi=hi,
        label=label,
        noise=gain - gap,
        metric=first.metric,
        seeds=list(range(spec.first_seed, spec.first_seed + spec.seeds)),
        n_test=len(first.labels),
        n_val=first.n_val,
        sentence=_sentence(spec, trials, best, (gap, lo, hi), label, float(tuned.mean()), first.n_val),
        remarks=_remarks(spec, trials, best, results),
    )


def in_words(setting: SettingResult) -> str:
    """`lora:rank=4 at a rate of 0.003, boundary 2, with flip+crop`."""
    augmentation = "" if setting.augmentation == "given" else f", augmentation {setting.augmentation}"
    return f"{setting.technique} at a rate of {setting.lr:g} from boundary {setting.boundary}{augmentation}"


def _sentence(
    spec: TuneSpec,
    trials: Sequence[TrialResult],
    best: Trial,
    gap: tuple[float, float, float],
    label: str,
    tuned: float,
    n_val: int,
) -> str:
    noun = data.noun_learned(spec)
    measure = "" if spec.optim.metric == ACCURACY else f" {WORDS[spec.optim.metric]}"
    if best.number == 1:
        return (
            f"None of {len(trials)} trials did better on the {n_val:,} validation {noun} than the default, "
            f"{in_words(best.setting)}: {format_points(tuned, False)}%{measure} on the test {noun}, with "
            f"{spec.seeds} other seeds."
        )
    gain = (trials[best.number - 1].score or 0.0) - (trials[0].score or 0.0)
    start = {
        "helps": "Tuning helps",
        "hurts": "Tuning hurts",
        "no difference": "Tuning makes no difference",
        "cannot tell": "Cannot tell whether tuning helps",
    }[label]
    noise = gain - gap[0]
    rest = f"; {format_points(noise, False)} points of the gain were search noise" if noise > 0 else ""
    return (
        f"{start}: the best of {len(trials)} trials, {in_words(best.setting)}, was {format_points(gain)} points better "
        f"than the default on the {n_val:,} validation {noun} that chose it. On the test {noun}, looked at once, "
        f"with {spec.seeds} other seeds it gets {format_points(tuned, False)}%{measure}, {format_points(gap[0])} "
        f"points more (95% interval {format_points(gap[1])} … {format_points(gap[2])}){rest}."
    )


def _remarks(
    spec: TuneSpec, trials: Sequence[TrialResult], best: Trial, results: dict[str, list[TrainingResult]]
) -> list[str]:
    said = []
    ended = {how: sum(t.ended == how for t in trials) for how in ("pruned", "diverged")}
    if ended["pruned"]:
        epochs = spec.optim.epochs
        spent = sum(t.epochs for t in trials if t.ended == "pruned")
        said.append(f"Pruned: {ended['pruned']}, after {spent} of their {ended['pruned'] * epochs} epochs.")
    if ended["diverged"]:
        said.append(f"Diverged: {ended['diverged']}, since their rates were too high.")
    if len(trials) < spec.trials:
        said.append(f"{len(trials)} of {spec.trials} trials were made before {spec.seconds} seconds were spent.")
    lr = best.setting.lr
    for end, name in ((min(spec.lrs), "lowest"), (max(spec.lrs), "highest")):
        if max(lr, end) / min(lr, end) < 1.25 and best.number > 1:
            said.append(
                f"The rate that was found, {lr:g}, is near the {name} allowed: another may do better beyond it."
            )
    if 0 < results[DEFAULT][0].n_val < 100:
        n = results[DEFAULT][0].n_val
        known = format_points(0.98 / math.sqrt(n), False)
        said.append(
            f"{n} validation {data.noun_learned(spec)} know a score to ± {known} points at worst; settings that "
            f"differ by less are chosen by luck."
        )
    return list(dict.fromkeys([*said, *results[DEFAULT][0].remarks]))


def _within(lr: float, spec: TuneSpec) -> float:
    return float(f"{min(max(lr, min(spec.lrs)), max(spec.lrs)):.3g}")


def _nearest(boundaries: Sequence[int], boundary: int) -> int:
    """The place of the boundary that is nearest; 0 where none is searched."""
    return min(range(len(boundaries)), key=lambda i: abs(boundaries[i] - boundary), default=0)


def _boundary(spec: TuneSpec) -> int:
    if not spec.boundaries:
        return spec.net.boundary
    return spec.boundaries[_nearest(spec.boundaries, spec.net.boundary)]

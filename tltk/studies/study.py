"""What a study is: a generator that asks for trainings and questions, gets them finished, and returns a result.

No torch here. Which it asks for is a function of its spec and of what its finished children found, never of a log: a
study that was stopped is run again from its start over finished children, and two studies may share a child.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TypeVar

from tltk.runs.run import Child, Run
from tltk.specs.knobs import Spec
from tltk.specs.training import TransferSpec

R = TypeVar("R")
Enough = Callable[[Run], str]


@dataclass(frozen=True)
class Wanted:
    """A child that a study asks for: in which arm, and what for (source, search, measure or question).

    Attributes:
        arm: Name of the arm.
        role: What for.
        spec: A training, or an analysis.
    """

    arm: str
    role: str
    spec: Spec

    @property
    def lr(self) -> float:
        """The learning rate of a training; 0 of a question."""
        return self.spec.optim.lr if isinstance(self.spec, TransferSpec) else 0.0

    @property
    def child(self) -> Child:
        """As it is noted in the study's folder."""
        seed = self.spec.seed if isinstance(self.spec, TransferSpec) else 0
        return Child(self.spec.run_id, self.arm, self.role, seed, self.lr)


@dataclass(frozen=True)
class Stage:
    """Children that may run side by side, and a sentence for the status.

    Attributes:
        children: What is wanted.
        what: The sentence.
        enough: Asked at each evaluation of a training why it need not go on; "" = it must. What it answers hangs on the
            run's rows and on what had ended before the stage, on nothing else. Where each child has a process and a GPU
            of its own it is not asked.
    """

    children: tuple[Wanted, ...]
    what: str
    enough: Enough | None = None


Study = Generator[Stage, list[Run], R]  # yields stages, is sent their finished runs in order, returns its result
TrainAll = Callable[..., None]  # (runs, called with each that ended[, enough]): trains them in any order


def conduct(run: Run, study: Study[R], train_all: TrainAll, tell: Callable[[int, str], None]) -> R:
    """Run a study to its end.

    Args:
        run: The study's folder; its children are noted there before they start.
        study: As its function made it.
        train_all: Trains several runs and calls back with each that has ended.
        tell: Told how many trainings have ended, and what comes next.

    Returns:
        What the study returns.
    """
    ended = set[str]()
    noted: list[Child] = []
    try:
        stage = next(study)
        while True:
            runs = [Run.create(one.spec) for one in stage.children]
            noted.extend(one.child for one in stage.children)
            run.write_children(noted)
            tell(len(ended), stage.what)

            def one_ended(finished: Run, what: str = stage.what) -> None:
                ended.add(finished.id)
                tell(len(ended), what)

            if runs:
                train_all(runs, one_ended, *([] if stage.enough is None else [stage.enough]))
            stage = study.send(runs)
    except StopIteration as end:
        result: R = end.value
        return result


def weights_run(run: Run) -> str:
    """Id of the run whose weights a training begins with, so that it has to wait for it; empty where there is none.

    Args:
        run: A training, or any other run, which has none.
    """
    kind, _, name = run.spec.net.weights.partition(":") if isinstance(run.spec, TransferSpec) else ("", "", "")
    return name.partition("@")[0] if kind == "run" else ""

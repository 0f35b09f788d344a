"""The executor of a Ray cluster: the queue is this home's, its supervisor hands runs to Ray, which finds a node.

`TLTK_EXECUTOR=ray://HOST:8265` chooses it, or the page Runs. A study's worker, itself a job there, hands its children
to Ray directly: the table of jobs is for one machine, and no node reads it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence

from tltk import home
from tltk.errors import TltkError
from tltk.jobs import choice, provenance, queue
from tltk.jobs.cluster import (
    LOST,
    MOST_LOST,
    MOST_PENDING,
    NEVER,
    STOPPED,
    Cluster,
    Place,
    Unreachable,
    hear,
    is_beating,
    is_over,
    take_from_lost,
    tell_unheard,
)
from tltk.jobs.executor import Trainer
from tltk.jobs.local import Local
from tltk.runs.run import ACTIVE, SILENT_SECONDS, Run

STUDY_LOOK_SECONDS = 4.0  # between two questions of a study to the cluster; how a child stands is told by its folder
CHILD_SECONDS = 0.5  # between two looks at a child
GRACE_SECONDS = 10.0  # that a child gets to stop at its next step


class RayJobs(Local):
    """Queued here, run on the cluster that `TLTK_EXECUTOR` names, or a page has chosen.

    Raises:
        BadSpec: None is named.
    """

    def __init__(self) -> None:
        self.place = choice.chosen()
        Place.read(self.place)

    def cancel(self, run_id: str) -> None:
        """Ask a run to stop; of a study's child that runs beside this process too, which no queue here has."""
        super().cancel(run_id)
        run = Run.at(run_id)
        if queue.find(run.id) is None and run.status.state == "running":
            with contextlib.suppress(TltkError):  # then the study's own queue, or its end, sees to it
                if Cluster(self.place, answer_s=choice.CHECK_SECONDS).active(run.id):
                    run.ask_to_stop()

    def train_all(self, trainer: Trainer, runs: Sequence[Run], ended: Callable[[Run], None]) -> None:
        """Train the children of a study on the cluster, each as a job with its own share.

        Args:
            trainer: The study's worker.
            runs: The children; one that begins with the weights of another waits for it.
            ended: Called with each that is done or has diverged.

        Raises:
            RunProblem: One of them failed otherwise, or the cluster does not take them; the others are stopped.
            Stopped: The study was asked to stop.
        """
        from tltk.jobs import pool  # with torch, which only a worker has

        jobs = _Children(Cluster(self.place, STUDY_LOOK_SECONDS), trainer.owner.id)
        places = list(range(len(runs)))  # how many go at once is the cluster's to say
        units = [(run,) for run in runs]
        jobs.announce(runs)
        try:
            pool.side_by_side(units, places, lambda unit, _: _Child(jobs, unit[0]), trainer.check, ended)
        finally:
            jobs.leave(runs)


class _Children:
    """The jobs of a study's children."""

    def __init__(self, cluster: Cluster, study: str) -> None:
        self.cluster, self.study = cluster, study
        self.names = set[str]()
        self.over = set[str]()  # those whose runs have ended
        self._unheard = 0.0  # since when the cluster has not answered; 0 = it does

    def announce(self, runs: Sequence[Run]) -> None:
        """Say of those that have not begun that they wait: nobody's queue has them."""
        url = self.cluster.place.url
        for run in runs:
            status = run.status
            is_set = status.state in ("running", "done") or bool(run.diverged) or bool(run.pruned)
            if not is_set and (status.state, status.host) != ("waiting", url):
                home.remove(run.stop_file)
                run.write_status(state="waiting", message="It waits for its turn in its study.", pid=0, host=url)

    def leave(self, runs: Sequence[Run]) -> None:
        """Tidy up once no more is wanted of these."""
        with contextlib.suppress(TltkError):
            self.cluster.end_unbegun(runs, self.study)
            self._forget_done()

    def _forget_done(self) -> None:
        """Ray keeps all jobs that ended, and tells of each whenever it is asked."""
        self.over = {name for name in self.over if not self.cluster.forget_done(name)}

    def hear(self, run: Run, is_answered: bool) -> None:
        """Note whether the cluster has answered about a child; where it has not for a while, its folder says so."""
        now = time.monotonic()
        hear(run)
        self._unheard = 0.0 if is_answered else self._unheard or now
        if self._unheard and now - self._unheard > SILENT_SECONDS:
            tell_unheard(run, self.cluster.place.url)

    def has_room(self) -> bool:
        """Whether the cluster may be handed another."""
        self._forget_done()
        return self.cluster.n_pending(self.names) < MOST_PENDING


class _Child:
    """A child of a study, as a job of the cluster; begun elsewhere where its node is lost."""

    def __init__(self, jobs: _Children, run: Run) -> None:
        self._jobs, self._run = jobs, run
        self._job, self._lost, self._look, self._code = "", 0, 0.0, None if self._begins() else 0

    def _begins(self) -> bool:
        """Whether there is anything to do; a finished one is left as it is."""
        provenance.discard_outdated(self._run)
        return not (self._run.status.state == "done" and self._run.result() is not None)

    def code(self) -> int | None:
        if self._code is None and time.monotonic() > self._look:
            self._look = time.monotonic() + CHILD_SECONDS
            try:
                self._code = self._look_after()
                self._jobs.hear(self._run, True)
            except Unreachable:  # the head may come back, and what runs goes on
                self._jobs.hear(self._run, False)
        return self._code

    def _look_after(self) -> int | None:
        """One look: hand it over, or see how it stands."""
        run, cluster = self._run, self._jobs.cluster
        if not self._job:
            if run.status.state == "running":
                return None  # another has it; once it has ended, all is said
            if self._is_done():
                return 0
            if run.stop_file.exists():
                return self._take_off()
            # Of this study before its own node was lost, or of another one that wants the same.
            self._job = cluster.active(run.id).get(run.id, "")
            if not self._job and self._jobs.has_room():
                self._job = cluster.submit(run, self._jobs.study)
            if self._job:
                self._jobs.names.add(self._job)
            return None
        state = run.written_status().state
        if state == "stopped":  # by us it was not, who were not asked to
            end = cluster.end(run, self._job)
            if end is None or (end == 0 and self._is_ours()):  # ended by itself, as by a wish to stop in its folder
                return None if end is None else 0
            return self._again(state)  # whoever else wanted it has stopped it, or its node ends
        if is_over(run):
            self._jobs.over.add(self._job)
            return 0
        if run.stop_file.exists() and cluster.told(self._job).is_pending and self._is_ours():
            cluster.stop(self._job)
            return self._take_off()
        end = cluster.end(run, self._job)
        if end is None or is_over(run):  # it may have ended between the two looks
            cluster.tell_unseen(run, self._job)
            return None
        if isinstance(end, str) or end == STOPPED:
            return self._again(str(end))
        cluster.check_began(run, self._job)
        return end or 1

    def _take_off(self) -> int:
        """Heed a wish to stop it that came before it began; that stops its study, as it does on one machine."""
        home.remove(self._run.stop_file)
        self._run.write_status(state="stopped", message="Taken off the queue before it began.")
        return 0

    def _is_done(self) -> bool:
        return self._run.status.state == "done" and self._run.result() is not None

    def _again(self, why: str) -> int | None:
        """Hand it over once more; its exit code where that has been tried often enough."""
        if why == LOST:
            take_from_lost(self._run)
        self._jobs.names.discard(self._job)
        self._job = ""
        self._lost += why != NEVER
        if self._lost > MOST_LOST:
            message = f"It was begun on {self._lost} nodes, and each was lost. Ask for less memory, or look at its log."
            self._run.write_status(state="failed", message=message)
            return 1
        return None

    def stop(self) -> None:
        with contextlib.suppress(TltkError):
            if not self._is_ours():
                return
            if self._jobs.cluster.told(self._job).is_pending:
                self._jobs.cluster.stop(self._job)
            else:
                self._run.ask_to_stop()

    def _is_ours(self) -> bool:
        """Whether it is this study that had it begun."""
        return bool(self._job) and self._jobs.cluster.told(self._job).about.tltk_study in ("", self._jobs.study)

    def join(self) -> None:
        until = time.monotonic() + GRACE_SECONDS
        with contextlib.suppress(TltkError):
            if not self._is_ours():
                return
        while is_beating(self._run) and time.monotonic() < until:
            time.sleep(0.1)
        with contextlib.suppress(TltkError):
            self._jobs.cluster.stop(self._job)
            if self._run.written_status().state in ACTIVE:
                self._run.write_status(state="stopped", message="Its study was stopped; it can be resumed.")
            home.remove(self._run.stop_file)

    def waitable(self) -> None:
        return None

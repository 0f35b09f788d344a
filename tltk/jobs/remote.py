"""What the supervisor does of runs on clusters: hands them over, watches, stops, and begins elsewhere what was lost."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence

from tltk import home
from tltk.errors import RunProblem, TltkError
from tltk.jobs import queue
from tltk.jobs.cluster import (
    LOST,
    MOST_LOST,
    MOST_PENDING,
    NEVER,
    PREFIX,
    Cluster,
    End,
    Place,
    Unreachable,
    hear,
    is_over,
    take_from_lost,
    tell_unheard,
)
from tltk.runs.run import SILENT_SECONDS, Run
from tltk.specs.training import TransferSpec

UNHEARD_SECONDS = 5.0  # seconds until a cluster that does not answer is asked again


class Remote:
    """The jobs of the table whose place is a cluster. All that it must know of them the table and the cluster tell."""

    def __init__(self) -> None:
        self._clusters: dict[str, Cluster] = {}
        self._ends: dict[str, End] = {}  # run → how its job ended
        self._n_lost: dict[str, int] = {}
        self._began = dict[str, float]()  # run → when it was first seen to have got room
        self._stopped = set[str]()  # names of jobs that Ray was asked to stop
        self._quiet_until: dict[str, float] = {}  # clusters that did not answer
        self._unheard = dict[str, float]()  # the same → since when
        self._looked = dict[str, float]()  # run → when its signs of life were last looked at

    def _cluster(self, job: queue.Job) -> Cluster:
        if job.place not in self._clusters:
            self._clusters[job.place] = Cluster(job.place)
        return self._clusters[job.place]

    def _name(self, job: queue.Job) -> str:
        """What Ray calls it; a table that was lost does not know."""
        if isinstance(job.born, str) and job.born.startswith(PREFIX):
            return job.born
        return self._cluster(job).active(job.run).get(job.run, "")

    def _is_quiet(self, job: queue.Job) -> bool:
        return time.monotonic() < self._quiet_until.get(job.place, 0.0)

    @contextlib.contextmanager
    def _asking(self, job: queue.Job, faults: type[TltkError] = TltkError) -> Iterator[None]:
        """A cluster that does not answer, or does not know us, is asked again after a while; what runs there goes on.

        Args:
            job: What is asked about.
            faults: That are borne so; others are raised.
        """
        try:
            yield
        except faults as fault:
            if job.place not in self._quiet_until:
                print(fault, flush=True)
            self._quiet_until[job.place] = time.monotonic() + UNHEARD_SECONDS
            self._unheard.setdefault(job.place, time.monotonic())
            run = Run.at(job.run)
            if job.state == "queued" and run.written_status().message != str(fault):
                run.write_status(message=str(fault))
        else:
            self._quiet_until.pop(job.place, None)
            self._unheard.pop(job.place, None)

    def _look_for_life(self, job: queue.Job, run: Run) -> None:
        """Where a cluster has told nothing for a while, the run's folder is all that tells whether it lives."""
        now = time.monotonic()
        if now - self._looked.get(job.run, -float("inf")) < UNHEARD_SECONDS:
            return
        self._looked[job.run] = now
        hear(run)
        if now - self._unheard.get(job.place, now) > SILENT_SECONDS:
            tell_unheard(run, Place.read(job.place).url)

    def next(self, watched: Sequence[queue.Job], is_paused: bool) -> Iterator[queue.Job]:
        """The jobs that may be handed over now: so that few wait in Ray, and no more run than TLTK_SLOTS says.

        Args:
            watched: The jobs that run.
            is_paused: Whether trainings have to wait.
        """
        for place in queue.clusters():
            there = [job for job in watched if job.place == place and job.state == "running"]
            waiting = [job for light in (False, True) for job in queue.next_jobs(light, MOST_PENDING, place)]
            if not waiting or self._is_quiet(waiting[0]):
                continue
            room = 0
            with self._asking(waiting[0]):
                room = MOST_PENDING - self._cluster(waiting[0]).n_pending({str(job.born) for job in there})
            most = int(home.setting("TLTK_SLOTS", 0)) or len(there) + len(waiting)  # 0 = as many as the cluster takes
            free = most - sum(not job.light for job in there)
            for job in waiting:
                if room > 0 and (job.light or (free > 0 and not is_paused)):
                    room, free = room - 1, free - (not job.light)
                    yield job

    def hand_over(self, job: queue.Job, run: Run) -> None:
        """Make it a job of its cluster; where that does not answer, it waits.

        Raises:
            RunProblem: The cluster does not take it.
        """
        with self._asking(job, Unreachable):
            name = self._cluster(job).submit(run)
            queue.mark_started(job.run, [], 0, name)
            self._ends.pop(job.run, None)

    def lives(self, job: queue.Job) -> bool:
        """Whether it waits or runs there, or may do so for all that is known."""
        run, end = Run.at(job.run), None
        self._look_for_life(job, run)
        if self._is_quiet(job):
            return not is_over(run)
        with self._asking(job):
            name, cluster = self._name(job), self._cluster(job)
            end = cluster.end(run, name)
            if end is None:
                cluster.tell_unseen(run, name)
        if job.run not in self._began and run.written_status().state != "waiting":
            self._began[job.run] = time.time()
        if end is not None:
            self._ends[job.run] = end
        return end is None

    def began(self, job: queue.Job) -> float:
        """Since when its time counts; now, while it waits for room."""
        return self._began.get(job.run, time.time())

    def code(self, job: queue.Job) -> int | None:
        """The exit code of one that ended; None where there is none."""
        end = self._ends.get(job.run)
        return end if isinstance(end, int) else None

    def goes_on(self, job: queue.Job) -> bool:
        """Whether one that ended waits again: its node was lost, or Ray would not let it wait as long as it had to."""
        end, run = self._ends.get(job.run), Run.at(job.run)
        if job.cancelled or end not in (LOST, NEVER) or not run.path.exists() or is_over(run):
            return False
        self._n_lost[job.run] = self._n_lost.get(job.run, 0) + (end == LOST)
        if self._n_lost[job.run] > MOST_LOST:
            return False
        self._began.pop(job.run, None)
        if end == LOST:
            take_from_lost(run)
        queue.put_back(job.run)
        return True

    def press(self, job: queue.Job, is_late: bool) -> None:
        """Stop one that was cancelled: at once while it waits for room, else when it has not stopped by itself.

        Args:
            job: Which.
            is_late: Whether it should have stopped by itself.
        """
        if self._is_quiet(job):
            if Run.at(job.run).written_status().state == "waiting":
                self._take_off(job)  # whether it answers ever again nobody knows
            return
        with self._asking(job):
            name, cluster = self._name(job), self._cluster(job)
            is_pending = cluster.told(name).is_pending
            if (is_pending or is_late) and name not in self._stopped:
                cluster.stop(name)
                self._stopped.add(name)
            if is_pending:
                self._take_off(job)

    @staticmethod
    def _take_off(job: queue.Job) -> None:
        """End one that waits. Ray may begin it still, once there is room: its process then finds the wish to stop."""
        run = Run.at(job.run)
        had_begun = run.written_status().pid  # and nothing was heard of it since
        message = "Stopped while its cluster did not answer; it can be resumed from its checkpoint."
        run.write_status(state="stopped", message=message if had_begun else "Taken off the queue before it began.")
        queue.remove(job.run)

    def explain(self, job: queue.Job, run: Run) -> str:
        """Why a process that ended never came to say a word; "" where it had begun."""
        try:
            self._cluster(job).check_began(run, self._name(job))
        except Unreachable:
            return ""
        except RunProblem as why:
            return str(why)
        return ""

    def leave(self, job: queue.Job) -> None:
        """What is to be done once one has ended for good: its children end with it, Ray forgets the job."""
        self._began.pop(job.run, None)
        self._n_lost.pop(job.run, None)
        self._looked.pop(job.run, None)
        self._stopped.discard(str(job.born))
        with contextlib.suppress(TltkError):  # it would be tidy
            spec = Run.at(job.run).spec
            if spec.trains and not isinstance(spec, TransferSpec):
                self._cluster(job).leave_study(Run.at(job.run))
            if self._ends.pop(job.run, None) == 0:
                self._cluster(job).forget(self._name(job))

"""How a job of a Ray cluster counts as ended, by what its head says and what its run's folder does."""

from __future__ import annotations

import os
import time

import pytest

from tltk.jobs.cluster import LOST, LOST_SECONDS, NEVER, REFUSED, Cluster, End, Told
from tltk.runs.run import Run
from tltk.specs.training import TransferSpec


def end(run: Run, *told: Told) -> End | None:
    """What a cluster that has said this of its jobs takes job `a` to have come to."""
    cluster = Cluster("ray://host", look_s=3600)
    cluster._jobs, cluster._asked_at = {one.submission_id or "": one for one in told}, time.monotonic()
    return cluster.end(run, "a")


@pytest.mark.parametrize(
    ("state", "silent", "told", "expected"),
    [
        # The head was lost, and is another at the same address: it knows no job.
        ("waiting", 0.0, None, NEVER),
        ("running", 0.0, None, None),  # its node goes on without a head
        ("running", LOST_SECONDS + 5, None, LOST),
        # A second job of a run that another had, and whose node then went too.
        ("running", 0.0, Told("FAILED", "a", driver_exit_code=REFUSED), None),
        ("running", LOST_SECONDS + 5, Told("FAILED", "a", driver_exit_code=REFUSED), LOST),
        ("running", LOST_SECONDS + 5, Told("FAILED", "a", driver_exit_code=1), 1),
        ("waiting", 0.0, Told("FAILED", "a", error_type="JOB_SUPERVISOR_ACTOR_START_TIMEOUT"), NEVER),
        ("waiting", 0.0, Told("FAILED", "a", error_type="JOB_SUPERVISOR_ACTOR_DIED"), LOST),
        ("waiting", 0.0, Told("PENDING", "a"), None),
        # Its head told nothing for a while, nor did it: `tell_unheard`. Then there was another head.
        ("unheard", 0.0, None, None),
        ("unheard", LOST_SECONDS + 5, None, LOST),
    ],
)
def test_what_a_job_has_come_to(state: str, silent: float, told: Told | None, expected: End | None) -> None:
    run = Run.create(TransferSpec())
    written = "waiting" if state == "unheard" else state
    run.write_status(state=written, host="another-machine", pid=0 if state == "waiting" else 12)
    at = time.time() - silent
    os.utime(run.path / "status.json", (at, at))
    assert end(run, *([told] if told else [])) == expected

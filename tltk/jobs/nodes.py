"""The nodes of a Ray cluster, asked whether a run could begin there: does each see the home, and has it tltk?

A job of a moment is sent to each, which trains nothing. No torch here.
"""

from __future__ import annotations

import contextlib
import shlex
import time
import uuid
from collections.abc import Sequence
from typing import Any

import msgspec

from tltk import home
from tltk.errors import RunProblem, TltkError, truncate
from tltk.jobs.cluster import PREFIX, Cluster, Told

MOST_NODES = 16  # that are asked: the others are of their kind
TRY_SECONDS = 90.0  # that the nodes get to answer, all together
LOOK_SECONDS = 0.5
NO_HOME, NO_WRITING = 71, 72  # exit codes of what is sent there


class Node(msgspec.Struct, frozen=True):
    """A machine of the cluster.

    Attributes:
        name: Of its host.
        address: By which Ray places jobs; nodes of one machine share it.
        cpus: That Ray gives away there.
        gpus: The same.
    """

    name: str
    address: str
    cpus: float
    gpus: float


class _Raylet(msgspec.Struct, frozen=True, rename="camel"):
    state: str = ""
    node_manager_address: str = ""
    resources_total: dict[str, Any] = {}


class _Summary(msgspec.Struct, frozen=True):
    hostname: str = ""
    raylet: _Raylet = _Raylet()


def version(cluster: Cluster) -> str:
    """The version of Ray there.

    Raises:
        Unreachable, RunProblem: It does not say.
    """
    answer = cluster.ask("GET", "/api/version")
    try:
        return str(answer.json()["ray_version"])
    except (ValueError, LookupError, TypeError):
        raise cluster.is_another(answer) from None


def nodes(cluster: Cluster) -> list[Node]:
    """The nodes that are up.

    Raises:
        Unreachable, RunProblem: It does not say.
    """
    answer = cluster.ask("GET", "/nodes?view=summary")
    try:
        told = msgspec.convert(answer.json()["data"]["summary"], list[_Summary])
        return [
            Node(
                one.hostname or one.raylet.node_manager_address,
                one.raylet.node_manager_address,
                float(one.raylet.resources_total.get("CPU", 0)),
                float(one.raylet.resources_total.get("GPU", 0)),
            )
            for one in told
            if one.raylet.state == "ALIVE"
        ]
    except (ValueError, LookupError, TypeError):
        raise cluster.is_another(answer) from None


def try_nodes(cluster: Cluster, every: Sequence[Node], seconds: float = TRY_SECONDS) -> dict[str, str]:
    """What keeps a run from beginning on each: name → a sentence, "" = nothing.

    Args:
        cluster: Theirs.
        every: At most `MOST_NODES` of them are asked, of those of one machine one.
        seconds: The longest.

    Raises:
        Unreachable, RunProblem: The cluster does not answer, or takes no job.
    """
    asked = list({node.address: node for node in reversed(every)}.values())[::-1][:MOST_NODES]
    probe = home.home() / f".probe-{uuid.uuid4().hex}"
    home.write_atomic(probe, b"")
    place, python = shlex.quote(str(probe)), cluster.place.python
    line = f"test -e {place} || exit {NO_HOME}; test -w {place} || exit {NO_WRITING}; exec {python} -c 'import tltk'"
    waiting: dict[str, Node] = {}
    found = dict[str, str]()
    until = time.monotonic() + seconds
    try:
        for node in asked:
            name = f"{PREFIX}doctor-{uuid.uuid4().hex[:12]}"
            job = {
                "entrypoint": line,
                "submission_id": name,
                "entrypoint_num_cpus": 0,
                "entrypoint_resources": {f"node:{node.address}": 0.001},
                "metadata": {},
            }
            waiting[name] = node
            cluster.post(job, name, "a job that asks a node how it is")
        while waiting and time.monotonic() < until:
            for name, told in [(name, cluster.told(name)) for name in waiting]:
                if not told.is_active:
                    found[waiting.pop(name).name] = _fault(told, python)
                    cluster.forget(name)
            time.sleep(LOOK_SECONDS if waiting else 0)
        why = f"It must answer within {seconds:g} s. It did not: it has no room, or very much to do."
        return found | {node.name: why for node in waiting.values()}
    finally:
        for name in waiting:
            with contextlib.suppress(TltkError):
                cluster.stop(name)
        home.remove(probe)


def _fault(told: Told, python: str) -> str:
    """What a node's job says by its end."""
    code = 0 if told.status == "SUCCEEDED" else told.driver_exit_code
    if code == 0:
        return ""
    if code == NO_HOME:
        return f"It must see {home.home()} as this machine does. It does not; mount the disk there at that path."
    if code == NO_WRITING:
        return f"It must be permitted to write in {home.home()}. It is not; run Ray there as the user of the home."
    if code is not None:
        return f"Its `{python}` must have tltk. It has not (exit code {code}); install it there, or name `?python=`."
    lines = (told.message or "").strip().splitlines()
    return f"It must be able to begin a job. It was not: {truncate(lines[-1], 200) if lines else told.status}"


def summary(cluster: Cluster, every: Sequence[Node]) -> str:
    """What there is, as a sentence.

    Raises:
        RunProblem: No node is up.
    """
    if not every:
        raise RunProblem(f"The Ray cluster at {cluster.place.url} must have a node. None is up; `ray start` adds one.")
    cpus, gpus, n = sum(node.cpus for node in every), sum(node.gpus for node in every), len(every)
    there = f"{n} node{'s' * (n != 1)}, {cpus:g} CPUs, {gpus:g} GPUs"
    return f"Ray {version(cluster)} answers at {cluster.place.url}: {there}."

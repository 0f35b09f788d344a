"""A real Ray cluster of two nodes on this machine, with ports and a folder of its own, and what ends it by process id.

Each node has a host name of its own where the system lets us give it one, so that what tells the nodes of a real cluster
apart, the heartbeat and not the process number, is what is tested.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from tltk.runs.run import Run

TRIES = 4  # to start a node
START_SECONDS = 180.0  # that a node may take to be there, on a busy machine
CPUS, MEMORY_BYTES, STORE_BYTES = (
    1,
    6_000_000_000,
    100_000_000,
)  # of each node; what a run asks for is a promise, not taken


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _can_rename() -> bool:
    """Whether a process can be given a host name of its own."""
    return shutil.which("unshare") is not None and not subprocess.run(["unshare", "--uts", "true"]).returncode


class Node:
    """One node: the processes of a `ray start --block`."""

    def __init__(self, name: str, arguments: list[str], environment: dict[str, str], log: Path) -> None:
        self.name = name
        ray = str(Path(sys.executable).parent / "ray")
        share = [f"--num-cpus={CPUS}", f"--memory={MEMORY_BYTES}", f"--object-store-memory={STORE_BYTES}"]
        command = [ray, "start", "--block", *share, *arguments]
        if _can_rename():
            command = ["unshare", "--uts", "sh", "-c", 'hostname "$0"; exec "$@"', name, *command]
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                command, env=environment, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True
            )

    def processes(self) -> list[psutil.Process]:
        """All of it, runs and what they started too."""
        with contextlib.suppress(psutil.NoSuchProcess):
            root = psutil.Process(self.process.pid)
            return [root, *root.children(recursive=True)]
        return []

    def kill(self) -> None:
        """As if somebody pulled the plug: no process of it gets to say a word."""
        every = self.processes()
        for one in every:  # first held, so that none starts another or mourns meanwhile
            with contextlib.suppress(psutil.Error):
                one.suspend()
        for one in {*every, *self.processes()}:
            with contextlib.suppress(psutil.Error):
                one.kill()
        self.process.wait()
        psutil.wait_procs(every, timeout=30)


class RayCluster:
    """A head and as many other nodes as are added."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ray"))  # short: paths of sockets have 107 characters at most
        self.port, self.api = 0, _free_port()
        self.token = secrets.token_hex(32)
        root = Path(__file__).parents[2]
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TLTK_")},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONPATH": str(root),
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": self.token,
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_DASHBOARD_STARTUP_TIMEOUT_S": str(int(START_SECONDS)),
            "RAY_memory_monitor_refresh_ms": "0",  # what else runs on this machine is no reason to end our runs
        }
        self.log = self.folder / "nodes.log"
        self.nodes: list[Node] = []
        self._left: list[Node] = []  # whose head was lost

    def start_head(self) -> None:
        """A head, at the address of any before, once it is there; other nodes know only the one that they came to."""
        self.port = _free_port()  # on one machine Ray takes what a node was told for a head that still runs
        head = ["--head", f"--port={self.port}", "--dashboard-host=127.0.0.1", f"--dashboard-port={self.api}"]
        more = [f"--temp-dir={self.folder}", f"--ray-client-server-port={_free_port()}"]
        self._left += [node for node in self.nodes if node.process.poll() is None]
        self.nodes = []
        self._start("node-a", [*head, *more])

    def _start(self, name: str, arguments: list[str]) -> Node:
        for left in reversed(range(TRIES)):
            node = Node(name, arguments, self.environment, self.log)
            self.nodes.append(node)
            try:
                self.wait(len(self.nodes))
                break
            except AssertionError:  # Ray gives its own start 30 s, which on a busy machine is too little
                node.kill()
                self.nodes.remove(node)
                if not left:
                    raise
        return node

    @property
    def address(self) -> str:
        """As `TLTK_EXECUTOR` has it."""
        return f"ray://127.0.0.1:{self.api}"

    def get(self, path: str) -> requests.Response:
        """What its dashboard answers."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return requests.get(f"http://127.0.0.1:{self.api}{path}", headers=headers, timeout=10)

    def n_cpus(self) -> float:
        """That it has now."""
        with contextlib.suppress(requests.RequestException, LookupError, TypeError, ValueError):
            found = self.get("/api/cluster_status").json()
            return float(found["data"]["clusterStatus"]["loadMetricsReport"]["usage"]["CPU"][1])
        return 0.0

    def wait(self, n: int) -> None:
        """Until it has so many nodes."""
        end = time.monotonic() + START_SECONDS
        while self.n_cpus() != n * CPUS:
            if self.nodes[-1].process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"Ray must start. {self.log.read_text()[-2000:]}")
            time.sleep(0.5)

    def add(self, name: str) -> Node:
        """Another node, once it is there."""
        return self._start(name, [f"--address=127.0.0.1:{self.port}"])

    def lose_head(self) -> None:
        """Kill the head alone; what runs on other nodes goes on until they notice."""
        self.nodes[0].kill()

    def end(self) -> None:
        """End every process of it."""
        for node in reversed([*self._left, *self.nodes]):
            node.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def two_nodes() -> Iterator[RayCluster]:
    """A cluster of two nodes of one CPU each; skipped with a sentence where it cannot be."""
    if os.name != "posix":
        pytest.skip("a cluster of two nodes on one machine wants Linux or macOS")
    pytest.importorskip("ray", reason="Ray is not installed here: pip install tltk[ray]")
    found = RayCluster()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("RAY_AUTH_TOKEN", found.token)
            found.start_head()
            found.add("node-b")
            yield found
    finally:
        found.end()


def kill_node_at_work(cluster: RayCluster, node: Node, study: Run, least_done: int = 0) -> Run:
    """Kill a node once it has trained a child of this study for some epochs: that child.

    Args:
        cluster: Whose node.
        node: Not the head.
        study: Its run, which waits or runs.
        least_done: How many of its children must have ended before.
    """

    def at_work() -> list[Run]:
        runs, found = [Run.at(child.id) for child in study.children()], []
        if sum(run.written_status().state == "done" for run in runs) < least_done:
            return []
        for run in runs:
            status = run.written_status()
            if status.state == "running" and status.epoch >= 2 and status.pid in {one.pid for one in node.processes()}:
                found.append(run)
        return found

    end = time.monotonic() + START_SECONDS
    while not (found := at_work()):
        assert time.monotonic() < end and study.status.state != "done", "the node must get a child to train"
        time.sleep(0.05)
    node.kill()
    cluster.nodes.remove(node)
    return found[0]

"""Many people at one dashboard beside trainings: how long a look at a running curve takes, and how long a click.

Watchers ask for what is new in a run once a second, as an open page does. Clickers hold a session each and turn to another
page after some seconds of thought; a click is over when its script has ended and all of it has come. There is no browser, so
that what is measured is the server. With --room everybody joins a room first. The trainings are fine-tunings of digits that last throughout.
"""

from __future__ import annotations

import argparse
import os
import random
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import psutil

from tests.benchmarks.rounds import own_home, table
from tltk.dashboard.chrome import PAGES
from tltk.jobs import executor
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec
from tltk.specs.training import TransferSpec

ROOT = Path(__file__).parents[2]


class Visitors:
    """Sessions of several people, and the times that they met, in seconds."""

    def __init__(self, address: str, run: str, think: float, code: str = "") -> None:
        self.address, self.run, self.think, self.code = address, run, think, code
        self.over = threading.Event()
        self.looks: list[float] = []
        self.clicks: list[float] = []
        self.faults: list[str] = []

    def join(self, name: str) -> dict[str, str]:
        """The header with which one is let in; none where there is no room."""
        if not self.code:
            return {}
        form = urllib.parse.urlencode({"code": self.code, "name": name}).encode()
        wish = urllib.request.Request(f"http://{self.address}/tltk/join", form)
        try:
            urllib.request.build_opener(_NoRedirect).open(wish, timeout=60)
        except urllib.error.HTTPError as answer:  # which is that one is led on
            return {"Cookie": str(answer.headers["Set-Cookie"]).partition(";")[0]}
        raise OSError(f"{name} was not let in")

    def watch(self, number: int) -> None:
        """Ask for new rows once a second, from the cursor of the last answer."""
        import json

        draw, cursor = random.Random(number), ""
        time.sleep(draw.random())
        own = self.join(f"Watcher {number}")
        while not self.over.is_set():
            begun = time.perf_counter()
            try:
                wish = urllib.request.Request(
                    f"http://{self.address}/tltk/live/{self.run}?cursor={cursor}", headers=own
                )
                with urllib.request.urlopen(wish, timeout=30) as answer:
                    cursor = json.load(answer).get("cursor", "")
                self.looks.append(time.perf_counter() - begun)
            except OSError as fault:
                self.faults.append(f"look: {fault}")
            self.over.wait(max(0.0, 1 - (time.perf_counter() - begun)))

    def click(self, number: int) -> None:
        """Open the dashboard, then turn to one page after another."""
        from streamlit.proto.BackMsg_pb2 import BackMsg
        from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
        from websockets.sync.client import connect
        from websockets.typing import Origin, Subprotocol

        draw = random.Random(1000 + number)
        time.sleep(draw.random() * self.think)
        try:
            own = self.join(f"Clicker {number}")
            with connect(
                f"ws://{self.address}/_stcore/stream",
                subprotocols=[Subprotocol("streamlit")],
                origin=Origin(f"http://{self.address}"),
                max_size=None,
                additional_headers=own,
            ) as line:
                first = True
                while not self.over.is_set():
                    wish: Any = BackMsg()
                    wish.rerun_script.query_string = f"run={self.run}" if draw.random() < 0.3 else ""
                    wish.rerun_script.page_name = draw.choice(PAGES)
                    begun = time.perf_counter()
                    line.send(wish.SerializeToString())
                    while True:
                        heard: Any = ForwardMsg()
                        heard.ParseFromString(line.recv(timeout=60, decode=False))
                        if heard.WhichOneof("type") == "script_finished":
                            break
                    if not first:  # a visit is another thing than a click
                        self.clicks.append(time.perf_counter() - begun)
                    first = False
                    self.over.wait(self.think * (0.5 + draw.random()))
        except Exception as fault:  # whatever ends a session is told, and counted
            self.faults.append(f"click: {type(fault).__name__}: {fault}")

    def during(self, seconds: float, watchers: int, clickers: int) -> None:
        """Let so many people be there for so long."""
        people = [threading.Thread(target=self.watch, args=(i,), daemon=True) for i in range(watchers)]
        people += [threading.Thread(target=self.click, args=(i,), daemon=True) for i in range(clickers)]
        for one in people:
            one.start()
        time.sleep(seconds)
        self.over.set()
        for one in people:
            one.join(65)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Does not go where an answer leads."""

    def redirect_request(self, *_: Any) -> None:
        """Nowhere."""


def training(seed: int, epochs: int) -> Run:
    """One that lasts, queued."""
    spec = TransferSpec(
        DataSpec("digits", size=32), NetSpec("resnet10t"), optim=OptimSpec(epochs=epochs, lr=1e-3), seed=seed
    )
    return executor().submit(spec)


def percentile(times: list[float], share: float) -> float:
    """In milliseconds; not a number where there are none."""
    return 1000 * sorted(times)[min(int(share * len(times)), len(times) - 1)] if times else float("nan")


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--seconds", type=float, default=60, help="Of each situation.")
    ask.add_argument("--watchers", type=int, default=92)
    ask.add_argument("--clickers", type=int, default=8)
    ask.add_argument("--think", type=float, default=4.0, help="Seconds between two clicks of a person, on average.")
    ask.add_argument("--trainings", default="1,8", help="How many at once, in each situation.")
    ask.add_argument("--room", action="store_true")
    given = ask.parse_args()
    code = "aaaa-bbbb" if given.room else ""
    rows = []
    with own_home() as home:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        words = [str(Path(sys.executable).with_name("tltk")), "app", "--port", str(port)]
        words += ["--room", "--code", code, "--address", "127.0.0.1"] if code else []
        for at_once in (int(n) for n in given.trainings.split(",")):
            environment = {**os.environ, "TLTK_HOME": str(home), "TLTK_SLOTS": str(at_once)}
            os.environ |= {"TLTK_SLOTS": str(at_once)}
            server = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
            try:
                runs = [training(1000 * at_once + i, 2000) for i in range(at_once)]
                until = time.monotonic() + 120
                while any(run.status.state != "running" for run in runs) and time.monotonic() < until:
                    time.sleep(0.2)
                running = sum(run.status.state == "running" for run in runs)
                while True:
                    try:
                        urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5)
                        break
                    except OSError:
                        time.sleep(0.2)
                inside = psutil.Process(server.pid)
                family = [inside, *inside.children(recursive=True)]
                before = sum(sum(one.cpu_times()[:2]) for one in family if one.is_running())
                people = Visitors(f"127.0.0.1:{port}", runs[0].id, given.think, code)
                people.during(given.seconds, given.watchers, given.clickers)
                spent = sum(sum(one.cpu_times()[:2]) for one in family if one.is_running()) - before
                for run in runs:
                    executor().cancel(run.id)
                rows.append(
                    [
                        str(running),
                        f"{len(people.looks):,}",
                        f"{percentile(people.looks, 0.5):.0f}",
                        f"{percentile(people.looks, 0.95):.0f}",
                        f"{len(people.clicks):,}",
                        f"{percentile(people.clicks, 0.5):.0f}",
                        f"{percentile(people.clicks, 0.95):.0f}",
                        f"{100 * spent / given.seconds:.0f}%",
                        str(len(people.faults)),
                    ]
                )
                for fault in sorted(set(people.faults))[:5]:
                    print(fault)
            finally:
                server.terminate()
                server.wait(30)
    print(
        f"{given.watchers} watchers, {given.clickers} clickers, {given.think:g} s between clicks, {given.seconds:g} s\n"
    )
    titles = [
        "trainings",
        "looks",
        "median, ms",
        "p95, ms",
        "clicks",
        "median, ms",
        "p95, ms",
        "server, of a core",
        "faults",
    ]
    table(titles, rows)


if __name__ == "__main__":
    main()

"""A real Chromium against a real server: `start_app(script, home) -> url`, and a `page` that forgives none.

A test fails on any error in the page and on any traceback in a server's log. Requests that would leave
this machine are cut off. Tests are skipped, with the reason, where there is no Chromium or playwright.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

collect_ignore_glob = ["demo_*.py"]  # Streamlit scripts, not modules

ROOT = Path(__file__).parents[2]
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    # What would leave this machine is cut off here. To stop it by `context.route` would turn off the browser's cache.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
READY = """() => document.querySelector('[data-testid=stApp][data-test-script-state=notRunning]')
    && !document.querySelector('[data-testid=stSkeleton], [data-testid=stAppSkeleton]')"""


@dataclass
class Server:
    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def check_log(self) -> None:
        text = self.log.read_text(errors="replace")
        assert "Traceback" not in text, f"The server of this test failed:\n{text[-4000:]}"


@dataclass
class Servers:
    folder: Path
    started: dict[tuple[str, str], Server] = field(default_factory=dict)

    def start(self, script: str | Path, home: Path, **options: Any) -> str:
        """The URL of `script` served with this home; one server for the same question."""
        key = (str(script), str(home))
        if key not in self.started:
            self.started[key] = self._launch(Path(script), home, options)
        return self.started[key].url

    def _launch(self, script: Path, home: Path, options: dict[str, Any]) -> Server:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        flags = {"server.headless": "true", "server.port": port, "server.address": "127.0.0.1"} | options
        home.mkdir(parents=True, exist_ok=True)
        log = self.folder / f"server-{port}.log"
        words = [sys.executable, "-m", "streamlit", "run", str(script)]
        with log.open("wb") as out:
            process = subprocess.Popen(
                words + [f"--{name}={value}" for name, value in flags.items()],
                cwd=ROOT,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, "TLTK_HOME": str(home), "PYTHONPATH": str(ROOT)},
            )
        server = Server(process, f"http://127.0.0.1:{port}", log)
        wait_until(lambda: _is_healthy(server), 60, f"the server of {script.name} to answer")
        return server

    def stop(self) -> None:
        for server in self.started.values():
            server.process.terminate()
        for server in self.started.values():
            try:
                server.process.wait(10)
            except subprocess.TimeoutExpired:
                server.process.kill()
                server.process.wait()


def is_cut_off(error: Any) -> bool:
    """A request that was under way when its page was closed or loaded anew is no fault of the page."""
    return any(text in str(error) for text in ("Failed to fetch", "NetworkError", "dynamically imported module"))


def _is_healthy(server: Server) -> bool:
    assert server.process.poll() is None, f"The server ended:\n{server.log.read_text()[-4000:]}"
    try:
        with urllib.request.urlopen(f"{server.url}/_stcore/health", timeout=2) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def wait_until(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """The first true value of `condition`, asked every 50 ms."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"Waited {seconds} s for {what}."
        time.sleep(0.05)
    return value


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    pool = Servers(tmp_path_factory.mktemp("servers"))
    yield pool
    pool.stop()


@pytest.fixture(scope="session")
def start_app(servers: Servers) -> Callable[..., str]:
    """`start_app(script, home) -> url`: serves a Streamlit script or an `st.App` until the session ends."""
    return servers.start


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if not CHROMIUM.exists():
        pytest.skip(f"there is no Chromium at {CHROMIUM}")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), headless=True, args=list(FLAGS))
        yield browser
        browser.close()


@dataclass
class Contexts:
    """Contexts that tests take one after another: emptied between them, with Streamlit's scripts still in the cache."""

    browser: Any
    free: dict[str, list[Any]] = field(default_factory=dict)

    def take(self, options: dict[str, Any]) -> Any:
        waiting = self.free.setdefault(repr(sorted(options.items())), [])
        return waiting.pop() if waiting else self.browser.new_context(**options)

    def give_back(self, context: Any, options: dict[str, Any]) -> None:
        for page in context.pages:
            page.close()
        context.unroute_all(behavior="ignoreErrors")
        context.clear_cookies()
        context.clear_permissions()
        self.free[repr(sorted(options.items()))].append(context)


@pytest.fixture(scope="session")
def contexts(browser: Any) -> Contexts:
    return Contexts(browser)


@pytest.fixture
def new_page(
    contexts: Contexts, servers: Servers, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Any]]:
    """`new_page(url, **context)`: a page in a context that nobody else has (viewport, has_touch, color_scheme …)."""
    taken: list[tuple[Any, dict[str, Any]]] = []
    faults: list[str] = []

    def open_page(url: str, **options: Any) -> Any:
        usual = {"viewport": {"width": 1400, "height": 900}, "reduced_motion": "reduce"}
        context = contexts.take(usual | options)
        taken.append((context, usual | options))
        page = context.new_page()
        wish = {"origin": "/".join(url.split("/")[:3]), "storageTypes": "local_storage,indexeddb"}
        page.context.new_cdp_session(page).send("Storage.clearDataForOrigin", wish)
        page.on("pageerror", lambda error: None if is_cut_off(error) else faults.append(str(error)))
        page.goto(url)
        page.wait_for_function(READY, timeout=60_000)
        return page

    failed_before = request.session.testsfailed
    yield open_page
    if request.session.testsfailed > failed_before:
        for i, page in enumerate(page for context, _ in taken for page in context.pages):
            page.screenshot(path=tmp_path / f"failure-{i}.png", full_page=True)
    for context, options in taken:
        if request.session.testsfailed > failed_before:
            context.close()  # whatever it was left in
        else:
            contexts.give_back(context, options)
    assert not faults, f"The page had errors: {faults}"
    for server in servers.started.values():
        server.check_log()


@pytest.fixture
def page(new_page: Callable[..., Any], app_url: str) -> Any:
    """A page of the module's `app_url`, ready."""
    return new_page(app_url)

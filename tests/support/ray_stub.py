"""What answers as Ray's dashboard does, or as another program at its port; no Ray, no node, no job that runs."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

PAGE = b"<!DOCTYPE html><html><head><title>Somebody else's</title></head>\n<body>Welcome</body>\n</html>\n"


class RayStub:
    """Jobs by name, and what it was asked.

    Attributes:
        jobs: As Ray lists them; a test writes what becomes of them.
        asked: Method, path and `Authorization` of each request.
        handed: What was submitted, in order.
        says: Method → (status, content type, body, location), said instead whatever the path; "" = any method.
        nodes: As `/nodes` lists them.
        ends: Resource that a job asks for → the exit code with which such a job ends at once.
    """

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.asked: list[tuple[str, str, str]] = []
        self.handed: list[dict[str, Any]] = []
        self.says: dict[str, tuple[int, str, bytes, str]] = {}
        self.nodes: list[dict[str, Any]] = []
        self.ends: dict[str, int] = {}
        self.port = 0

    @property
    def address(self) -> str:
        """As `TLTK_EXECUTOR` has it."""
        return f"ray://127.0.0.1:{self.port}"

    def page(self, status: int = 200) -> None:
        """Answer everything with a page from now on."""
        self.says[""] = (status, "text/html; charset=utf-8", PAGE, "")

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, str, bytes, str]:
        """What is said to a request."""
        if said := self.says.get(method) or self.says.get(""):
            return said
        found: Any = None
        name = path.split("/")[3] if path.startswith("/api/jobs/") else ""
        if path == "/api/version":
            found = {"version": "4", "ray_version": "2.60.0"}
        elif path.startswith("/nodes"):
            found = {"result": True, "data": {"summary": self.nodes}}
        elif path == "/api/jobs/" and method == "POST":
            job = json.loads(body)
            self.handed.append(job)
            name = job["submission_id"]
            self.jobs[name] = {"submission_id": name, "status": "PENDING", "metadata": job["metadata"]}
            for wanted in set(job.get("entrypoint_resources", ())) & set(self.ends):
                code = self.ends[wanted]
                self.jobs[name] |= {"status": "FAILED" if code else "SUCCEEDED", "driver_exit_code": code}
            found = {"job_id": name, "submission_id": name}
        elif path == "/api/jobs/":
            found = list(self.jobs.values())
        elif name in self.jobs and method == "DELETE":
            found = self.jobs.pop(name)
        elif name in self.jobs and path.endswith("/stop"):
            self.jobs[name]["status"] = "STOPPED"
            found = {"stopped": True}
        elif name in self.jobs:
            found = self.jobs[name]
        if found is None:
            return 404, "text/plain", b"not here", ""
        return 200, "application/json", json.dumps(found).encode(), ""


@contextlib.contextmanager
def ray_stub(port: int = 0) -> Iterator[RayStub]:
    """One that answers inside.

    Args:
        port: Where; 0 = any that is free.
    """
    stub = RayStub()

    class Handler(http.server.BaseHTTPRequestHandler):
        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            stub.asked.append((self.command, self.path, self.headers.get("Authorization", "")))
            status, kind, answer, location = stub.answer(self.command, self.path, body)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(answer)))
            if location:
                self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_DELETE = _do

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        stub.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield stub
        finally:
            server.shutdown()

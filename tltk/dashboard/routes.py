"""HTTP routes beside Streamlit's own: the rows of a live run, the components' modules, plotly.js, runs as zip files.

A live chart asks for what is new since its cursor; no page runs again for it. Every answer is JSON with
a sentence where something is wrong, and an id from a URL never names another file.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import gzip
import logging
import os
import tempfile
import time
import zlib
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, lru_cache, wraps
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import msgspec
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route

from tltk import home
from tltk.dashboard import modules, staging
from tltk.errors import BadSpec, TltkError, UnknownName
from tltk.plots import library
from tltk.plots.names import text
from tltk.results.rows import Row
from tltk.results.words import guessing
from tltk.runs.run import Child, Run, Status
from tltk.weights.handover import pack

MAX_POINTS = 1500  # of one trace in one answer
MAX_CURSOR = 32_768  # characters
MAX_BYTES = 4 << 20  # of rows that are read for one answer; the rest follows in the next ones
MAX_SPLITS = 4
READERS = 4  # threads that read rows, so that nobody who asks for much takes those that serve the pages
LOOKS = 4.0  # a second, at a run's folder, however many viewers ask
AXES = ("step", "epoch", "seconds")
KEPT = "public, max-age=31536000, immutable"  # for what never changes under its URL
ROLES = ("measure", "search", "source")  # a run that serves in several is drawn as the first of these

_readers = ThreadPoolExecutor(READERS, "tltk-live")

Endpoint = Callable[[Request], Awaitable[Response]]


Natural = Annotated[int, msgspec.Meta(ge=0)]


class Cursor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far a viewer has read: for each run the byte to go on from, and a mark of what lies before it."""

    what: str
    at: dict[str, tuple[Natural, Natural]]


@dataclass(frozen=True)
class Unread:
    """What lies before a viewer: `size` bytes of rows from `start` on."""

    start: int
    size: int
    mark: int
    reset: bool = False


@dataclass(frozen=True)
class Line:
    """A run as the chart names it."""

    run: Run
    name: str
    group: str
    role: str
    seed: int = 0


@dataclass(frozen=True)
class Wanted:
    """What a viewer asks for."""

    name: str
    splits: tuple[str, ...]
    x: str
    roles: tuple[str, ...]

    @property
    def signature(self) -> str:
        """A cursor holds this, so that it is not used for another question."""
        return "/".join((self.name, *self.splits, self.x, *self.roles))


def _answer(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, {"Cache-Control": "no-store"}, media_type="application/json")


def _in_sentences(endpoint: Endpoint) -> Endpoint:
    """Errors as JSON: ours as they are written, any other as a fault whose details go to the log."""

    @wraps(endpoint)
    async def guarded(request: Request) -> Response:
        try:
            return await endpoint(request)
        except UnknownName as fault:
            return _answer({"error": str(fault)}, 404)
        except TltkError as fault:
            return _answer({"error": str(fault)}, 400)
        except Exception:
            logging.getLogger(__name__).exception("The route %s failed.", request.url.path)
            return _answer({"error": "Internal error in tltk; the server's log has the details."}, 500)

    return guarded


def _find(run_id: str) -> Run:
    """The run of exactly this id."""
    try:
        run = Run(home.folder("runs") / home.check_id(run_id))
    except BadSpec as fault:
        raise UnknownName(str(fault)) from None
    if not (run.path / "spec.json").is_file():
        raise UnknownName(f"No run has the id {run_id}. It may have been deleted.")
    return run


# -- rows of a live run -----------------------------------------------------------------------------


def _pack(cursor: Cursor) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def _unpack(text: str, wanted: Wanted) -> Cursor:
    """The cursor in this text; an empty text starts at the beginning."""
    if not text:
        return Cursor(wanted.signature, {})
    try:
        if len(text) > MAX_CURSOR or not text.isascii():
            raise ValueError
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        cursor = msgspec.json.decode(raw, type=Cursor)
        for run_id in cursor.at:
            home.check_id(run_id)
    except (ValueError, binascii.Error, msgspec.DecodeError):
        raise BadSpec("A cursor must be one that this route gave out. Begin again without one.") from None
    if cursor.what != wanted.signature:
        raise BadSpec("This cursor was given out for another question. Begin again without one.")
    return cursor


def _values_of(text: str) -> tuple[str, ...]:
    """Names with commas, each once."""
    return tuple(dict.fromkeys(text[:80].split(",")))


def _parse_query(request: Request) -> Wanted:
    ask = request.query_params
    wanted = Wanted(
        name=ask.get("name", "accuracy")[:80],
        splits=_values_of(ask.get("split", "val")),
        x=ask.get("x", "step"),
        roles=_values_of(ask.get("role", ",".join(ROLES))),
    )
    if len(wanted.splits) > MAX_SPLITS:
        raise BadSpec(f"split must name at most {MAX_SPLITS} parts. Got {len(wanted.splits)}.")
    if wanted.x not in AXES:
        raise BadSpec(f"x must be one of {', '.join(AXES)}. Got {wanted.x[:80]!r}.")
    if not set(wanted.roles) <= set(ROLES):
        raise BadSpec(f"role must be some of {', '.join(ROLES)}. Got {','.join(wanted.roles)[:80]!r}.")
    return wanted


def _child_name(child: Child) -> str:
    return f"{child.arm} · " + {
        "search": f"search lr {child.lr:g}",
        "measure": f"seed {child.seed}",
    }.get(child.role, child.role)


def _lines(run: Run, wanted: Wanted) -> list[Line]:
    """The runs to draw: a study's children, each once, or the run itself."""
    children = run.children()
    if not children:
        return [Line(run, "", "", "measure")]
    found: dict[str, Line] = {}
    for role in ROLES:
        for child in children:
            if child.role == role and role in wanted.roles and child.id not in found:
                child_run = Run(run.path.parent / home.check_id(child.id))
                found[child.id] = Line(child_run, _child_name(child), child.arm, role, child.seed)
    return list(found.values())


@dataclass(frozen=True)
class Look:
    """What all viewers of a run see at one moment: where it stands, its lines, the sizes of their rows."""

    status: Status
    lines: list[tuple[Line, str, int]]  # with its id and the bytes of its rows


@lru_cache(maxsize=64)
def _look(run: Run, wanted: Wanted, moment: int) -> Look:
    """One look at the disk for all who ask at this `moment`."""
    status = run.status  # before the rows: once it says done, all rows are there
    return Look(status, [(line, line.run.id, _size(line.run)) for line in _lines(run, wanted)])


def _size(run: Run) -> int:
    try:
        return (run.path / "rows.jsonl").stat().st_size
    except OSError:
        return 0


def _unread(run: Run, seen: int, since: int, mark: int) -> Unread:
    """From where to read on; from 0 where the rows were cut, and perhaps grew again, by a resume."""
    size = since if seen == since else _size(run)  # what was seen may be older than this viewer
    if size == since:
        return Unread(since, 0, mark)
    if size < since or _mark(run, since) != mark:
        return Unread(0, size, 0, reset=True)
    return Unread(since, size - since, mark)


def _mark(run: Run, at: int) -> int:
    """A checksum of the bytes just before `at`: rows written anew differ in their seconds."""
    if at == 0:
        return 0
    try:
        with (run.path / "rows.jsonl").open("rb") as file:
            file.seek(max(at - 64, 0))
            return zlib.crc32(file.read(min(at, 64)))
    except OSError:  # gone, or no file
        return 0


def _thin(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most `MAX_POINTS` of them, evenly, with the first and the last."""
    n = len(points)
    if n <= MAX_POINTS:
        return points
    return [points[round(i * (n - 1) / (MAX_POINTS - 1))] for i in range(MAX_POINTS)]


def _trace(line: Line, split: str, rows: Sequence[Row], wanted: Wanted, reset: bool) -> dict[str, Any] | None:
    """One increment of one line, or None where there is nothing new."""
    points = _thin(
        [
            (float(getattr(row, wanted.x)), row.value)
            for row in rows
            if row.name == wanted.name and row.split == split and row.layer is None
        ]
    )
    if not points and not reset:
        return None
    several = len(wanted.splits) > 1
    trace: dict[str, Any] = {
        "id": f"{line.run.id}/{split}",
        "name": text(" · ".join(part for part in (line.name, split if several or not line.name else "") if part)),
        "group": text(line.group or split),
        "role": line.role,
        "seed": line.seed,
        "x": [x for x, _ in points],
        "y": [y for _, y in points],
    }
    if reset:
        trace["reset"] = True
    return trace


@dataclass(frozen=True)
class Increment:
    """What is new of one run: `at` is where the next news begin, `idle` the accuracy that takes no learning."""

    traces: list[dict[str, Any]]
    at: tuple[int, int]
    idle: tuple[float, str] | None = None


def _increment(line: Line, unread: Unread, wanted: Wanted, most: int) -> Increment:
    """New points of one run, out of at most so many bytes."""
    if not (unread.size or unread.reset):
        return Increment([], (unread.start, unread.mark))
    rows, end = line.run.rows(unread.start, most) if unread.size else ([], 0)
    if end == unread.start and unread.size > most:
        end += most  # no line is so long: what lies here is damaged, and not waited for
    traces = (_trace(line, split, rows, wanted, unread.reset) for split in wanted.splits)
    shares = {row.name: row.value for row in rows if row.split == "test" and row.name in ("chance", "majority")}
    idle = guessing(shares.get("chance"), shares.get("majority")) if wanted.name == "accuracy" else None
    return Increment([trace for trace in traces if trace], (end, _mark(line.run, end)), idle)


@lru_cache(maxsize=256)
def _news(run_id: str, wanted: Wanted, cursor: str, moment: int) -> bytes:
    """The answer to all viewers who have read equally far at this `moment`."""
    known = _unpack(cursor, wanted).at
    look = _look(_find(run_id), wanted, moment)
    traces, at, left = [], {}, MAX_BYTES
    idle: list[tuple[float, str]] = []
    is_more = False
    for line, name, seen in look.lines:
        unread = _unread(line.run, seen, *known.get(name, (0, 0)))
        if unread.size and not left:  # this one's turn comes with the next answer
            at[name], is_more = known.get(name, (0, 0)), True
            continue
        new = _increment(line, unread, wanted, left)
        at[name] = new.at
        traces += new.traces
        idle += [new.idle] if new.idle is not None and new.idle not in idle else []
        is_more |= unread.size > left
        left -= min(unread.size, left)
    status = look.status
    return msgspec.json.encode(
        {
            "state": status.state,
            "message": status.message,
            "epoch": status.epoch,
            "epochs": status.epochs,
            "seconds": status.seconds,
            "traces": traces,
            "idle": idle,
            "more": is_more,
            "cursor": _pack(Cursor(wanted.signature, at)),
        }
    )


@_in_sentences
async def live(request: Request) -> Response:
    """What is new in a run, or in all runs of a study, since the cursor of the last answer."""
    ask = (request.path_params["run_id"], _parse_query(request), request.query_params.get("cursor", ""))
    moment = int(time.monotonic() * LOOKS)
    # Any answer may hold a long history, as where a resume cut rows: a thread reads it, so that nobody else waits.
    body = await asyncio.get_running_loop().run_in_executor(_readers, _news, *ask, moment)
    return Response(body, headers={"Cache-Control": "no-store"}, media_type="application/json")


async def first_page(request: Request) -> Response:
    """The first page has no name in its address; who writes its own, or the former one, is led to it with the link."""
    return RedirectResponse(f"./?{request.url.query}" if request.url.query else "./")


# -- files --------------------------------------------------------------------------------------------


@_in_sentences
async def export(request: Request) -> Response:
    """A run and the runs it started, as the zip file that `tltk import` takes in."""
    run = _find(request.path_params["run_id"])
    file = await run_in_threadpool(_pack_run, run)
    headers = {"Cache-Control": "no-store"}
    last = BackgroundTask(file.unlink, missing_ok=True)
    return FileResponse(file, 200, headers, "application/zip", last, f"tltk-{run.id}.zip")


def _pack_run(run: Run) -> Path:
    """The zip in a file of its own, since with its weights it may be larger than memory."""
    number, name = tempfile.mkstemp(".zip", "tltk-")
    file = Path(name)
    try:
        with os.fdopen(number, "wb") as target:
            pack(run, target)
    except BaseException:
        file.unlink()
        raise
    return file


@_in_sentences
async def module(request: Request) -> Response:
    """A module of the components; its URL carries the hash of all of them, so browsers may keep it."""
    asked, name = request.path_params["version"], request.path_params["name"]
    if asked != modules.version() or name not in modules.files():
        raise UnknownName("This server has no such module; it may have been updated. Reload the page.")
    kind = modules.KINDS[PurePosixPath(name).suffix]
    return Response(modules.files()[name], headers={"Cache-Control": KEPT}, media_type=kind)


@cache
def _plotly(packed: bool) -> bytes:
    """plotly.js; packed once, not for each of thirty visitors."""
    source = library.plotly_js()
    return gzip.compress(source, 6, mtime=0) if packed else source


@_in_sentences
async def plotly_js(request: Request) -> Response:
    """plotly.js from this machine; its URL carries the version, so browsers may keep it."""
    packed = "gzip" in request.headers.get("accept-encoding", "")
    headers = {"Cache-Control": KEPT, "Vary": "Accept-Encoding"}
    if packed:
        headers["Content-Encoding"] = "gzip"
    body = await run_in_threadpool(_plotly, packed)
    return Response(body, headers=headers, media_type="text/javascript")


@_in_sentences
async def bring(request: Request) -> Response:
    """A batch of files that a page brings; its token says which page."""
    first = request.query_params.get("first") == "1"
    n = await staging.receive(request.path_params["token"], aiter(request.stream()), first)
    return _answer({"files": n})


routes = [
    *(Route(f"/{name}", first_page) for name in ("workbench", "start")),
    Route("/tltk/plotly.js", plotly_js),
    Route("/tltk/modules/{version}/{name:path}", module),
    Route("/tltk/live/{run_id}", live),
    Route("/tltk/bring/{token}", bring, methods=["POST"]),
    Route("/tltk/runs/{run_id}/export.zip", export),
]

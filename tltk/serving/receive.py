"""What a request brings: pictures, one as its body or several as a form; texts or rows as JSON. No torch.

Pictures are written to files in a folder of the request's own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

import msgspec
from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from tltk.data.names import escape_name
from tltk.specs.nouns import TEXTS

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MAX_BYTES = 64 * 2**20  # of a request
MAX_PICTURES = 1000  # in a request
MAX_EXAMPLES = 10_000  # texts or rows in a request
MAX_SECONDS = 60.0  # until a request has come whole
MAX_DRAIN_BYTES, MAX_DRAIN_SECONDS = 4 * MAX_BYTES, 10.0  # of a request that is refused
MAX_PARTS = 2 * MAX_PICTURES  # of a form, fields of text among them
LONGEST = 200  # letters of a picture's name
FORM, RAW, JSON = "multipart/form-data", "application/octet-stream", "application/json"

Received = list[tuple[str, Path]]  # the name of each picture, and the file that it was written to
Cell = str | int | float | bool | None
Row = dict[str, Cell]
T = TypeVar("T")


class Refused(HTTPException):
    """A request that is not answered: a status and a sentence of ours."""


async def receive_pictures(request: Request, folder: Path) -> Received:
    """The pictures of a request.

    Args:
        request: Its body is read, under limits.
        folder: An empty one, to write to.

    Raises:
        Refused: It is too long, too slow, of another type, not whole, holds too many pictures or none.
    """
    kind = request.headers.get("content-type", RAW)
    bare = kind.partition(";")[0].strip().lower()
    if not (bare in (FORM, RAW) or bare.startswith("image/")):
        raise Refused(
            415,
            f"A request must be a picture ({RAW} or image/…) or a form ({FORM}). Got {bare[:80]!r}; with curl: "
            f"-F picture=@FILE, or --data-binary @FILE -H 'Content-Type: {RAW}'.",
        )
    _check_length(request)
    if bare == FORM:
        found = await _in_time(_of_form(kind, _blocks(request), folder))
    else:
        found = await _in_time(_of_body(request.query_params.get("name", ""), _blocks(request), folder))
    if not found:
        raise Refused(422, "A request must hold a picture. It is empty; see GET / for how to send one.")
    return found


class _Texts(msgspec.Struct, forbid_unknown_fields=True):
    texts: list[str]


class _Rows(msgspec.Struct, forbid_unknown_fields=True):
    rows: list[Row]


async def receive_examples(request: Request, noun: str) -> list[str] | list[Row]:
    """The texts or the rows of a request: {"texts": [text, …]} or {"rows": [{column: value, …}, …]}.

    Args:
        request: Its body is read, under limits.
        noun: texts or rows.

    Raises:
        Refused: It is too long, too slow, of another type, no such JSON, holds too many of them or none.
    """
    bare = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    if bare != JSON:
        raise Refused(
            415, f"A request must be {JSON}, since what is served reads {noun}. Got {bare[:80]!r}; see GET /."
        )
    _check_length(request)
    body = await _in_time(_whole(_blocks(request)))
    if not body.strip():
        raise Refused(422, f"A request must hold {noun}. It is empty; see GET / for how to send them.")
    found: list[str] | list[Row]
    try:
        if noun == TEXTS:
            found = msgspec.json.decode(body, type=_Texts).texts
        else:
            found = msgspec.json.decode(body, type=_Rows).rows
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError) as fault:
        shape = (
            '{"texts": [text, …]}' if noun == TEXTS else '{"rows": [{column: number, text, true, false or null}, …]}'
        )
        why = escape_name(str(fault).rstrip("."))[:LONGEST]
        raise Refused(422, f"A request must be JSON like {shape}. It is not: {why}. See GET /.") from None
    if not found:
        raise Refused(422, f"A request must hold {noun}. Its list is empty; see GET / for how to send them.")
    if len(found) > MAX_EXAMPLES:
        raise Refused(413, f"A request may hold at most {MAX_EXAMPLES:,} {noun}. This one has {len(found):,}.")
    return found


async def _whole(blocks: AsyncIterator[bytes]) -> bytes:
    return b"".join([block async for block in blocks])


def _check_length(request: Request) -> None:
    """Refuse what says of itself that it is too long."""
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdecimal() and (len(length) > 15 or int(length) > MAX_BYTES):
        raise _too_long()


async def _in_time(coming: Awaitable[T]) -> T:
    """What comes within `MAX_SECONDS`."""
    try:
        async with asyncio.timeout(MAX_SECONDS):
            return await coming
    except TimeoutError:
        within = f"{MAX_SECONDS:.0f} seconds"
        raise Refused(408, f"A request must come within {within}. This one did not; send less at a time.") from None


async def drain(request: Request) -> None:
    """Read what is left of a request that is refused, and let it go, as far as that is worth it.

    A client that is still sending when the connection is closed loses the answer.
    """
    if "expect" in request.headers:  # it waits for the answer before it sends
        return
    left = MAX_DRAIN_BYTES
    with contextlib.suppress(TimeoutError, ClientDisconnect, RuntimeError):  # RuntimeError: it has come whole
        async with asyncio.timeout(MAX_DRAIN_SECONDS):
            async for block in request.stream():
                left -= len(block)
                if left < 0:
                    return


async def _blocks(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes, up to `MAX_BYTES`, whatever the header says."""
    seen = 0
    async for block in request.stream():
        seen += len(block)
        if seen > MAX_BYTES:
            raise _too_long()
        yield block


async def _of_body(name: str, blocks: AsyncIterator[bytes], folder: Path) -> Received:
    """The body as one picture."""
    file, size = folder / "0", 0
    with file.open("wb") as out:
        async for block in blocks:
            size += out.write(block)
    return [(_named(name) or "picture", file)] if size else []


async def _of_form(kind: str, blocks: AsyncIterator[bytes], folder: Path) -> Received:
    """Every file of a form, whatever its field is called; its other fields mean nothing here."""
    boundary = parse_options_header(kind)[1].get(b"boundary")
    form = Form(folder)
    with contextlib.closing(form):
        try:
            if not boundary:
                raise FormParserError("It has no boundary.")
            parser = MultipartParser(boundary, form.callbacks)
            async for block in blocks:
                parser.write(block)
            parser.finalize()
        except FormParserError:
            raise _not_whole() from None
    if not form.is_whole:  # what is missing would be a picture that is dropped unseen
        raise _not_whole()
    return form.files


class Form:
    """Writes the files of a form as it is parsed.

    Args:
        folder: Where to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: Received = []
        self.is_whole = False
        self._parts = 0
        self._header, self._value, self._disposition = b"", b"", b""
        self._out: BinaryIO | None = None

    @property
    def callbacks(self) -> MultipartCallbacks:
        """What the parser calls."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._add_to_header,
            "on_header_value": self._add_to_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._open,
            "on_part_data": self._write,
            "on_part_end": self.close,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._disposition = b""
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise Refused(413, f"A form may have at most {MAX_PARTS:,} parts. This one has more; send several.")

    def _add_to_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _add_to_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header, self._value = b"", b""

    def _open(self) -> None:
        """A part with the name of a file is a picture."""
        name = parse_options_header(self._disposition)[1].get(b"filename")
        if name is None:
            return
        if len(self.files) == MAX_PICTURES:
            raise Refused(
                413, f"A request may hold at most {MAX_PICTURES:,} pictures. This one has more; send several."
            )
        file = self.folder / str(len(self.files))
        try:
            shown = _named(name.decode())
        except UnicodeDecodeError:
            shown = _named(name.decode("latin-1"))
        self.files.append((shown, file))
        self._out = file.open("wb")

    def _write(self, data: bytes, start: int, end: int) -> None:
        if self._out is not None:
            self._out.write(data[start:end])

    def close(self) -> None:
        """End the part that is open, if one is."""
        if self._out is None:
            return
        size, self._out = self._out.tell(), self._out.close()
        name, file = self.files[-1]
        if not name and not size:  # the field of a browser's form in which nothing was chosen
            self.files.pop()
        elif not name:
            self.files[-1] = (f"picture {len(self.files)}", file)

    def _end(self) -> None:
        self.is_whole = True


def _named(name: str) -> str:
    return escape_name(name.strip())[:LONGEST]


def _too_long() -> Refused:
    return Refused(413, f"A request may be at most {MAX_BYTES >> 20} MB long. This one is longer; send less at a time.")


def _not_whole() -> Refused:
    return Refused(400, f"A form must be whole, {FORM} with its boundary. This one is not; send it again.")

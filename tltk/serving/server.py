"""`tltk serve`: the endpoint as a server of its own process, which ends on Ctrl-C."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
from collections.abc import Callable

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from tltk.errors import BadSpec
from tltk.serving.app import create_app
from tltk.serving.predictor import Predictor

MAX_HEADER_BYTES = 32_768
LINGER_SECONDS = 1.0  # that a connection stays open after a refusal
GRACE_SECONDS = 5  # that requests under way are given when the server ends


class Protocol(H11Protocol):
    """HTTP, whose faults are JSON too."""

    is_refused = False

    def data_received(self, data: bytes) -> None:
        """What follows a refusal is read and let go: a connection that is closed with data unread loses the refusal."""
        if not self.is_refused:
            super().data_received(data)

    def send_400_response(self, msg: str) -> None:
        """What is no request, or has too long a head, is refused before any route sees it."""
        if self.cycle is None or self.cycle.response_complete:
            sentence = f"A request must be HTTP/1.1 with a head of at most {MAX_HEADER_BYTES >> 10} KB. This is not."
            body = json.dumps({"error": sentence}).encode()
            head = f"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
            self.transport.write(f"{head}connection: close\r\n\r\n".encode() + body)
        self.is_refused = True
        self.loop.call_later(LINGER_SECONDS, self.transport.close)


def serve(run: str, port: int, address: str, tell: Callable[[str], None]) -> None:
    """Answer requests until somebody ends the process.

    Args:
        run: Id of a finished training; ID@EPOCH = a snapshot of it.
        port: To listen on; 0 = any that is free.
        address: To listen at, a name or a number of this machine.
        tell: Hears where the server is, once it can be asked.

    Raises:
        UnknownName, WeightsMissing, BadSpec: As for `Predictor`; the address is taken, or is none of this machine.
    """
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # what is wrong with a form is answered
    listening = _listen(address, port)
    with listening:
        predictor = Predictor(run)
        config = uvicorn.Config(
            create_app(predictor, address),
            http=Protocol,
            ws="none",
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
            h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        )
        server = uvicorn.Server(config)
        predictor.should_stop = lambda: server.should_exit
        shown = f"[{address}]" if ":" in address else address
        tell(f"Run {predictor.trained.run.id} answers at http://{shown}:{listening.getsockname()[1]}")
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn has ended in order, and mostly passes on what ended it
            server.run(sockets=[listening])
        tell("Ended.")


def _listen(address: str, port: int) -> socket.socket:
    """A socket at that address, before the network is built: a port that is taken is told at once."""
    try:
        family, kind, _, _, place = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
            0
        ]
        found = socket.socket(family, kind)
        try:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind(place)
            found.listen()  # who asks while uvicorn starts is answered after
        except OSError:
            found.close()
            raise
    except (OSError, UnicodeError) as fault:
        why = getattr(fault, "strerror", None) or "it is no address"
        raise BadSpec(
            f"The server must be able to listen at {address[:80]} on port {port}. It is not: {why}; name another with "
            f"--port or --address."
        ) from None
    return found

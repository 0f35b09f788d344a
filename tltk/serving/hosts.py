"""Who may ask a server of ours, and what a browser may do with its answers: an ASGI layer around all of it. No torch.

A page of another site must neither frame ours (one click there would be a click here) nor reach the server
under a name of its own that it lets point to this machine (DNS rebinding). So the Host of every request and
of the websocket is checked, and every answer forbids frames, guessed types and pictures of other sites.
"""

from __future__ import annotations

import ipaddress
import json
import os
import socket
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": "frame-ancestors 'none'; img-src 'self' data: blob:; object-src 'none'; base-uri 'self'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # another site that is linked to does not learn which run was looked at
}


def is_loopback(address: str | None) -> bool:
    """Whether only this machine can reach a server that listens there; with no address it listens everywhere."""
    if not address:
        return False
    name = address.strip("[]").lower().rstrip(".")
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def hostname(host: str | None) -> str | None:
    """The name in a Host header, without its port; None where there is none, or one that cannot be meant."""
    if not host or any(sign in host for sign in "/\\?#@ \t"):
        return None
    try:
        found = urlsplit(f"//{host}")
        _ = found.port  # a port that is none raises
    except ValueError:
        return None
    return (found.hostname or "").lower().rstrip(".") or None


@cache
def _of_this_machine() -> frozenset[str]:
    return frozenset(name.lower().rstrip(".") for name in (socket.gethostname(), socket.getfqdn()))


def is_ours(host: str | None, address: str | None) -> bool:
    """Whether a request may have meant this server: by a loopback name, its own address, or one of `TLTK_HOSTS`.

    Args:
        host: The request's Host header.
        address: Where the server listens; None = everywhere. There, any number serves as an address, since no
            other site has a number of ours for its name.
    """
    name = hostname(host)
    if name is None:
        return False
    known = {text.strip().lower().rstrip(".") for text in os.environ.get("TLTK_HOSTS", "").split(",")} - {""}
    if "*" in known or is_loopback(name) or name in known:
        return True
    if is_loopback(address):
        return False
    try:
        here = ipaddress.ip_address((address or "0.0.0.0").strip("[]"))
    except ValueError:  # a name
        return name == str(address).lower().rstrip(".")
    if not here.is_unspecified:
        return name == str(here)
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name in _of_this_machine()
    return True


class HostGuard:
    """Refuses strangers' names and marks every answer.

    Args:
        app: What is guarded.
        address: Gives where the server listens; None = everywhere.
        as_json: Whether a refusal is JSON, as what an endpoint for programs answers, or plain text.
    """

    def __init__(self, app: ASGIApp, address: Callable[[], str | None], as_json: bool = False) -> None:
        self.app, self.address, self.as_json = app, address, as_json

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or say why not."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return

        async def marked(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(raw=list(message.get("headers", ())))
                for name, value in HEADERS.items():
                    if value not in headers.getlist(name):
                        headers.append(name, value) if name in headers else headers.update({name: value})
                message = {**message, "headers": headers.raw}
            await send(message)

        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"host"]
        if len(hosts) == 1 and is_ours(hosts[0], self.address()):
            await self.app(scope, receive, marked)
        else:
            await _refuse(scope, marked, hosts, self.as_json)


async def _refuse(scope: Scope, send: Send, hosts: list[str], as_json: bool) -> None:
    """400 with a sentence, before anything of the page is sent."""
    got = repr(", ".join(hosts)[:80]) if hosts else "none"
    text = (
        f"The Host of a request must be this server's own: localhost, its address, or a name that TLTK_HOSTS lists. "
        f"Got {got}. Set TLTK_HOSTS to the name that your users type (for the dashboard, --host NAME), and start again."
    )
    is_socket = scope["type"] == "websocket"
    if is_socket and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": "This name is not this server's."})
        return
    kind = "websocket.http.response" if is_socket else "http.response"
    form = b"application/json" if as_json else b"text/plain; charset=utf-8"
    headers: list[Any] = [(b"content-type", form), (b"cache-control", b"no-store")]
    await send({"type": f"{kind}.start", "status": 400, "headers": headers})
    body = json.dumps({"error": text}) if as_json else f"{text}\n"
    await send({"type": f"{kind}.body", "body": body.encode()})

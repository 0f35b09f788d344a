"""The door of a room: an ASGI layer around the server that lets nobody past who has not given the room's code.

It stands before Streamlit, so that nothing of a page, a run or a picture is sent to whoever is not in the room.
"""

from __future__ import annotations

import json
import re
from html import escape
from urllib.parse import parse_qs, quote

from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tltk import assets
from tltk.dashboard import room

PATH = "/tltk/join"
OPEN = (PATH, "/_stcore/health")  # what is answered to anybody
MOST_BYTES = 8192  # of a form
WITHIN = re.compile(r"/(?![/\\])[!-~]*")  # an address of ours: a path, and no other server's


class Door:
    """Lets people of the room through, and asks others for its code; where there is no room, lets all through."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or answer it."""
        here = room.now() if scope["type"] in ("http", "websocket") else None
        if here is None:
            await self.app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        if scope["path"] == PATH and scope["type"] == "http":
            await (await _join(Request(scope, receive), here))(scope, receive, send)
        elif scope["path"] in OPEN or here.person(connection.cookies.get(room.COOKIE)):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "Join the room first."})
        else:
            await _ask_to_join(connection)(scope, receive, send)


def _ask_to_join(connection: HTTPConnection) -> Response:
    """The form for who opens a page; a sentence for all else."""
    if connection.scope["method"] == "GET" and "text/html" in connection.headers.get("accept", ""):
        url = connection.url
        wanted = quote(f"{url.path}?{url.query}" if url.query else url.path, safe="")
        return RedirectResponse(f"{PATH}?next={wanted}", 303, {"Cache-Control": "no-store"})
    return PlainTextResponse(
        f"You must be in the room to ask for this. Join at {PATH} first.\n", 401, {"Cache-Control": "no-store"}
    )


async def _join(request: Request, here: room.Room) -> Response:
    """The form, and what was filled in."""
    if request.method == "GET":
        return _form(request.query_params.get("next", "/"), "", "")
    if request.method != "POST" or request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return PlainTextResponse("A room is joined by its own form.\n", 405)
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            return PlainTextResponse(f"A form must have at most {MOST_BYTES:,} bytes.\n", 413)
    given = {name: values[0] for name, values in parse_qs(body.decode(errors="replace")).items()}
    goal, name = given.get("next", "/"), given.get("name", "")
    try:
        token = here.join(given.get("code", ""), name, request.client.host if request.client else "")
    except room.Refused as fault:
        return _form(goal, name, str(fault), fault.status)
    answer = RedirectResponse(goal if WITHIN.fullmatch(goal) else "/", 303, {"Cache-Control": "no-store"})
    answer.set_cookie(room.COOKIE, token, httponly=True, samesite="lax", secure=request.url.scheme == "https")
    return answer


def _form(goal: str, name: str, fault: str, status: int = 200) -> Response:
    """The page that asks for code and name.

    Args:
        goal: Where to go then.
        name: What was typed before.
        fault: Why that was refused.
        status: Of the answer.
    """
    colours = json.loads(assets.text("palette.json"))
    both = {name: (colours["light"]["page"][name], colours["dark"]["page"][name]) for name in colours["light"]["page"]}
    style = {name: f"light-dark({light}, {dark})" for name, (light, dark) in both.items()}
    told = f'<p role="alert"><b>{escape(fault)}</b></p>' if fault else ""
    text = f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Join the room · tltk</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,"><style>
:root {{ color-scheme: light dark; }}
body {{ background: {style["backgroundColor"]}; color: {style["textColor"]}; font: 1rem/1.5 sans-serif;
  margin: 12vh auto; max-width: 22rem; padding: 0 1rem; }}
h1 {{ font-size: 1.5rem; }}
label {{ display: block; margin: 1rem 0; }}
input, button {{ font: inherit; box-sizing: border-box; width: 100%; padding: .5rem; border-radius: .5rem;
  border: 1px solid {style["borderColor"]}; background: {style["secondaryBackgroundColor"]}; color: inherit; }}
button {{ background: {style["primaryColor"]}; color: {style["backgroundColor"]}; font-weight: 600; }}
</style></head><body><main><h1>Join the room</h1>
<p>Several people train at this dashboard. The code is told by whoever opened the room; the others see your name beside
your runs.</p>{told}
<form method="post" action="{PATH}"><input type="hidden" name="next" value="{escape(goal)}">
<label>Code <input name="code" required autofocus autocomplete="off" maxlength="{room.MOST_CODE}"></label>
<label>Your name <input name="name" required autocomplete="nickname" maxlength="{room.MOST_NAME}"
 value="{escape(name)}"></label>
<button>Join</button></form></main></body></html>"""
    return HTMLResponse(text, status, {"Cache-Control": "no-store"})

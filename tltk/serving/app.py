"""The endpoint: POST /predict, GET /health, GET / and /openapi.json that explain it. All but the page is JSON."""

from __future__ import annotations

import errno
import logging
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from tltk.errors import DataProblem, MachineProblem, TltkError
from tltk.serving.hosts import HostGuard, is_ours
from tltk.serving.predictor import Predictor
from tltk.serving.receive import Received, Refused, Row, drain, receive_examples, receive_pictures
from tltk.serving.schema import page, schema
from tltk.specs.nouns import PICTURES, ROWS
from tltk.training.callbacks import Stopped

MAX_WAITING = 16  # requests that are received, or wait for the network
FULL = (errno.ENOSPC, errno.EDQUOT)

Endpoint = Callable[[Request], Awaitable[Response]]


def create_app(predictor: Predictor, address: str | None = "127.0.0.1") -> Starlette:
    """The ASGI application that answers with this network.

    Args:
        predictor: The network; it is closed when the application ends.
        address: Where the server will listen, which decides what names of it are accepted; None = everywhere.

    Example:
        uvicorn.run(create_app(Predictor("4f1c2ab90d3e")), port=8600)
    """
    waiting = 0

    @_in_sentences
    async def predict(request: Request) -> Response:
        nonlocal waiting
        _refuse_other_sites(request, address)
        if waiting >= MAX_WAITING:
            raise Refused(503, f"At most {MAX_WAITING} requests wait at a time. Send it again.", {"Retry-After": "1"})
        embedding = request.query_params.get("embedding", "0").lower() not in ("", "0", "false", "no")
        waiting += 1
        try:
            with tempfile.TemporaryDirectory(prefix="tltk-serve-", ignore_cleanup_errors=True) as scratch:
                examples: Received | list[str] | list[Row]
                if predictor.noun == PICTURES:
                    examples = await receive_pictures(request, Path(scratch))
                else:
                    examples = await receive_examples(request, predictor.noun)
                return _answer(await predictor.ask(examples, embedding))
        finally:
            waiting -= 1

    @_in_sentences
    async def health(request: Request) -> Response:
        trained, net = predictor.trained, predictor.net
        kind: dict[str, Any] = {"size": net.net.shape[-1]}
        if predictor.noun == PICTURES:
            kind = {"size": net.net.shape[-2], "width": net.net.shape[-1], "fit": net.fit}
        elif predictor.noun == ROWS:
            kind["columns"] = net.columns
        return _answer(
            {
                "status": "ok",
                "run": trained.run.id,
                "backbone": trained.spec.net.backbone,
                "classes": trained.result.classes,
                **kind,
                "device": str(net.device),
                "precision": net.precision,
                predictor.noun: predictor.answered,
                "waiting": waiting,
            }
        )

    @_in_sentences
    async def document(request: Request) -> Response:
        return _answer(schema(predictor.trained, predictor.net.columns))

    @_in_sentences
    async def explain(request: Request) -> Response:
        here = f"http://{request.headers['host']}"
        return HTMLResponse(page(predictor.trained, here, predictor.net.columns), headers={"Cache-Control": "no-store"})

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        predictor.close()

    async def elsewhere(request: Request, fault: Exception) -> Response:
        return _of_router(request, fault, predictor.noun)

    routes = [
        Route("/", explain),
        Route("/predict", predict, methods=["POST"]),
        Route("/health", health),
        Route("/openapi.json", document),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(HostGuard, address=lambda: address, as_json=True)],
        exception_handlers={HTTPException: elsewhere},
        lifespan=lifespan,
    )


def _answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    head = {"Cache-Control": "no-store", **(headers or {})}
    return Response(msgspec.json.encode(body), status, head, media_type="application/json")


def _fault(status: int, sentence: str, headers: dict[str, str] | None = None) -> Response:
    return _answer({"error": sentence}, status, headers)


def _in_sentences(endpoint: Endpoint) -> Endpoint:
    """Errors as JSON: ours as they are written, any other as a fault whose details go to the log."""

    @wraps(endpoint)
    async def guarded(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Refused as fault:
            await drain(request)
            return _fault(fault.status_code, fault.detail, dict(fault.headers or {}))
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        except Stopped:
            return _fault(503, "The server is about to end. Send the request again once it has been started anew.")
        except DataProblem as fault:
            return _fault(422, str(fault))
        except (OSError, MemoryError, RuntimeError) as fault:
            if (found := MachineProblem.of(fault)) is None:
                return _internal(request)
            return _fault(507 if found.errno in FULL else 503, str(found))
        except TltkError as fault:
            return _fault(400, str(fault))
        except Exception:
            return _internal(request)

    return guarded


def _internal(request: Request) -> Response:
    logging.getLogger(__name__).exception("The route %s failed.", request.url.path)
    return _fault(500, "Internal error in tltk; the server's log has the details.")


def _of_router(request: Request, fault: Exception, noun: str) -> Response:
    """404 and 405 in our words."""
    assert isinstance(fault, HTTPException)
    what = f"{request.method[:20]} {request.url.path[:80]}"
    sentence = f"{noun.capitalize()} are sent by POST /predict, and GET / explains how. There is no {what}."
    return _fault(fault.status_code, sentence, dict(fault.headers or {}))


def _refuse_other_sites(request: Request, address: str | None) -> None:
    """A page of another site must not have a user's browser put this network to work."""
    for origin in request.headers.getlist("origin"):
        if not is_ours(origin.partition("://")[2], address):
            raise Refused(403, f"A browser may ask from this server's own page alone. This came from {origin[:80]!r}.")

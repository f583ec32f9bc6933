"""What can go wrong for a visitor, as sentences: a page for people, JSON for programs."""

from __future__ import annotations

import traceback
from types import TracebackType
from uuid import uuid4

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from retrain.actions import ActionError
from store.engine import StoreError
from web.rendering import render
from web.site import ReportUnreadableError

log = structlog.get_logger()

_TITLES = {
    400: "That can't be asked",
    403: "Refused",
    404: "Not here",
    405: "Not done that way",
    409: "That can't be done now",
    500: "Something broke",
    502: "Out of reach",
    503: "Not now",
}
_PLAIN = ("/healthz", "/readyz", "/metrics")


class NotThereError(Exception):
    """What was asked for does not exist; the message is the sentence to show."""


def answer(request: Request, status: int, sentence: str) -> Response:
    """The sentence in the form that whoever asks can read."""
    path = request.url.path
    if path.startswith("/api/"):
        return JSONResponse({"error": sentence}, status)
    if path in _PLAIN:
        return PlainTextResponse(sentence + "\n", status)
    title = _TITLES.get(status, "Refused")
    return HTMLResponse(render("error.html", title=title, status=status, sentence=sentence), status)


def install(app: FastAPI) -> None:
    """Answer the errors that routes raise."""

    @app.exception_handler(NotThereError)
    def not_there(request: Request, error: NotThereError) -> Response:
        return answer(request, 404, str(error))

    @app.exception_handler(ReportUnreadableError)
    def unreadable(request: Request, error: ReportUnreadableError) -> Response:
        return answer(request, 502, str(error))

    @app.exception_handler(ActionError)
    def not_now(request: Request, error: ActionError) -> Response:
        return answer(request, 409, f"{str(error)[:1].upper()}{str(error)[1:]}")

    @app.exception_handler(StoreError)
    def no_database(request: Request, error: StoreError) -> Response:
        log.warning("database_unavailable", path=request.url.path, reason=str(error))
        return answer(request, 503, str(error))

    @app.exception_handler(RequestValidationError)
    def bad_query(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        name = first["loc"][-1]
        return answer(
            request, 400, f"{name} can't be read: {_reason(first['msg'])}; correct it in the address."
        )

    @app.exception_handler(HTTPException)
    def refused(request: Request, error: HTTPException) -> Response:
        sentence = "There is no such page." if error.status_code == 404 else f"{error.detail}."
        response = answer(request, error.status_code, sentence)
        response.headers.update(error.headers or {})
        return response


def _reason(message: str) -> str:
    plain = message.removeprefix("Value error, ")
    return plain[:1].lower() + plain[1:]


class Barrier:
    """Turns what nobody foresaw into a sentence with an id; the log has the place under that id.

    The log gets the error's type and where it was raised, never its message, which may quote captured values.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, and answer 500 where serving fails before its first byte."""
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:
            if scope["type"] != "http" or started:
                raise
            request = Request(scope)
            incident = uuid4().hex[:12]
            log.error(
                "unforeseen",
                id=incident,
                path=request.url.path,
                error=type(error).__name__,
                where=_places(error.__traceback__),
            )
            sentence = f"This page failed; the service's log says where, under the id {incident}."
            await answer(request, 500, sentence)(scope, receive, send)


def _places(trace: TracebackType | None) -> list[str]:
    return [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(trace)[-6:]]

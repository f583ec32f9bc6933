"""The gate before every route: who may come in, and what every answer says to the browser."""

from __future__ import annotations

import math
from collections.abc import Callable
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web import requests, sessions
from web.errors import answer

_OPEN = ("/healthz", "/readyz", "/sign-in")
_HEADERS = {
    # plotly writes its own style rules, hence 'unsafe-inline' for styles; no script may stand in a page.
    "content-security-policy": (
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}


class SafeHeaders:
    """Puts the security headers on every answer that does not bring its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve with the headers added."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, sending)


class Guard:
    """Refuses foreign hosts and origins, and whoever has neither the token nor a session."""

    def __init__(
        self, app: ASGIApp, *, token: str | None, tries: sessions.Tries, wall: Callable[[], float]
    ) -> None:
        self._app = app
        self._token = token
        self._tries = tries
        self._wall = wall

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve what may be served."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        refusal = self._refusal(request)
        await (self._app if refusal is None else refusal)(scope, receive, send)

    def _refusal(self, request: Request) -> Response | None:
        if self._token is None and (reason := requests.not_loopback(request.headers)):
            return answer(request, 421, _sentence(reason))
        if reason := requests.foreign(request.method, request.headers):
            return answer(request, 403, _sentence(reason))
        if reason := requests.too_long(request.headers):
            return answer(request, 413, _sentence(reason))
        if self._token is None or request.url.path in _OPEN:
            return None
        return self._unknown(request, self._token)

    def _unknown(self, request: Request, token: str) -> Response | None:
        session = request.cookies.get(sessions.COOKIE)
        if session is not None and sessions.valid(session, token, self._wall()):
            return None
        given = requests.bearer(request.headers)
        return _who_are_you(request) if given is None else self._tried(request, given, token)

    def _tried(self, request: Request, given: str, token: str) -> Response | None:
        address, now = address_of(request), self._wall()
        if wait := self._tries.wait(address, now):
            return too_fast(request, wait)
        if sessions.same_token(given, token):
            self._tries.succeeded(address)
            return None
        self._tries.failed(address, now)
        refusal = answer(request, 401, "The token is wrong: send the one that the service was started with.")
        refusal.headers["www-authenticate"] = "Bearer"
        return refusal


def address_of(request: Request) -> str:
    """Where a request comes from, for counting wrong tries."""
    return request.client.host if request.client else ""


def too_fast(request: Request, wait: float) -> Response:
    """The answer to a try that came too soon."""
    seconds = math.ceil(wait)
    refusal = answer(request, 429, f"Too many wrong tokens from here: wait {seconds} s and try again.")
    refusal.headers["retry-after"] = str(seconds)
    return refusal


def _who_are_you(request: Request) -> Response:
    if request.method in ("GET", "HEAD") and "text/html" in request.headers.get("accept", ""):
        where = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/sign-in?next={quote(where, safe='')}", 303)
    refusal = answer(
        request, 401, "A token is wanted: send Authorization: Bearer TOKEN, or sign in at /sign-in."
    )
    refusal.headers["www-authenticate"] = "Bearer"
    return refusal


def _sentence(reason: str) -> str:
    return f"{reason[:1].upper()}{reason[1:]}."

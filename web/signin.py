"""The sign-in form: the token once, then a cookie."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from web import assets, sessions
from web.guard import address_of, too_fast
from web.rendering import render


def router(token: str | None, tries: sessions.Tries, wall: Callable[[], float]) -> APIRouter:
    """The routes of signing in and out; where no token is set they lead to the fleet."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/sign-in")
    def form(next_path: Annotated[str, Query(alias="next")] = "/") -> Response:
        return _home("/") if token is None else _form(next_path, None)

    @routes.post("/sign-in")
    def sign_in(
        request: Request,
        given: Annotated[str, Form(alias="token", max_length=4096)] = "",
        next_path: Annotated[str, Form(alias="next", max_length=4096)] = "/",
    ) -> Response:
        address, now = address_of(request), wall()
        if token is None:
            return _home("/")
        if not sessions.same_token(given.strip(), token):
            if wait := tries.wait(address, now):
                return too_fast(request, wait)
            tries.failed(address, now)
            return _form(next_path, "That is not the token that this service was started with.")
        tries.succeeded(address)
        response = _home(next_path)
        _set_cookie(response, request, sessions.issue(token, now), sessions.LIFETIME)
        return response

    @routes.post("/sign-out")
    def sign_out(request: Request) -> Response:
        response = _home("/sign-in")
        _set_cookie(response, request, "", 0)
        return response

    return routes


def _form(next_path: str, wrong: str | None) -> HTMLResponse:
    page = render("sign-in.html", title="Sign in", next=next_path, wrong=wrong, style=assets.style())
    return HTMLResponse(page, 200 if wrong is None else 401)


def _home(next_path: str) -> RedirectResponse:
    return RedirectResponse(next_path if _is_here(next_path) else "/", 303)


def _is_here(next_path: str) -> bool:
    """Whether it is a path of this site, and not an address that browsers read as another's."""
    plain = next_path.isascii() and next_path.isprintable() and "\\" not in next_path
    return plain and next_path.startswith("/") and not next_path.startswith("//")


def _set_cookie(response: Response, request: Request, value: str, lifetime: int) -> None:
    response.set_cookie(
        sessions.COOKIE,
        value,
        max_age=lifetime,
        path="/",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )

"""Which requests are served at all: rules over a request's headers, each a pure function.

A rule gives the sentence of its refusal, or None.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers

_SAFE = ("GET", "HEAD", "OPTIONS")
_MOST = 65_536


def not_loopback(headers: Headers) -> str | None:
    """Without a token only loopback names are served, or a page elsewhere could rebind its name to here."""
    hosts = headers.getlist("host")
    if len(hosts) == 1 and _is_loopback(hosts[0]):
        return None
    return (
        "this address is not served without a token: use http://127.0.0.1, or set KEDGE_TOKEN and start again"
    )


def _is_loopback(host: str) -> bool:
    try:
        parts = urlsplit(f"//{host}")
        name, _port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.netloc != host or "@" in host:
        return False
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def foreign(method: str, headers: Headers) -> str | None:
    """A request that changes something must come from a page of this site, or from no page at all."""
    if method in _SAFE:
        return None
    site = headers.get("sec-fetch-site")
    origin = headers.get("origin")
    if site is not None and site not in ("same-origin", "none"):
        return "a page of another site sent this: open this site and do it there"
    if origin is not None and _netloc(origin) != headers.get("host"):
        return "a page of another origin sent this: open this site and do it there"
    if site is None and origin is None and "cookie" in headers:
        # Browsers name the origin of a POST; a cookie without one is not from a browser of today.
        return "the request names no Origin: send one, or use Authorization: Bearer instead of the cookie"
    return None


def _netloc(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def too_long(headers: Headers) -> str | None:
    """No form here takes more than a token: a longer body would only fill the memory."""
    length = headers.get("content-length", "0")
    if "transfer-encoding" not in headers and length.isascii() and length.isdigit() and int(length) <= _MOST:
        return None
    return f"the request's body is longer than {_MOST} bytes, or does not say its length: send less"


def bearer(headers: Headers) -> str | None:
    """The token of an Authorization header."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None

"""What a session cookie says and whether it is genuine; how fast tokens may be tried. In wall seconds."""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict

COOKIE = "kedge_session"
LIFETIME = 12 * 3600
_FREE_TRIES = 4
_LONGEST_WAIT = 60.0
_FORGIVEN_AFTER = 600.0
_ADDRESSES = 4096


def same_token(given: str, token: str) -> bool:
    """Whether the tokens are equal, in a time that does not tell how much of them is."""
    return hmac.compare_digest(_digest(token, given), _digest(token, token))


def issue(token: str, now: float) -> str:
    """A session that ends `LIFETIME` seconds from now, or with a change of the token."""
    expiry = str(int(now) + LIFETIME)
    return f"{expiry}.{_signature(token, expiry)}"


def valid(session: str, token: str, now: float) -> bool:
    """Whether a session was issued for this token and has not ended."""
    expiry, _, signature = session.partition(".")
    if not (expiry.isascii() and expiry.isdigit() and len(expiry) <= 12):
        return False
    genuine = hmac.compare_digest(signature.encode(), _signature(token, expiry).encode())
    return genuine and now < int(expiry)


def _signature(token: str, expiry: str) -> str:
    return _digest(token, f"session until {expiry}").hex()


def _digest(token: str, text: str) -> bytes:
    return hmac.digest(token.encode(), text.encode(errors="surrogatepass"), hashlib.sha256)


class Tries:
    """Wrong tokens by address: after a few, each next try has to wait twice as long as the one before."""

    def __init__(self) -> None:
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait(self, address: str, now: float) -> float:
        """Seconds until this address may try again; 0 when it may now."""
        failures, last = self._failed.get(address, (0, 0.0))
        if now - last > _FORGIVEN_AFTER:
            return 0.0
        pause = 0.0 if failures < _FREE_TRIES else min(2.0 ** (failures - _FREE_TRIES), _LONGEST_WAIT)
        return max(0.0, last + pause - now)

    def failed(self, address: str, now: float) -> None:
        """Remember a wrong token; the oldest addresses are forgotten."""
        failures, last = self._failed.pop(address, (0, now))
        self._failed[address] = (1 if now - last > _FORGIVEN_AFTER else failures + 1, now)
        while len(self._failed) > _ADDRESSES:
            self._failed.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """Forget its failures."""
        self._failed.pop(address, None)

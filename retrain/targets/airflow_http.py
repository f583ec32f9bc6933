"""The REST API of an Airflow at an address: `/api/v2` with a token, or else `/api/v1` with basic auth."""

from __future__ import annotations

import json
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

from retrain.targets.airflow import OK, Answer, Request, passes
from retrain.targets.base import TargetError

if TYPE_CHECKING:
    from urllib3 import PoolManager

_V1, _V2 = "/api/v1", "/api/v2"
_CONNECT_SECONDS, _READ_SECONDS = 5.0, 30.0
_NOT_FOUND = 404
# an expired token is a 401, one that another key has signed (Airflow was set up anew) a 403
_STALE = (401, 403)


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user and a password, or a token that somebody else renews. Neither shows in its repr."""

    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    @classmethod
    def of(cls, environment: Mapping[str, str], prefix: str) -> Credentials:
        """Read `<prefix>_TOKEN`, or else `<prefix>_USER` and `<prefix>_PASSWORD`.

        Raises:
            TargetError: where they are not set.
        """
        names = f"{prefix}_USER", f"{prefix}_PASSWORD", f"{prefix}_TOKEN"
        user, password, token = (environment.get(name, "") for name in names)
        if not token and not (user and password):
            message = (
                "there are no credentials for Airflow in Kedge's environment: "
                f"set {names[0]} and {names[1]}, or {names[2]}"
            )
            raise TargetError(message, retryable=False)
        return cls(user, password, token)


# A target is opened for each step of a run, and a token is good for hours.
_TOKENS: MutableMapping[tuple[str, Credentials], str] = {}


class AirflowHttp:
    """Speaks to the Airflow at `url`. Which API it has is asked of it once."""

    def __init__(self, url: str, credentials: Credentials) -> None:
        """Take the address that the API's paths are below, without a slash at its end."""
        self._url = url
        self._credentials = credentials
        self._root: str | None = None

    def ask(self, what: str, request: Request) -> Answer:
        """See `Api.ask`."""
        root = self._known_root(what)
        query = f"?{urlencode(request.query)}" if request.query else ""
        rooted = replace(request, path=f"{root}{request.path}{query}", query=None)
        kept = (self._url, self._credentials)
        has_one = kept in _TOKENS
        answer = self._send(what, rooted, self._authorisation(what, root))
        if answer.status in _STALE and has_one and root == _V2 and not self._credentials.token:
            _TOKENS.pop(kept, None)
            answer = self._send(what, rooted, self._authorisation(what, root))
        return answer

    def _known_root(self, what: str) -> str:
        if self._root is None:
            newer = self._send(what, Request("GET", f"{_V2}/version"))
            if passes(newer.status):
                message = f"cannot {what}, {self._url} answered {newer.status}: it is tried again"
                raise TargetError(message, retryable=True)
            # Airflow 2 knows no /api/v2; whatever else is wrong is told by the request itself
            self._root = _V1 if newer.status == _NOT_FOUND else _V2
        return self._root

    def _authorisation(self, what: str, root: str) -> dict[str, str]:
        from urllib3.util import make_headers

        if self._credentials.token:
            return {"authorization": f"Bearer {self._credentials.token}"}
        if root == _V1:
            user = f"{self._credentials.user}:{self._credentials.password}"
            return dict(make_headers(basic_auth=user))
        kept = (self._url, self._credentials)
        if (token := _TOKENS.get(kept)) is None:
            token = _TOKENS[kept] = self._log_in(what)
        return {"authorization": f"Bearer {token}"}

    def _log_in(self, what: str) -> str:
        who = {"username": self._credentials.user, "password": self._credentials.password}
        answer = self._send(what, Request("POST", "/auth/token", who))
        token = answer.body.get("access_token") if isinstance(answer.body, dict) else None
        if answer.status in OK and isinstance(token, str):
            return token
        again = passes(answer.status)
        advice = "it is tried again" if again else "check user, password and retrain.target.airflow.url"
        message = f"cannot {what}, {self._url} answered {answer.status} to the login: {advice}"
        raise TargetError(message, retryable=again)

    def _send(self, what: str, request: Request, headers: Mapping[str, str] | None = None) -> Answer:
        import urllib3

        try:
            found = _pool(self._url).request(
                request.method,
                f"{self._url}{request.path}",
                body=None if request.body is None else json.dumps(request.body).encode(),
                headers={"accept": "application/json", "content-type": "application/json", **(headers or {})},
                timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS),
                retries=False,  # the run's next round tries again, and a redirect would lead elsewhere
            )
        except urllib3.exceptions.HTTPError as error:
            message = (
                f"cannot {what}, {self._url} does not answer ({type(error).__name__}): it is tried again; "
                "check retrain.target.airflow.url and the network"
            )
            raise TargetError(message, retryable=True) from error
        return Answer(found.status, _json(found.data))


def _json(data: bytes) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return json.loads(data) if data else None
    except ValueError:
        return None


@cache
def _pool(url: str) -> PoolManager:
    """Connections to the host of an address, by way of the environment's proxy where it names one."""
    import urllib3

    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    if proxy and not proxy_bypass(parts.netloc):
        return urllib3.ProxyManager(proxy)
    return urllib3.PoolManager()

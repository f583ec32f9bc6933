"""What every route may ask for, passed in by whoever makes the application."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import Engine

from config.clock import Clock
from config.model import Config


class ReportUnreadableError(Exception):
    """A report that is listed can't be read; the message says where and why, in one sentence."""


@dataclass(frozen=True, slots=True)
class Site:
    """The service's parts that routes read."""

    engine: Engine
    config: Callable[[], Config]
    clock: Clock
    read_report: Callable[[str, str], bytes]
    """The bytes of an endpoint's report, by its address; raises ReportUnreadableError."""
    signs_in: bool


def of_request(request: Request) -> Site:
    """The site that this request came to."""
    site: Site = request.app.state.site
    return site


Here = Annotated[Site, Depends(of_request)]

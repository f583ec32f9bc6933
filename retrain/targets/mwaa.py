"""Airflow's REST API as Amazon's Managed Workflows for Apache Airflow passes it on: InvokeRestApi."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from retrain.aws_calls import code_of
from retrain.targets.airflow import Answer, Request
from retrain.targets.aws import calling

_REFUSALS = {"RestApiClientException", "RestApiServerException"}
"""What MWAA says where it reached Airflow, and Airflow answered 4xx or 5xx."""


class Client(Protocol):
    """What is used of a boto3 MWAA client."""

    invoke_rest_api: Callable[..., Any]


class MwaaApi:
    """The API of one environment; its paths are below the root of whichever version runs there."""

    def __init__(self, client: Client, environment: str) -> None:
        """Take a client, best without long retries of its own, and the environment's name."""
        self._client = client
        self._environment = environment

    def ask(self, what: str, request: Request) -> Answer:
        """See `Api.ask`."""
        given = {"Body": dict(request.body)} if request.body is not None else {}
        given |= {"QueryParameters": dict(request.query)} if request.query is not None else {}
        check = "the environment's name, the region and the IAM policy"
        with calling(f"{what} in MWAA environment {self._environment}", "MWAA", check):
            try:
                found = self._client.invoke_rest_api(
                    Name=self._environment, Path=request.path, Method=request.method, **given
                )
            except Exception as error:
                if code_of(error) not in _REFUSALS:
                    raise
                found = getattr(error, "response", None) or {}
            return Answer(int(found["RestApiStatusCode"]), found.get("RestApiResponse"))

"""MWAA's InvokeRestApi on loopback, as botocore's service model has it: it passes on to a real Airflow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from retrain.targets.airflow import Api, Request
from retrain.targets.base import TargetError

CLIENT_ERROR, SERVER_ERROR = 400, 500


@contextmanager
def passing_on(api: Api, environment: str) -> Iterator[Any]:
    """A boto3 client of an MWAA that has one environment, whose Airflow `api` reaches."""
    import boto3
    from botocore.config import Config

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if self.path != f"/restapi/{environment}":
                self._answer(404, {"message": "no such environment"}, "ResourceNotFoundException")
                return
            try:
                given = asked.get("Body"), asked.get("QueryParameters")
                found = api.ask("pass on", Request(asked["Method"], asked["Path"], *given))
            except TargetError:
                self._answer(500, {"message": "Airflow does not answer"}, "InternalServerException")
                return
            told = {"RestApiStatusCode": found.status, "RestApiResponse": found.body}
            if found.status < CLIENT_ERROR:
                self._answer(200, told)
            elif found.status < SERVER_ERROR:
                self._answer(400, told, "RestApiClientException")
            else:
                self._answer(400, told, "RestApiServerException")

        def _answer(self, status: int, body: Any, error: str = "") -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            if error:
                self.send_header("x-amzn-errortype", error)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield boto3.client(
            "mwaa",
            endpoint_url=f"http://127.0.0.1:{server.server_port}",
            region_name="eu-west-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(inject_host_prefix=False, proxies={}, retries={"total_max_attempts": 1}),
        )
    finally:
        server.shutdown()
        server.server_close()

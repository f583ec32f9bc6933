"""What an Airflow, or what stands before it, may answer: one sentence each, tried again or not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain.targets.airflow import AirflowTarget, Answer, Request
from retrain.targets.airflow_http import AirflowHttp, Credentials
from retrain.targets.base import Failed, Running, Status, Succeeded, TargetError

RUN, DAG = "kedge-a-1", "retrain"
HANDLE = f"dags/{DAG}/dagRuns/{RUN}"
LOGIN = Credentials("kedge", "secret")


class Given:
    """An API that answers as it was told to, by path, and keeps what it was asked."""

    def __init__(self, **answers: Answer) -> None:
        self.answers, self.asked = answers, list[tuple[str, str, Any]]()

    def ask(self, what: str, request: Request) -> Answer:
        self.asked.append((request.method, request.path, request.body))
        return self.answers.get(request.path.rpartition("/")[2].replace("-", "_"), Answer(404))


def target(api: Any) -> AirflowTarget:
    return AirflowTarget(api, DAG, "answer", "the url is right")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(status: int) -> None:
    with pytest.raises(TargetError, match=rf"answered {status}: it is tried again") as told:
        target(Given(kedge_a_1=Answer(status, "<html>"))).status(HANDLE)
    assert told.value.retryable


@pytest.mark.parametrize("status", [301, 302, 400, 401, 403, 404, 405, 422])
def test_what_will_not_pass_ends_the_run(status: int) -> None:
    with pytest.raises(TargetError, match=rf"answered {status}.*the url is right") as told:
        target(Given(kedge_a_1=Answer(status))).status(HANDLE)
    assert not told.value.retryable


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"detail": "conf is wrong.\nFailed validating 'type': 12.5"}, r"answered 422 \(conf is wrong\): "),
        ({"detail": [{"msg": "Field required", "input": {"a": 12.5}}]}, r"answered 422 \(Field required\): "),
        ({"detail": {"reason": 12.5}}, "answered 422: "),
        (["12.5"], "answered 422: "),
    ],
)
def test_the_first_line_of_a_refusal_is_told_and_no_value(body: Any, said: str) -> None:
    api = Given(retrain=Answer(200, {}), version=Answer(200, {"version": "3.3.2"}), dagRuns=Answer(422, body))
    with pytest.raises(TargetError, match=said) as told:
        target(api).start(RUN, "{}")
    assert "12.5" not in str(told.value)


@pytest.mark.parametrize(
    ("version", "extra"), [("2.11.2", {}), ("3.3.2", {"logical_date": None}), ("4.0", {"logical_date": None})]
)
def test_what_is_sent_is_the_versions(version: str, extra: dict[str, Any]) -> None:
    made = Answer(200, {"dag_run_id": RUN})
    api = Given(retrain=Answer(200, {}), version=Answer(200, {"version": version}), dagRuns=made)
    assert target(api).start(RUN, '{"run": "a"}') == HANDLE
    assert api.asked[-1] == (
        "POST",
        f"/dags/{DAG}/dagRuns",
        {"dag_run_id": RUN, "conf": {"run": "a"}} | extra,
    )


def test_a_run_that_was_started_before_its_dag_was_paused_is_ours() -> None:
    api = Given(retrain=Answer(200, {"is_paused": True}), kedge_a_1=Answer(200, {"conf": {"run": "a"}}))
    assert target(api).start(RUN, '{"run": "a"}') == HANDLE
    assert {method for method, _, _ in api.asked} == {"GET"}


VALUES = st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text(), min_size=1)


@given(VALUES, st.booleans())
def test_the_output_is_what_the_task_returned_as_a_value_or_as_its_text(value: Any, as_text: bool) -> None:
    returned = json.dumps(value) if as_text else value
    status = of_xcom(Answer(200, {"value": returned}))
    assert isinstance(status, Succeeded)
    assert json.loads(status.output) == value


@pytest.mark.parametrize("entry", [Answer(404), Answer(200, {"value": None}), Answer(200, {})])
def test_a_task_that_returned_nothing_is_told(entry: Answer) -> None:
    status = of_xcom(entry)
    assert isinstance(status, Failed)
    assert status.error == "NoOutput"


def of_xcom(entry: Answer) -> Status:
    api = Given(kedge_a_1=Answer(200, {"state": "success"}), return_value=entry)
    return target(api).status(HANDLE)


def test_a_run_that_failed_without_a_failed_task_may_have_been_ended_by_its_time_out() -> None:
    api = Given(kedge_a_1=Answer(200, {"state": "failed"}), taskInstances=Answer(200, {"task_instances": []}))
    status = target(api).status(HANDLE)
    assert isinstance(status, Failed)
    assert status.cause.endswith("ended in Airflow, by somebody or by its dagrun_timeout")


@contextmanager
def answering(status: int, body: bytes, **headers: str) -> Iterator[str]:
    """The address of a server that says the same to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body) + (status == 206)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - http.server's names

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "headers", "again"),
    [
        (502, b"<html>bad gateway</html>", {}, True),
        (200, b"<html>please sign in</html>", {}, False),
        (302, b"", {"location": "https://login.example.com/?secret"}, False),
        (206, b'{"access_tok', {}, True),  # breaks off
    ],
)
def test_what_stands_before_airflow_is_told(
    status: int, body: bytes, headers: dict[str, str], again: bool
) -> None:
    with (
        answering(status, body, **headers) as url,
        pytest.raises(TargetError, match=r"cannot (read|start) ") as told,
    ):
        target(AirflowHttp(url, LOGIN)).status(HANDLE)
    assert told.value.retryable is again
    assert "secret" not in str(told.value)
    assert len(str(told.value).splitlines()) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_an_airflow_2_that_passingly_refuses_to_be_asked_is_not_taken_for_a_3(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    answers = {
        "/api/v2/version": [Answer(status), Answer(404)],
        f"/api/v1/{HANDLE}": [Answer(200, {"state": "running"})],
    }
    monkeypatch.setattr(
        AirflowHttp,
        "_send",
        lambda _self, _what, request, *_: answers.get(request.path, [Answer(404)]).pop(0),
    )
    asked = target(AirflowHttp("http://airflow.example.com", LOGIN))
    with pytest.raises(TargetError, match=f"cannot read .* answered {status}: it is tried again") as told:
        asked.status(HANDLE)
    assert told.value.retryable
    assert asked.status(HANDLE) == Running()


def test_nobody_there_is_tried_again() -> None:
    with pytest.raises(TargetError, match="does not answer") as told:
        target(AirflowHttp("http://127.0.0.1:9", LOGIN)).status(HANDLE)
    assert told.value.retryable


def test_credentials_are_a_user_and_a_password_or_a_token_and_never_shown() -> None:
    assert Credentials.of({"TEAM_A_TOKEN": "t"}, "TEAM_A").token == "t"
    found = Credentials.of({"TEAM_A_USER": "kedge", "TEAM_A_PASSWORD": "secret"}, "TEAM_A")
    assert (found.user, found.password, "secret" in repr(found)) == ("kedge", "secret", False)
    for environment in ({}, {"TEAM_A_USER": "kedge"}, {"KEDGE_AIRFLOW_TOKEN": "t"}):
        with pytest.raises(TargetError, match="set TEAM_A_USER and TEAM_A_PASSWORD, or TEAM_A_TOKEN"):
            Credentials.of(environment, "TEAM_A")

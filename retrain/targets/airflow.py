"""A DAG of Airflow as the target, over its REST API: `/api/v2` of Airflow 3, `/api/v1` of Airflow 2.

How the API is reached is the `Api`'s: `airflow_http` asks an Airflow itself, `mwaa` asks Amazon's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from retrain.targets.base import Cancelled, Failed, Running, Status, Succeeded, TargetError

OK = frozenset({200, 201, 204})
_REQUEST_TIMEOUT, _TOO_MANY, _SERVER_ERROR = 408, 429, 500
_MULTIPLE, _BAD = 300, 400
_NOT_FOUND, _CONFLICT = 404, 409
_FIRST_OF_V2 = 3
_CANCELLED = "Cancelled by Kedge: "  # a run that was ended is `failed` like any other, but for its note
_MAX_NOTE = 1000  # characters, of Airflow's column
_MAX_DETAIL = 200


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of the API.

    `path` is below the API's root, such as /dags/retrain, its parts quoted; `body` is sent as JSON, and
    `query` stands behind the path's question mark.
    """

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    query: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API answered: a status of HTTP, and the JSON in its body (None where it holds none)."""

    status: int
    body: Any = None


def passes(status: int) -> bool:
    """Whether a refusal may be none at another time."""
    return status in (_REQUEST_TIMEOUT, _TOO_MANY) or status >= _SERVER_ERROR


class Api(Protocol):
    """Airflow's REST API, however it is reached."""

    def ask(self, what: str, request: Request) -> Answer:
        """Make one request and give its answer, of whatever status.

        `what` is what can't be done without it, such as "start run kedge-abalone-1".

        Raises:
            TargetError: where no answer came.
        """


class AirflowTarget:
    """Runs are runs of one DAG, with the run's name as their id and the run's input as their conf.

    A handle is `dags/<dag>/dagRuns/<run's name>`: the path below the API's root.
    """

    def __init__(self, api: Api, dag: str, answer: str, check: str) -> None:
        """Take the API, the DAG's id, the id of the task that answers, and where its access is set up."""
        self._api = api
        self._dag = dag
        self._answer = answer
        self._check = check
        self._version: int | None = None

    def place(self) -> None:
        """See `Target.place`: every replica sees the same DAG."""

    def look(self) -> str:
        """See `Target.look`; a DAG that is paused is an error, as it is to `start`."""
        what = f"start runs of DAG {self._dag}"
        if self._asked(what, Request("GET", f"/dags/{quote(self._dag, safe='')}")).get("is_paused"):
            raise TargetError(f"cannot {what}, it is paused: unpause it in Airflow", retryable=False)
        return f"DAG {self._dag} is there, in an Airflow {self._generation(what)}"

    def start(self, name: str, input: str) -> str:
        """See `Target.start`. A DAG that is paused is told, and nothing is started: it would wait unseen."""
        what = f"start run {name} of DAG {self._dag}"
        dag = f"dags/{quote(self._dag, safe='')}"
        handle = f"{dag}/dagRuns/{quote(name, safe='')}"
        if self._asked(what, Request("GET", f"/{dag}")).get("is_paused"):
            if self._asked_if_there(what, Request("GET", f"/{handle}")) is not None:
                return self._started_before(what, handle, name, input)
            message = f"cannot {what}, it is paused: unpause it in Airflow, then start another run"
            raise TargetError(message, retryable=False)
        wanted: dict[str, Any] = {"dag_run_id": name, "conf": json.loads(input)}
        if self._generation(what) >= _FIRST_OF_V2:
            wanted["logical_date"] = None  # wanted, though it may be null
        answer = self._api.ask(what, Request("POST", f"/{dag}/dagRuns", wanted))
        if answer.status == _CONFLICT:
            return self._started_before(what, handle, name, input)
        self._require(answer, what)
        return handle

    def _started_before(self, what: str, handle: str, name: str, input: str) -> str:
        """The run that has the name already, if it is ours."""
        found = self._asked(what, Request("GET", f"/{handle}"))
        if found.get("conf") != json.loads(input):
            message = (
                f"DAG {self._dag} has a run {name} with another conf than the run's input: "
                "somebody else uses that id, or the database was set back; start another run"
            )
            raise TargetError(message, retryable=False)
        return handle

    def status(self, handle: str) -> Status:
        """See `Target.status`."""
        what = f"read {handle}"
        found = self._asked(what, Request("GET", f"/{handle}"))
        ended_by_us = str(found.get("note") or "").startswith(_CANCELLED)
        match found.get("state"):
            case "success":
                return self._output(what, handle, ended_by_us)
            case "failed" if ended_by_us:
                return Cancelled()
            case "failed":
                return self._failure(what, handle)
            case _:  # queued, running
                return Running()

    def _output(self, what: str, handle: str, ended_by_us: bool) -> Status:
        entry = f"/{handle}/taskInstances/{quote(self._answer, safe='')}/xcomEntries/return_value"
        # Airflow 2 gives Python's spelling of the value where it is not asked for the value itself
        found = self._asked_if_there(what, Request("GET", entry, query={"stringify": "false"}))
        if found is None or found.get("value") is None:
            if ended_by_us:
                # ending a run skips its tasks, and a scheduler that sees nothing but skipped ones before the
                # run is `failed` takes it for a success
                return Cancelled()
            cause = (
                f"the DAG ended well and its task {self._answer} left no return_value: let it return the "
                "output, or name another task with answer: TASK"
            )
            return Failed("NoOutput", cause)
        value = found["value"]
        return Succeeded(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))

    def _failure(self, what: str, handle: str) -> Status:
        found = self._asked(what, Request("GET", f"/{handle}/taskInstances", query={"state": "failed"}))
        failed = found.get("task_instances") or []
        if not failed:
            cause = "no task of it failed: it was ended in Airflow, by somebody or by its dagrun_timeout"
            return Failed("DagFailed", cause)
        told = ", ".join(
            f"task {task.get('task_id')} failed at try {task.get('try_number')}" for task in failed
        )
        return Failed("TaskFailed", f"{told}; its log in Airflow says why")

    def cancel(self, handle: str, reason: str) -> None:
        """See `Target.cancel`: the run is set to failed, with a note that says who did it and why."""
        what = f"end {handle}"
        if self._asked(what, Request("GET", f"/{handle}")).get("state") in ("success", "failed"):
            return
        note = (_CANCELLED + reason)[:_MAX_NOTE]
        if self._generation(what) >= _FIRST_OF_V2:
            self._asked(what, Request("PATCH", f"/{handle}", {"state": "failed", "note": note}))
        else:
            # the note first: a call that breaks off between the two must not leave a failure
            self._asked(what, Request("PATCH", f"/{handle}/setNote", {"note": note}))
            self._asked(what, Request("PATCH", f"/{handle}", {"state": "failed"}))

    def _generation(self, what: str) -> int:
        """Airflow's major version."""
        if self._version is None:
            told = str(self._asked(what, Request("GET", "/version")).get("version", ""))
            major = told.partition(".")[0]
            if not major.isdecimal():
                message = f"cannot {what}, Airflow does not say its version: check that {self._check}"
                raise TargetError(message, retryable=False)
            self._version = int(major)
        return self._version

    def _asked(self, what: str, request: Request) -> dict[str, Any]:
        answer = self._api.ask(what, request)
        self._require(answer, what)
        return self._object(answer, what)

    def _asked_if_there(self, what: str, request: Request) -> dict[str, Any] | None:
        answer = self._api.ask(what, request)
        if answer.status == _NOT_FOUND:
            return None
        self._require(answer, what)
        return self._object(answer, what)

    def _object(self, answer: Answer, what: str) -> dict[str, Any]:
        if isinstance(answer.body, dict):
            return answer.body
        message = f"cannot {what}, the answer is no JSON object: check that {self._check}"
        raise TargetError(message, retryable=False)

    def _require(self, answer: Answer, what: str) -> None:
        """Raise TargetError where the answer is a refusal."""
        if answer.status in OK:
            return
        told = f"cannot {what}, Airflow answered {answer.status}{_detail(answer)}"
        raise TargetError(f"{told}: {self._advice(answer.status)}", retryable=passes(answer.status))

    def _advice(self, status: int) -> str:
        match status:
            case 401:
                return f"it does not take the credentials; check that {self._check}"
            case 403:
                # Airflow 2 answers so to a wrong password too
                return f"its user may not read DAG {self._dag} and make runs of it; check that {self._check}"
            case 404:
                return f"check that DAG {self._dag} and the run are there, and that {self._check}"
            case _ if passes(status):
                return "it is tried again"
            case _ if _MULTIPLE <= status < _BAD:
                return f"it leads elsewhere; check that {self._check}"
            case _:
                return f"check what DAG {self._dag} takes as its conf, and that {self._check}"


def _detail(answer: Answer) -> str:
    """The first line of what Airflow says about a refusal, in brackets; empty where it says nothing."""
    said = answer.body.get("detail") if isinstance(answer.body, dict) else None
    if isinstance(said, list):  # of a request that does not validate
        said = said[0].get("msg") if said and isinstance(said[0], dict) else None
    lines = said.strip().splitlines() if isinstance(said, str) else []
    return f" ({lines[0][:_MAX_DETAIL].rstrip('.')})" if lines else ""

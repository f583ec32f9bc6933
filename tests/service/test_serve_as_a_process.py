"""`kedge serve` as its owners run it: a process that binds, answers, shares, survives and ends."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from store.engine import StoreError, open_engine, reading
from store.schema import executions, monitors
from tests.clock import HOUR, NOON
from tests.observing.replica import Replica, until
from tests.observing.yard import Yard, body, capture_key, records
from tests.postgresql import PostgresServer

TOKEN = "a-token-of-enough-characters"


def _config(folder: Path, names: list[str], database: str | None = None, more: str = "") -> Path:
    """Endpoints in a folder, their clock an hour after noon."""
    (folder / "clock").write_text((NOON + HOUR).isoformat())
    place = f"file://{folder}/yard"
    entries = "".join(
        f"  - {{name: {name}, capture: '{place}/capture', baseline: '{place}/baseline', window: 1m, grace: 1m"
        f"{more}}}\n"
        for name in names
    )
    path = folder / "kedge.yaml"
    path.write_text(f"database: {database or f'sqlite:///{folder}/kedge.db'}\nendpoints:\n{entries}")
    return path


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    place = Yard(f"file://{tmp_path}/yard")
    place.baseline()
    (tmp_path / "yard/capture").mkdir()
    return place


def _serve(folder: Path, config: Path, *options: str, **environment: str) -> Replica:
    return Replica(config, {"KEDGE_CLOCK": str(folder / "clock"), **environment}, *options)


def _refused(
    folder: Path, config: Path, *options: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from commands import main; main()", "serve", "--config", str(config)]
    return subprocess.run(
        [*command, *options],
        env={**os.environ, "KEDGE_CLOCK": str(folder / "clock"), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_answers_on_loopback_and_tells_machines_how_it_is(tmp_path: Path, yard: Yard) -> None:
    yard.capture("abalone", records(1, NOON))
    with _serve(tmp_path, _config(tmp_path, ["abalone"])) as kedge:
        assert kedge.address.startswith("http://127.0.0.1:")
        kedge.ready()
        assert kedge.get("/healthz").text == "alive\n"
        assert kedge.get("/readyz").text == "ready\n"
        metrics = kedge.get("/metrics").text
        assert 'kedge_rounds_total{end="worked"}' in metrics
        assert "abalone" in kedge.get("/").text
        answer = kedge.get("/api/v1/endpoints/abalone").json()
        assert answer["last_execution"]["records"] == 30
        assert kedge.stop() == 0
        assert kedge.events("serving")[0]["host"] == "127.0.0.1"


def test_beyond_loopback_it_wants_a_token(tmp_path: Path, yard: Yard) -> None:
    config = _config(tmp_path, [])
    for environment in ({}, {"KEDGE_TOKEN": ""}, {"KEDGE_TOKEN": "short"}):
        refused = _refused(tmp_path, config, "--host", "0.0.0.0", **environment)  # noqa: S104
        assert refused.returncode == 1
        assert refused.stderr.count("\n") == 1
        assert "KEDGE_TOKEN" in refused.stderr
        assert "short to" in refused.stderr or "reachable from elsewhere" in refused.stderr


def test_with_a_token_it_serves_beyond_loopback_to_those_who_have_it(tmp_path: Path, yard: Yard) -> None:
    config = _config(tmp_path, [])
    with _serve(tmp_path, config, "--host", "0.0.0.0", KEDGE_TOKEN=TOKEN) as kedge:  # noqa: S104
        kedge.ready()
        assert kedge.get("/api/v1/fleet").status_code == 401
        assert kedge.get("/api/v1/fleet", Authorization=f"Bearer {TOKEN}").status_code == 200
        assert kedge.stop() == 0
        assert TOKEN not in kedge.said()


def test_a_port_that_is_taken_is_one_sentence(tmp_path: Path, yard: Yard) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        refused = _refused(tmp_path, _config(tmp_path, []), "--port", str(port))
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert f"the port {port} on 127.0.0.1" in refused.stderr
    assert "--port" in refused.stderr


def test_a_host_that_is_none_is_one_sentence(tmp_path: Path, yard: Yard) -> None:
    refused = _refused(tmp_path, _config(tmp_path, []), "--host", "192.0.2.1", KEDGE_TOKEN=TOKEN)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "192.0.2.1" in refused.stderr


@pytest.mark.parametrize("held", [None, "noon", "2026-03-02T12:00:00"])
def test_a_clock_that_is_none_is_one_sentence_that_names_its_file(
    tmp_path: Path, yard: Yard, held: str | None
) -> None:
    config = _config(tmp_path, ["abalone"])
    clock = tmp_path / "other-clock"
    if held is not None:
        clock.write_text(held)
    refused = _refused(tmp_path, config, "--port", "0", KEDGE_CLOCK=str(clock))
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert refused.stderr.startswith(f"kedge: {clock}: ")
    assert not (tmp_path / "kedge.db").exists()


@contextmanager
def _silent() -> Iterator[int]:
    """A server that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield listener.getsockname()[1]


def test_sigterm_ends_it_in_the_middle_of_a_round_that_waits_for_the_network(
    tmp_path: Path, yard: Yard
) -> None:
    config = _config(tmp_path, [])
    config.write_text(
        f"database: sqlite:///{tmp_path}/kedge.db\nendpoints:\n"
        "  - {name: abalone, capture: 's3://logs/capture', baseline: 's3://logs/baseline'}\n"
    )
    with _silent() as port:
        aws = {
            "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{port}",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "not-to-be-logged",
            "AWS_DEFAULT_REGION": "eu-west-1",
        }
        with _serve(tmp_path, config, **aws) as kedge:
            engine = open_engine(f"sqlite:///{tmp_path}/kedge.db")
            assert until(lambda: kedge.get("/healthz").status_code == 200, 60)
            assert until(lambda: _leased(engine) == 1, 30)
            began = time.monotonic()
            assert kedge.stop() == 0
            assert time.monotonic() - began < 20
            assert "not-to-be-logged" not in kedge.said()
            engine.dispose()


def test_sigterm_ends_it_between_two_transactions_of_a_long_round(tmp_path: Path, yard: Yard) -> None:
    names = [f"endpoint-{at:02}" for at in range(4)]
    for name in names:
        for at in range(20):
            yard.capture(name, records(at, NOON + at * (HOUR / 60)), name=f"{at}")
    with _serve(tmp_path, _config(tmp_path, names)) as kedge:
        engine = open_engine(f"sqlite:///{tmp_path}/kedge.db")
        assert until(lambda: "judged" in kedge.said(), 60)
        assert kedge.stop() == 0
        assert _leased(engine) == 0
        done = _judged(engine)
        assert 0 < done < 4 * 20
        assert not kedge.events("round_failed")
        kedge.start()
        assert until(lambda: _judged(engine) == 4 * 20, 60, pause=0.1), _judged(engine)
        assert kedge.stop() == 0
        engine.dispose()


def _leased(engine: Engine) -> int:
    try:
        with reading(engine) as connection:
            query = select(func.count()).where(monitors.c.lease_owner.is_not(None))
            return int(connection.execute(query).scalar_one())
    except StoreError:  # not migrated yet
        return 0


def _judged(engine: Engine) -> int:
    with reading(engine) as connection:
        return int(connection.execute(select(func.count()).select_from(executions)).scalar_one())


def test_logs_are_json_lines_without_captured_values_or_credentials(
    tmp_path: Path, yard: Yard, postgres: PostgresServer
) -> None:
    secret = "value-that-was-captured"
    bad = [secret.encode(), b'{"captureData": "' + secret.encode() + b'"}']
    good = [*records(1, NOON, 20)]
    yard.put("capture", f"abalone/{capture_key('AllTraffic', NOON, 'a')}", body(good, bad=bad))
    odd = (
        body(records(2, NOON, 5)).replace(b",F", f",{secret}".encode()).replace(b",M", f",{secret}".encode())
    )
    yard.put("capture", f"abalone/{capture_key('AllTraffic', NOON, 'b')}", odd)
    database = postgres.migrated_database()
    with _serve(tmp_path, _config(tmp_path, ["abalone"], database), KEDGE_TOKEN=TOKEN) as kedge:
        kedge.ready()
        assert until(lambda: bool(kedge.events("judged")), 30)
        assert kedge.stop() == 0
        said = kedge.said()
        for line in said.splitlines():
            assert {"event", "level", "timestamp"} <= json.loads(line).keys()
        assert {line["kind"] for line in kedge.events("rejected")} == {"not_json", "not_capture"}
    for hidden in (secret, postgres.password, TOKEN):
        assert hidden not in said
    postgres.drop(database)


def test_a_trace_tells_where_and_never_what(tmp_path: Path, yard: Yard) -> None:
    """The text of an exception may hold what was captured: the log has its type and its frames."""
    script = (
        "import structlog; from commands.logs import configure; configure()\n"
        "def fail():\n"
        "    try: float('captured-value')\n"
        "    except ValueError as error: raise RuntimeError('captured-value') from error\n"
        "try: fail()\n"
        "except Exception: structlog.get_logger('service').exception('round_failed', endpoint='abalone')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    (line,) = done.stderr.splitlines()
    trace = json.loads(line)["exception"]
    assert "captured-value" not in done.stderr
    assert "builtins.ValueError" in trace
    assert "builtins.RuntimeError" in trace
    assert " fail" in trace


def test_two_replicas_share_the_endpoints_and_judge_none_twice(
    tmp_path: Path, yard: Yard, postgres: PostgresServer
) -> None:
    names = [f"endpoint-{at:02}" for at in range(10)]
    database = postgres.migrated_database()
    config = _config(tmp_path, names, database)
    one, two = (
        Replica(config, {"KEDGE_CLOCK": str(tmp_path / "clock")}, log=tmp_path / f"{name}.log", lease=5.0)
        for name in ("one", "two")
    )
    engine = open_engine(database)
    with one, two:
        one.ready()
        two.ready()
        for at in range(6):
            for name in names:
                yard.capture(name, records(at, NOON + at * (HOUR / 60)), name=f"{at}")
        assert until(lambda: _judged(engine) == 60, 60, pause=0.1), _judged(engine)
        assert until(lambda: len(one.events("judged")) + len(two.events("judged")) == 60, 10)
        assert (one.stop(), two.stop()) == (0, 0)
        shares = [{line["endpoint"] for line in each.events("judged")} for each in (one, two)]
    assert all(shares), "one of them did nothing"
    assert shares[0] | shares[1] == set(names)
    with reading(engine) as connection:
        revisions = connection.execute(select(executions.c.revision)).scalars().all()
    assert set(revisions) == {1}
    engine.dispose()
    postgres.drop(database)


class _Line:
    """A way to the database that can be cut: a port that passes bytes on."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._open: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self.port = 0

    def up(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def down(self) -> None:
        assert self._listener is not None
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._open:
            self._cut(each)
        self._open.clear()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                here, _ = listener.accept()
            except OSError:
                return
            there = socket.create_connection(("127.0.0.1", self._target))
            self._open += [here, there]
            for pair in ((here, there), (there, here)):
                threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    @staticmethod
    def _pass_on(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            return
        finally:
            for each in (source, target):
                _Line._cut(each)
            source.close()

    @staticmethod
    def _cut(end: socket.socket) -> None:
        """To close it would not wake the thread that reads from it."""
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def test_it_survives_a_database_that_goes_away_and_comes_back(
    tmp_path: Path, yard: Yard, postgres: PostgresServer
) -> None:
    database = postgres.migrated_database()
    line = _Line(postgres.port)
    line.up()
    config = _config(tmp_path, ["abalone"], database.replace(f":{postgres.port}/", f":{line.port}/"))
    engine = open_engine(database)
    with _serve(tmp_path, config) as kedge:
        kedge.ready()
        line.down()
        assert until(lambda: bool(kedge.events("database_unavailable")), 30)
        assert kedge.get("/healthz").status_code == 200
        assert kedge.get("/readyz").status_code == 503
        assert kedge.get("/").status_code == 503
        yard.capture("abalone", records(1, NOON))
        line.up()
        assert until(lambda: _judged(engine) == 1, 30, pause=0.1)
        assert until(lambda: kedge.get("/readyz").status_code == 200, 30)
        assert kedge.stop() == 0
        assert postgres.password not in kedge.said()
        assert not kedge.events("round_failed")
    line.down()
    engine.dispose()
    postgres.drop(database)

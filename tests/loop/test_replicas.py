"""Two replicas of the service on one PostgreSQL: one run."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from demo.aws import LocalAws
from tests.loop.yard import require_once, yard
from tests.observing.replica import Replica
from tests.postgresql import PostgresServer


@pytest.mark.long
@pytest.mark.timeout(600)
def test_two_replicas_on_postgresql(tmp_path: Path, postgres: PostgresServer) -> None:
    database = postgres.migrated_database()
    with (
        LocalAws(update_seconds=0.3) as aws,
        yard(31, tmp_path, database, aws) as made,
        ExitStack() as running,
    ):
        replicas = [
            running.enter_context(Replica(made.config, made.environment, log=tmp_path / f"{name}.log"))
            for name in ("one", "two")
        ]
        for replica in replicas:
            replica.ready()
        made.play()
        assert [replica.stop() for replica in replicas] == [0, 0]
        lines = [line for replica in replicas for line in replica.lines(whole=True)]
        require_once(made, lines)
        assert sum(line["event"] == "run_requested" for line in lines) == 1
    postgres.drop(database)

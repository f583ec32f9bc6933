"""Opening a database, and what its transactions promise: one state, all or nothing, no word too many."""

from __future__ import annotations

import traceback
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, insert, select
from sqlalchemy.exc import IntegrityError, StatementError

from store import monitors
from store.engine import StoreError, open_engine, reading, writing
from store.schema import metrics as metrics_table
from store.schema import monitors as monitors_table
from store.schema import reports as reports_table
from tests.clock import HOUR, NOON
from tests.postgresql import PostgresServer
from tests.store import world

SECRET = "s3kr1t"


@pytest.mark.parametrize(
    "address", ["kedge.db", "", "postgresql://", f"postgresql://kedge:{SECRET}:x@h:5432a/k"]
)
def test_an_address_that_is_none_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(StoreError) as refused, reading(open_engine(address)):
        pass
    assert SECRET not in "".join(traceback.format_exception(refused.value))


def test_an_unknown_database_is_refused_by_its_name() -> None:
    with pytest.raises(StoreError, match="'mysql' is not known: use sqlite or postgresql"):
        open_engine("mysql://kedge@host/kedge")


@pytest.mark.parametrize(
    "address", ["postgresql://kedge:{}@127.0.0.1:1/kedge", "postgresql://127.0.0.1:1/kedge?password={}"]
)
def test_a_server_that_is_not_there_is_named_without_its_password(address: str) -> None:
    engine = open_engine(address.format(SECRET))
    with (
        pytest.raises(StoreError, match=r"127\.0\.0\.1:1/kedge did not answer \(") as refused,
        reading(engine),
    ):
        pass
    assert SECRET not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_password_that_is_wrong_is_not_repeated(postgres: PostgresServer) -> None:
    engine = open_engine(f"postgresql://postgres:{SECRET}@127.0.0.1:{postgres.port}/postgres")
    with pytest.raises(StoreError, match="password authentication failed") as refused, reading(engine):
        pass
    assert SECRET not in str(refused.value)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "kedge.db"
    with (
        pytest.raises(StoreError, match=rf"sqlite:///{path} did not answer \(unable to open database file\)"),
        reading(open_engine(f"sqlite:///{path}")),
    ):
        pass


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "kedge.db"
    path.write_bytes(b"not a database " * 1000)
    with (
        pytest.raises(StoreError, match=r"kedge\.db did not answer \(file is not a database\)"),
        reading(open_engine(f"sqlite:///{path}")),
    ):
        pass


def test_a_database_without_tables_says_what_to_run(empty_database: Engine) -> None:
    with (
        pytest.raises(StoreError, match="run 'kedge db upgrade' if its tables are missing"),
        reading(empty_database) as connection,
    ):
        monitors.watched(connection)


def test_sqlite_writes_ahead_so_that_readers_do_not_wait(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'kedge.db'}")
    with reading(engine) as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
    engine.dispose()


def test_what_fails_in_the_middle_leaves_nothing(database: Engine) -> None:
    def interrupted() -> None:
        with writing(database) as connection:
            world.watched(connection)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with reading(database) as connection:
        assert monitors.watched(connection) == ()


def test_a_reader_sees_one_state_while_another_writes(database: Engine) -> None:
    with reading(database) as reader:
        assert monitors.watched(reader) == ()
        with writing(database) as writer:
            world.watched(writer)
        assert monitors.watched(reader) == ()
    with reading(database) as reader:
        assert [monitor.name for monitor in monitors.watched(reader)] == ["abalone-prod"]


def test_values_that_were_captured_are_in_no_error(database: Engine) -> None:
    with pytest.raises(IntegrityError) as refused, writing(database) as connection:
        connection.execute(
            insert(metrics_table).values(execution_id=4711, name="Jane Doe, 44", value=1.0, count=1)
        )
    assert "Jane Doe" not in str(refused.value)


ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
_FIRST, _LAST = datetime(1970, 1, 2), datetime(2200, 1, 1)  # noqa: DTZ001 (hypothesis adds the zones)
MOMENTS = st.datetimes(_FIRST, _LAST, timezones=ZONES)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(moment=MOMENTS)
def test_any_time_comes_back_as_the_same_moment_in_utc(database: Engine, moment: datetime) -> None:
    with writing(database) as connection:
        connection.execute(delete(monitors_table))
        stored = monitors.register(connection, "abalone", "digest", moment)
        found = connection.execute(
            select(monitors_table.c.id).where(monitors_table.c.created_at == moment)
        ).scalar_one()
    assert stored.id == found
    assert stored.created_at == moment
    assert stored.created_at.tzinfo is UTC


def test_times_are_compared_as_moments_whatever_their_zones(database: Engine) -> None:
    east = timezone(timedelta(hours=9))
    with writing(database) as connection:
        monitor = world.watched(connection)
        monitors.counted(connection, monitor.id, 0, 0, NOON)
        earlier = (NOON - HOUR).astimezone(east)  # reads later
        monitors.counted(connection, monitor.id, 0, 0, earlier)
        found = monitors.by_name(connection, monitor.name)
    assert found is not None
    assert found.last_inference_at == NOON


def test_a_naive_time_is_refused(database: Engine) -> None:
    with pytest.raises(StatementError, match="a time without a zone"), writing(database) as connection:
        monitors.register(connection, "abalone", "digest", datetime(2026, 3, 2, 12))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("given_words", "kept"),
    [
        ("<script>alert('ä')</script>", "<script>alert('ä')</script>"),
        ("a\0b", "a\u2400b"),
        ("half a \ud83d pair", "half a \ufffd pair"),
        ("a whole \ud83d\ude00 pair", "a whole \U0001f600 pair"),
    ],
)
def test_words_of_strangers_are_kept_or_shown_by_a_sign(
    database: Engine, given_words: str, kept: str
) -> None:
    with writing(database) as connection:
        monitor = world.watched(connection)
        monitors.set_problem(connection, monitor.id, given_words, NOON)
        connection.execute(
            insert(reports_table).values(
                monitor_id=monitor.id, created_at=NOON, start=NOON, end=NOON, uri="r", note=given_words
            )
        )
        assert connection.execute(select(reports_table.c.note)).scalar_one() == kept
        assert [found.problem for found in monitors.watched(connection)] == [kept]

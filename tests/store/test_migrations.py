"""Migrations: from nothing, or from an earlier revision with its rows, to today's tables, on both."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, Engine, MetaData, Table, func, insert, select

from store import captures, executions, fleet, incidents
from store.engine import StoreError, open_engine, reading, rebuilding, writing
from store.migrate import alembic_ini, current, require_current, revisions, upgrade
from store.records import IncidentKind
from store.schema import executions as executions_table
from store.schema import metadata, rejects, segments, windows
from tests.clock import NOON
from tests.store import world

EARLIER = revisions()[:-1]


def _differences(engine: Engine) -> list[Any]:
    with reading(engine) as connection:
        return list(
            compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)
        )


def test_from_nothing_to_the_tables_of_the_schema(empty_database: Engine) -> None:
    assert current(empty_database) is None
    upgrade(empty_database)
    assert current(empty_database) == revisions()[-1]
    assert _differences(empty_database) == []


@pytest.mark.parametrize("revision", EARLIER)
def test_from_each_earlier_revision_to_the_tables_of_the_schema(
    empty_database: Engine, revision: str
) -> None:
    upgrade(empty_database, revision)
    assert current(empty_database) == revision
    assert _differences(empty_database) != []
    upgrade(empty_database)
    assert current(empty_database) == revisions()[-1]
    assert _differences(empty_database) == []


def _fill(connection: Connection) -> dict[str, int]:
    """A row in every table of whatever revision this is; returns each table's count."""
    then = MetaData()
    then.reflect(connection)
    keys: dict[str, int] = {}
    tables = [table for table in then.sorted_tables if table.name != "alembic_version"]
    for table in tables:
        row = {column.name: _value(column, keys) for column in table.c if not column.primary_key}
        keys[table.name] = connection.execute(insert(table).values(row).returning(table.c.id)).scalar_one()
    return _counts(connection, tables)


def _value(column: sa.Column[Any], keys: dict[str, int]) -> object:
    for foreign in column.foreign_keys:
        return keys[foreign.column.table.name]
    kinds: list[tuple[type[Any], object]] = [
        (sa.Boolean, True),
        (sa.Integer, 1),
        (sa.Float, 1.0),
        (sa.LargeBinary, b"\x00\xff"),
        (sa.DateTime, NOON),
    ]
    return next((value for kind, value in kinds if isinstance(column.type, kind)), "a word"[:16])


def _counts(connection: Connection, tables: list[Table]) -> dict[str, int]:
    return {
        table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
        for table in tables
    }


@pytest.mark.parametrize("revision", EARLIER)
def test_rows_of_each_earlier_revision_are_all_there_afterwards(
    empty_database: Engine, revision: str
) -> None:
    upgrade(empty_database, revision)
    with writing(empty_database) as connection:
        before = _fill(connection)
    assert len(before) >= 15
    assert set(before.values()) == {1}
    upgrade(empty_database)
    with reading(empty_database) as connection:
        tables = [metadata.tables[name] for name in before]
        assert _counts(connection, tables) == before


def test_rejects_of_the_first_revision_learn_their_monitor(empty_database: Engine) -> None:
    upgrade(empty_database, "0001")
    with writing(empty_database) as connection:
        _fill(connection)
    upgrade(empty_database)
    with reading(empty_database) as connection:
        monitor_id = connection.execute(select(rejects.c.monitor_id)).scalar_one()
        assert captures.reject_counts(connection, monitor_id) == {"a word": 1}


def test_windows_of_the_third_revision_learn_what_they_lost(empty_database: Engine) -> None:
    """Once only: an object that gave two windows records was charged with what it lost in both."""
    upgrade(empty_database, "0003")
    with writing(empty_database) as connection:
        _fill(connection)
        then = MetaData()
        then.reflect(connection)
        another = then.tables["segments"]
        row = connection.execute(select(*[c for c in another.c if not c.primary_key])).mappings().one()
        connection.execute(insert(another).values(**{**row, "variant": "other"}))
        connection.execute(sa.text("UPDATE objects SET rejected = 7"))
        connection.execute(sa.text("UPDATE executions SET rejected = 5, kind = 'DataQuality'"))
    upgrade(empty_database)
    with reading(empty_database) as connection:
        lost = connection.execute(select(segments.c.rejected).order_by(segments.c.id)).scalars().all()
        assert lost == [7, 0]
        assert connection.execute(select(windows.c.rejected)).scalar_one() == 5


def test_executions_of_the_thirteenth_revision_learn_whether_they_stood_beside(
    empty_database: Engine,
) -> None:
    """What is newer than the verdict in force did, and what is older by another baseline and was not told."""
    upgrade(empty_database, "0013")
    with writing(empty_database) as connection:
        _fill(connection)
        then = MetaData()
        then.reflect(connection)
        table = then.tables["executions"]
        row = connection.execute(select(*[c for c in table.c if not c.primary_key])).mappings().one()
        connection.execute(sa.update(table).values(revision=5, published_at=None, metrics_sent=0))
        mine = {**row, "latest": False, "published_at": None, "metrics_sent": 0}
        other = {**mine, "baseline_id": None}
        told = {**other, "published_at": NOON}
        sent = {**other, "metrics_sent": 1}
        for revision, each in enumerate((mine, other, told, sent), 1):
            connection.execute(insert(table).values({**each, "revision": revision}))
        connection.execute(insert(table).values({**other, "revision": 6}))
        connection.execute(insert(table).values({**mine, "kind": "other", "revision": 1}))
    upgrade(empty_database)
    with reading(empty_database) as connection:
        beside = select(executions_table.c.kind, executions_table.c.revision).where(executions_table.c.beside)
        found = connection.execute(beside.order_by(executions_table.c.revision)).all()
    assert [tuple(each) for each in found] == [("a word", 2), ("a word", 6)]


def test_running_them_again_changes_nothing(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        world.capture(connection, monitor, "a", world.segment(deployment))
    upgrade(database)
    with reading(database) as connection:
        assert captures.totals(connection, monitor.id) == (1, 10)
    assert _differences(database) == []


def test_two_replicas_may_run_them_at_once(empty_database: Engine) -> None:
    url = empty_database.url.render_as_string(hide_password=False)

    def replica(_: int) -> str | None:
        engine = open_engine(url)
        try:
            upgrade(engine)
            return current(engine)
        finally:
            engine.dispose()

    with ThreadPoolExecutor(3) as replicas:
        assert list(replicas.map(replica, range(3))) == [revisions()[-1]] * 3


def test_a_migration_that_fails_leaves_the_database_as_it_was(empty_database: Engine) -> None:
    def migrate() -> None:
        with rebuilding(empty_database) as connection:
            changes = Operations(MigrationContext.configure(connection))
            changes.create_table("half", sa.Column("id", sa.Integer))
            changes.drop_table("a_table_that_is_nowhere")

    with pytest.raises(StoreError):
        migrate()
    assert sa.inspect(empty_database).get_table_names() == []


def test_making_a_table_anew_takes_no_row_of_those_that_refer_to_it(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        execution = world.judge(connection, world.window(connection, monitor, deployment))
        incidents.add(
            connection, monitor_id=monitor.id, deployment_id=deployment.id, variant=world.VARIANT,
            kind=IncidentKind.DRIFT, window=NOON, severity=1.0, features=("length",), summary="drift",
            execution_id=execution.id, now=NOON,
        )  # fmt: skip
    with rebuilding(database) as connection:
        changes = Operations(MigrationContext.configure(connection))
        with changes.batch_alter_table("windows") as altered:
            altered.alter_column("records", existing_type=sa.BigInteger, nullable=True)
    with reading(database) as connection:
        assert executions.by_id(connection, execution.id) == execution
        (row,) = fleet.overview(connection)
        assert [incident.summary for incident in row.open_incidents] == ["drift"]


def test_foreign_keys_hold_again_after_a_migration(database: Engine) -> None:
    upgrade(database)
    with pytest.raises(sa.exc.IntegrityError), writing(database) as connection:
        connection.execute(
            insert(metadata.tables["reports"]).values(
                monitor_id=4711, created_at=NOON, start=NOON, end=NOON, uri="report.html", note=""
            )
        )


def test_a_database_without_tables_is_told_what_to_run(empty_database: Engine) -> None:
    with pytest.raises(StoreError, match=r"has no tables yet, this version wants .*: run 'kedge db upgrade'"):
        require_current(empty_database)


def test_a_database_of_an_earlier_revision_is_told_what_to_run(empty_database: Engine) -> None:
    upgrade(empty_database, "0001")
    with pytest.raises(StoreError, match=r"is at revision 0001, this version wants .*'kedge db upgrade'"):
        require_current(empty_database)


def test_todays_database_is_taken(database: Engine) -> None:
    require_current(database)


def test_revisions_are_one_line_and_each_says_what_it_does() -> None:
    assert revisions() == tuple(f"{number:04}" for number in range(1, len(revisions()) + 1))
    for path in sorted((alembic_ini().parent / "alembic" / "versions").glob("*.py")):
        assert path.read_text().startswith('"""'), path.name


def test_a_checkout_without_its_migrations_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("store.migrate.__file__", str(tmp_path / "store" / "migrate.py"))
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    with pytest.raises(StoreError, match=r"alembic.ini is at neither .*: install Kedge again"):
        alembic_ini()

"""What the fixtures promise: no test finds anything of another's, and CI knows no silent skips."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from sqlalchemy import Engine, inspect

from store import monitors
from store.engine import reading, writing
from tests.clock import NOON
from tests.conftest import ROOT


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_gets_a_migrated_database_without_rows(database: Engine, turn: int) -> None:
    with reading(database) as connection:
        assert monitors.watched(connection) == ()
    with writing(database) as connection:
        monitors.register(connection, f"turn-{turn}", "digest", NOON)


def test_an_empty_database_has_no_tables(empty_database: Engine) -> None:
    assert inspect(empty_database).get_table_names() == []


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_gets_an_empty_aws_that_boto3_finds(aws: str, turn: int) -> None:
    s3 = boto3.client("s3")
    assert s3.meta.endpoint_url == aws
    assert s3.list_buckets()["Buckets"] == []
    place = {"LocationConstraint": "eu-west-1"}
    s3.create_bucket(Bucket=f"turn-{turn}", CreateBucketConfiguration=place)


SKIPS = """
import pytest

def test_runs() -> None:
    pass

def test_wants_something_else() -> None:
    pytest.skip("no moon tonight")

@pytest.mark.skipif(True, reason="not on a Friday")
def test_marked() -> None:
    pass

def test_golden() -> None:
    pytest.skip("golden files: none here")

@pytest.mark.xfail(strict=True)
def test_known() -> None:
    assert False
"""


def _outcomes(folder: Path, ci: str) -> tuple[int, str]:
    (folder / "test_skips.py").write_text(SKIPS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "--rootdir", str(folder), str(folder)],
        cwd=folder,
        env={**os.environ, "CI": ci, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_where_ci_is_set_a_skip_is_a_failure_except_for_golden_files(tmp_path: Path) -> None:
    status, said = _outcomes(tmp_path, "true")
    assert status == 1
    assert "1 failed, 1 passed, 1 skipped, 1 xfailed, 1 error" in said
    assert "skipped, which counts as a failure where CI is set: no moon tonight" in said


def test_elsewhere_a_skip_is_a_skip(tmp_path: Path) -> None:
    status, said = _outcomes(tmp_path, "")
    assert status == 0
    assert "1 passed, 3 skipped, 1 xfailed" in said

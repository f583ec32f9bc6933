"""What a command can't do is one sentence on standard error: what, where, and what to do."""

from __future__ import annotations

import errno
import importlib
import os
import shlex
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import boto3
import httpx
import pytest

from commands.failures import TOLD, sentence_of
from tests.clock import NOON
from tests.commands.line import PROGRAM, kedge, kedge_process
from tests.conftest import ROOT
from tests.judging.test_comparison import capture, line

CHECK = ("check", "--capture", "capture", "--baseline", "baseline")


@pytest.fixture
def captured(folder: Path, baseline: Path) -> Path:
    capture(folder / "capture" / "1.jsonl", line(NOON))
    return folder


@pytest.fixture
def closed_port() -> str:
    """The address of a port on loopback at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def denied(aws: str) -> Iterator[None]:
    """An AWS that asks who is there, and does not know us."""
    boto3.client("s3").create_bucket(
        Bucket="logs", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    httpx.post(f"{aws}/moto-api/reset-auth", content=b"0", trust_env=False).raise_for_status()
    yield
    httpx.post(f"{aws}/moto-api/reset-auth", content=b"inf", trust_env=False).raise_for_status()


def test_each_error_that_is_told_exists_and_is_told() -> None:
    for name in TOLD:
        module, _, kind = name.rpartition(".")
        error = getattr(importlib.import_module(module), kind)
        assert issubclass(error, Exception)
        assert sentence_of(Exception.__new__(error, "a sentence")) is not None


def test_a_fault_of_the_program_is_not_passed_off_as_the_users() -> None:
    assert sentence_of(ValueError("surprise")) is None
    assert sentence_of(OSError("no file is to blame")) is None


class TestTimes:
    @pytest.mark.parametrize(
        "edge", [("--start", "0001-01-01T00:00+23:00"), ("--end", "9999-12-31T23:00-05:00")]
    )
    @pytest.mark.parametrize(
        "command", [CHECK, ("run", "abalone-prod"), ("report", "abalone-prod", "--output", "report.html")]
    )
    def test_the_edge_of_the_calendar(
        self, imported: Path, command: tuple[str, ...], edge: tuple[str, str]
    ) -> None:
        ran = kedge(*command, *edge)
        assert ran.status == 2
        told = " ".join(ran.err.replace("│", " ").split())
        assert "lies outside the calendar in UTC: give a time of the years 1 to 9999" in told

    @pytest.mark.parametrize("start", ["2026-03-03", "2026-03-02T13:00"])
    @pytest.mark.parametrize(
        "command", [CHECK, ("run", "abalone-prod"), ("report", "abalone-prod", "--output", "report.html")]
    )
    def test_a_period_that_ends_before_it_begins(
        self, captured: Path, imported: Path, command: tuple[str, ...], start: str
    ) -> None:
        ran = kedge(*command, "--start", start, "--end", "2026-03-02T13:00")
        assert ran.status == 2
        told = " ".join(ran.err.replace("│", " ").split())
        assert "to 2026-03-02 13:00:00 UTC holds no time: give a --start before --end" in told


class TestFiles:
    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (lambda folder: (folder / "baseline" / "constraints.json").unlink(), "baseline/constraints.json"),
            (
                lambda folder: (folder / "baseline" / "statistics.json").write_text('{\n"features": [}'),
                "baseline/statistics.json is not a statistics.json: line 2",
            ),
            (
                lambda folder: (folder / "baseline" / "statistics.json").write_bytes(b"\xff\xfe"),
                "baseline/statistics.json is not UTF-8",
            ),
            (
                lambda folder: (folder / "baseline" / "constraints.json").write_text('{"features": []}'),
                "baseline/constraints.json names no features",
            ),
            (
                lambda folder: (folder / "baseline" / "constraints.json").write_text(
                    '{"features": [{"name": "a", "inferred_type": "Integer"}]}'
                ),
                "features[0].inferred_type must be one of",
            ),
            (
                lambda folder: (folder / "baseline" / "constraints.json").write_text(
                    '{"features": [{"name": "a", "inferred_type": "String"}, '
                    '{"name": "a", "inferred_type": "String"}]}'
                ),
                "the baseline in baseline: the column 'a' is named twice",
            ),
            (lambda folder: (folder / "capture" / "1.jsonl").unlink(), "capture holds no captured objects"),
        ],
        ids=["absent", "no JSON", "no text", "no features", "unknown type", "named twice", "no capture"],
    )
    def test_what_is_wrong_is_named_with_its_place(self, captured: Path, change: object, said: str) -> None:
        assert callable(change)
        change(captured)
        assert said in kedge(*CHECK).sentence

    def test_results_that_cannot_be_written(self, captured: Path) -> None:
        (captured / "taken").write_text("a file")
        assert kedge(*CHECK, "--output", "taken").err.startswith("kedge: taken can't be used (")
        ran = kedge(*CHECK, "--output", "taken/below")
        assert ran.status == 1
        assert "Traceback" not in ran.err

    @pytest.mark.parametrize("address", ["s3://", "gopher://host/x", "s3://key:secret@bucket/x", ""])
    def test_addresses_that_are_none(self, captured: Path, address: str) -> None:
        sentence = kedge("check", "--capture", address, "--baseline", "baseline").sentence
        assert "secret" not in sentence

    @pytest.mark.parametrize(
        ("address", "said"),
        [
            ("s3://", "the S3 address names no bucket: write s3://bucket/prefix"),
            (
                "s3://b/p",
                "'b' in the S3 address can't be a bucket: write s3://bucket/prefix, the bucket's name in "
                "3 or more letters, digits, hyphens and dots",
            ),
            (
                "s3://key:secret@bucket/x",
                "the S3 address holds more than a bucket: write s3://bucket/prefix, without credentials",
            ),
        ],
    )
    def test_what_is_wrong_with_a_bucket(self, captured: Path, address: str, said: str) -> None:
        assert kedge("check", "--capture", address, "--baseline", "baseline").sentence == said

    def test_a_data_set_whose_name_says_no_format(self, folder: Path) -> None:
        (folder / "x.txt").write_text("a\n1\n")
        assert kedge("baseline", "create", "x.txt", "--output", "out").sentence == (
            "x.txt has a suffix that says no format: give it one of .csv, .json, .jsonl, .ndjson, .parquet"
        )

    @pytest.mark.parametrize("options", [(), ("--json",)])
    def test_standard_output_that_takes_nothing(self, captured: Path, options: tuple[str, ...]) -> None:
        command = [*PROGRAM, *CHECK, *options]
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                command,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                timeout=60,
                check=False,
            )
        assert (done.returncode, done.stderr) == (
            1,
            "kedge: the output can't be written (No space left on device): "
            "free space there, or write it elsewhere\n",
        )

    @pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
    def test_standard_streams_that_are_closed(self, captured: Path, closed: str) -> None:
        words = shlex.join([*PROGRAM, *CHECK])
        done = subprocess.run(
            ["/bin/sh", "-c", f"{words} {closed}"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")

    def test_in_a_process_of_its_own(self, folder: Path) -> None:
        ran = kedge_process("check", "--capture", "nowhere", "--baseline", "nowhere", cwd=folder)
        assert "nowhere" in ran.sentence


class TestAws:
    @pytest.fixture
    def identity(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test-secret")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")

    def test_an_s3_that_does_not_answer(
        self, captured: Path, identity: None, closed_port: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", closed_port)
        sentence = kedge("check", "--capture", "s3://logs/capture", "--baseline", "baseline").sentence
        assert sentence.startswith("cannot reach s3://logs/capture")
        assert "AWS_ENDPOINT_URL" in sentence
        assert "test-secret" not in sentence

    def test_an_s3_that_refuses(self, captured: Path, denied: None) -> None:
        sentence = kedge("check", "--capture", "s3://logs/capture", "--baseline", "baseline").sentence
        assert sentence.startswith("access to s3://logs/capture/ is denied (")
        sentence = kedge("check", "--capture", "capture", "--baseline", "s3://logs/baseline").sentence
        assert "s3://logs/baseline/statistics.json" in sentence

    def test_a_bucket_that_is_not_there(self, captured: Path, aws: str) -> None:
        sentence = kedge("check", "--capture", "s3://nobodys/capture", "--baseline", "baseline").sentence
        assert "there is no bucket nobodys" in sentence

    def test_nobody_to_ask_as(
        self, captured: Path, closed_port: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", closed_port)
        sentence = kedge("check", "--capture", "s3://logs/capture", "--baseline", "baseline").sentence
        assert "no AWS credentials" in sentence

    def test_a_profile_that_is_not_there(
        self, captured: Path, identity: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_PROFILE", "nobody")
        sentence = kedge("check", "--capture", "s3://logs/capture", "--baseline", "baseline").sentence
        assert "nobody" in sentence
        assert "AWS_PROFILE" in sentence

    def test_an_endpoint_that_sagemaker_does_not_know(self, folder: Path, aws: str) -> None:
        sentence = kedge("watch", "abalone-prod", "--print").sentence
        assert "abalone-prod" in sentence
        assert not (folder / "kedge.yaml").exists()

    def test_no_region_to_ask_in(self, folder: Path) -> None:
        assert kedge("watch", "abalone-prod", "--print").sentence == (
            "AWS can't be asked: no region is given: set AWS_REGION or give --region"
        )

    def test_the_region_of_the_environment(
        self, folder: Path, aws: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of both names of the variable AWS_REGION goes first, as in AWS's other tools."""
        monkeypatch.setenv("AWS_REGION", "eu-north-1")
        assert "in eu-north-1" in kedge("watch", "abalone-prod", "--print").sentence
        monkeypatch.delenv("AWS_DEFAULT_REGION")
        assert "in eu-north-1" in kedge("watch", "abalone-prod", "--print").sentence
        given = ("--region", "eu-west-3")
        assert "in eu-west-3" in kedge("watch", "abalone-prod", "--print", *given).sentence

    @pytest.mark.parametrize(
        "command",
        [
            ("watch", "abalone-prod", "--print"),
            ("check", "--capture", "s3://logs/capture", "--baseline", "baseline"),
            ("check", "--capture", "capture", "--baseline", "s3://logs/baseline"),
        ],
    )
    def test_advice_fits_what_is_wrong(
        self, captured: Path, identity: None, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")
        assert kedge(*command).sentence == (
            "AWS can't be asked: Invalid endpoint configuration: Invalid endpoint: nonsense: "
            "check AWS_ENDPOINT_URL and the network"
        )
        monkeypatch.delenv("AWS_ENDPOINT_URL")
        monkeypatch.setenv("AWS_PROFILE", "nobody")
        assert kedge(*command).sentence == (
            "AWS can't be asked: The config profile (nobody) could not be found: check AWS_PROFILE"
        )


class TestConfiguration:
    LIST = ("baseline", "list", "abalone-prod")

    def test_no_file(self, folder: Path) -> None:
        assert kedge(*self.LIST).sentence.startswith("kedge.yaml: there is no such file")

    def test_a_file_that_nobody_may_read(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (folder / "kedge.yaml").write_text("endpoints: []\n")

        def refuse(path: Path) -> bytes:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))

        monkeypatch.setattr(Path, "read_bytes", refuse)
        monkeypatch.setattr(os, "access", lambda *_, **__: False)
        assert (
            kedge(*self.LIST).sentence
            == "kedge.yaml: can't be read (Permission denied); check its permissions"
        )

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("database: sqlite:///kedge.db\nendpoint: []\n", "kedge.yaml, line 2, endpoint: "),
            ("endpoints:\n  - name: a\n    capture: s3://logs/c\n    window: 7m\n", "kedge.yaml, line 4, "),
            ("endpoints: [\n", "kedge.yaml, line "),
            ("database: mysql://root:hush@host/x\n", "kedge.yaml, line 1, database: "),
        ],
        ids=["an unknown key", "an impossible value", "no YAML", "an unknown database"],
    )
    def test_a_wrong_line(self, folder: Path, text: str, said: str) -> None:
        (folder / "kedge.yaml").write_text(text)
        sentence = kedge(*self.LIST).sentence
        assert sentence.startswith(said)
        assert "hush" not in sentence

    def test_an_endpoint_that_has_no_entry(self, configured: Path) -> None:
        sentence = kedge("run", "abalone-test").sentence
        assert sentence.startswith("kedge.yaml has no endpoint abalone-test: it has abalone-prod")

    def test_a_clock_that_cannot_be_read(self, configured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("KEDGE_CLOCK", "nowhere")
        assert "nowhere" in kedge("run", "abalone-prod").sentence

    @pytest.mark.parametrize("token", [None, "short"])
    def test_a_service_that_others_could_reach_wants_a_secret(
        self, configured: Path, monkeypatch: pytest.MonkeyPatch, token: str | None
    ) -> None:
        if token:
            monkeypatch.setenv("KEDGE_TOKEN", token)
        sentence = kedge("serve", "--host", "0.0.0.0").sentence  # noqa: S104 (refused, which is the point)
        assert "KEDGE_TOKEN" in sentence


class TestDatabase:
    LIST = ("baseline", "list", "abalone-prod")

    def test_without_tables(self, configured: Path) -> None:
        (configured / "kedge.db").unlink()
        assert kedge(*self.LIST).sentence.endswith("run 'kedge db upgrade'")
        assert kedge("db", "upgrade").out.startswith("from nothing to revision ")
        assert kedge("db", "upgrade").out.startswith("at revision ")
        assert "knows no endpoint" in kedge(*self.LIST).sentence

    def test_a_file_that_is_no_database(self, configured: Path) -> None:
        (configured / "kedge.db").write_bytes(b"not a database, however long it is" * 100)
        for command in (self.LIST, ("db", "upgrade")):
            assert "kedge.db" in kedge(*command).sentence

    def test_a_folder_that_is_not_there(self, folder: Path) -> None:
        sentence = kedge("db", "upgrade", "--database", "sqlite:///nowhere/kedge.db").sentence
        assert "nowhere/kedge.db" in sentence

    def test_tables_of_a_newer_version(self, configured: Path) -> None:
        connection = sqlite3.connect(configured / "kedge.db")
        connection.execute("UPDATE alembic_version SET version_num = 'ffff'")
        connection.commit()
        connection.close()
        assert "ffff" in kedge(*self.LIST).sentence
        assert kedge("db", "upgrade").sentence == (
            "the database is at revision ffff, which this version does not know: install the newer Kedge"
        )

    def test_a_server_that_does_not_answer(self, folder: Path, closed_port: str) -> None:
        address = closed_port.replace("http://", "postgresql://kedge:hush@") + "/kedge"
        sentence = kedge("db", "upgrade", "--database", address).sentence
        assert "hush" not in sentence
        assert "127.0.0.1" in sentence

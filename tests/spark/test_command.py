"""`kedge run --engine spark` and the entry script of a Spark job, as processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.clock import HOUR, MINUTE, NOON
from tests.commands.conftest import baseline, configured, folder, imported
from tests.commands.line import kedge, kedge_process
from tests.commands.test_run import traffic
from tests.conftest import ROOT
from tests.judging.test_comparison import capture, line
from tests.spark.conftest import LOCAL

__all__ = ["baseline", "configured", "folder", "imported", "traffic"]

ARGUMENTS = ("run", "abalone-prod", "--json", "--engine")


def told(out: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(out.splitlines()[-1])
    return found


def test_it_judges_what_the_local_engine_judges(
    java: None, traffic: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYSPARK_SUBMIT_ARGS", LOCAL)
    ran = kedge_process(*ARGUMENTS, "spark", cwd=traffic)
    assert ran.status == 0, ran.err
    on_spark = told(ran.out)
    assert [(each["records"], each["status"]) for each in on_spark] == [
        (200, "Completed"),
        (200, "CompletedWithViolations"),
    ]
    again = kedge(*ARGUMENTS, "local")
    assert told(again.out) == on_spark, "the local engine finds nothing to count any more"
    (traffic / "kedge.db").unlink()
    assert kedge("db", "upgrade").status == 0
    assert kedge("baseline", "import", "abalone-prod", "baseline").status == 0
    assert told(kedge(*ARGUMENTS, "local").out) == on_spark


def test_without_java_it_says_what_to_install(traffic: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(traffic))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    sentence = kedge(*ARGUMENTS, "spark").sentence
    assert sentence == (
        "the engine spark can't run here: there is no Java: "
        "install Java 17 (Debian: openjdk-17-jre-headless) or set JAVA_HOME"
    )
    monkeypatch.setenv("JAVA_HOME", str(traffic / "nowhere"))
    assert f"there is no Java at JAVA_HOME, {traffic}/nowhere" in kedge(*ARGUMENTS, "spark").sentence


def test_without_pyspark_it_names_the_extra(traffic: Path) -> None:
    """In a process that finds no PySpark: an import hook stands for an environment without it."""
    hidden = (
        "import sys, importlib.abc, importlib.util\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *more: None if name == 'pyspark' else find(name, *more)\n"
        "sys.argv = ['kedge', 'run', 'abalone-prod', '--engine', 'spark']\n"
        "from commands import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", hidden],
        cwd=traffic,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "kedge: the engine spark can't run here: PySpark is not installed: pip install 'kedge[spark]'\n"
    )


def test_an_engine_that_there_is_not_is_refused(traffic: Path) -> None:
    ran = kedge("run", "abalone-prod", "--engine", "flink")
    assert ran.status == 2
    assert "flink" in ran.err


def test_a_job_takes_its_kedge_yaml_from_s3(java: None, traffic: Path, aws: str) -> None:
    """The entry script under a real spark-submit, captures and kedge.yaml in S3."""
    client = boto3.client("s3")
    client.create_bucket(Bucket="logs", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    text = (traffic / "kedge.yaml").read_text()
    text = text.replace(f"file://{traffic}/capture", "s3://logs/capture").replace(
        "sqlite:///kedge.db", f"sqlite:///{traffic}/kedge.db"
    )
    client.put_object(Bucket="logs", Key="kedge/kedge.yaml", Body=text.encode())
    for at, path in enumerate(sorted((traffic / "capture").rglob("*.jsonl"))):
        key = f"capture/{path.relative_to(traffic / 'capture')}"
        client.put_object(Bucket="logs", Key=key, Body=path.read_bytes())
        assert at < 2
    script = Path(ROOT / "deploy" / "on_spark.py")
    done = subprocess.run(
        [
            Path(sys.executable).with_name("spark-submit"),
            *LOCAL.removesuffix(" pyspark-shell").split(),
            script,
            "run",
            "abalone-prod",
            "--engine=spark",
            "--json",
            "--config=s3://logs/kedge/kedge.yaml",
        ],
        cwd=traffic,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYSPARK_PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]  # spark-submit sends both streams there
    assert [each["records"] for each in told(done.stdout)] == [200, 200]


def test_a_kedge_yaml_that_is_not_in_s3_is_told(folder: Path, aws: str) -> None:
    done = subprocess.run(
        [
            sys.executable,
            ROOT / "deploy" / "on_spark.py",
            "run",
            "x",
            "--config",
            "s3://nowhere/kedge.yaml",
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "kedge: there is no bucket nowhere (for s3://nowhere/kedge.yaml): check its name and the region\n"
    )


def test_a_late_object_and_a_period_are_judged_on_spark(
    java: None, traffic: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYSPARK_SUBMIT_ARGS", LOCAL)
    assert kedge(*ARGUMENTS, "local").status == 0
    start = NOON + HOUR
    late = f"abalone-prod/AllTraffic/{start:%Y/%m/%d/%H}/59-00-000-late.jsonl"
    capture(traffic / "capture" / late, line(start + 30 * MINUTE, 5.0, "1.5"))
    ran = kedge_process(*ARGUMENTS, "spark", "--start", "2026-03-02T13:00", cwd=traffic)
    assert ran.status == 0, ran.err
    assert [(each["records"], each["revision"]) for each in told(ran.out)] == [(201, 3)]

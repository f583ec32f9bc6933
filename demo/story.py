"""The story: an owner's endpoint on an AWS on loopback, watched by `kedge serve`, hour by hour."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from baselines import constraints, statistics, versions
from baselines.create import create
from demo.aws import LocalAws
from demo.clock import StoryClock
from demo.endpoint import ENDPOINT, Stage, baseline_dataset, set_stage
from demo.script import FIRST_HOUR, HOUR, Cast, Hour, Plot, cast, hours
from demo.served import Served, ServiceFailedError
from demo.summary import Summary, summarise, windows_judged
from store.engine import open_engine, reading

GRACE = timedelta(minutes=15)
PATIENCE_SECONDS = 90.0
"""How long the service may take over one hour of the story."""

CONFIG = """\
database: sqlite:///{database}
region: eu-west-1
endpoints:
  - name: {endpoint}
    capture: {capture}
    baseline: {baseline}
    results: {results}
    ground_truth: {ground_truth}
    problem_type: regression
    prediction: rings
    window: 1h
    grace: 15m
    sample_rows: 60
"""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Telling:
    """A story being told: everything that stands while it is."""

    plot: Plot
    folder: Path
    played: Cast
    stage: Stage
    s3: Any
    clock: StoryClock
    served: Served
    engine: Engine
    began: float
    """On the monotonic clock, in seconds."""


@contextmanager
def telling(plot: Plot, folder: Path, port: int, tell: Tell) -> Iterator[Telling]:
    """Set the stage: train and deploy the champion, take its baseline, start the service."""
    began = time.monotonic()
    tell("Training the champion with TensorFlow …")
    played = cast(plot)
    tell(f"The champion errs by {played.rmse:.2f} rings on animals it was not trained on.")
    with LocalAws() as aws:
        stage = set_stage(aws, played.champion, played.rmse)
        s3 = aws.client("s3")
        dataset = _put_baseline(s3, stage, played)
        clock = StoryClock(folder / "clock")
        clock.set(FIRST_HOUR)
        database, config = folder / "kedge.db", folder / "kedge.yaml"
        config.write_text(_config(database, stage), encoding="utf-8")
        (folder / "training.csv").write_bytes(dataset)
        environment = {**aws.environment(), "KEDGE_CLOCK": str(clock.path)}
        with Served(config, port, environment, folder / "serve.log") as served:
            tell(f"The dashboard: {served.url}/endpoints/{ENDPOINT}")
            engine = open_engine(f"sqlite:///{database}")
            yield Telling(plot, folder, played, stage, s3, clock, served, engine, began)
            engine.dispose()


def _put_baseline(s3: Any, stage: Stage, played: Cast) -> bytes:  # noqa: ANN401 (a boto3 client)
    dataset = baseline_dataset(played.held_out, played.champion)
    profile, suggested = create(dataset, where="baseline.csv")
    prefix = stage.baseline.removeprefix(f"s3://{stage.bucket}/")
    for name, text in (
        (versions.STATISTICS, statistics.write(profile)),
        (versions.CONSTRAINTS, constraints.write(suggested)),
    ):
        s3.put_object(Bucket=stage.bucket, Key=f"{prefix}/{name}", Body=text.encode())
    return dataset


def _config(database: Path, stage: Stage) -> str:
    return CONFIG.format(
        database=database,
        endpoint=ENDPOINT,
        capture=stage.capture.uri,
        baseline=stage.baseline,
        results=stage.results,
        ground_truth=stage.ground_truth,
    )


def tell_hours(told: Telling, after_hour: Callable[[int], None]) -> None:
    """Play every hour: put its objects, let it pass, wait until the service has judged it."""
    prefix = told.stage.ground_truth.removeprefix(f"s3://{told.stage.bucket}/")
    judged = measured = 0
    for at, hour in enumerate(hours(told.plot, told.played, told.stage.capture, prefix), start=1):
        _put(told, hour)
        told.clock.set(hour.start + HOUR + GRACE)
        judged += bool(hour.captured)
        measured += len(hour.labels)
        _wait(told, judged, measured)
        after_hour(at)


def _put(told: Telling, hour: Hour) -> None:
    bodies = [(one.key, one.body) for one in hour.captured] + list(hour.labels)
    for key, body in bodies:
        told.s3.put_object(Bucket=told.stage.bucket, Key=key, Body=body)


def _wait(told: Telling, judged: int, measured: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with reading(told.engine) as connection:
            found = windows_judged(connection, ENDPOINT)
        if found[0] >= judged and found[1] >= measured:
            return
        told.served.require_alive()
        time.sleep(0.05)
    raise ServiceFailedError(
        f"the service judged {found[0]} of {judged} windows and measured {found[1]} of {measured} within "
        f"{PATIENCE_SECONDS:.0f} s:\n{told.served.tail()}"
    )


def result(told: Telling) -> Summary:
    """How it went."""
    with reading(told.engine) as connection:
        seconds = time.monotonic() - told.began
        return summarise(connection, ENDPOINT, told.stage.endpoint_config, told.plot, seconds)


def export(told: Telling, folder: Path) -> None:
    """Leave the training data, captures, labels and baseline in a folder, as they lie in the bucket."""
    folder.mkdir(parents=True, exist_ok=True)
    told.played.training.write_csv(folder / "survey.csv")
    (folder / "baseline.csv").write_bytes((told.folder / "training.csv").read_bytes())
    prefixes = {
        told.stage.capture.prefix: "capture",
        told.stage.ground_truth.removeprefix(f"s3://{told.stage.bucket}/"): "ground-truth",
        told.stage.baseline.removeprefix(f"s3://{told.stage.bucket}/"): "baseline",
    }
    for prefix, name in prefixes.items():
        pages = told.s3.get_paginator("list_objects_v2").paginate(
            Bucket=told.stage.bucket, Prefix=f"{prefix}/"
        )
        for item in (item for page in pages for item in page.get("Contents", ())):
            target = folder / name / item["Key"].removeprefix(f"{prefix}/")
            target.parent.mkdir(parents=True, exist_ok=True)
            body = told.s3.get_object(Bucket=told.stage.bucket, Key=item["Key"])["Body"]
            target.write_bytes(body.read())

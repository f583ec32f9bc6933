"""The story: an owner's endpoint on an AWS on loopback, watched by `kedge serve`, hour by hour."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from baselines import constraints, folder, statistics
from baselines.create import create
from demo import aws_process
from demo.aws import Aws
from demo.clock import StoryClock
from demo.deployed import Deployed
from demo.endpoint import ENDPOINT, Stage, baseline_dataset, set_stage
from demo.entry import WATCH, kedge_yaml
from demo.pace import Hour as Pace
from demo.pace import Standing, keep_step
from demo.pipeline import Pipeline, set_pipeline
from demo.preparation import Prepare
from demo.script import FIRST_HOUR, HOUR, Cast, Hour, Plot, cast, hours
from demo.served import Served
from demo.summary import Summary, of_aws, summarise
from demo.through import Through
from demo.trains import Trains, standing_by
from store.engine import open_engine, reading
from store.retraining import RunState

GRACE = timedelta(minutes=15)

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Telling:
    """A story being told: everything that stands while it is."""

    plot: Plot
    folder: Path
    played: Cast
    stage: Stage
    pipeline: Pipeline
    trains: Trains
    aws: Aws
    s3: Any
    deployed: Deployed
    clock: StoryClock
    served: Served
    engine: Engine
    tell: Tell
    began: float
    """On the monotonic clock, in seconds."""


@contextmanager
def telling(
    plot: Plot, folder: Path, port: int, tell: Tell, through: Through = Through.STEP_FUNCTIONS
) -> Iterator[Telling]:
    """Set the stage: train and deploy the champion, take its baseline, start what trains and the service."""
    began = time.monotonic()
    tell("Training the champion with TensorFlow …")
    played = cast(plot)
    tell(f"The champion errs by {played.rmse:.2f} rings on animals it was not trained on.")
    with aws_process.running(folder / "aws.log") as aws:
        stage = set_stage(aws, played.champion, played.rmse)
        prepare = plot.preparation.training
        pipeline = set_pipeline(aws, stage.bucket, played.training, played.held_out, prepare)
        s3 = aws.client("s3")
        (folder / "training.csv").write_bytes(_put_baseline(s3, stage, played, prepare))
        clock = StoryClock(folder / "clock")
        deployed = Deployed(aws.client("sagemaker"), s3, ENDPOINT)
        deployed.look(clock.set(FIRST_HOUR))
        database, config = folder / "kedge.db", folder / "kedge.yaml"
        with ExitStack() as standing:
            trains = standing.enter_context(standing_by(through, aws, pipeline, folder, plot.bad_data, tell))
            config.write_text(kedge_yaml(database, stage, pipeline, trains.target), encoding="utf-8")
            environment = {**aws.environment(), **trains.environment, "KEDGE_CLOCK": str(clock.path)}
            served = standing.enter_context(Served(config, port, environment, folder / "serve.log"))
            tell(f"The dashboard: {served.url}/endpoints/{ENDPOINT}")
            engine = open_engine(f"sqlite:///{database}")
            try:
                yield Telling(
                    plot=plot,
                    folder=folder,
                    played=played,
                    stage=stage,
                    pipeline=pipeline,
                    trains=trains,
                    aws=aws,
                    s3=s3,
                    deployed=deployed,
                    clock=clock,
                    served=served,
                    engine=engine,
                    tell=tell,
                    began=began,
                )
            finally:
                engine.dispose()


def _put_baseline(s3: Any, stage: Stage, played: Cast, prepare: Prepare) -> bytes:  # noqa: ANN401 (a boto3 client)
    dataset = baseline_dataset(played.training, played.champion, prepare)
    profile, suggested = create(dataset, where="baseline.csv")
    prefix = stage.baseline.removeprefix(f"s3://{stage.bucket}/")
    for name, text in (
        (folder.STATISTICS, statistics.write(profile)),
        (folder.CONSTRAINTS, constraints.write(suggested)),
    ):
        s3.put_object(Bucket=stage.bucket, Key=f"{prefix}/{name}", Body=text.encode())
    return dataset


def tell_hours(told: Telling, after_hour: Callable[[int], None]) -> None:
    """Play every hour: put its objects, let it pass, wait until the service has done what it can in it."""
    prefix = told.stage.ground_truth.removeprefix(f"s3://{told.stage.bucket}/")
    news = _News(told)
    judged = measured = 0
    story = hours(told.plot, told.played, told.deployed.answers, told.stage.capture, prefix)
    for at, hour in enumerate(story, start=1):
        _put(told, hour)
        now = told.clock.set(hour.start + HOUR + GRACE)
        judged += bool(hour.captured)
        measured += len(hour.labels)
        pace = Pace(judged, measured, due=now - GRACE, watched=WATCH)
        keep_step(told.engine, ENDPOINT, pace, told.served, news.seen)
        told.deployed.look(now)
        after_hour(at)


@dataclass(slots=True)
class _News:
    """Tells of each state that a run comes to, as it is seen from outside: quick ones may be missed."""

    told: Telling
    _last: RunState | None = None

    def seen(self, standing: Standing) -> None:
        state = standing.run[0] if standing.run else None
        if state is not None and state is not self._last:
            self.told.tell(f"{self.told.clock.now():%A %H:%M}: the retraining run is {state}.")
        self._last = state


def _put(told: Telling, hour: Hour) -> None:
    bodies = [(one.key, one.body) for one in hour.captured] + list(hour.labels)
    for key, body in bodies:
        told.s3.put_object(Bucket=told.stage.bucket, Key=key, Body=body)


def result(told: Telling) -> Summary:
    """How it went."""
    answered = of_aws(told.aws, ENDPOINT, told.stage.model_package_group, told.trains.count())
    seconds = time.monotonic() - told.began
    with reading(told.engine) as connection:
        return summarise(connection, ENDPOINT, told.stage.endpoint_config, told.plot, answered, seconds)


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

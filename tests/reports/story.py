"""An endpoint with a day behind it, made by Kedge's own parts: baseline, segments, judgements, labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import polars as pl
from sqlalchemy import Connection, Engine

from baselines import constraints, statistics, versions
from baselines.folder import BaselineFiles
from baselines.profile import codec
from baselines.profile.profile import Profile, profile_frame
from baselines.versions import LoadedBaseline
from config.distance import Distance
from config.model import Endpoint
from monitor.executions import Bench, judge_window
from store import captures, deployments, executions, monitors, windows
from store.engine import writing
from store.records import (
    ConsumedObject,
    Deployment,
    ExecutionKind,
    MetricRow,
    Monitor,
    ObjectKind,
    RejectCount,
    Segment,
)
from tests.clock import HOUR, MINUTE, NOON
from tests.store import world

NAME = "abalone-prod-endpoint"
SEXES = ("F", "I", "M")
END = NOON + 12 * HOUR


@dataclass(frozen=True, slots=True)
class Columns:
    """What the columns and the categories are called; strangers may have named them."""

    number: str = "length"
    steady: str = "height"
    text: str = "sex"
    texts: tuple[str, ...] = SEXES

    @property
    def all(self) -> tuple[str, str, str]:
        """In order."""
        return self.number, self.steady, self.text


def survey(columns: Columns, seed: int, rows: int, shift: float = 0.0) -> pl.DataFrame:
    """Two measurements, of which the first shifts by so many standard deviations, and a text."""
    chance = np.random.default_rng(seed)
    numbers = {columns.number: chance.normal(shift, 1, rows), columns.steady: chance.normal(5, 2, rows)}
    texts = chance.choice(np.array(columns.texts, dtype=object), rows)
    return pl.DataFrame(
        {
            **{name: [f"{value:.4f}" for value in values] for name, values in numbers.items()},
            columns.text: pl.Series(list(texts), dtype=pl.String),
        }
    )


def baseline_files(columns: Columns, rows: int = 3000) -> BaselineFiles:
    """The two files of a baseline made of such a survey."""
    profile = profile_frame(survey(columns, 0, rows), text=[columns.text])
    suggested = constraints.suggest(profile)
    digest = sha256(f"{columns} {rows}".encode()).hexdigest()
    return BaselineFiles(
        statistics.write(profile), constraints.write(suggested), "s3://logs/baselining", digest
    )


def endpoint(sample_rows: int = 0, distance: Distance = Distance.CORRECT) -> Endpoint:
    """The endpoint's entry in kedge.yaml."""
    return Endpoint(name=NAME, capture="s3://logs/captures", sample_rows=sample_rows, distance=distance)


@dataclass(frozen=True, slots=True)
class Story:
    """A database with the endpoint in it."""

    engine: Engine
    monitor: Monitor
    deployment: Deployment
    baseline: LoadedBaseline
    entry: Endpoint
    columns: Columns


def begin(engine: Engine, *, sample_rows: int = 0, columns: Columns | None = None) -> Story:
    """A monitored endpoint with a baseline and no traffic yet."""
    columns = columns or Columns()
    with writing(engine) as connection:
        monitor = monitors.register(connection, NAME, "digest", NOON)
        stored = versions.import_files(connection, monitor.id, baseline_files(columns), NOON)
        deployment = deployments.begin(
            connection, monitor.id, started_at=NOON - HOUR, endpoint_config="config", model_package=None
        )
        loaded = versions.load(connection, stored.id)
    return Story(engine, monitor, deployment, loaded, endpoint(sample_rows), columns)


def hour(
    story: Story,
    number: int,
    *,
    shift: float = 0.0,
    rows: int = 200,
    rejects: Sequence[RejectCount] = (),
    frame: pl.DataFrame | None = None,
) -> None:
    """An hour of traffic, the `number`th after noon, counted and judged."""
    start = NOON + number * HOUR
    frame = survey(story.columns, 100 + number, rows, shift) if frame is None else frame
    ids = pl.Series([f"{number}-{row}" for row in range(frame.height)], dtype=pl.String)
    profile = profile_frame(frame, text=[story.columns.text], ids=ids, sample_rows=story.entry.sample_rows)
    with writing(story.engine) as connection:
        _count(connection, story, number, profile, rejects)
        windows.touch(
            connection, story.monitor.id, [(start, start + HOUR, world.VARIANT, story.deployment.id)]
        )
        (window,) = windows.between(connection, story.monitor.id, start, start + HOUR)
        judge_window(connection, window, Bench(story.entry, story.baseline), start + HOUR + 15 * MINUTE)


def _count(
    connection: Connection, story: Story, number: int, profile: Profile, rejects: Sequence[RejectCount]
) -> None:
    start = NOON + number * HOUR
    given = Segment(
        start, start + HOUR, world.VARIANT, story.deployment.id, profile.rows, start, start + 59 * MINUTE,
        codec.encode(profile),
    )  # fmt: skip
    bad = sum(reject.count for reject in rejects)
    consumed = ConsumedObject(
        ObjectKind.CAPTURE, "logs", f"{number:02}", "one", 1, world.VARIANT, profile.rows, bad
    )
    captures.replace(
        connection, story.monitor.id, consumed, segments_given=[given], rejects_given=rejects, now=start
    )


def labels(story: Story, number: int, rmse: float) -> None:
    """The realised quality of an hour."""
    start = NOON + number * HOUR
    with writing(story.engine) as connection:
        (window,) = windows.between(connection, story.monitor.id, start, start + HOUR)
        metric = MetricRow("rmse", rmse, rmse - 0.25, rmse + 0.25, 200)
        executions.record(
            connection, window, world.verdict(ExecutionKind.MODEL_QUALITY, metrics=(metric,)), END
        )


def day(engine: Engine, *, sample_rows: int = 0, columns: Columns | None = None) -> Story:
    """Six quiet hours, then three in which the first measurement is shifted by a standard deviation."""
    story = begin(engine, sample_rows=sample_rows, columns=columns)
    for number in range(9):
        hour(story, number, shift=0.0 if number < 6 else 1.0)
    return story

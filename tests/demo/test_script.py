"""What happens in the story, hour by hour, before anybody looks at it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from demo import script, survey
from demo.endpoint import ENDPOINT, VARIANT
from demo.model import Champion
from demo.script import FIRST_HOUR, HOUR, Cast, Hour, Plot
from demo.traffic import Destination

HERE = Destination("logs", "capture", ENDPOINT, VARIANT)
SHORT: dict[str, Any] = {"quiet_windows": 2, "shifted_windows": 2, "rows": 60}


@pytest.fixture(scope="module")
def played(animals: tuple[pl.DataFrame, pl.DataFrame], champion: Champion) -> Cast:
    return Cast(animals[0], animals[1], champion, 2.1)


def told(played: Cast, **others: Any) -> list[Hour]:
    return list(script.hours(Plot(**{**SHORT, **others}), played, zeros, HERE, "labels"))


def zeros(features: survey.Floats, times: Sequence[datetime]) -> survey.Floats:
    return np.zeros(len(features))


def records(hour: Hour) -> list[dict[str, Any]]:
    return [json.loads(line) for one in hour.captured for line in one.body.splitlines()]


def column(hour: Hour, name: str) -> list[float]:
    at = survey.INPUTS.index(name)
    rows = (record["captureData"]["endpointInput"]["data"] for record in records(hour))
    return [float(row.split(",")[at]) for row in rows]


def test_traffic_comes_first_and_then_the_hours_of_late_labels(played: Cast) -> None:
    hours = told(played)
    assert [hour.start for hour in hours] == [FIRST_HOUR + at * HOUR for at in range(7)]
    assert [bool(hour.captured) for hour in hours] == [True] * 4 + [False] * 3
    assert [len(hour.labels) for hour in hours] == [0] * 3 + [1] * 4


def test_every_record_gets_its_label_when_its_time_has_come(played: Cast) -> None:
    hours = told(played)
    for answered, labelled in zip(hours[:4], hours[3:], strict=True):
        ids = [record["eventMetadata"]["eventId"] for record in records(answered)]
        lines = [json.loads(line) for _, body in labelled.labels for line in body.splitlines()]
        assert [line["eventMetadata"]["eventId"] for line in lines] == ids


def test_predictions_are_asked_for_hour_by_hour_with_the_times_of_the_requests(played: Cast) -> None:
    asked: list[Sequence[datetime]] = []

    def answers(features: survey.Floats, times: Sequence[datetime]) -> survey.Floats:
        asked.append(times)
        return np.arange(len(features), dtype=np.float64)

    hours = script.hours(Plot(**SHORT), played, answers, HERE, "labels")
    for count in (1, 2):
        hour = next(hours)
        assert len(asked) == count
        found = records(hour)
        predicted = [float(record["captureData"]["endpointOutput"]["data"]) for record in found]
        assert predicted == list(range(60))
        moments = [datetime.fromisoformat(record["eventMetadata"]["inferenceTime"]) for record in found]
        assert all(
            timedelta(0) <= exact - told_of < timedelta(seconds=1)
            for exact, told_of in zip(asked[-1], moments, strict=True)
        )


def test_a_fault_is_one_measurement_in_another_unit_from_the_shift_s_hour_on(played: Cast) -> None:
    sound, faulty = told(played, shift=0.0), told(played, shift=0.0, fault=True)
    for at in range(4):
        factor = 1000.0 if at >= 2 else 1.0
        assert column(faulty[at], "length") == pytest.approx(
            [factor * x for x in column(sound[at], "length")]
        )
        assert column(faulty[at], "diameter") == column(sound[at], "diameter")
    assert [hour.labels for hour in faulty] == [hour.labels for hour in sound]


def test_without_a_shift_the_world_stays(played: Cast) -> None:
    def mean_length(hour: Hour) -> float:
        return float(np.mean(column(hour, "length")))

    moved, still = told(played, shift=1.0), told(played, shift=0.0)
    assert mean_length(moved[1]) == mean_length(still[1])
    assert mean_length(moved[2]) > mean_length(still[2]) + 0.08


def test_a_survey_of_too_few_animals_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "few.csv"
    survey.survey(1, 200).write_csv(path)
    with pytest.raises(ValueError, match=r"few\.csv holds 200 animals: the story needs 1000 or more"):
        script.cast(Plot(data=path))

"""Runs as pictures: the difference with its interval, the stages, the marks on the time axis."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.retraining import Run, RunEvent, RunReason, RunState, Trial
from tests.web.history import BEGIN, HOUR
from tests.web.test_figures import HOSTILE, lines
from web import figures
from web.lines import by_feature, most_moved
from web.run_story import stages
from web.trials import compared, interval

NUMBERS = st.floats(allow_nan=True, allow_infinity=True)


def trial(low: float, difference: float, high: float, metric: str = "rmse", dataset: str = "fresh") -> Trial:
    return Trial(dataset, metric, 3.0, 3.0 + difference, difference, low, high, 240)


def run(requested_at: datetime, ended_at: datetime | None = None, state: RunState = RunState.STARTED) -> Run:
    return Run(
        id=1,
        monitor_id=1,
        name=f"kedge-{HOSTILE}-1",
        state=state,
        reason=RunReason.TRAINING,
        told="",
        incident_id=None,
        variant="v",
        deployment_id=1,
        requested_at=requested_at,
        updated_at=requested_at,
        ended_at=ended_at,
        deadline=requested_at + 24 * HOUR,
        change_at=requested_at,
        input=None,
        handle=None,
        output=None,
        training_uri=None,
        judged_start=None,
        judged_end=None,
        model_package=None,
        old_endpoint_config=None,
        new_endpoint_config=None,
        new_baseline_id=None,
        new_deployment_id=None,
        approval=None,
        helped=None,
    )


class TestDifference:
    @pytest.mark.parametrize(
        ("found", "tone"),
        [
            (trial(-1.3, -1.1, -0.9), "good"),
            (trial(0.9, 1.1, 1.3), "bad"),
            (trial(-0.1, 0.1, 0.3), "idle"),
            (trial(0.1, 0.2, 0.3, metric="r2"), "good"),
            (trial(-0.3, -0.2, -0.1, metric="r2"), "bad"),
        ],
    )
    def test_its_colour_says_on_whose_side_all_of_the_interval_is(self, found: Trial, tone: str) -> None:
        assert compared([found])[0].tone == tone

    def test_what_is_less_lies_left_of_zero(self) -> None:
        picture = interval(trial(-1.5, -1.0, -0.5), 2.0)
        assert picture.low < picture.at < picture.high < picture.zero == picture.width / 2

    def test_data_sets_of_one_metric_share_a_scale_and_metrics_do_not(self) -> None:
        fresh, test, r2 = compared(
            [
                trial(-2.0, -1.5, -1.0),
                trial(-1.0, -0.75, -0.5, dataset="test"),
                trial(0.1, 0.15, 0.2, metric="r2"),
            ]
        )
        middle = fresh.picture.zero
        assert middle - fresh.picture.low == pytest.approx(2 * (middle - test.picture.low), abs=0.2)
        assert r2.picture.high == pytest.approx(2 * middle - fresh.picture.low, abs=0.1), (
            "both reach the edge"
        )

    @given(NUMBERS, NUMBERS, NUMBERS)
    def test_any_numbers_stay_inside_the_box(self, low: float, difference: float, high: float) -> None:
        (found,) = compared([trial(low, difference, high)])
        for place in (found.picture.low, found.picture.at, found.picture.high):
            assert math.isfinite(place)
            assert 0 <= place <= found.picture.width


def event(hour: int, state: RunState) -> RunEvent:
    return RunEvent(BEGIN + hour * HOUR, state, RunReason.TRAINING, "")


class TestStages:
    def test_a_state_is_reached_when_it_is_first_told(self) -> None:
        events = [
            event(0, RunState.REQUESTED),
            event(1, RunState.REQUESTED),
            event(2, RunState.STARTED),
        ]
        found = stages(run(BEGIN), events)
        assert [(stage.state, stage.at) for stage in found[:2]] == [
            (RunState.REQUESTED, BEGIN),
            (RunState.STARTED, BEGIN + 2 * HOUR),
        ]
        assert [stage.state for stage in found if stage.is_now] == [RunState.STARTED]

    def test_waiting_for_labels_lies_before_winning(self) -> None:
        events = [event(0, RunState.TRAINED), event(1, RunState.WAITING)]
        found = stages(replace(run(BEGIN), state=RunState.WAITING), events)
        assert [stage.state for stage in found[:3]] == [RunState.TRAINED, RunState.WAITING, RunState.WON]

    @pytest.mark.parametrize("state", RunState)
    def test_every_state_stands_once_and_nothing_lies_ahead_of_an_end(self, state: RunState) -> None:
        events = [event(0, RunState.REQUESTED), *([event(1, state)] if state != RunState.REQUESTED else [])]
        found = stages(replace(run(BEGIN), state=state), events)
        states = [stage.state for stage in found]
        assert len(set(states)) == len(states)
        assert sum(stage.is_now for stage in found) == 1
        assert any(stage.at is None for stage in found) is not state.is_end


class TestTimeAxis:
    FEATURES = most_moved(by_feature(lines(("a", [0.0] * 6))))

    def marks(self, *runs: Run) -> list[figures.Figure]:
        drawn = figures.drift(self.FEATURES, [], [], BEGIN + 40 * HOUR, runs)
        return [trace for trace in drawn["data"] if trace["name"] == "retraining"]

    def test_a_run_lies_between_its_request_and_its_end(self) -> None:
        (mark,) = self.marks(run(BEGIN + 2 * HOUR, BEGIN + 4 * HOUR, RunState.ADOPTED))
        assert mark["x"] == ["2026-03-02 02:00:00", "2026-03-02 04:00:00", None]
        assert mark["text"][0].endswith("adopted")

    def test_one_that_goes_on_does_not_stretch_the_picture(self) -> None:
        (mark,) = self.marks(run(BEGIN + 2 * HOUR))
        assert mark["x"][1] == "2026-03-02 07:00:00", "two windows after the last one's start"

    def test_runs_outside_of_the_period_are_not_drawn(self) -> None:
        assert self.marks(run(BEGIN + 20 * HOUR)) == []
        assert self.marks(run(BEGIN - 9 * HOUR, BEGIN - 8 * HOUR)) == []
        assert self.marks() == []

    def test_a_name_is_no_markup(self) -> None:
        (mark,) = self.marks(run(BEGIN))
        assert "<a" not in "".join(mark["text"])

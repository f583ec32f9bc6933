"""Drift over time as lines, rows and small pictures."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from store.records import CheckRow, Outcome
from store.series import DriftPoint
from tests.web.history import BEGIN, HOUR, Told
from web.lines import by_feature, by_window, most_moved, spark
from web.violations import repeated


def point(feature: str, hour: int, drift: float | None, threshold: float = 0.1) -> DriftPoint:
    outcome = Outcome.VIOLATED if drift is not None and drift > threshold else Outcome.OK
    return DriftPoint(BEGIN + hour * HOUR, "v", feature, drift, threshold, outcome, hour + 1)


POINTS = (
    point("calm", 0, 0.0),
    point("moved", 0, 0.05),
    point("gone", 0, None),
    point("calm", 1, 0.02),
    point("moved", 1, 0.3),
)


def test_points_become_lines_in_their_order() -> None:
    lines = by_feature(POINTS)
    assert [line.feature for line in lines] == ["calm", "moved", "gone"]
    calm, moved, gone = lines
    assert (calm.worst, calm.violated, calm.last.drift) == (0.02, 0, 0.02)
    assert (moved.worst, moved.violated) == (0.3, 1)
    assert (gone.worst, gone.violated) == (None, 0)


def test_what_moved_most_comes_first() -> None:
    assert [line.feature for line in most_moved(by_feature(POINTS))] == ["moved", "calm", "gone"]


def test_windows_are_rows_newest_first_with_gaps() -> None:
    rows = by_window(by_feature(POINTS))
    assert [row.execution_id for row in rows] == [2, 1]
    assert [cell.drift if cell else "none" for cell in rows[0].cells] == [0.02, 0.3, "none"]
    assert [cell.drift if cell else "none" for cell in rows[1].cells] == [0.0, 0.05, None]


def test_no_lines_are_no_rows() -> None:
    assert by_window(()) == ()


@given(st.lists(st.none() | st.floats(0, 1e6), max_size=60), st.none() | st.floats(0, 1e6))
def test_a_small_line_stays_in_its_box(values: list[float | None], threshold: float | None) -> None:
    drawn = spark(values, threshold)
    numbers = [float(part) for part in drawn.path.replace("M", " ").replace("L", " ").split()]
    assert len(numbers) == 2 * sum(value is not None for value in values)
    assert all(0 <= x <= drawn.width for x in numbers[::2])
    assert all(0 <= y <= drawn.height for y in numbers[1::2])
    assert (drawn.threshold is None) == (threshold is None)
    assert drawn.threshold is None or 0 <= drawn.threshold <= drawn.height


def test_a_small_line_is_over_its_threshold_where_the_value_is() -> None:
    drawn = spark([0.0, 0.3, 0.05], 0.1)
    assert drawn.threshold is not None
    heights = [float(place.split()[1]) for place in drawn.path[1:].split("L")]
    assert [height < drawn.threshold for height in heights] == [False, True, False]


def test_a_gap_lifts_the_pen() -> None:
    assert spark([0.1, None, 0.1, 0.2], None).path.count("M") == 2
    assert spark([None], None).end is None


def test_repeated_violations_keep_the_newest(told: Told) -> None:
    newest, older = told.judged[-1], told.judged[-2]

    def check(feature: str, value: float) -> CheckRow:
        return CheckRow(feature, "baseline_drift_check", Outcome.VIOLATED, value, 0.1, "")

    found = repeated(
        [
            (newest, check("a", 0.5)),
            (older, check("b", 0.3)),
            (older, check("a", 0.2)),
            (older, check("a", 0.2)),
        ]
    )
    assert [(each.check.feature, each.windows, each.check.value) for each in found] == [
        ("a", 3, 0.5),
        ("b", 1, 0.3),
    ]

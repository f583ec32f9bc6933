"""Keys say endpoint, variant and hour; what does not is outside the layout."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.capture import layout
from monitor.capture.layout import CaptureKey

HOUR = datetime(2021, 5, 2, 19, tzinfo=UTC)
FILE = "32-15-123-0b7e2f6c-7d5a-4c4e-9a30-1f0d6a6a9f10.jsonl"
KEY = f"capture/abalone/AllTraffic/2021/05/02/19/{FILE}"

HOURS = st.integers(9_000, 1_100_000).map(lambda hours: datetime.fromtimestamp(3600 * hours, UTC))
NAMES = st.from_regex(r"[a-zA-Z0-9](-?[a-zA-Z0-9]){0,9}", fullmatch=True)
PREFIXES = st.sampled_from(["", "capture", "a/b/c"])


def test_a_key_says_whose_it_is_and_when() -> None:
    assert layout.parse_key(KEY, "capture") == CaptureKey("abalone", "AllTraffic", HOUR)
    assert layout.parse_key(KEY, "capture/") == CaptureKey("abalone", "AllTraffic", HOUR)
    assert layout.parse_key(KEY.removeprefix("capture/"), "") == CaptureKey("abalone", "AllTraffic", HOUR)


@pytest.mark.parametrize(
    "key",
    [
        "other/abalone/AllTraffic/2021/05/02/19/x.jsonl",
        "capture/abalone/AllTraffic/2021/05/02/x.jsonl",
        "capture/abalone/AllTraffic/2021/05/02/19/",
        "capture/abalone/AllTraffic/2021/05/02/19/more/x.jsonl",
        "capture/abalone/2021/05/02/19/x.jsonl",
        "capture//AllTraffic/2021/05/02/19/x.jsonl",
        "capture/abalone/AllTraffic/2021/5/2/19/x.jsonl",
        "capture/abalone/AllTraffic/2021/13/02/19/x.jsonl",
        "capture/abalone/AllTraffic/2021/02/30/19/x.jsonl",
        "capture/abalone/AllTraffic/2021/05/02/24/x.jsonl",
        "capture/abalone/AllTraffic/0000/05/02/19/x.jsonl",
        "capture/abalone/AllTraffic/２０２１/05/02/19/x.jsonl",
        "captures/abalone/AllTraffic/2021/05/02/19/x.jsonl",
        "",
    ],
)
def test_a_key_outside_the_layout_says_nothing(key: str) -> None:
    assert layout.parse_key(key, "capture") is None


@given(PREFIXES, NAMES, NAMES, HOURS)
def test_what_is_written_by_the_layout_is_read_by_it(
    prefix: str, endpoint: str, variant: str, hour: datetime
) -> None:
    key = layout.hour_prefix(prefix, endpoint, variant, hour) + FILE
    assert layout.parse_key(key, prefix) == CaptureKey(endpoint, variant, hour)
    label_key = layout.label_prefix(prefix, hour) + "labels/part-0.jsonl"
    assert layout.parse_label_key(label_key, prefix) == hour


@given(PREFIXES, NAMES, NAMES, HOURS, st.integers(-100, 100))
def test_keys_that_come_after_are_those_of_that_hour_and_later(
    prefix: str, endpoint: str, variant: str, since: datetime, hours: int
) -> None:
    other = since + timedelta(hours=hours)
    capture = layout.hour_prefix(prefix, endpoint, variant, other) + FILE
    assert (capture > layout.start_after(prefix, endpoint, variant, since)) == (hours >= 0)
    label = layout.label_prefix(prefix, other) + "x.jsonl"
    assert (label > layout.label_start_after(prefix, since)) == (hours >= 0)


def test_hours_of_other_zones_are_told_in_utc() -> None:
    there = HOUR.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert layout.hour_prefix("p", "e", "v", there) == "p/e/v/2021/05/02/19/"
    assert layout.result_prefix("p/", "e", "schedule", there) == "p/e/schedule/2021/05/02/19/"


@pytest.mark.parametrize(
    "key", ["gt/2021/05/02/x.jsonl", "gt/2021/05/02/19/", "gt/2021/05/99/19/x", "x/2021/05/02/19/x"]
)
def test_labels_outside_the_layout_have_no_hour(key: str) -> None:
    assert layout.parse_label_key(key, "gt") is None

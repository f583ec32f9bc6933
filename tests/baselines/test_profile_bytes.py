"""Profiles go into bytes and come back the same; other bytes are refused in a sentence."""

from __future__ import annotations

import zlib

import numpy as np
import orjson
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.profile import ColumnProfile, Profile, profile_frame
from baselines.profile.codec import MAGIC, VERSION, ProfileFormatError, decode, encode
from tests.baselines.frames import ROWS, frame_of

Rows = list[tuple[str | None, str | None, str | None]]


def numbers(rows: int, columns: int) -> pl.DataFrame:
    drawn = np.random.default_rng(1).normal(size=(rows, columns))
    return pl.DataFrame(drawn, schema=[f"c{i}" for i in range(columns)]).cast(pl.String)


@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_a_profile_comes_back_as_it_was(rows: Rows) -> None:
    frame = frame_of(rows)
    ids = pl.Series([f"event-{i}" for i in range(len(rows))], dtype=pl.String)
    profile = profile_frame(frame, text=("sex",), ids=ids, sample_rows=5, widths={4: 2})
    assert decode(encode(profile)) == profile


def test_a_profile_of_many_levels_and_of_many_categories_comes_back() -> None:
    frame = numbers(20_000, 2).with_columns(pl.Series("id", [f"id-{i}" for i in range(20_000)]))
    profile = profile_frame(frame, text=("id",))
    again = decode(encode(profile))
    assert again == profile
    assert again.columns["id"].registers is not None
    assert again + profile == profile + again


@pytest.mark.parametrize("different", [10, 2000])
def test_counts_of_a_domain_come_back(different: int) -> None:
    frame = pl.DataFrame({"sex": [f"{i}" for i in range(different)]}, schema={"sex": pl.String})
    profile = profile_frame(frame, text=("sex",), domains={"sex": ["7", "M"]})
    again = decode(encode(profile))
    assert again == profile
    assert again.columns["sex"].categories.listed == {"7": 1, "M": 0}


def test_bytes_of_before_domains_were_counted_are_read() -> None:
    profile = profile_frame(frame_of([("1", "2", "M")]), text=("sex",))
    body = zlib.decompress(encode(profile)[5:])
    length = int.from_bytes(body[:4], "little")
    document = orjson.loads(body[4 : 4 + length])
    for _, column in document["columns"]:
        del column["listed"]
    head = orjson.dumps(document)
    before = len(head).to_bytes(4, "little") + head + body[4 + length :]
    assert decode(MAGIC + bytes([VERSION]) + zlib.compress(before)) == profile


def test_what_came_back_can_be_added_to() -> None:
    frame = numbers(6000, 1)
    onto = decode(encode(profile_frame(frame[:2500])))
    assert (
        profile_frame(frame[2500:], onto=onto).columns["c0"].sketch
        == profile_frame(frame).columns["c0"].sketch
    )


def test_the_empty_profile_and_an_imported_column_come_back() -> None:
    imported = Profile(0, {"a": ColumnProfile(distinct_estimate=51.0, appendable=False)})
    assert decode(encode(Profile.empty())) == Profile.empty()
    assert decode(encode(imported)) == imported


def test_the_profile_of_a_small_window_is_small() -> None:
    assert len(encode(profile_frame(numbers(200, 9)))) < 20_000


@pytest.mark.parametrize("data", [b"", b"KDG", b"PAR1 and so on", b"\x1f\x8b\x08"])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ProfileFormatError, match="do not begin with KDGP"):
        decode(data)


def test_another_version_is_refused_by_its_number() -> None:
    data = bytearray(encode(Profile.empty()))
    data[4] = 9
    with pytest.raises(ProfileFormatError, match="format version 9, this Kedge reads version 1"):
        decode(bytes(data))


@given(st.integers(5, 60), st.integers(1, 255))
def test_damaged_bytes_are_refused_or_were_not_damaged(position: int, flip: int) -> None:
    whole = encode(profile_frame(numbers(3, 1)))
    data = bytearray(whole)
    data[position % len(data)] ^= flip
    with pytest.raises(ProfileFormatError):
        decode(bytes(data))


@given(st.integers(0, 200))
def test_bytes_that_were_cut_off_are_refused(length: int) -> None:
    whole = encode(profile_frame(numbers(30, 2)))
    with pytest.raises(ProfileFormatError):
        decode(whole[:length])

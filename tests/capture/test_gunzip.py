"""Unpacking: any number of members, and never much more than the limit."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.capture.gunzip import gunzip
from monitor.capture.rejects import RejectKind

ENOUGH = 1 << 20


@given(st.lists(st.binary(max_size=2000), min_size=1, max_size=5))
def test_members_are_unpacked_one_after_the_other(members: list[bytes]) -> None:
    unpacked = gunzip(b"".join(gzip.compress(member) for member in members), ENOUGH)
    assert unpacked.data == b"".join(members)
    assert not unpacked.rejects.counts


@given(st.binary(max_size=300).filter(lambda data: not data.startswith(b"\x1f\x8b")))
def test_what_is_not_gzip_stays_as_it_is(data: bytes) -> None:
    assert gunzip(data, ENOUGH).data == data


@given(st.binary(max_size=300))
def test_nothing_that_begins_like_gzip_can_make_it_raise(tail: bytes) -> None:
    gunzip(b"\x1f\x8b" + tail, ENOUGH)
    gunzip(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + tail, ENOUGH)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_damage_is_noticed(at: int, flip: int) -> None:
    packed = bytearray(gzip.compress(b"".join(b"%d," % number for number in range(2000)), mtime=0))
    place = 10 + at % (len(packed) - 10)
    packed[place] ^= flip
    assert gunzip(bytes(packed), ENOUGH).rejects.count(RejectKind.BAD_GZIP) == 1


@pytest.mark.parametrize("lost", [1, 8, 9, 100])
def test_a_stream_that_breaks_off_gives_what_it_had(lost: int) -> None:
    data = b"".join(b"%d," % number for number in range(2000))
    unpacked = gunzip(gzip.compress(data)[:-lost], ENOUGH)
    assert unpacked.rejects.count(RejectKind.BAD_GZIP) == 1
    assert data.startswith(unpacked.data)
    assert len(unpacked.data) > len(data) // 2


def test_rubbish_after_the_last_member_is_a_fault_and_padding_is_none() -> None:
    packed = gzip.compress(b"data")
    assert not gunzip(packed + b"\0" * 1000, ENOUGH).rejects.counts
    assert gunzip(packed + b"\0\0rubbish", ENOUGH).rejects.count(RejectKind.BAD_GZIP) == 1
    spoiled = gunzip(packed + b"rubbish", ENOUGH)
    assert (spoiled.data, spoiled.rejects.count(RejectKind.BAD_GZIP)) == (b"data", 1)


def test_a_bomb_takes_little_memory() -> None:
    bomb = gzip.compress(bytes(200 << 20), 9)
    tracemalloc.start()
    try:
        unpacked = gunzip(bomb, ENOUGH)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert unpacked.data == b""
    assert unpacked.rejects.count(RejectKind.TOO_LARGE) == 1
    assert peak < 64 << 20


def test_a_bomb_of_many_small_members_is_refused_too() -> None:
    packed = gzip.compress(b"x" * 100) * 20_000
    assert gunzip(packed, ENOUGH).rejects.count(RejectKind.TOO_LARGE) == 1
    assert len(gunzip(packed, 2 * ENOUGH).data) == 2_000_000

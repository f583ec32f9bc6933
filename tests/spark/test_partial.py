"""What objects give together: one has the sum of a window, the others a profile of no records."""

from __future__ import annotations

import polars as pl
import pytest

from baselines.profile import codec
from baselines.profile.profile import Profile, profile_frame
from monitor.digest import Digest
from monitor.ingest import Digested, Found
from monitor.spark.partial import partial_of, shared
from objects import ObjectRef
from store.records import Segment
from tests.clock import HOUR, NOON


def _object(number: int) -> Digested:
    frame = pl.DataFrame({"a": [f"{number}.5", "2.5"], "b": ["x", "y"]})
    segments = tuple(
        Segment(start, start + HOUR, "AllTraffic", 1, 2, start, start, codec.encode(profile_frame(frame)))
        for start in (NOON, NOON + HOUR)
    )
    found = Found(ObjectRef("logs", f"e/{number}", "etag", 1, NOON), "AllTraffic")
    return Digested(found, "etag", Digest(segments, (), pl.DataFrame(), 4, 0, NOON))


def test_a_profile_of_no_records_is_made_once_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """With hundreds of columns it takes the sum apart for longer than an object is read."""
    partial = partial_of(_object(number) for number in range(20))
    decoded: list[bytes] = []

    def decode(encoded: bytes) -> Profile:
        decoded.append(encoded)
        return codec.decode(encoded)

    monkeypatch.setattr("monitor.spark.partial.codec", _Codec(decode))
    counted = shared(partial)
    assert len(decoded) == 2
    for at in range(2):
        first, *others = [codec.decode(one.digest.segments[at].profile) for one in counted]
        assert first.rows == 40
        assert {(other.rows, tuple(other.columns)) for other in others} == {(0, ("a", "b"))}


class _Codec:
    encode = staticmethod(codec.encode)

    def __init__(self, decode: object) -> None:
        self.decode = decode

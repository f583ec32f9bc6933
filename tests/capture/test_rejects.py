"""Counts are exact, examples are few, and both add up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from monitor.capture.rejects import (
    EXAMPLES,
    NONE,
    Kind,
    OddityKind,
    Reject,
    RejectKind,
    Rejects,
    by_line,
    listed,
    many,
    one,
)

KINDS: st.SearchStrategy[Kind] = st.sampled_from(
    [RejectKind.NOT_JSON, RejectKind.BAD_TIME, OddityKind.NOT_FINITE]
)
REJECTS = st.lists(st.builds(Reject, KINDS, st.integers(1, 99), st.none(), st.just("so")), max_size=70)


@given(REJECTS, REJECTS)
def test_two_add_up_to_what_both_have(left: list[Reject], right: list[Reject]) -> None:
    total = listed(left) + listed(right)
    assert dict(total.counts) == dict(listed(left + right).counts)
    assert total.examples == listed(left + right).examples


@given(REJECTS)
def test_every_kind_is_shown_by_its_first_examples(rejects: list[Reject]) -> None:
    found = listed(rejects)
    for kind in {reject.kind for reject in rejects}:
        of_kind = [reject for reject in rejects if reject.kind is kind]
        assert found.count(kind) == len(of_kind)
        assert [each for each in found.examples if each.kind is kind] == of_kind[:EXAMPLES]


@given(REJECTS, REJECTS, REJECTS)
def test_adding_is_associative_and_nothing_is_its_zero(
    a: list[Reject], b: list[Reject], c: list[Reject]
) -> None:
    x, y, z = listed(a), listed(b), listed(c)
    assert (x + y) + z == x + (y + z)
    assert x + NONE == x == NONE + x


def test_parts_of_one_object_are_shown_by_line() -> None:
    parts = [
        one(RejectKind.NOT_JSON, "so", 9),
        one(RejectKind.BAD_GZIP, "so"),
        one(RejectKind.NOT_JSON, "so", 2),
    ]
    assert [example.line for example in by_line(parts).examples] == [None, 2, 9]
    assert by_line(parts).count(RejectKind.NOT_JSON) == 2


def test_what_was_lost_is_told_from_what_is_odd() -> None:
    both = (
        one(RejectKind.NOT_JSON, "so", 1) + many(OddityKind.NOT_FINITE, 5, []) + many(RejectKind.NO_ID, 0, [])
    )
    assert (both.lost, both.odd) == (1, 5)
    assert (Rejects().lost, Rejects().odd) == (0, 0)

"""What goes together: every object once, in its order, in runs that are no longer than they may be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from monitor.ingest import Found
from monitor.spark import plan
from monitor.spark.plan import Sizes
from objects import ObjectRef
from store.shares import folder_of
from tests.clock import NOON

keys = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.integers(0, 10_000),
        st.sampled_from(["plain", "nul\0in it", "x" * 1100]),
        st.integers(0, 100),
    ),
    max_size=40,
    unique_by=lambda each: each[:3],
)
sizes = st.builds(
    Sizes,
    task_objects=st.integers(1, 5),
    task_bytes=st.integers(1, 300),
    share_objects=st.integers(1, 9),
    share_bytes=st.integers(1, 600),
    tasks_per_core=st.integers(1, 4),
)


def listed(given: list[tuple[int, int, str, int]]) -> list[Found]:
    return [
        Found(ObjectRef("logs", f"e/AllTraffic/{hour:02}/{at:05}-{name}", "etag", size, NOON), "AllTraffic")
        for hour, at, name, size in sorted(given)
    ]


@given(keys, sizes, st.integers(1, 3))
def test_every_object_is_digested_once_and_in_its_order(
    given: list[tuple[int, int, str, int]], sizes: Sizes, cores: int
) -> None:
    found = listed(given)
    waves = list(plan.waves(plan.shares(found, sizes), cores, sizes))
    assert [one for wave in waves for share in wave for one in share] == found
    for wave in waves:
        tasks = plan.tasks(wave, sizes)
        assert [one for task in tasks for one in task.objects] == [one for share in wave for one in share]
        for number, share in enumerate(wave):
            mine = [task for task in tasks if task.share == number]
            assert [task.position for task in mine] == list(range(len(mine)))
            assert sum((task.objects for task in mine), ()) == share
        assert all(1 <= len(task.objects) <= sizes.task_objects for task in tasks)


@given(keys, sizes)
def test_a_share_lies_in_one_folder_and_a_key_that_the_database_changes_stands_alone(
    given: list[tuple[int, int, str, int]], sizes: Sizes
) -> None:
    for share in plan.shares(listed(given), sizes):
        assert 1 <= len(share) <= sizes.share_objects
        assert sum(one.ref.size for one in share[:-1]) < sizes.share_bytes
        assert len({folder_of(one.ref.key) for one in share}) == 1
        assert len(share) == 1 or all(one.name == one.ref.key for one in share)


@given(keys, sizes, st.integers(1, 3))
def test_what_comes_back_at_a_time_is_bounded(
    given: list[tuple[int, int, str, int]], sizes: Sizes, cores: int
) -> None:
    for wave in plan.waves(plan.shares(listed(given), sizes), cores, sizes):
        parcels = plan.parcels(wave, sizes)
        assert list(parcels) == sorted(parcels)
        assert set(parcels) == set(range(1 + max(parcels)))
        for parcel in set(parcels):
            together = [share for share, number in zip(wave, parcels, strict=True) if number == parcel]
            objects = sum(map(len, together))
            assert len(together) == 1 or objects <= sizes.share_objects
            size = sum(one.ref.size for share in together for one in share)
            assert len(together) == 1 or size <= sizes.share_bytes


@given(keys, sizes, st.integers(1, 3))
def test_a_wave_ends_as_soon_as_it_keeps_every_core_busy(
    given: list[tuple[int, int, str, int]], sizes: Sizes, cores: int
) -> None:
    waves = list(plan.waves(plan.shares(listed(given), sizes), cores, sizes))
    for wave in waves[:-1]:
        whole, without = wave, wave[:-1]
        for shares, enough in ((whole, True), (without, False)):
            objects = sum(map(len, shares)) / sizes.task_objects
            size = sum(one.ref.size for share in shares for one in share) / sizes.task_bytes
            assert (max(objects, size) >= cores * sizes.tasks_per_core) is enough

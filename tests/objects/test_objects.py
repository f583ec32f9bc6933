"""S3 and a folder keep the same promises."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from objects import Objects, PlaceError, PlaceProblem

KEYS = ["a/b/1.jsonl", "a/b/2.jsonl", "a/b-c/1.jsonl", "a/é/1.jsonl", "a.txt", "b/1", "b/1.jsonl"]


@pytest.fixture
def filled(objects: Objects) -> Objects:
    for key in KEYS:
        objects.write(key, key.encode(), "text/plain")
    return objects


def listed(objects: Objects, prefix: str, start_after: str = "") -> list[str]:
    return [found.key for found in objects.list(prefix, start_after)]


def test_it_reads_what_was_written(objects: Objects) -> None:
    objects.write("deep/er/key.bin", b"\0\xff", "application/octet-stream")
    assert objects.read("deep/er/key.bin") == b"\0\xff"
    objects.write("deep/er/key.bin", b"")
    assert objects.read("deep/er/key.bin") == b""


def test_it_lists_in_the_order_of_the_keys_bytes(filled: Objects) -> None:
    assert listed(filled, "") == sorted(KEYS, key=str.encode)


@pytest.mark.parametrize("prefix", ["a", "a/", "a/b", "a/b/", "a/b/1", "a/é/", "b/1", "c", "a/c/d/"])
def test_it_lists_what_begins_with_the_prefix(filled: Objects, prefix: str) -> None:
    assert listed(filled, prefix) == sorted((key for key in KEYS if key.startswith(prefix)), key=str.encode)


@pytest.mark.parametrize("after", ["", "a/b", "a/b/1.jsonl", "a/b/1.jsonl0", "a/é/1.jsonl", "z"])
def test_it_lists_what_comes_after(filled: Objects, after: str) -> None:
    expected = [key for key in KEYS if key.encode() > after.encode()]
    assert listed(filled, "", after) == sorted(expected, key=str.encode)


def test_it_names_the_folders_one_level_down(filled: Objects) -> None:
    assert filled.folders("") == ["a", "b"]
    assert filled.folders("a") == filled.folders("a/") == ["b", "b-c", "é"]
    assert filled.folders("a/b") == []
    assert filled.folders("nowhere") == []


def test_it_knows_what_exists(filled: Objects) -> None:
    assert filled.exists("a/b/1.jsonl")
    assert not filled.exists("a/b/3.jsonl")
    assert not filled.exists("a/b")


def test_the_listing_says_size_etag_and_time(filled: Objects) -> None:
    [found] = filled.list("a/b/1.jsonl")
    assert found.size == len("a/b/1.jsonl")
    assert filled.read_with_etag(found.key) == (b"a/b/1.jsonl", found.etag)
    assert '"' not in found.etag
    assert found.modified.tzinfo is not None
    assert abs(datetime.now(UTC) - found.modified) < timedelta(minutes=5)


def test_an_object_has_a_new_etag_when_and_only_when_its_bytes_change(objects: Objects) -> None:
    def etags() -> tuple[str, str]:
        [found] = objects.list("key")
        return found.etag, objects.read_with_etag("key")[1]

    objects.write("key", b"one")
    first = etags()
    objects.write("key", b"one")
    assert etags() == first
    objects.write("key", b"two")
    second = etags()
    assert second[0] == second[1] != first[0]


def test_a_missing_key_is_one_sentence_that_names_it(objects: Objects) -> None:
    with pytest.raises(PlaceError, match=r"no/such\.key") as caught:
        objects.read("no/such.key")
    assert caught.value.kind is PlaceProblem.NO_KEY
    assert str(caught.value).count("\n") == 0
    with pytest.raises(PlaceError) as caught:
        objects.read_with_etag("no/such.key")
    assert caught.value.kind is PlaceProblem.NO_KEY


def test_it_lists_more_than_a_page(objects: Objects) -> None:
    keys = [f"many/{number:04d}" for number in range(1005)]
    for key in keys:
        objects.write(key, b"")
    assert listed(objects, "many/") == keys
    assert listed(objects, "many/", keys[999]) == keys[1000:]

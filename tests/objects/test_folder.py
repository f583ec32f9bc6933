"""A folder that stands for a bucket."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from objects import FolderObjects, PlaceError, PlaceProblem


@pytest.mark.parametrize("key", ["../outside", "a/../../outside", "/etc/hostname", "a\0b"])
def test_no_key_leads_out_of_the_folder(tmp_path: Path, key: str) -> None:
    inside = FolderObjects(tmp_path / "inside")
    (tmp_path / "outside").write_bytes(b"secret")
    for action in (
        lambda: inside.read(key),
        lambda: inside.write(key, b""),
        lambda: inside.exists(key),
    ):
        with pytest.raises(PlaceError) as caught:
            action()
        assert caught.value.kind is PlaceProblem.BAD_URI
    assert (tmp_path / "outside").read_bytes() == b"secret"


def test_a_folder_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    missing = FolderObjects(tmp_path / "missing")
    for action in (lambda: list(missing.list("")), lambda: missing.folders("")):
        with pytest.raises(PlaceError, match="missing") as caught:
            action()
        assert caught.value.kind is PlaceProblem.NO_BUCKET
    assert not missing.exists("a")


def test_writing_makes_the_folders(tmp_path: Path) -> None:
    objects = FolderObjects(tmp_path / "new")
    objects.write("a/b/c.json", b"{}")
    assert (tmp_path / "new/a/b/c.json").read_bytes() == b"{}"


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = FolderObjects(tmp_path)
    objects.write("k", b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(PlaceError, match="No space left") as caught:
        objects.write("k", b"new")
    assert caught.value.kind is PlaceProblem.UNREACHABLE
    assert objects.read("k") == b"old"
    assert os.listdir(tmp_path) == ["k"]


def test_a_write_in_progress_is_not_listed(tmp_path: Path) -> None:
    objects = FolderObjects(tmp_path)
    objects.write("k", b"data")
    (tmp_path / ".kedge-unfinished").write_bytes(b"da")
    assert [found.key for found in objects.list("")] == ["k"]


def test_a_folder_is_no_object_and_a_file_no_folder(tmp_path: Path) -> None:
    objects = FolderObjects(tmp_path)
    objects.write("a/b", b"")
    with pytest.raises(PlaceError) as caught:
        objects.read("a")
    assert caught.value.kind is PlaceProblem.NO_KEY
    assert objects.folders("a/b") == []
    assert list(objects.list("a/b/c")) == []


def test_a_file_that_goes_while_it_is_listed_is_left_out(tmp_path: Path) -> None:
    objects = FolderObjects(tmp_path)
    for key in ("a", "b", "c"):
        objects.write(key, b"")
    keys = []
    for found in objects.list(""):
        keys.append(found.key)
        (tmp_path / "b").unlink(missing_ok=True)
    assert keys == ["a", "c"]


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_listing_is_sorted_by_bytes_and_cut_like_the_keys(
    tmp_path_factory: pytest.TempPathFactory, data: DataObject
) -> None:
    objects = FolderObjects(tmp_path_factory.mktemp("objects"))
    part = st.text(alphabet=st.sampled_from("ab-0é"), min_size=1, max_size=2)
    keys = data.draw(
        st.sets(st.tuples(part, part).map(lambda parts: "/".join((*parts, "f"))), min_size=1, max_size=8)
    )
    for key in keys:
        objects.write(key, b"")
    prefix = data.draw(st.sampled_from(sorted(keys))).rpartition("/")[0]
    after = data.draw(st.sampled_from(["", *sorted(keys)]))
    expected = sorted(key for key in keys if key.startswith(prefix) and key.encode() > after.encode())
    assert [found.key for found in objects.list(prefix, after)] == sorted(expected, key=str.encode)

"""Addresses of configuration files, and the places that they name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from objects import FolderObjects, PlaceError, PlaceProblem, S3Objects, open_place, s3_client


def unused() -> Any:
    raise AssertionError("no client is needed")


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("uri", "bucket", "prefix"),
    [
        ("s3://logs/a/b", "logs", "a/b"),
        ("s3://logs/a/b/", "logs", "a/b"),
        ("s3://logs", "logs", ""),
        ("s3://logs/", "logs", ""),
        ("s3://my.bucket-1//a", "my.bucket-1", "a"),
        ("s3://logs/a?b#c", "logs", "a?b#c"),
    ],
)
def test_an_s3_address(uri: str, bucket: str, prefix: str) -> None:
    for place in (open_place(uri, s3_client), open_place(uri, s3_client()), open_place(uri)):
        assert isinstance(place.objects, S3Objects)
        assert (place.objects.bucket, place.prefix, place.uri) == (bucket, prefix, uri)


def test_a_file_address_and_a_path_name_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "with space"
    folder.mkdir()
    (folder / "k").write_bytes(b"data")
    for uri in (
        f"file://{folder}",
        f"file://localhost{folder}/",
        str(folder),
        f"file://{tmp_path}/with%20space",
    ):
        place = open_place(uri, unused)
        assert isinstance(place.objects, FolderObjects)
        assert place.objects.read(place.key("k")) == b"data"
        assert place.objects.bucket == str(folder)


@pytest.mark.usefixtures("aws")
def test_a_key_lies_below_its_place() -> None:
    assert open_place("s3://logs/a/b/").key("statistics.json") == "a/b/statistics.json"
    assert open_place("s3://logs").key("statistics.json") == "statistics.json"


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "s3://",
        "s3:///prefix",
        "s3://AKID:s3cr3t@logs/a",
        "https://logs/a",
        "file://",
        "file://host/a",
        "a\0b",
        "s3://a",
    ],
)
def test_an_address_that_is_none_is_refused_in_one_sentence(uri: str) -> None:
    with pytest.raises(PlaceError, match="write") as caught:
        open_place(uri, unused)
    assert caught.value.kind is PlaceProblem.BAD_URI
    assert "s3cr3t" not in str(caught.value)

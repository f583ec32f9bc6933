"""What the image does when nobody tells it what to do."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from commands.image import SERVE, arguments, main
from tests.conftest import ROOT


def test_it_serves(tmp_path: Path) -> None:
    assert arguments((), {"AWS_REGION": "eu-west-1"}, tmp_path) == SERVE


def test_it_analyses_where_the_platform_names_a_data_set(tmp_path: Path) -> None:
    assert arguments((), {"dataset_source": "/opt/ml/processing/input"}, tmp_path) == ("analyze",)


@pytest.mark.parametrize("folder", ["config", "processing"])
def test_it_analyses_where_the_platform_left_a_jobs_configuration(tmp_path: Path, folder: str) -> None:
    path = tmp_path / "opt/ml" / folder / "processingjobconfig.json"
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    assert arguments((), {}, tmp_path) == ("analyze",)


def test_it_does_what_it_is_told(tmp_path: Path) -> None:
    assert arguments(("db", "upgrade"), {"dataset_source": "/x"}, tmp_path) == ("db", "upgrade")


def test_the_image_begins_with_it() -> None:
    assert 'ENTRYPOINT ["kedge-image"]' in (ROOT / "Dockerfile").read_text()
    assert 'kedge-image = "commands.image:main"' in (ROOT / "pyproject.toml").read_text()


def test_a_job_of_the_platform_ends_as_the_program_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what a command that works once asks of the machine."""
    begun: list[list[str]] = []
    monkeypatch.setattr("commands.once.program", lambda: begun.append(list(sys.argv)))
    monkeypatch.setattr("sys.argv", ["kedge-image", "analyze"])
    main()
    assert begun == [["kedge", "analyze"]]

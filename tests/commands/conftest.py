"""A folder to run `kedge` in, with nothing of the machine's own settings."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.commands.line import kedge
from tests.judging.profiles import CONSTRAINTS_TEXT, STATISTICS_TEXT

KEDGE_YAML = """\
database: sqlite:///kedge.db
endpoints:
  - name: abalone-prod
    capture: file://{folder}/capture
    output_columns: [rings]
    prediction: rings
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that commands run in."""
    monkeypatch.chdir(tmp_path)
    for name in [
        name for name in os.environ if name.startswith(("AWS_", "KEDGE_")) and name != "KEDGE_GOLDEN"
    ]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-aws-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-aws-credentials"))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


@pytest.fixture
def baseline(folder: Path) -> Path:
    """A folder with a baseline of two columns."""
    path = folder / "baseline"
    path.mkdir()
    (path / "statistics.json").write_text(STATISTICS_TEXT)
    (path / "constraints.json").write_text(CONSTRAINTS_TEXT)
    return path


@pytest.fixture
def configured(folder: Path, baseline: Path, migrated_sqlite: Path) -> Path:
    """The folder with a kedge.yaml of one endpoint, and a database with tables."""
    (folder / "kedge.yaml").write_text(KEDGE_YAML.format(folder=folder))
    shutil.copy(migrated_sqlite, folder / "kedge.db")
    return folder


@pytest.fixture
def imported(configured: Path) -> Path:
    """The same, with a baseline imported."""
    assert kedge("baseline", "import", "abalone-prod", "baseline").status == 0
    return configured

"""A monitoring container's root as the platform lays it out, and the program run in it without a network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.commands.line import kedge
from tests.conftest import ROOT

ENDPOINT, SCHEDULE = "abalone-prod-endpoint", "abalone-schedule"
INPUT, OUTPUT = "/opt/ml/processing/input/endpoint", "/opt/ml/processing/output"
BASELINE = "/opt/ml/processing/baseline"
MONITORING = {
    "dataset_format": json.dumps(
        {"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput", "endpointOutput"]}}
    ),
    "dataset_source": INPUT,
    "output_path": OUTPUT,
    "publish_cloudwatch_metrics": "Enabled",
    "sagemaker_endpoint_name": ENDPOINT,
    "sagemaker_monitoring_schedule_name": SCHEDULE,
    "sagemaker_endpoint_datacapture_prefix": f"s3://logs/capture/{ENDPOINT}/AllTraffic",
    "start_time": "2026-03-02T12:00:00Z",
    "end_time": "2026-03-02T13:00:00Z",
    "baseline_constraints": f"{BASELINE}/constraints/constraints.json",
    "baseline_statistics": f"{BASELINE}/stats/statistics.json",
}
"""What the platform sets for a scheduled job of the built-in kind."""
BASELINING = {
    "dataset_format": json.dumps({"csv": {"header": True, "output_columns_position": "START"}}),
    "dataset_source": "/opt/ml/processing/input/baseline_dataset_input",
    "output_path": OUTPUT,
    "publish_cloudwatch_metrics": "Disabled",
}
"""What the SDK's suggest_baseline sets."""


def without_a_network() -> list[str]:
    """The command that runs another one where there is no network."""
    for given in (["unshare", "-n"], ["unshare", "-rn"]):
        if shutil.which("unshare") and subprocess.run([*given, "true"], check=False).returncode == 0:
            return given
    pytest.skip("a network namespace: this machine lets nobody make one")


@dataclass(frozen=True)
class Ended:
    """How the container ended: its exit status and what it left."""

    status: int
    said: str
    output: Path
    message: str
    metrics: list[dict[str, Any]]

    def file(self, name: str) -> Any:
        """A JSON file that was written."""
        return json.loads((self.output / name).read_text())

    @property
    def files(self) -> set[str]:
        """The names of what was written."""
        return {path.name for path in self.output.iterdir()} if self.output.exists() else set()


@dataclass
class Container:
    """The container's root, which fills before it runs."""

    root: Path
    variables: dict[str, str] = field(default_factory=lambda: dict(MONITORING))

    def path(self, inside: str) -> Path:
        """Where a path of the container lies here; its folder is made."""
        found = self.root / inside.lstrip("/")
        found.parent.mkdir(parents=True, exist_ok=True)
        return found

    def capture(self, name: str, lines: list[str]) -> None:
        """A captured object below the endpoint's variant, such as 2026/03/02/12/00-00-000-a.jsonl."""
        self.path(f"{INPUT}/{ENDPOINT}/AllTraffic/{name}").write_text("".join(f"{one}\n" for one in lines))

    def baseline(self, csv: str) -> None:
        """A baseline of a data set, where the platform puts it."""
        data = self.path("/data/training.csv")
        data.write_text(csv)
        made = self.root / "made"
        assert kedge("baseline", "create", data, "--output", made).status == 0
        shutil.copy(made / "statistics.json", self.path(f"{BASELINE}/stats/statistics.json"))
        shutil.copy(made / "constraints.json", self.path(f"{BASELINE}/constraints/constraints.json"))

    def run(self, *arguments: str, variables: Mapping[str, str] | None = None) -> Ended:
        """Run the image's program, with the platform's variables and no others."""
        given = self.variables if variables is None else variables
        ran = subprocess.run(
            [
                *without_a_network(),
                sys.executable,
                "-c",
                "from commands import main; main()",
                *(arguments or ("analyze",)),
                "--root",
                str(self.root),
            ],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **given},
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        message = self.root / "opt/ml/output/message"
        metrics = self.root / "opt/ml/output/metrics/cloudwatch/cloudwatch_metrics.jsonl"
        return Ended(
            ran.returncode,
            ran.stdout + ran.stderr,
            self.root / OUTPUT.lstrip("/"),
            message.read_text() if message.exists() else "",
            [json.loads(line) for line in metrics.read_text().splitlines()] if metrics.exists() else [],
        )

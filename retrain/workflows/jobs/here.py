"""SageMaker's jobs without SageMaker: a worker lays /opt/ml out, runs the script, keeps what it left.

The requests are those of CreateProcessingJob and CreateTrainingJob, the answers those of the calls that
describe the job when it is over. The script, and nothing but one of the three that Kedge ships, runs as a
process of its own in this machine's Python; image, role and instance are not looked at.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from objects import PlaceError, S3Client, S3Objects
from retrain.workflows.jobs.container import ROOT, TRAINER
from retrain.workflows.steps import BAD_INPUT, StepError

PROCESSING: Final = "createProcessingJob"
TRAINING: Final = "createTrainingJob"
JOB_FAILED: Final = "JobFailed"
_SCRIPTS: Final = frozenset(f"retrain.workflows.jobs.{name}" for name in ("preprocess", "train", "evaluate"))
_HOUSE: Final = Path(__file__).resolve().parents[3]
_KEPT: Final = ("HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "TMPDIR")
_LOCAL: Final = "/opt/ml/"
_LONGEST = 2000


@dataclass(frozen=True, slots=True)
class JobsHere:
    """Runs jobs on this machine, by the owner's `trainer` (``module:Class``), whatever a message says."""

    s3: S3Client
    trainer: str

    def run(self, message: dict[str, Any]) -> dict[str, Any]:
        """Do the job of a message's ``request``, and give what describing it would.

        Raises:
            StepError: JobFailed, with the script's own sentence.
        """
        request = message.get("request")
        try:
            with tempfile.TemporaryDirectory(prefix="kedge-job-") as folder:
                if message.get("step") == PROCESSING:
                    return self._process(request or {}, Path(folder))
                return self._train(request or {}, Path(folder))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            told = f"the job's request has another form ({type(error).__name__})"
            raise StepError(BAD_INPUT, f"{told}: see that the state machine is of this version") from error

    def _process(self, request: dict[str, Any], root: Path) -> dict[str, Any]:
        for each in request["ProcessingInputs"]:
            self._fetch(each["S3Input"]["S3Uri"], _inside(root, each["S3Input"]["LocalPath"]))
        outputs = [each["S3Output"] for each in request["ProcessingOutputConfig"]["Outputs"]]
        for each in outputs:
            _inside(root, each["LocalPath"]).mkdir(parents=True, exist_ok=True)
        self._run(request["AppSpecification"], request, root)
        for each in outputs:
            self._keep(_inside(root, each["LocalPath"]), each["S3Uri"])
        return {"ProcessingJobName": request["ProcessingJobName"], "ProcessingJobStatus": "Completed"}

    def _train(self, request: dict[str, Any], root: Path) -> dict[str, Any]:
        for each in request["InputDataConfig"]:
            source = each["DataSource"]["S3DataSource"]
            self._fetch(source["S3Uri"], _inside(root, f"{_LOCAL}input/data/{each['ChannelName']}"))
        config = root / "input" / "config"
        config.mkdir(parents=True)
        (config / "hyperparameters.json").write_text(json.dumps(request["HyperParameters"]))
        (root / "model").mkdir()
        self._run(request["AlgorithmSpecification"], request, root)
        name = request["TrainingJobName"]
        uri = f"{request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{name}/output/model.tar.gz"
        self._write(uri, _packed(root / "model"))
        return {
            "TrainingJobName": name,
            "TrainingJobStatus": "Completed",
            "ModelArtifacts": {"S3ModelArtifacts": uri},
        }

    def _run(self, what: dict[str, Any], request: dict[str, Any], root: Path) -> None:
        _, _, script = what["ContainerEntrypoint"]
        if script not in _SCRIPTS:
            raise StepError(BAD_INPUT, "the job's script is none that Kedge ships: this worker runs no other")
        given = {name: value for name, value in (request.get("Environment") or {}).items() if "KEDGE" in name}
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        environment = kept | given | {TRAINER: self.trainer, ROOT: str(root)}
        limit = float(request["StoppingCondition"]["MaxRuntimeInSeconds"])
        try:
            done = subprocess.run(  # noqa: S603 (one of three scripts of ours)
                [sys.executable, "-m", script],
                env=environment,
                cwd=_HOUSE,
                timeout=limit,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise StepError(JOB_FAILED, f"{script} ran longer than {limit:g} s, its time") from error
        if done.returncode:
            raise StepError(JOB_FAILED, _why(root, script, done.returncode))

    def _fetch(self, uri: str, folder: Path) -> None:
        """What lies at an address, or below it, into a folder, by the names behind the address."""
        bucket, prefix = _split(uri)
        objects = S3Objects(bucket, self.s3)
        folder.mkdir(parents=True, exist_ok=True)
        with _places():
            keys = [key for key in objects.keys(prefix) if not key.endswith("/")]
            start = prefix if prefix.endswith("/") else prefix.rpartition("/")[0]
            for key in keys:
                path = _below(folder, key.removeprefix(start).lstrip("/"))
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(objects.read(key))
        if not keys:
            raise StepError(JOB_FAILED, f"nothing lies at {uri}: see that it was written")

    def _keep(self, folder: Path, uri: str) -> None:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self._write(f"{uri.rstrip('/')}/{path.relative_to(folder).as_posix()}", path.read_bytes())

    def _write(self, uri: str, data: bytes) -> None:
        bucket, key = _split(uri)
        with _places():
            S3Objects(bucket, self.s3).write(key, data)


def _inside(root: Path, local: str) -> Path:
    if not local.startswith(_LOCAL):
        raise StepError(BAD_INPUT, f"the job's folder {local} is not below /opt/ml")
    return _below(root, local.removeprefix(_LOCAL))


def _below(root: Path, name: str) -> Path:
    """A path in a folder, which a name can't lead out of."""
    path = (root / name).resolve()
    if not path.is_relative_to(root.resolve()) or path == root.resolve():
        raise StepError(BAD_INPUT, "a name in the job's request leads out of its folder")
    return path


def _split(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket or not key:
        raise StepError(BAD_INPUT, f"{uri!r} is no address in a bucket: write s3://bucket/key")
    return bucket, key


def _packed(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        for path in sorted(folder.iterdir()):
            packed.add(path, arcname=path.name)
    return buffer.getvalue()


def _why(root: Path, script: str, status: int) -> str:
    """The script's own sentence; its trace stays on this machine, since it may hold people's data."""
    try:
        return (root / "output" / "failure").read_text(encoding="utf-8")[:_LONGEST]
    except OSError:
        return f"{script} ended with status {status} and said nothing"


@contextmanager
def _places() -> Iterator[None]:
    try:
        yield
    except PlaceError as error:
        raise StepError(JOB_FAILED, str(error)) from error

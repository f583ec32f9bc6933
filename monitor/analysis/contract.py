"""What the platform tells a monitoring container, by variables and processingjobconfig.json, as a value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from baselines.constraints import CategoricalDriftMethod
from config.assumptions import Assume
from config.distance import Distance
from monitor.comparison import Period

_E = TypeVar("_E", bound=StrEnum)
CONFIG_FILES = ("opt/ml/config/processingjobconfig.json", "opt/ml/processing/processingjobconfig.json")
"""Where the platform puts the job's configuration; the documentation prints the second."""
MESSAGE = "opt/ml/output/message"
METRICS = "opt/ml/output/metrics/cloudwatch/cloudwatch_metrics.jsonl"
ON = frozenset({"enabled", "true", "1", "yes"})
OFF = frozenset({"disabled", "false", "0", "no", ""})

_BATCH = "batchTransformOutput"
_SYNONYMS = {"l_infinity": "LInfinity", "chi_squared": "ChiSquared"}
_SIDES = ("endpointInput", "endpointOutput", _BATCH)


class ContractError(ValueError):
    """A job that can't be carried out as it was told, in one sentence."""


class Source(StrEnum):
    """What the data set is written in."""

    CAPTURE = "sagemakerCaptureJson"
    MERGED = "sagemakerMergeJson"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


class Analysis(StrEnum):
    """What is analysed."""

    DATA_QUALITY = "DATA_QUALITY"
    MODEL_QUALITY = "MODEL_QUALITY"


@dataclass(frozen=True, slots=True)
class Job:
    """One processing job.

    Attributes:
        source: the folder with the data set.
        written_in: what it is written in.
        header: whether a CSV's first row names the columns.
        side: the one side of captures that is looked at, endpointInput or endpointOutput; None for both.
        outputs_last: whether a CSV's output columns stand behind its input columns.
        output: the folder for the files.
        statistics: the baseline's statistics.json; None for a job that makes a baseline.
        constraints: the baseline's constraints.json; None as well.
        endpoint: whose captures they are; None for a batch transform and for a baseline.
        schedule: the monitoring schedule's name.
        period: the inference times that are wanted.
        emits: whether the metrics' file is wanted.
        preprocess: a script with `preprocess_handler`.
        postprocess: a script with `postprocess_handler`.
        analysis: what is analysed.
        attributes: the variables of a model-quality job that are set, by name.
        positive: the positive one of two classes; None for 1 of 0 and 1.
        categorical: how drift of categories is measured; None leaves it to the constraints.
        distance: whose distances.
        assume: what is not public.
    """

    source: Path
    written_in: Source
    header: bool
    side: str | None
    outputs_last: bool
    output: Path
    statistics: Path | None
    constraints: Path | None
    endpoint: str | None
    schedule: str | None
    period: Period
    emits: bool
    preprocess: Path | None
    postprocess: Path | None
    analysis: Analysis
    attributes: Mapping[str, str]
    positive: str | None
    categorical: CategoricalDriftMethod | None
    distance: Distance
    assume: Assume


_OF_QUALITY = (
    "problem_type",
    "inference_attribute",
    "probability_attribute",
    "probability_threshold_attribute",
    "ground_truth_attribute",
)


def is_told(environ: Mapping[str, str], root: Path) -> bool:
    """Whether the platform is asking for a job: a data set is named, here or in its configuration."""
    return "dataset_source" in environ or any((root / name).exists() for name in CONFIG_FILES)


def read_job(environ: Mapping[str, str], root: Path) -> Job:
    """The job that the variables tell; those of processingjobconfig.json stand in where they are not set.

    `root` is what "/" is, in paths that the platform gives.

    Raises:
        ContractError: where a variable is missing or says what can't be understood.
    """
    told = {**_of_config(root), **environ}
    written_in, options = _format(_wanted(told, "dataset_format"))
    analysis = _choice(Analysis, told.get("analysis_type") or Analysis.DATA_QUALITY, "analysis_type")
    return Job(
        source=_path(root, _wanted(told, "dataset_source")),
        written_in=written_in,
        header=_is_on(options.get("header", written_in is not Source.CSV), "the header of dataset_format"),
        side=_side(options.get("captureIndexNames")),
        outputs_last=str(_alone(options.get("output_columns_position", "START"))).upper() == "END",
        output=_path(root, _wanted(told, "output_path")),
        statistics=_optional(root, told, "baseline_statistics"),
        constraints=_optional(root, told, "baseline_constraints"),
        endpoint=told.get("sagemaker_endpoint_name") or None,
        schedule=told.get("sagemaker_monitoring_schedule_name") or None,
        period=_period(told),
        emits=_is_on(told.get("publish_cloudwatch_metrics", "Disabled"), "publish_cloudwatch_metrics"),
        preprocess=_optional(root, told, "record_preprocessor_script"),
        postprocess=_optional(root, told, "post_analytics_processor_script"),
        analysis=analysis,
        attributes={name: told[name] for name in _OF_QUALITY if told.get(name)},
        positive=told.get("KEDGE_POSITIVE_CLASS") or None,
        categorical=_categorical(told),
        distance=_choice(Distance, told.get("KEDGE_DISTANCE") or Distance.COMPAT, "KEDGE_DISTANCE"),
        assume=_assumptions(told.get("KEDGE_ASSUME", "")),
    )


def _of_config(root: Path) -> dict[str, str]:
    for name in CONFIG_FILES:
        path = root / name
        if not path.exists():
            continue
        try:
            found = json.loads(path.read_bytes())
        except ValueError:
            raise ContractError(f"{path} is not JSON: it should hold the job's Environment") from None
        variables = found.get("Environment") if isinstance(found, dict) else None
        if isinstance(variables, dict):
            return {key: value for key, value in variables.items() if isinstance(value, str)}
    return {}


def _wanted(told: Mapping[str, str], name: str) -> str:
    value = told.get(name)
    if not value:
        raise ContractError(f"the variable {name} is not set: set it in the job's Environment")
    return value


def _path(root: Path, given: str) -> Path:
    """A path of the container below `root`; the stock analyzer takes file:// too."""
    return root / given.removeprefix("file://").lstrip("/")


def _optional(root: Path, told: Mapping[str, str], name: str) -> Path | None:
    given = told.get(name)
    if not given:
        return None
    path = _path(root, given)
    if path.is_dir():  # the input's folder in place of the file in it
        files = sorted(each for each in path.iterdir() if each.is_file())
        if len(files) == 1:
            path = files[0]
    if not path.is_file():
        raise ContractError(
            f"{name} is {given}, and there is no such file: give the input that holds it this path"
        )
    return path


def _format(text: str) -> tuple[Source, Mapping[str, Any]]:
    known = ", ".join(Source)
    try:
        found = json.loads(text)
    except ValueError:
        found = {text: {}}  # a bare word
    if not isinstance(found, dict) or len(found) != 1:
        raise ContractError(f"dataset_format names no single format: write one of {known}")
    name, options = next(iter(found.items()))
    written_in = next((each for each in Source if each.lower() == str(name).lower()), None)
    if written_in is None:
        raise ContractError(f"dataset_format {name!r} is none that is known: write one of {known}")
    return written_in, options if isinstance(options, dict) else {}


def _side(names: object) -> str | None:
    """The side that is named alone. Raises ContractError for what is no side of a capture."""
    named = [] if names is None else [names] if not isinstance(names, list) else names
    if unknown := [name for name in named if name not in _SIDES]:
        raise ContractError(
            f"dataset_format has captureIndexNames {unknown[0]!r}: write one or more of {', '.join(_SIDES)}"
        )
    different = {str(name) for name in named}
    return different.pop() if len(different) == 1 and named != [_BATCH] else None


def _alone(value: object) -> object:
    """Documented examples put single values into lists."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _is_on(value: object, name: str) -> bool:
    value = _alone(value)
    word = str(value).strip().lower()
    if word not in ON | OFF:
        raise ContractError(f"{name} is {value!r}: write true or false, Enabled or Disabled")
    return word in ON


def _period(told: Mapping[str, str]) -> Period:
    start, end = _moment(told, "start_time"), _moment(told, "end_time")
    if start is not None and end is not None and start >= end:
        raise ContractError(
            f"start_time is {told['start_time']!r} and end_time {told['end_time']!r}, which leaves no time: "
            "give a start_time before end_time"
        )
    return Period(start, end)


def _moment(told: Mapping[str, str], name: str) -> datetime | None:
    given = told.get(name)
    if not given:
        return None
    try:
        found = datetime.fromisoformat(given)
    except ValueError:
        raise ContractError(f"{name} is {given!r}, which is no ISO 8601 time") from None
    try:
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except OverflowError:
        raise ContractError(
            f"{name} is {given!r}, outside the calendar in UTC: give a time of the years 1 to 9999"
        ) from None


def _choice(kind: type[_E], value: str, name: str) -> _E:
    found = next((each for each in kind if each.lower() == value.strip().lower()), None)
    if found is None:
        raise ContractError(f"{name} is {value!r}: write one of {', '.join(kind)}")
    return found


def _categorical(told: Mapping[str, str]) -> CategoricalDriftMethod | None:
    name = "categorical_drift_method"
    given = told.get(name, "")
    return _choice(CategoricalDriftMethod, _SYNONYMS.get(given.lower(), given), name) if given else None


def _assumptions(text: str) -> Assume:
    try:
        return Assume.spelled([part for part in text.replace(",", " ").split() if part])
    except ValueError as error:
        raise ContractError(f"KEDGE_ASSUME: {error}") from None

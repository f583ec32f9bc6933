"""kedge.yaml as values. Every value is checked when it is made, whether from the file or in a program."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Annotated, Self

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import BaseModel, BeforeValidator, Field, field_validator, model_validator

from config import addresses, cron, durations
from config.assumptions import Assume
from config.conditions import comparisons
from config.distance import Distance
from config.errors import MisfitError
from config.feature_names import Columns, misnamed, outputs_of
from config.fields import AwsName, Duration, Folder, Names, Part, PositiveDuration, Read, Text, one_of
from config.metrics import check_judging, check_metric, check_probability, check_problem, is_of_quality
from config.problem import ProblemType, problem_of
from config.retraining import Retrain

__all__ = [
    "Config",
    "Discover",
    "Endpoint",
    "Hooks",
    "ProblemType",
    "Report",
    "Retention",
    "unacted",
]

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)


def _pairs(value: object) -> object:
    """A mapping of texts as sorted pairs, which are hashable and have one order."""
    if not isinstance(value, Mapping):
        return value
    if not all(isinstance(text, str) for pair in value.items() for text in pair):
        raise ValueError('must hold texts alone; put values such as on, off or 1 in quotes: {kedge: "on"}')
    return tuple(sorted(value.items()))


class Discover(Part):
    """Which endpoints to watch without an entry of their own: every tag and the glob must fit."""

    tags: Annotated[tuple[tuple[str, str], ...], BeforeValidator(_pairs)] = ()
    name_glob: Text = "*"


class Hooks(Part):
    """The owner's own scripts around decoding, run in a process of their own."""

    preprocess: Text | None = None
    postprocess: Text | None = None


class Report(Part):
    """When to write a drift report (crontab's five fields, UTC) and the folder to write it to."""

    cron: Text
    to: Folder

    @field_validator("cron")
    @classmethod
    def _understood(cls, expression: str) -> str:
        cron.trigger(expression)
        return " ".join(expression.split())


class CloudWatch(Part):
    """Whether Model Monitor's metrics are sent to CloudWatch, and under which names.

    A namespace of None is that of Model Monitor's, which has one for endpoints and one for batch transforms.
    `schedule` is the value of the dimension `MonitoringSchedule`; None takes the result tree's.
    """

    namespace: Annotated[str, Read("a namespace", addresses.namespace)] | None = None
    quality_namespace: Annotated[str, Read("a namespace", addresses.namespace)] | None = None
    schedule: AwsName | None = None


class Retention(Part):
    """How long hourly profiles and metrics are kept."""

    profiles: PositiveDuration = timedelta(days=30)
    metrics: PositiveDuration = timedelta(days=400)


def _divides_a_day(window: timedelta) -> timedelta:
    if not _MINUTE <= window <= _DAY:
        raise ValueError(f"{durations.spell(window)} is no window; it takes 1m to 1d")
    if _DAY % window:
        raise ValueError(
            f"{durations.spell(window)} does not divide a day; take one that does, such as 5m, 15m, 1h or 6h"
        )
    return window


def _distinct(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    seen: set[str] = set()
    for name in names or ():
        if name in seen:
            raise ValueError(f"names {name!r} twice; name each once")
        seen.add(name)
    return names


def _paths(fields: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    for name, path in fields:
        try:
            jmespath.compile(path)
        except JMESPathError as error:
            raise ValueError(
                f"has {path!r} for {name}, which is no JMESPath expression: {str(error).splitlines()[0]}; "
                "write one such as instances[].length"
            ) from None
    return fields


class Endpoint(Part):
    """One monitored endpoint; all of its variants, or the one that `variant` names.

    `columns` names a record's columns by position, output columns first; None takes the baseline's.
    """

    name: AwsName
    variant: AwsName | None = None
    role: Annotated[str, Read("the ARN of a role", addresses.role)] | None = None
    capture: Folder
    batch: bool = False
    notifications: Annotated[str, Read("the URL of a queue", addresses.web)] | None = None
    list_every: PositiveDuration = timedelta(hours=1)
    columns: Annotated[Names, Field(min_length=1)] | None = None
    output_columns: Annotated[Names, Field(min_length=1)] | None = None
    exclude: Names = ()
    fields: Annotated[tuple[tuple[str, str], ...], BeforeValidator(_pairs)] = ()
    hooks: Hooks = Hooks()
    baseline: Folder | None = None
    results: Folder | None = None
    results_kms_key: Text | None = None
    results_schedule: AwsName | None = None
    quality_schedule: AwsName | None = None
    cloudwatch: CloudWatch | None = None
    schedule: AwsName | None = None
    schedule_results: Folder | None = None
    problem_type: Annotated[ProblemType, Read(f"one of {', '.join(ProblemType)}", problem_of)] | None = None
    prediction: Text | None = None
    probability: Text | None = None
    probability_threshold: Annotated[float, Field(ge=0, le=1)] = 0.5
    positive_class: Text | None = None
    ground_truth: Folder | None = None
    quality_baseline: Folder | None = None
    label_horizon: PositiveDuration = timedelta(days=30)
    window: PositiveDuration = timedelta(hours=1)
    grace: Duration = timedelta(minutes=15)
    lateness: PositiveDuration = timedelta(hours=48)
    sample_rows: Annotated[int, Field(ge=0)] = 0
    report: Report | None = None
    retention: Retention = Retention()
    distance: Annotated[Distance, one_of(Distance)] = Distance.CORRECT
    assume: Assume = Assume()
    retrain: Retrain | None = None

    _window = field_validator("window")(_divides_a_day)
    _columns = field_validator("columns", "output_columns", "exclude")(_distinct)
    _fields = field_validator("fields")(_paths)

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        self._know_the_answers()
        if self.batch and self.retrain is not None:
            raise ValueError(
                "has batch and retrain; training sets are made of an endpoint's captures: take one out"
            )
        if self.batch and self.hooks.preprocess is not None:
            raise ValueError("has batch and a preprocess script, which works on captured lines: take one out")
        if (self.schedule is None) is not (self.schedule_results is None):
            raise ValueError(
                "has one of schedule and schedule_results; give both: the Model Monitor schedule's name, "
                "and the S3Uri of its monitoring output"
            )
        self._can_be_announced()
        self._learns_from_others()
        self._knows_its_features()
        names = [each for each in (self.schedule, self.results_schedule, self.quality_schedule) if each]
        if len(set(names)) < len(names):
            raise ValueError(
                "has one name for two of schedule, results_schedule and quality_schedule, whose files would "
                "lie in one folder; name each otherwise"
            )
        self._has_labels_for_what_is_asked()
        if self.lateness < self.grace:
            raise ValueError(
                f"has a lateness of {durations.spell(self.lateness)}, "
                f"less than its grace of {durations.spell(self.grace)}; make it longer"
            )
        return self

    def _can_be_announced(self) -> None:
        """A queue announces what lies in S3, and what it does not is listed before it is too late."""
        if self.notifications is None:
            return
        if not self.capture.startswith("s3://"):
            raise ValueError(
                "has notifications and a capture that does not lie in S3, which sends them; take them out"
            )
        if self.list_every >= self.lateness:
            raise ValueError(
                f"has a list_every of {durations.spell(self.list_every)}, not less than its lateness of "
                f"{durations.spell(self.lateness)}; make it shorter"
            )

    def _learns_from_others(self) -> None:
        """What Kedge or the endpoint writes is no new data, or each run would be a reason for the next."""
        retrain = self.retrain
        if retrain is None or retrain.new_data is None:
            return
        prefix = retrain.new_data.prefix
        written = {
            "capture": self.capture,
            "results": self.results,
            "retrain.training.output": retrain.training.output,
        }
        for key, folder in written.items():
            if folder is not None and addresses.overlap(prefix, folder):
                raise MisfitError(
                    f"{prefix!r} shares objects with the entry's {key}, {folder}, where "
                    "each run would make new data for the next; name a folder of its own",
                    "retrain", "new_data", "prefix",
                )  # fmt: skip

    def _knows_its_features(self) -> None:
        """The policy names features that there are, as far as the entry itself says which."""
        if self.columns is None or self.retrain is None:
            return
        columns = self.columns_among(self.columns, "columns")
        if (found := next(misnamed(self.retrain, columns), None)) is not None:
            raise MisfitError(f"{found.said}; {found.advice}", *found.path)

    def columns_among(self, names: tuple[str, ...], source: str) -> Columns:
        """These names of a record's columns, with what the entry says of them."""
        outputs = outputs_of(names, self.output_columns, (self.prediction, self.probability))
        return Columns(source, names, outputs, frozenset(self.exclude))

    def _know_the_answers(self) -> None:
        """What names the model's answers, their labels and what is asked of them fits together."""
        if self.ground_truth is not None and self.prediction is None and self.probability is None:
            raise ValueError(
                "has ground_truth but no prediction; name the column of the model's answer: prediction: NAME"
            )
        for key, column in (("prediction", self.prediction), ("probability", self.probability)):
            if column is not None and self.output_columns and column not in self.output_columns:
                raise ValueError(f"has a {key} {column!r} that is not among its output_columns; add it there")
        if self.problem is not ProblemType.BINARY_CLASSIFICATION:
            for key in ("probability", "positive_class"):
                if getattr(self, key) is not None:
                    raise ValueError(
                        f"has a {key}, which two classes have; add problem_type: binary_classification"
                    )
        if self.quality_baseline is not None and self.ground_truth is None:
            raise ValueError(
                "has a quality_baseline but no ground_truth; say where labels lie: ground_truth: s3://…"
            )
        self._ask_for_what_the_model_has()

    def _ask_for_what_the_model_has(self) -> None:
        """The metrics of quality that a policy names are those of what the model answers."""
        if self.retrain is None:
            return
        assumed = (
            "" if self.problem_type else f" (a model is of {self.problem} where problem_type says nothing)"
        )
        for index, condition in enumerate(self.retrain.when):
            if (told := check_problem(condition, self.problem)) is not None:
                raise MisfitError(told + assumed, "retrain", "when", index)
        cost = self.retrain.cost
        if cost and (told := check_metric(cost.metric, self.problem)) is not None:
            if "metric" not in cost.model_fields_set:
                told = f"counts errors by {cost.metric} where its metric says nothing, and {told}"
            raise MisfitError(told + assumed, "retrain", "cost", "metric")
        if self.retrain.dry_run:
            return  # no challenger is made but for a person, whose run says what is wrong
        for index, condition in enumerate(self.retrain.when):
            self._has_probabilities_for((each.metric for each in comparisons(condition)), "when", index)
        if cost:
            self._has_probabilities_for((cost.metric,), "cost", "metric")
        told = check_judging(
            self.retrain.accept,
            self.problem,
            has_probability=self.probability is not None,
            is_given="accept" in self.retrain.model_fields_set,
        )
        if told is not None:
            raise MisfitError(told + assumed, "retrain", "accept")
        if self.problem is not ProblemType.REGRESSION and self.answer is None:
            raise MisfitError(
                "retrains a classifier whose answer is not named; name its column: prediction: NAME",
                "retrain",
            )

    def _has_probabilities_for(self, metrics: Iterable[str], *path: str | int) -> None:
        told = next(filter(None, map(check_probability, metrics)), None)
        if self.probability is None and told is not None:
            raise MisfitError(told, "retrain", *path)

    def _has_labels_for_what_is_asked(self) -> None:
        """A policy that weighs the model's quality would say "unknown" for ever without labels."""
        if self.retrain is None or self.ground_truth is not None:
            return
        told = (
            "which labels alone tell, and there is no ground_truth; say where they lie: ground_truth: s3://…"
        )
        for index, condition in enumerate(self.retrain.when):
            if is_of_quality(condition):
                raise MisfitError(f"asks for {condition}, {told}", "retrain", "when", index)
        if self.retrain.cost is not None:
            raise MisfitError(f"counts errors by {self.retrain.cost.metric}, {told}", "retrain", "cost")

    @property
    def problem(self) -> ProblemType:
        """What the model answers: a number where nobody said."""
        return self.problem_type or ProblemType.REGRESSION

    @property
    def answer(self) -> str | None:
        """The column of the model's answer: its prediction, or where it answers that alone a probability.

        A training set has the labels under this name.
        """
        return self.prediction or self.probability

    @property
    def digest(self) -> str:
        """The SHA-256 of the canonical form, in hex; order, comments and spelt-out defaults don't matter."""
        return _digest(self)


class Config(Part):
    """The whole of kedge.yaml. `database` is a SQLAlchemy URL and may hold a password: it is in no repr."""

    database: Text = Field("sqlite:///kedge.db", repr=False)
    region: Annotated[str, Read("a region such as eu-west-1", addresses.region)] | None = None
    discover: Discover | None = None
    polling: PositiveDuration | None = None
    endpoints: tuple[Endpoint, ...] = ()

    @field_validator("database")
    @classmethod
    def _url(cls, database: str) -> str:
        if (
            not database.startswith(("sqlite:", "sqlite+", "postgresql:", "postgresql+"))
            or "://" not in database
        ):
            raise ValueError(
                "is no database that Kedge knows; write "
                "sqlite:///FILE or postgresql://HOST/NAME, with USER@ before HOST"
            )
        return database

    @field_validator("endpoints")
    @classmethod
    def _named_once(cls, endpoints: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
        _distinct(tuple(endpoint.name for endpoint in endpoints))
        return endpoints

    @model_validator(mode="after")
    def _looks_in_time(self) -> Self:
        for endpoint in self.endpoints:
            if self.polling is not None and self.polling >= endpoint.lateness:
                raise ValueError(
                    f"has a polling of {durations.spell(self.polling)}, not less than the lateness of "
                    f"{endpoint.name}, {durations.spell(endpoint.lateness)}; make it shorter"
                )
        return self

    @property
    def digest(self) -> str:
        """The SHA-256 of the canonical form, in hexadecimal; a password in `database` is no part of it."""
        return _digest(self)


_NOT_YET = {
    "discover": "name each endpoint under endpoints",
}
"""Keys that are valid and that this version does not act on, and what it does in their place."""


def unacted(part: Config | Endpoint) -> tuple[str, ...]:
    """One sentence for each key of this part that is set and that this version does not act on."""
    return tuple(
        f"{key} is set, and this version does not act on it: {instead}"
        for key, instead in _NOT_YET.items()
        if getattr(part, key, None) is not None
    )


def _digest(part: BaseModel) -> str:
    canonical = part.model_dump(mode="json", by_alias=True)
    if "database" in canonical:
        canonical["database"] = addresses.masked(canonical["database"])
    return hashlib.sha256(json.dumps(canonical, sort_keys=True).encode()).hexdigest()

"""What kedge.yaml says, as values: defaults, what can't be, digests, and no password anywhere."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from config.distance import Distance
from config.expressions import parse
from config.model import Config, Discover, Endpoint, ProblemType, Report, unacted
from config.policy import BackOff, Clear, NewData
from config.retraining import Approval, Limit, Persistence, Retrain
from config.rollout import Rollout, RolloutKind, Traffic
from config.slices import Slice, SlicedBy
from config.targets import Target, TargetKind
from config.watch import Watch

CAPTURE = "s3://logs/endpoint-data-capture"
MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:abalone"


def endpoint(**given: Any) -> Endpoint:
    return Endpoint(**{"name": "abalone", "capture": CAPTURE, **given})


def retrain(**given: Any) -> Retrain:
    made = {"when": ("volume > 3",), "target": {"local": "train"}, "registry": "abalone"}
    return Retrain.model_validate({**made, **given})


def test_an_endpoint_needs_a_name_and_a_capture_alone() -> None:
    watched = Endpoint(name="abalone", capture=CAPTURE)
    assert (watched.window, watched.grace) == (timedelta(hours=1), timedelta(minutes=15))
    assert (watched.lateness, watched.label_horizon) == (timedelta(hours=48), timedelta(days=30))
    assert (watched.retention.profiles, watched.retention.metrics) == (
        timedelta(days=30),
        timedelta(days=400),
    )
    assert (watched.sample_rows, watched.distance) == (0, Distance.CORRECT)
    assert (watched.columns, watched.output_columns, watched.exclude) == (None, None, ())
    assert (watched.variant, watched.baseline, watched.retrain, watched.report) == (None, None, None, None)


def test_an_empty_configuration_is_one() -> None:
    assert (Config().database, Config().region, Config().discover, Config().endpoints) == (
        "sqlite:///kedge.db",
        None,
        None,
        (),
    )


def test_texts_become_what_they_mean() -> None:
    watched = endpoint(window="15m", distance="compat", problem_type="regression", capture=CAPTURE + "/")
    assert watched.window == timedelta(minutes=15)
    assert watched.distance is Distance.COMPAT
    assert watched.problem_type is ProblemType.REGRESSION
    assert watched.capture == CAPTURE


def test_nothing_can_be_changed_afterwards() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        endpoint().window = timedelta(hours=2)  # type: ignore[misc]


def test_a_configuration_can_be_a_key() -> None:
    one = Config(discover=Discover(tags={"kedge": "on"}), endpoints=(endpoint(retrain=retrain()),))  # type: ignore[arg-type]
    same = Config(discover=Discover(tags=(("kedge", "on"),)), endpoints=(endpoint(retrain=retrain()),))
    assert {one: "kept"}[same] == "kept"


@pytest.mark.parametrize("window", ["1m", "90s", "5m", "15m", "1h", "2h", "6h", "12h", "1d"])
def test_windows_that_divide_a_day(window: str) -> None:
    assert timedelta(days=1) % endpoint(window=window).window == timedelta(0)


@pytest.mark.parametrize("window", ["7m", "7h", "5h", "59s", "1s", "2d", "1d1s", "0s"])
def test_windows_that_do_not_are_refused(window: str) -> None:
    with pytest.raises(ValidationError):
        endpoint(window=window)


@given(st.integers(min_value=60, max_value=86_400))
def test_a_window_is_taken_exactly_if_it_divides_a_day(seconds: int) -> None:
    window = timedelta(seconds=seconds)
    if 86_400 % seconds == 0:
        assert endpoint(window=window).window == window
    else:
        with pytest.raises(ValidationError, match="does not divide a day"):
            endpoint(window=window)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"name": "two words"}, "SageMaker refuses"),
        ({"variant": "-"}, "SageMaker refuses"),
        ({"capture": "logs"}, "no address of a folder"),
        ({"baseline": "s3://"}, "names no S3 bucket"),
        ({"results": "file://x"}, "three slashes"),
        ({"ground_truth": "gt", "prediction": "rings"}, "no address of a folder"),
        ({"role": "admin"}, "not the ARN of a role"),
        ({"notifications": "queue"}, "URL"),
        ({"notifications": "https://sqs/1/q", "capture": "file:///captures"}, "does not lie in S3"),
        (
            {"notifications": "https://sqs/1/q", "lateness": "30m"},
            "a list_every of 1h, not less than its lateness",
        ),
        (
            {"notifications": "https://sqs/1/q", "lateness": "1h"},
            "a list_every of 1h, not less than its lateness",
        ),
        ({"list_every": "0s"}, "greater than 0"),
        ({"grace": timedelta(seconds=-1)}, "greater than or equal to 0"),
        ({"label_horizon": "0s"}, "greater than 0"),
        ({"lateness": "10m"}, "less than its grace of 15m"),
        ({"sample_rows": -1}, "greater than or equal to 0"),
        ({"sample_rows": "3"}, "integer"),
        ({"sample_rows": True}, "integer"),
        ({"columns": ()}, "at least 1"),
        ({"columns": ("a", "b", "a")}, "names 'a' twice"),
        ({"exclude": ("a", "a")}, "names 'a' twice"),
        ({"columns": ("a", "")}, "at least 1 character"),
        ({"ground_truth": "s3://logs/gt"}, "has ground_truth but no prediction"),
        ({"prediction": "rings", "output_columns": ("age",)}, "not among its output_columns"),
        ({"problem_type": "ranking"}, "none of regression, binary_classification"),
        ({"distance": "wasserstein"}, "none of compat, correct"),
        ({"retention": {"profiles": "0s"}}, "greater than 0"),
        ({"hooks": {"before": "x.py"}}, "not permitted"),
        ({"colour": "red"}, "not permitted"),
    ],
)
def test_impossible_values_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        endpoint(**given)


def test_a_report_has_a_cron_expression_and_a_folder() -> None:
    assert Report(cron=" 0  6 * * 1", to="s3://logs/reports/") == Report(
        cron="0 6 * * 1", to="s3://logs/reports"
    )
    with pytest.raises(ValidationError, match="cron expression"):
        Report(cron="weekly", to="s3://logs/reports")


def test_two_endpoints_have_two_names() -> None:
    with pytest.raises(ValidationError, match="names 'abalone' twice"):
        Config(endpoints=(endpoint(), endpoint(variant="B")))


@pytest.mark.parametrize(
    "url", ["sqlite:///kedge.db", "sqlite://", "postgresql+psycopg://db/kedge", "postgresql://db/x"]
)
def test_the_databases_that_there_are(url: str) -> None:
    assert Config(database=url).database == url


@pytest.mark.parametrize("url", ["kedge.db", "mysql://me:hush@db/x", "postgresql", "", "sqlitex:///a"])
def test_other_databases_are_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Config(database=url)
    assert "hush" not in str(caught.value)
    assert "hush" not in repr(caught.value)


def test_a_password_is_in_no_repr() -> None:
    config = Config(database="postgresql://me:hush@db/kedge", endpoints=(endpoint(),))
    assert "hush" not in repr(config)
    assert "hush" not in str(config)
    assert config.database == "postgresql://me:hush@db/kedge"


def test_a_tag_is_text() -> None:
    with pytest.raises(ValidationError, match=r'in quotes: \{kedge: "on"\}'):
        Discover(tags={"kedge": True})  # type: ignore[arg-type]


def test_the_digest_is_of_what_is_meant() -> None:
    assert endpoint().digest == endpoint(window="60m", capture=CAPTURE + "/", exclude=()).digest
    assert len(endpoint().digest) == 64
    assert set(endpoint().digest) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"variant": "B"},
        {"capture": "s3://logs/other"},
        {"window": "30m"},
        {"distance": "compat"},
        {"columns": ("a", "b")},
        {"columns": ("b", "a")},
        {"exclude": ("a",)},
        {"report": {"cron": "0 6 * * 1", "to": "s3://logs/reports"}},
        {"retrain": retrain()},
        {"retrain": retrain(accept="mae < champion")},
        {"retrain": retrain(rollout="all-at-once")},
    ],
)
def test_the_digest_changes_with_anything_said(change: dict[str, Any]) -> None:
    changed = endpoint(**change)
    assert changed.digest != endpoint().digest
    assert Config(endpoints=(changed,)).digest != Config(endpoints=(endpoint(),)).digest


def test_digests_are_told_apart_within_a_section() -> None:
    ways: list[dict[str, Any]] = [
        {},
        {"for": "3 of 4"},
        {"cooldown": "1h"},
        {"limit": "1 per 7d"},
        {"clear": "1 of 1"},
        {"back_off": "3 up to 7d"},
        {"every": "7d"},
        {"new_data": "s3://bucket/new"},
        {"cost": {"training": 1.0, "error": 1.0}},
        {"dry_run": True},
        {"rollout": "canary 10% for 30m"},
    ]
    labelled = {"ground_truth": "s3://logs/labels", "prediction": "rings"}
    assert len({endpoint(**labelled, retrain=retrain(**way)).digest for way in ways}) == len(ways)


def test_the_digest_stays_the_same_from_one_start_to_the_next() -> None:
    assert endpoint().digest == "581f19e46581b5fb27ef4524949ad0df1d47eae92228f25e2dbbd4f8f6ca91e5"


def test_the_digest_knows_no_password() -> None:
    one, other = (Config(database=f"postgresql://me:{word}@db/x") for word in ("hush", "secret"))
    assert one.digest == other.digest
    assert one.digest != Config(database="postgresql://me:hush@db/y").digest


def test_a_retraining_has_careful_defaults() -> None:
    wanted = retrain()
    assert wanted.when == (parse("volume > 3"),)
    assert wanted.accept == parse("rmse < champion")
    assert (wanted.persistence, wanted.cooldown) == (Persistence(1, 1), timedelta(hours=24))
    assert wanted.limit == Limit(3, timedelta(days=7))
    assert (wanted.approval, wanted.rollout) == (Approval.MANUAL, Rollout())


def test_a_retraining_in_full() -> None:
    wanted = retrain(
        **{
            "when": ("rmse > 1.15 * baseline", "drifted_features_share > 0.3"),
            "for": "3 of 4",
            "cooldown": "48h",
            "limit": "2 per 30d",
            "target": {"step_functions": MACHINE},
            "accept": "mae < 0.95 * champion",
            "approval": "automatic",
            "rollout": "canary 10% for 30m",
        }
    )
    assert [str(condition) for condition in wanted.when] == [
        "rmse > 1.15 * baseline",
        "drifted_features_share > 0.3",
    ]
    assert (wanted.persistence.hits, wanted.persistence.windows) == (3, 4)
    assert (wanted.limit.runs, wanted.limit.period) == (2, timedelta(days=30))
    assert (wanted.target.kind, wanted.target.step_functions) == (TargetKind.STEP_FUNCTIONS, MACHINE)
    assert wanted.approval is Approval.AUTOMATIC
    assert wanted.rollout == Rollout(traffic=Traffic(RolloutKind.CANARY, 10, timedelta(minutes=30)))


def test_a_slice_may_be_a_bare_name() -> None:
    wanted = retrain(slices=("sex", {"feature": "length", "by": "quantiles", "margin": 0.1}))
    assert wanted.slices == (
        Slice(feature="sex"),
        Slice(feature="length", by=SlicedBy.QUANTILES, margin=0.1),
    )


def test_the_finer_terms_of_a_policy() -> None:
    usual = retrain()
    assert (str(usual.clear), str(usual.back_off)) == ("3 of 3 by 5%", "2 up to 7d")
    assert (usual.every, usual.new_data, usual.cost, usual.dry_run) == (None, None, None, False)
    wanted = retrain(
        when=(), every="30d", new_data="s3://bucket/new/", clear="2 of 4 by 2.5%", back_off="1.5 up to 2d"
    )
    assert wanted.new_data == NewData(prefix="s3://bucket/new")
    assert wanted.clear == Clear(2, 4, 2.5)
    assert wanted.back_off == BackOff(1.5, timedelta(days=2))


@given(st.integers(1, 9999), st.integers(0, 9000), st.integers(0, 100_000))
def test_what_says_when_a_breach_is_over_reads_back_as_itself(
    quiet: int, more: int, thousandths: int
) -> None:
    wanted = Clear(quiet, min(quiet + more, 9999), thousandths / 1000)
    assert Clear.parse(str(wanted)) == wanted


@given(st.integers(1000, 999_999), st.integers(0, 10**8))
def test_a_longer_rest_reads_back_as_itself(thousandths: int, seconds: int) -> None:
    wanted = BackOff(thousandths / 1000, timedelta(seconds=seconds))
    assert BackOff.parse(str(wanted)) == wanted


def test_a_cost_is_of_a_metric_that_the_model_has() -> None:
    cost = {"training": 1.0, "error": 1.0}
    with pytest.raises(ValidationError, match="and rmse is no metric of binary"):
        endpoint(problem_type="binary_classification", retrain=retrain(when=(), every="1d", cost=cost))


def test_a_local_target_has_a_command() -> None:
    target = Target(local="python train.py")
    assert (target.kind, target.local) == (TargetKind.LOCAL, "python train.py")


def test_an_airflow_has_an_address_and_a_dag_and_its_secret_elsewhere() -> None:
    target = Target.model_validate(
        {"airflow": {"url": "https://airflow.example.com/team/", "dag": "retrain"}}
    )
    assert target.kind is TargetKind.AIRFLOW
    assert target.written() == {"airflow": {"url": "https://airflow.example.com/team", "dag": "retrain"}}
    assert target.airflow is not None
    assert (target.airflow.answer, target.airflow.credentials) == ("answer", "KEDGE_AIRFLOW")
    assert Target.model_validate(target.written()) == target


def test_an_environment_of_mwaa_has_a_dag() -> None:
    target = Target.model_validate({"mwaa": {"environment": "acme_1", "dag": "retrain", "answer": "last"}})
    assert target.kind is TargetKind.MWAA
    assert Target.model_validate(target.written()) == target


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"when": ()}, "says nowhere when to retrain"),
        ({"when": ("rmse >",)}, "column 7"),
        ({"when": (3,)}, "must be a condition"),
        ({"for": "4 of 3"}, "such as 3 of 4"),
        ({"for": "0 of 3"}, "such as 3 of 4"),
        ({"for": "60 of 1001"}, "asks for more than the 1000 windows that are looked at; write fewer"),
        ({"for": "three of four"}, "such as 3 of 4"),
        ({"for": 3}, "must be a number of windows such as 3 of 4"),
        ({"cooldown": "soon"}, "no duration"),
        ({"limit": "3"}, "such as 3 per 7d"),
        ({"limit": "3 per week"}, "no duration"),
        ({"limit": "0 per 7d"}, "no run at all"),
        ({"limit": "3 per 0s"}, "no run at all"),
        ({"target": {}}, "exactly one target"),
        ({"target": {"local": "a", "step_functions": MACHINE}}, "exactly one target"),
        ({"target": {"step_functions": "abalone"}}, "not the ARN of a state machine"),
        ({"target": {"luigi": "dag"}}, "not permitted"),
        ({"target": {"airflow": "dag"}}, "valid dictionary"),
        ({"target": {"airflow": {"url": "airflow:8080", "dag": "d"}}}, "no address of a server"),
        ({"target": {"airflow": {"url": "http://u:p@airflow", "dag": "d"}}}, "come from the environment"),
        ({"target": {"airflow": {"url": "http://airflow?a=b", "dag": "d"}}}, "before the first"),
        ({"target": {"airflow": {"url": "http://airflow", "dag": "a/b"}}}, "pattern"),
        ({"target": {"airflow": {"url": "http://airflow", "dag": "d", "credentials": "x y"}}}, "pattern"),
        ({"target": {"mwaa": {"environment": "1st", "dag": "d"}}}, "MWAA refuses"),
        ({"accept": "always"}, "column 7"),
        ({"registry": "a group"}, "SageMaker refuses"),
        ({"approval": "maybe"}, "none of manual, automatic"),
        ({"rollout": "slowly"}, "all-at-once or none"),
        ({"rollout": "canary 60% for 30m"}, "1% to 50%"),
        ({"rollout": "canary 0% for 30m"}, "1% to 50%"),
        ({"rollout": "canary 10% for 2h"}, "at most 1h"),
        ({"rollout": "canary 10% for ever"}, "no duration"),
        ({"rollout": "linear 5% every 5m"}, "10% to 50%"),
        ({"rollout": "linear 10% every 2h"}, "at most 1h"),
        ({"rollout": "linear 10% every 50m"}, "waits for 8h20m in all"),
        ({"rollout": {"traffic": "linear 50% every 1h", "termination_wait": "2h"}}, "termination_wait"),
        ({"rollout": {"traffic": "none", "alarms": ("a",)}}, "leave alarms"),
        ({"rollout": {"traffic": "all-at-once", "alarms": ("a", "a")}}, "twice"),
        ({"rollout": {"traffic": "all-at-once", "alarms": tuple("abcdefghijk")}}, "10"),
        ({"rollout": 3}, "is no rollout"),
        ({"watch": 0}, "greater than or equal to 1"),
        ({"watch": True}, "a number of windows, or a mapping"),
        ({"watch": {"windows": 2, "errors": 5}}, "less than or equal to 1"),
        ({"watch": {"windos": 2}}, "not permitted"),
        ({"schedule": "daily"}, "not permitted"),
        ({"slices": ({"by": "values"},)}, "required"),
        ({"slices": ({"feature": "sex", "by": "hand"},)}, "none of quantiles, values"),
        ({"slices": ({"feature": "sex", "parts": 1},)}, "greater than or equal to 2"),
        ({"ssm": {}}, "names no parameter"),
        ({"ssm": {"baseline": "a", "model_package": "a"}}, "names one parameter twice"),
        ({"ssm": {"baseline": "aws-baseline"}}, "Parameter Store refuses"),
        ({"events": "my-queue"}, "no address of a queue"),
        ({"training": {"from": "period"}}, "period: 30d"),
        ({"training": {"period": "30d"}}, "period: 30d"),
        ({"training": {"from": "original"}}, "original: s3://"),
        ({"training": {"from": "yesterday"}}, "none of change, period, original"),
        ({"training": {"format": "json"}}, "none of csv, parquet"),
        ({"training": {"labels": "guess"}}, "none of wait, ask"),
        ({"clear": "3"}, "such as 3 of 3 by 5%"),
        ({"clear": "4 of 3"}, "such as 3 of 3 by 5%"),
        ({"clear": "3 of 3 by 101%"}, "such as 3 of 3 by 5%"),
        ({"back_off": "double"}, "such as 2 up to 7d"),
        ({"back_off": "0.5 up to 7d"}, "such as 2 up to 7d"),
        ({"back_off": "2 up to ever"}, "no duration"),
        ({"every": "0s"}, "greater than 0"),
        ({"new_data": "bucket/new"}, "address"),
        ({"new_data": {"prefix": "s3://bucket/new", "objects": 0}}, "greater than or equal to 1"),
        ({"cost": {"training": 1.0}}, "error"),
        ({"cost": {"training": 0.0, "error": 1.0}}, "greater than 0"),
        ({"cost": {"training": float("inf"), "error": 1.0}}, "finite"),
        ({"cost": {"training": 1.0, "error": 1.0, "metric": "volume"}}, "a metric of a model's quality"),
        ({"dry_run": "yes"}, "bool"),
    ],
)
def test_an_impossible_retraining_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        retrain(**given)


@pytest.mark.parametrize(
    ("prefix", "key"),
    [
        ("s3://logs/a/capture", "capture"),
        ("s3://logs/a/capture/retraining", "capture"),
        ("s3://logs", "capture"),
        ("s3://out/kedge/", "results"),
        ("s3://sets/mine/abalone", "retrain.training.output"),
    ],
)
def test_what_kedge_writes_is_no_new_data(prefix: str, key: str) -> None:
    lie = {"capture": "s3://logs/a/capture", "results": "s3://out/kedge"}
    training = {"output": "s3://sets/mine"}
    with pytest.raises(ValidationError, match=f"shares objects with the entry's {key}, "):
        endpoint(**lie, retrain=retrain(new_data=prefix, training=training))
    beside = endpoint(**lie, retrain=retrain(new_data="s3://logs/a/capture-labelled", training=training))
    assert beside.retrain is not None


@given(hits=st.integers(1, 50), more=st.integers(0, 50))
def test_a_persistence_reads_back(hits: int, more: int) -> None:
    persistence = Persistence(hits, hits + more)
    assert Persistence.parse(str(persistence)) == persistence


@given(runs=st.integers(1, 9_999), seconds=st.integers(1, 10**8))
def test_a_limit_reads_back(runs: int, seconds: int) -> None:
    limit = Limit(runs, timedelta(seconds=seconds))
    assert Limit.parse(str(limit)) == limit


@given(percent=st.integers(1, 50), seconds=st.integers(0, 3_600))
def test_a_rollout_reads_back(percent: int, seconds: int) -> None:
    for rollout in (
        Rollout(traffic=Traffic(RolloutKind.CANARY, percent, timedelta(seconds=seconds))),
        Rollout.parse("all-at-once"),
        Rollout(),
    ):
        assert Rollout.parse(str(rollout)) == rollout


@given(percent=st.integers(10, 50), seconds=st.integers(0, 2_700))
def test_a_linear_rollout_reads_back_and_ends_within_sagemakers_time(percent: int, seconds: int) -> None:
    rollout = Rollout(traffic=Traffic(RolloutKind.LINEAR, percent, timedelta(seconds=seconds)))
    assert Rollout.parse(str(rollout)) == rollout
    assert rollout.traffic.waits >= rollout.traffic.wait * 2 if rollout.traffic.wait else True
    assert timedelta(seconds=600) <= rollout.time_limit <= timedelta(seconds=28_800)
    assert rollout.time_limit > rollout.traffic.waits + rollout.termination_wait


def test_what_was_written_the_short_way_has_the_digest_that_it_always_had() -> None:
    short = retrain(rollout="canary 10% for 30m", watch=3)
    written = short.model_dump(mode="json", by_alias=True)
    assert (written["rollout"], written["watch"]) == ("canary 10% for 30m", 3)
    long = retrain(rollout={"traffic": "canary 10% for 30m"}, watch={"windows": 3, "errors": 0.05})
    assert long.model_dump(mode="json", by_alias=True) == written


def test_what_was_written_the_long_way_reads_back() -> None:
    given = {
        "rollout": {"traffic": "linear 10% every 5m", "alarms": ("5xx",), "termination_wait": "10m"},
        "watch": {"windows": 4, "predictions": 0.3, "errors": 0.1, "volume": 0.0},
    }
    wanted = retrain(**given)
    assert wanted.watch == Watch(windows=4, predictions=0.3, errors=0.1, volume=0.0)
    written = wanted.model_dump(by_alias=True)
    assert (written["rollout"], written["watch"]) == (given["rollout"], given["watch"])


def test_discovery_is_told_where_it_stands() -> None:
    (sentence,) = unacted(Config(discover=Discover(), endpoints=(endpoint(),)))
    assert sentence.startswith("discover is set, ")


def test_of_keys_that_are_acted_on_nothing_is_told() -> None:
    assert unacted(endpoint(hooks={"preprocess": "x"}, problem_type="regression", prediction="rings")) == ()
    assert unacted(Config(endpoints=(endpoint(),))) == ()


QUALITY = {"ground_truth": "s3://logs/labels", "problem_type": "BinaryClassification"}


def test_a_classifier_may_answer_a_probability_alone() -> None:
    found = endpoint(**QUALITY, probability="p", probability_threshold=0.8, positive_class="yes")
    assert found.problem is ProblemType.BINARY_CLASSIFICATION
    assert endpoint().problem is ProblemType.REGRESSION


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"probability": "p"}, "has a probability, which two classes have"),
        ({"positive_class": "yes"}, "has a positive_class, which two classes have"),
        ({"quality_baseline": "s3://logs/q"}, "has a quality_baseline but no ground_truth"),
        ({**QUALITY}, "has ground_truth but no prediction"),
        (
            {**QUALITY, "probability": "p", "output_columns": ("q",)},
            "has a probability 'p' that is not among",
        ),
        ({**QUALITY, "probability": "p", "probability_threshold": 1.5}, "less than or equal to 1"),
    ],
)
def test_what_does_not_go_together_of_a_classifier(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as told:
        endpoint(**given)
    assert said in str(told.value)


@pytest.mark.parametrize(
    ("problem", "condition", "said"),
    [
        ("regression", "f1 < 0.8", "f1 is no metric of regression; those are rmse, mae, r2"),
        (
            "binary_classification",
            "rmse > 3",
            "rmse is no metric of binary_classification; those are accuracy,",
        ),
        (
            "multiclass_classification",
            "volume < 3 and auc < 0.8",
            "auc is no metric of multiclass_classification",
        ),
    ],
)
def test_a_condition_on_what_the_model_does_not_have(problem: str, condition: str, said: str) -> None:
    with pytest.raises(ValidationError) as told:
        endpoint(problem_type=problem, retrain=retrain(when=(condition,)))
    assert said in str(told.value)


@pytest.mark.parametrize("condition", ["accuracy < 0.9 * baseline", "recall < 0.5 or drift(a) > 0.2"])
def test_a_condition_on_a_classifier(condition: str) -> None:
    policy = retrain(when=(condition,), dry_run=True)
    found = endpoint(**QUALITY, prediction="is_old", retrain=policy)
    assert found.retrain is not None
    assert str(found.retrain.when[0]) == condition


@pytest.mark.parametrize(
    ("problem", "accept", "said"),
    [
        ("binary_classification", None, "judged by rmse < champion where accept says nothing, and rmse is"),
        ("multiclass_classification", "f1 > champion", "write accept: weighted_f1 > champion"),
        (
            "binary_classification",
            "auc > champion",
            "asks for auc, which probabilities alone tell; name",
        ),
        (None, "f1 > champion", "(a model is of regression where problem_type says nothing)"),
    ],
)
def test_a_challenger_is_judged_by_what_such_a_model_has(
    problem: str | None, accept: str | None, said: str
) -> None:
    policy = retrain(when=("drift(a) > 0.2",), **({"accept": accept} if accept else {}))
    given = {"problem_type": problem} if problem else {}
    with pytest.raises(ValidationError) as told:
        endpoint(ground_truth="s3://logs/labels", prediction="is_old", **given, retrain=policy)
    assert said in str(told.value)


@pytest.mark.parametrize("accept", ["f1 > champion and recall > 0.8", "auc > champion"])
def test_a_challenger_of_a_classifier_can_be_judged(accept: str) -> None:
    policy = retrain(when=("auc < 0.9 * baseline",), accept=accept)
    found = endpoint(**QUALITY, prediction="is_old", probability="p", retrain=policy)
    assert found.retrain is not None
    assert str(found.retrain.accept) == accept


def test_a_policy_that_only_decides_needs_no_word_on_challengers() -> None:
    for accept in ({}, {"accept": "rmse < champion"}):
        policy = retrain(when=("recall < 0.5 or auc < 0.8",), dry_run=True, **accept)
        assert endpoint(**QUALITY, prediction="is_old", retrain=policy).retrain is not None


def test_a_classifier_that_is_retrained_has_an_answer_with_a_name() -> None:
    policy = retrain(when=("drift(a) > 0.2",), accept="f1 > champion", judge="evaluation")
    with pytest.raises(ValidationError, match="retrains a classifier whose answer is not named"):
        endpoint(problem_type="BinaryClassification", retrain=policy)


@pytest.mark.parametrize(
    ("condition", "right"),
    [("auc > 0.9 * baseline", "auc < 0.9 * baseline"), ("rmse < 1.1 * baseline", "rmse > 1.1 * baseline")],
)
def test_a_trigger_that_is_true_of_a_good_model(condition: str, right: str) -> None:
    with pytest.raises(ValidationError, match=f"retrains a good model; write {re.escape(right)}"):
        retrain(when=(condition,))
    assert retrain(when=(f"volume > 100 and {condition}",)).when, "beside another it may be meant"


@pytest.mark.parametrize("condition", ["rmse < 0.5 * baseline", "r2 > 1.2 * baseline", "r2 > baseline"])
def test_a_trigger_that_no_good_model_meets_may_be_meant(condition: str) -> None:
    assert retrain(when=(condition,)).when


def test_a_trigger_on_probabilities_wants_some() -> None:
    with pytest.raises(ValidationError, match="asks for auc, which probabilities alone tell"):
        endpoint(**QUALITY, prediction="is_old", retrain=retrain(when=("auc < 0.8",), accept="f1 > champion"))


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ({"when": ("volume < 9", "rmse > 3 or volume > 3")}, "asks for rmse > 3 or volume > 3"),
        ({"cost": {"training": 10, "error": 1}}, "counts errors by rmse"),
    ],
)
def test_what_labels_alone_tell_is_asked_of_nobody_without_labels(given: dict[str, Any], asked: str) -> None:
    with pytest.raises(ValidationError, match=f"{asked}, which labels alone tell"):
        endpoint(retrain=retrain(**given))
    labelled = endpoint(ground_truth="s3://logs/labels", prediction="rings", retrain=retrain(**given))
    assert labelled.retrain is not None


@pytest.mark.parametrize(
    ("condition", "better"),
    [
        ("rmse > champion", "rmse is better when it is smaller; write rmse < champion"),
        ("rmse < champion and mae(test) >= 1.1 * champion", "write mae(test) < 1.1 * champion"),
        ("r2 < 0.5", "r2 is better when it is larger; write r2 > 0.5"),
    ],
)
def test_a_worse_challenger_is_not_what_is_to_be_accepted(condition: str, better: str) -> None:
    with pytest.raises(ValidationError) as told:
        retrain(accept=condition, training={"test": "s3://sets/test"})
    assert better in str(told.value)


def test_a_test_set_that_accept_asks_for_is_named() -> None:
    asked = "rmse < champion and rmse(test) < champion"
    with pytest.raises(ValidationError, match=r"asks for the test set, and training\.test names none"):
        retrain(accept=asked)
    assert retrain(accept=asked, training={"test": "s3://sets/test"}).training.test == "s3://sets/test"


@pytest.mark.parametrize(
    "condition", ["drifted_features_share > 30", "missing(a) >= 0.5 * 5", "rejected_share > 1"]
)
def test_a_share_is_never_more_than_one(condition: str) -> None:
    with pytest.raises(ValidationError, match="is never true: "):
        retrain(when=(condition,))
    assert retrain(when=("drifted_features_share < 30",)).when


@pytest.mark.parametrize("path", ["instances[", "a b", "", "a..b"])
def test_a_path_that_is_none_is_refused_by_name(path: str) -> None:
    with pytest.raises(ValidationError, match="for length, which is no JMESPath expression"):
        endpoint(fields={"length": path})


def test_paths_are_kept_as_they_were_written() -> None:
    fields = {"rings": "predictions[].score", "length": "instances[].size.length"}
    assert dict(endpoint(fields=fields).fields) == fields
    assert endpoint(fields=fields).digest != endpoint().digest


def test_jobs_are_not_retrained() -> None:
    assert endpoint(batch=True).batch
    with pytest.raises(ValidationError, match="has batch and retrain"):
        endpoint(batch=True, retrain=retrain())

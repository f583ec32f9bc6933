"""What was judged is in CloudWatch, once, by Model Monitor's names."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from config.model import Endpoint
from monitor import cloudwatch
from monitor.cloudwatch import MOST_BYTES, MOST_METRICS, CloudWatchError, requests
from monitor.delivery import due
from monitor.metric_values import MetricValue, StatisticSet
from monitor.rounds import Round
from store import metrics_outbox
from store.engine import reading
from tests.clock import HOUR, MINUTE, NOON
from tests.observing.conftest import Watch
from tests.observing.yard import records

NAMESPACE = "aws/sagemaker/Endpoints/data-metrics"
QUALITY = "aws/sagemaker/Endpoints/model-metrics"
LATER = NOON + 10 * MINUTE


def metrics(client: Any, namespace: str = NAMESPACE) -> set[str]:
    return {each["MetricName"] for each in client.list_metrics(Namespace=namespace)["Metrics"]}


def statistic(client: Any, name: str, kind: str, namespace: str = NAMESPACE) -> list[float]:
    found = client.get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[
            {"Name": "Endpoint", "Value": "abalone"},
            {"Name": "MonitoringSchedule", "Value": "kedge-AllTraffic"},
        ],
        StartTime=NOON - HOUR,
        EndTime=NOON + HOUR,
        Period=60,
        Statistics=[kind],
    )
    return [point[kind] for point in found["Datapoints"]]


def watched(watch: Watch, **cloud: Any) -> Endpoint:
    return watch.yard.endpoint(cloudwatch=cloud)


@pytest.fixture
def client(aws: str) -> Any:
    return boto3.client("cloudwatch")


def test_a_judged_window_is_told_by_the_names_of_model_monitor(watch: Watch, client: Any) -> None:
    given_records = records(1, NOON)
    watch.yard.capture("abalone", given_records)
    assert watch.fine(watched(watch), LATER).sent == 1
    assert metrics(client) == {
        *(f"feature_data_{name}" for name in ("rings", "length")),
        *(f"feature_non_null_{name}" for name in ("rings", "length", "sex")),
        *(f"feature_baseline_drift_{name}" for name in ("rings", "length", "sex")),
    }
    lengths = [record.length for record in given_records]
    assert statistic(client, "feature_data_length", "SampleCount") == [len(lengths)]
    assert statistic(client, "feature_data_length", "Sum") == [pytest.approx(sum(lengths))]
    assert statistic(client, "feature_data_length", "Minimum") == [min(lengths)]
    assert statistic(client, "feature_data_length", "Maximum") == [max(lengths)]
    assert statistic(client, "feature_non_null_sex", "Average") == [1.0]


def test_a_feature_that_holds_texts_now_has_no_data_to_tell(watch: Watch, client: Any) -> None:
    stray = replace(records(1, NOON)[0], length=math.nan)  # which is no number of deequ's
    watch.yard.capture("abalone", [stray, *records(1, NOON)[1:]])
    watch.fine(watched(watch), LATER)
    assert "feature_data_rings" in metrics(client)
    assert "feature_data_length" not in metrics(client)


def test_nothing_is_told_where_kedge_yaml_does_not_ask_for_it(watch: Watch, client: Any) -> None:
    watch.yard.capture("abalone", records(1, NOON))
    assert watch.fine(watch.yard.endpoint(), LATER).sent == 0
    assert metrics(client) == set()


def test_namespace_and_schedule_are_the_owners(watch: Watch, client: Any) -> None:
    watch.yard.capture("abalone", records(1, NOON))
    watch.fine(watched(watch, namespace="kedge/data", schedule="hourly"), LATER)
    (one,) = client.list_metrics(Namespace="kedge/data", MetricName="feature_data_length")["Metrics"]
    assert {each["Name"]: each["Value"] for each in one["Dimensions"]} == {
        "Endpoint": "abalone",
        "MonitoringSchedule": "hourly",
    }


def test_constraints_that_disable_emit_metrics_keep_them_back(watch: Watch, client: Any) -> None:
    place = watch.yard.place("baseline")
    constraints = json.loads(place.objects.read("constraints.json"))
    constraints["monitoring_config"]["emit_metrics"] = "Disabled"
    watch.yard.put("baseline", "constraints.json", json.dumps(constraints).encode())
    watch.yard.capture("abalone", records(1, NOON))
    watch.fine(watched(watch), LATER)
    assert metrics(client) == set()
    assert watch.fine(watched(watch), LATER).idle


def test_a_window_is_told_once_though_late_records_judge_it_again(watch: Watch, client: Any) -> None:
    watch.yard.capture("abalone", records(1, NOON))
    watch.fine(watched(watch), LATER)
    watch.yard.capture("abalone", records(2, NOON), name="late")
    assert watch.fine(watched(watch), LATER + MINUTE).sent == 0
    assert [execution.revision for execution in watch.judged()] == [2]
    assert statistic(client, "feature_data_length", "SampleCount") == [30]


def test_quality_is_told_by_its_snake_case_names(watch: Watch, client: Any) -> None:
    answered = records(1, NOON)
    watch.yard.capture("abalone", answered)
    watch.yard.labels(NOON, [(record.event_id, record.rings + 1) for record in answered])
    entry = watch.yard.endpoint(cloudwatch={}, ground_truth=f"{watch.yard.uri}/labels")
    assert watch.fine(entry, LATER).sent == 2
    assert metrics(client, QUALITY) == {"mae", "mse", "rmse", "r2"}
    assert statistic(client, "rmse", "Average", QUALITY) == [pytest.approx(1.0)]


def test_quality_is_told_once_enough_labels_are_there_to_say_it(watch: Watch, client: Any) -> None:
    answered = records(1, NOON)
    watch.yard.capture("abalone", answered)
    entry = watch.yard.endpoint(cloudwatch={}, ground_truth=f"{watch.yard.uri}/labels")
    first, *others = answered
    watch.yard.labels(NOON, [(first.event_id, first.rings + 1)])
    assert (watch.fine(entry, LATER).sent, metrics(client, QUALITY)) == (1, set())
    watch.yard.labels(NOON + MINUTE, [(record.event_id, record.rings + 100) for record in others])
    assert watch.fine(entry, LATER + MINUTE).sent == 1
    assert statistic(client, "mae", "Average", QUALITY) == [pytest.approx((1 + 29 * 100) / 30)]


@pytest.mark.parametrize(("labelled", "at_once"), [(19, False), (20, True)])
def test_quality_of_few_labels_waits_for_the_lateness(
    watch: Watch, client: Any, labelled: int, at_once: bool
) -> None:
    answered = records(1, NOON)
    watch.yard.capture("abalone", answered)
    entry = watch.yard.endpoint(cloudwatch={}, ground_truth=f"{watch.yard.uri}/labels", lateness="6h")
    watch.yard.labels(NOON, [(record.event_id, record.rings + 1) for record in answered[:labelled]])
    watch.fine(entry, LATER)
    assert ("rmse" in metrics(client, QUALITY)) is at_once
    watch.fine(entry, NOON + 5 * HOUR)
    assert ("rmse" in metrics(client, QUALITY)) is at_once
    watch.fine(entry, NOON + 7 * HOUR)
    assert statistic(client, "rmse", "Average", QUALITY) == [pytest.approx(1.0)]


def unreachable() -> Any:
    return boto3.client("cloudwatch", endpoint_url="http://127.0.0.1:9")


def observe(watch: Watch, at: datetime, to: Any) -> Round:
    """A round of a service that puts its metrics to this client."""
    watch.clock.at = at
    done = watch.observer(cloudwatch=lambda _role: to).observe(watched(watch))
    assert done is not None
    return done


def test_what_cloudwatch_does_not_take_is_told_and_sent_later(watch: Watch, client: Any) -> None:
    watch.yard.capture("abalone", records(1, NOON))
    first = observe(watch, LATER, unreachable())
    assert first.problem is not None
    assert "not in CloudWatch" in first.problem
    assert (first.judged, first.sent) == (1, 0)
    assert watch.monitor().problem == first.problem
    with reading(watch.engine) as connection:
        assert len(metrics_outbox.waiting(connection, watch.monitor().id, due(watched(watch), LATER))) == 1
    second = observe(watch, LATER + MINUTE, client)
    assert (second.problem, second.sent) == (None, 1)
    assert watch.monitor().problem is None
    assert len(metrics(client)) == 8
    assert observe(watch, LATER + 2 * MINUTE, client).idle


def test_a_request_that_is_refused_is_gone_on_with_where_it_stopped(
    watch: Watch, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloudwatch, "MOST_METRICS", 3)
    watch.yard.capture("abalone", records(1, NOON))
    told: list[tuple[str, ...]] = []

    class Failing:
        def put_metric_data(self, **given: Any) -> Any:
            if len(told) == 2:
                told.append(())
                return unreachable().put_metric_data(**given)
            told.append(tuple(each["MetricName"] for each in given["MetricData"]))
            return client.put_metric_data(**given)

    failing = Failing()
    assert observe(watch, LATER, failing).problem
    watch.yard.capture("abalone", records(2, NOON), name="late")  # another revision comes in between
    assert observe(watch, LATER + MINUTE, failing).problem is None
    names = [name for request in told for name in request]
    assert [len(request) for request in told] == [3, 3, 0, 2]
    assert len(set(names)) == len(names) == 8
    assert statistic(client, "feature_data_length", "SampleCount") == [30]


def test_windows_older_than_cloudwatch_takes_are_not_tried(watch: Watch, client: Any) -> None:
    entry = watch.yard.endpoint(cloudwatch={}, lateness="30d")
    watch.yard.capture("abalone", records(1, NOON))
    done = watch.fine(entry, NOON + 15 * 24 * HOUR)
    assert (done.judged, done.sent) == (1, 0)
    assert metrics(client) == set()


def test_another_account_is_told_in_the_entrys_role(watch: Watch, aws: str) -> None:
    role = "arn:aws:iam::222222222222:role/watcher"
    watch.yard.capture("abalone", records(1, NOON))
    watch.fine(watch.yard.endpoint(cloudwatch={}, role=role), LATER)
    assumed = boto3.client("sts").assume_role(RoleArn=role, RoleSessionName="look")["Credentials"]
    theirs = boto3.client(
        "cloudwatch",
        aws_access_key_id=assumed["AccessKeyId"],
        aws_secret_access_key=assumed["SecretAccessKey"],
        aws_session_token=assumed["SessionToken"],
    )
    assert "feature_data_length" in metrics(theirs)
    assert metrics(boto3.client("cloudwatch")) == set()


class Refusing:
    """A CloudWatch that answers by an error code, as boto3 raises it."""

    def __init__(self, code: str) -> None:
        self.code = code

    def put_metric_data(self, **_given: Any) -> Any:
        raise ClientError({"Error": {"Code": self.code, "Message": "no"}}, "PutMetricData")


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("AccessDenied", r"allow cloudwatch:PutMetricData where cloudwatch:namespace is aws/x"),
        ("InvalidParameterValue", r"give another by cloudwatch: \{namespace: …\}"),
        ("Throttling", "sent again at the next round"),
    ],
)
def test_a_refusal_says_what_to_change(code: str, says: str) -> None:
    with pytest.raises(CloudWatchError, match=says):
        cloudwatch.put(Refusing(code), "aws/x", [MetricValue("rmse", (), NOON, 1.0)])


VALUES = st.builds(
    MetricValue,
    name=st.text(min_size=1, max_size=255),
    dimensions=st.just((("Endpoint", "abalone"), ("MonitoringSchedule", "kedge-AllTraffic"))),
    at=st.just(NOON),
    value=st.one_of(st.floats(allow_nan=False), st.builds(StatisticSet, *[st.floats(allow_nan=False)] * 4)),
)


@given(st.lists(VALUES, max_size=20), st.integers(1, 300))
def test_requests_hold_everything_in_order_and_fit(found: list[MetricValue], times: int) -> None:
    every = found * times
    cut = list(requests(every))
    assert [value for request in cut for value in request] == every
    for request in cut:
        assert 0 < len(request) <= MOST_METRICS
        body = json.dumps([value.told() for value in request], default=str)
        assert len(body) <= MOST_BYTES + 2

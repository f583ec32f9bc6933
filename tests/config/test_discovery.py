"""What AWS says of the account's endpoints, asked of a SageMaker on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.discovery import DiscoveryError, EndpointFacts, VariantFacts, discover, look_up
from config.model import Discover
from tests.config.conftest import QUICK, REGION, Account, client_of

CAPTURE: dict[str, Any] = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 40,
    "DestinationS3Uri": "s3://logs/endpoint-data-capture",
    "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    "CaptureContentTypeHeader": {
        "CsvContentTypes": ["text/csv"],
        "JsonContentTypes": ["application/json", "application/jsonlines"],
    },
}


def baseline(
    folder: str, statistics: str = "statistics.json", constraints: str = "constraints.json"
) -> dict[str, Any]:
    def source(name: str) -> dict[str, str]:
        return {"ContentType": "application/json", "S3Uri": f"{folder}/{name}"}

    return {"ModelDataQuality": {"Statistics": source(statistics), "Constraints": source(constraints)}}


def names(account: Account, wanted: Discover) -> list[str]:
    return [each.name for each in discover(account.sagemaker, wanted)]


def test_an_account_without_endpoints_has_none(account: Account) -> None:
    assert discover(account.sagemaker, Discover()) == []


def test_endpoints_are_found_by_the_glob_of_their_name(account: Account) -> None:
    for name in ("prod-b", "prod-a", "test-a", "preprod-a", "Prod-c"):
        account.endpoint(name)
    assert names(account, Discover(name_glob="prod-*")) == ["prod-a", "prod-b"]
    assert names(account, Discover(name_glob="*prod-a")) == ["preprod-a", "prod-a"]
    assert names(account, Discover(name_glob="[pt]*-a")) == ["preprod-a", "prod-a", "test-a"]
    assert names(account, Discover(name_glob="prod-?")) == ["prod-a", "prod-b"]
    assert names(account, Discover(name_glob="nothing")) == []
    assert len(names(account, Discover())) == 5


def test_endpoints_are_found_by_all_of_their_tags(account: Account) -> None:
    account.endpoint("both", tags={"kedge": "on", "team": "shells", "more": "x"})
    account.endpoint("one", tags={"kedge": "on"})
    account.endpoint("off", tags={"kedge": "off", "team": "shells"})
    account.endpoint("none")
    assert names(account, Discover(tags=(("kedge", "on"),))) == ["both", "one"]
    assert names(account, Discover(tags=(("kedge", "on"), ("team", "shells")))) == ["both"]
    assert names(account, Discover(tags=(("kedge", "on"),), name_glob="o*")) == ["one"]


def test_a_found_endpoint_is_told_with_its_state_and_tags(account: Account) -> None:
    account.endpoint("prod-a", tags={"b": "2", "a": "1"})
    (found,) = discover(account.sagemaker, Discover(tags=(("a", "1"),)))
    assert (found.name, found.status, found.tags) == ("prod-a", "InService", (("a", "1"), ("b", "2")))
    assert found.arn.endswith(":endpoint/prod-a")
    assert found.last_modified.utcoffset() == timedelta(0)
    assert abs(found.last_modified - datetime.now(UTC)) < timedelta(minutes=5)


def test_tags_are_not_asked_for_where_none_are_wanted(account: Account) -> None:
    account.endpoint("prod-a", tags={"a": "1"})
    (found,) = discover(account.sagemaker, Discover())
    assert found.tags == ()


def test_a_list_of_several_pages_is_read_to_its_end(account: Account) -> None:
    for number in range(105):  # a page holds 100
        account.endpoint(f"e-{number:03}")
    assert names(account, Discover(name_glob="e-*")) == [f"e-{number:03}" for number in range(105)]


GLOB_NAMES = ["prod-a", "prod-b1", "a", "b-prod-b", "x1y"]


@pytest.fixture(scope="module")
def named(server: str) -> Account:
    made = Account(server, client_of(server))
    made.post("/moto-api/reset")
    made.model("a-model")
    for name in GLOB_NAMES:
        made.endpoint(name)
    return made


@given(glob=st.text(st.sampled_from("prodab-1*?[]!x"), min_size=1, max_size=8))
def test_narrowing_at_aws_never_loses_a_name(named: Account, glob: str) -> None:
    from fnmatch import fnmatchcase

    assert names(named, Discover(name_glob=glob)) == sorted(n for n in GLOB_NAMES if fnmatchcase(n, glob))


def test_an_endpoint_is_looked_up(account: Account) -> None:
    package = account.package("abalone", DriftCheckBaselines=baseline("s3://logs/baselining/results"))
    account.model("champion", ModelPackageName=package)
    account.endpoint("abalone", {"AllTraffic": "champion"}, CAPTURE)
    facts = look_up(account.sagemaker, "abalone")
    assert facts == EndpointFacts(
        name="abalone",
        status="InService",
        endpoint_config="abalone-config",
        capture_uri="s3://logs/endpoint-data-capture",
        sampling=40,
        variants=(VariantFacts("AllTraffic", "champion", package),),
        csv_types=("text/csv",),
        json_types=("application/json", "application/jsonlines"),
        statistics_uri="s3://logs/baselining/results/statistics.json",
        constraints_uri="s3://logs/baselining/results/constraints.json",
        last_modified=facts.last_modified,
    )
    assert facts.last_modified.utcoffset() == timedelta(0)
    assert facts.baseline == "s3://logs/baselining/results"
    assert facts.model_packages == (package,)


def test_each_variant_has_its_model_and_each_package_counts_once(account: Account) -> None:
    package = account.package("abalone", DriftCheckBaselines=baseline("s3://logs/b"))
    for name in ("one", "two"):
        account.model(name, ModelPackageName=package)
    account.endpoint("abalone", {"A": "one", "B": "two", "C": "a-model"}, CAPTURE)
    facts = look_up(account.sagemaker, "abalone")
    assert facts.variants == (
        VariantFacts("A", "one", package),
        VariantFacts("B", "two", package),
        VariantFacts("C", "a-model", None),
    )
    assert facts.model_packages == (package,)


def test_a_model_without_a_package_has_no_baseline(account: Account) -> None:
    account.endpoint("abalone", capture=CAPTURE)
    facts = look_up(account.sagemaker, "abalone")
    assert (facts.statistics_uri, facts.constraints_uri, facts.baseline) == (None, None, None)
    assert facts.model_packages == ()


def test_the_drift_checks_baseline_comes_before_the_models_metrics(account: Account) -> None:
    both = account.package(
        "both", DriftCheckBaselines=baseline("s3://logs/drift"), ModelMetrics=baseline("s3://logs/metrics")
    )
    one = account.package("one", ModelMetrics=baseline("s3://logs/metrics"))
    quality = {"Statistics": {"ContentType": "application/json", "S3Uri": "s3://logs/q/statistics.json"}}
    none = account.package("none", DriftCheckBaselines={"ModelQuality": quality})
    found = []
    for name, package in (("both", both), ("one", one), ("none", none)):
        account.model(name, ModelPackageName=package)
        account.endpoint(f"e-{name}", {"AllTraffic": name}, CAPTURE)
        found.append(look_up(account.sagemaker, f"e-{name}").baseline)
    assert found == ["s3://logs/drift", "s3://logs/metrics", None]


@pytest.mark.parametrize(
    ("statistics", "constraints", "folder"),
    [
        ("s3://b/x/statistics.json", "s3://b/x/constraints.json", "s3://b/x"),
        ("s3://b/x/statistics.json", "s3://b/y/constraints.json", None),
        ("s3://b/x/stats.json", "s3://b/x/constraints.json", None),
        ("s3://b/x/stats.json", "s3://b/x/limits.json", None),
        ("s3://b/x/statistics.json", None, None),
        (None, "s3://b/x/constraints.json", None),
        (None, None, None),
    ],
)
def test_a_baseline_is_a_folder_with_both_files(
    statistics: str | None, constraints: str | None, folder: str | None
) -> None:
    facts = EndpointFacts(
        "e", "InService", "c", None, 0, (), (), (), statistics, constraints, datetime.now(UTC)
    )
    assert facts.baseline == folder


def test_an_endpoint_that_captures_nothing_says_so(account: Account) -> None:
    account.endpoint("without")
    account.endpoint("off", capture={**CAPTURE, "EnableCapture": False})
    for name in ("without", "off"):
        facts = look_up(account.sagemaker, name)
        assert (facts.capture_uri, facts.sampling) == (None, 0)


def test_content_types_that_are_not_listed_are_none(account: Account) -> None:
    bare = {key: value for key, value in CAPTURE.items() if key != "CaptureContentTypeHeader"}
    account.endpoint("abalone", capture=bare)
    facts = look_up(account.sagemaker, "abalone")
    assert (facts.csv_types, facts.json_types) == ((), ())


def test_a_model_deleted_after_its_deployment_is_left_out(account: Account) -> None:
    account.model("gone", ModelPackageName=account.package("abalone"))
    account.endpoint("abalone", {"AllTraffic": "gone"}, CAPTURE)
    account.sagemaker.delete_model(ModelName="gone")
    assert look_up(account.sagemaker, "abalone").variants == (VariantFacts("AllTraffic", "gone", None),)


def refused(client: Any, name: str = "abalone") -> str:
    with pytest.raises(DiscoveryError) as caught:
        look_up(client, name)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


def test_an_unknown_endpoint_is_said(account: Account) -> None:
    sentence = refused(account.sagemaker, "nowhere")
    assert sentence.startswith(
        f"endpoint nowhere is not known in {REGION} (ValidationException: Could not find"
    )
    assert sentence.endswith("; check the name and the region")


def test_an_endpoint_config_deleted_under_its_endpoint_is_said(account: Account) -> None:
    account.endpoint("abalone", capture=CAPTURE)
    account.sagemaker.delete_endpoint_config(EndpointConfigName="abalone-config")
    assert refused(account.sagemaker).startswith(
        f"endpoint config abalone-config of endpoint abalone is not known in {REGION}"
    )


@contextmanager
def answering(status: int, code: str, message: str) -> Iterator[str]:
    """Refuses every request in the words of AWS's JSON protocol, which moto can't be made to say."""

    class Refusal(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = json.dumps({"__type": code, "Message": message}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Refusal) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        (
            400,
            "AccessDeniedException",
            "endpoint abalone: access denied in eu-west-1 (AccessDeniedException: told so); "
            "allow sagemaker:DescribeEndpoint to this role",
        ),
        (
            400,
            "ExpiredTokenException",
            "endpoint abalone: AWS does not take the credentials in eu-west-1 "
            "(ExpiredTokenException: told so); renew or correct them",
        ),
        (
            400,
            "ThrottlingException",
            "endpoint abalone: DescribeEndpoint failed in eu-west-1 "
            "(ThrottlingException: told so); try again later",
        ),
        (
            500,
            "InternalFailure",
            "endpoint abalone: DescribeEndpoint failed in eu-west-1 "
            "(InternalFailure: told so); try again later",
        ),
    ],
)
def test_what_aws_refuses_is_one_sentence(status: int, code: str, sentence: str) -> None:
    with answering(status, code, "told\n so.") as url:
        assert refused(client_of(url)) == sentence


def test_a_refused_list_names_its_operation() -> None:
    with (
        answering(400, "AccessDeniedException", "no") as url,
        pytest.raises(DiscoveryError, match="allow sagemaker:ListEndpoints"),
    ):
        discover(client_of(url), Discover())


def test_a_page_from_a_proxy_is_cut_short() -> None:
    with answering(502, "BadGateway", "<p>" * 5_000) as url:
        assert len(refused(client_of(url))) < 500


def test_an_aws_out_of_reach_is_said() -> None:
    with answering(400, "x", "y") as url:
        pass  # nobody listens there any more
    sentence = refused(client_of(url))
    assert sentence.startswith("endpoint abalone can't be asked for by DescribeEndpoint (Could not connect")
    assert sentence.endswith("; check network, region and credentials")


def test_missing_credentials_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with answering(400, "x", "y") as url:
        client = boto3.Session(region_name=REGION).client("sagemaker", endpoint_url=url, config=QUICK)
        assert "Unable to locate credentials" in refused(client)

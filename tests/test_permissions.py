"""The IAM policies of deploy/ allow exactly the calls that are made, on what they are made on."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from retrain.workflows.definition import definition
from retrain.workflows.job_machine import Jobs, job_definition
from tests.conftest import ROOT

POLICIES = sorted((ROOT / "deploy").glob("*.json"))
QUEUE = [ROOT / "monitor" / "notifications" / "queue.py"]
WORKFLOWS = sorted((ROOT / "retrain" / "workflows").glob("*.py"))
DAGS = sorted((ROOT / "retrain" / "workflows" / "dags").glob("*.py"))
TARGETS = ROOT / "retrain" / "targets"
OF_THEIR_OWN = [TARGETS / f"{name}.py" for name in ("sagemaker_pipelines", "codepipeline", "event_bridge")]
"""What only some need, with a policy for each."""
KEDGE = sorted(set((ROOT / "retrain").rglob("*.py")) - set(WORKFLOWS) - set(DAGS) - set(OF_THEIR_OWN))

IMPLIED = {"AddTags"}
"""Asked of whoever creates a thing with tags."""


def statements(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((ROOT / "deploy" / name).read_text())["Statement"]
    return found


def as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def allowed(name: str, service: str) -> set[str]:
    actions = {action for each in statements(name) for action in as_list(each["Action"])}
    return {action.partition(":")[2] for action in actions if action.startswith(f"{service}:")}


@cache
def operations(service: str) -> dict[str, str]:
    """boto3's method → the operation of AWS that it calls."""
    import botocore.session
    from botocore import xform_name

    model = botocore.session.get_session().get_service_model(service)
    return {xform_name(name): name for name in model.operation_names}


def names_in(tree: ast.AST) -> Iterator[str]:
    """What may be a call: attributes of clients, and the names that paginators are asked for by."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def called(paths: list[Path], service: str) -> set[str]:
    known = operations(service)
    trees = [ast.parse(path.read_text()) for path in paths]
    return {known[name] for tree in trees for name in names_in(tree) if name in known}


@pytest.mark.parametrize(
    ("service", "prefix", "policy", "paths"),
    [
        ("sagemaker", "sagemaker", "kedge-retraining-policy.json", KEDGE),
        ("stepfunctions", "states", "kedge-retraining-policy.json", KEDGE),
        ("ssm", "ssm", "kedge-retraining-policy.json", KEDGE),
        ("sagemaker", "sagemaker", "kedge-sagemaker-pipelines-policy.json", OF_THEIR_OWN[:1]),
        ("codepipeline", "codepipeline", "kedge-codepipeline-policy.json", OF_THEIR_OWN[1:2]),
        ("events", "events", "kedge-event-bridge-policy.json", OF_THEIR_OWN[2:3]),
        ("cloudwatch", "cloudwatch", "kedge-retraining-policy.json", KEDGE),
        ("sqs", "sqs", "worker-policy.json", WORKFLOWS),
        ("stepfunctions", "states", "worker-policy.json", WORKFLOWS),
        ("sqs", "sqs", "captures-policy.json", QUEUE),
        ("mwaa", "airflow", "kedge-mwaa-policy.json", KEDGE),
        ("glue", "glue", "airflow-dags-policy.json", DAGS),
        ("ssm", "ssm", "airflow-dags-policy.json", DAGS),
        ("codepipeline", "codepipeline", "airflow-dags-policy.json", DAGS),
    ],
)
def test_each_call_that_is_made_is_allowed_and_no_other(
    service: str, prefix: str, policy: str, paths: list[Path]
) -> None:
    implied = IMPLIED if policy == "kedge-retraining-policy.json" and service == "sagemaker" else set()
    # a batch of messages is allowed by the action on one
    found = {name.removesuffix("Batch") if service == "sqs" else name for name in called(paths, service)}
    assert found | implied == allowed(policy, prefix)
    assert allowed(policy, prefix)


def test_who_keeps_parts_of_an_answer_in_parameters_lets_kedge_do_what_is_done_to_them() -> None:
    outputs = ast.walk(ast.parse((TARGETS / "outputs.py").read_text()))
    used = {
        node.attr
        for node in outputs
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "parameter_store"
    }
    store = ast.parse((ROOT / "retrain" / "parameter_store.py").read_text())
    done = [node for node in store.body if isinstance(node, ast.FunctionDef) and node.name in used]
    known = operations("ssm")
    made = {known[name] for each in done for name in names_in(each) if name in known}
    assert made
    assert made == allowed("kedge-outputs-policy.json", "ssm")


def test_the_shipped_dags_may_do_to_sagemaker_what_they_do_and_nothing_else() -> None:
    # waiters ask by operations that the file does not name
    waited = {"DescribeProcessingJob"}
    made = called(DAGS, "sagemaker") | called(DAGS, "sagemaker-featurestore-runtime") | waited
    made -= called(DAGS, "codepipeline")  # whose StartPipelineExecution has a namesake
    assert made == allowed("airflow-dags-policy.json", "sagemaker")


def test_the_state_machine_may_do_what_its_definition_does_and_nothing_else() -> None:
    machine = json.loads(definition("https://queue"))
    resources = {state["Resource"] for state in machine["States"].values() if "Resource" in state}
    assert resources == {"arn:aws:states:::sqs:sendMessage.waitForTaskToken"}
    assert [each["Action"] for each in statements("state-machine-policy.json")] == ["sqs:SendMessage"]


def test_the_machine_of_jobs_may_do_what_its_definition_does_and_nothing_else() -> None:
    jobs = Jobs("role", "image", "serving", "module:Class", "GROUP", "s3://BUCKET/OUTPUT")
    states = json.loads(job_definition(jobs))["States"]
    tasks = [each for each in states.values() if each["Type"] == "Task"]
    wanted, rules = {"iam:PassRole"}, set()
    for task in tasks:
        service, call = task["Resource"].removeprefix("arn:aws:states:::").removeprefix("aws-sdk:").split(":")
        name = call.removesuffix(".sync")
        wanted.add(f"{service}:{name[0].upper()}{name[1:]}")
        if call.endswith(".sync"):  # AWS's page on SageMaker in Step Functions has what that takes
            thing = name.removeprefix("create")
            wanted |= {
                f"sagemaker:{verb}" for verb in (f"Describe{thing}", f"Stop{thing}", "AddTags", "ListTags")
            }
            wanted |= {"events:PutTargets", "events:PutRule", "events:DescribeRule"}
            rules.add(f"StepFunctionsGetEventsForSageMaker{thing}sRule")
    found = statements("sagemaker-machine-policy.json")
    assert {action for each in found for action in as_list(each["Action"])} == wanted
    by_sid = {each["Sid"]: each for each in found}
    assert {each.rpartition("/")[2] for each in by_sid["HearThatAJobIsOver"]["Resource"]} == rules
    key = states["ReadEvaluation"]["Parameters"]["Key.$"].split("'")[1].replace("{}", "*")
    assert by_sid["ReadTheEvaluation"]["Resource"] == f"arn:aws:s3:::BUCKET/{key}"
    assert by_sid["GiveTheJobsTheirRole"]["Condition"] == {
        "StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}
    }


TIED_TO_NOTHING = {"sagemaker:ListModelPackages", "ecr:GetAuthorizationToken"}
"""What AWS ties to no resource."""


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.name)
def test_a_policy_is_of_iams_form(path: Path) -> None:
    policy = json.loads(path.read_text())
    assert set(policy) == {"Version", "Statement"}
    assert policy["Version"] == "2012-10-17"
    for each in policy["Statement"]:
        assert each["Effect"] == "Allow"
        assert set(each) <= {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}
        # a role's trust names who, an identity's policy what; a queue's own names both
        of_a_queue = path.name.endswith("-queue-policy.json")
        assert ("Principal" in each, "Resource" in each) in (
            [(True, True)] if of_a_queue else [(True, False), (False, True)]
        )
        assert re.fullmatch(r"[A-Za-z0-9]*", each.get("Sid", ""))
    identifiers = [each["Sid"] for each in policy["Statement"] if "Sid" in each]
    assert len(set(identifiers)) == len(identifiers)


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.name)
def test_a_policy_gives_no_more_than_is_needed(path: Path) -> None:
    for each in json.loads(path.read_text())["Statement"]:
        assert not any("*" in action for action in as_list(each["Action"]))
        if as_list(each.get("Resource", [])) == ["*"]:
            assert each["Action"] in TIED_TO_NOTHING


@pytest.mark.parametrize("kind", ["sagemaker-pipelines", "codepipeline", "event-bridge"])
def test_an_answer_in_the_folder_is_looked_for_by_listing_the_folder_alone(kind: str) -> None:
    (listing,) = [
        each for each in statements(f"kedge-{kind}-policy.json") if each["Action"] == "s3:ListBucket"
    ]
    assert listing["Condition"] == {"StringLike": {"s3:prefix": "OUTPUT/*"}}
    assert allowed(f"kedge-{kind}-policy.json", "s3") == {"ListBucket"}
    assert {"GetObject", "PutObject"} <= allowed("kedge-retraining-policy.json", "s3")


def test_a_spark_job_may_do_to_s3_what_kedge_does_and_nothing_else() -> None:
    implied = {"ListBucket"}  # what ListObjectsV2 asks for, and a GetObject of what is not there
    assert called(sorted((ROOT / "objects").glob("*.py")), "s3") - {
        "ListObjectsV2",
        "HeadObject",
    } | implied == allowed("spark-job-policy.json", "s3")
    assert allowed("spark-job-policy.json", "sagemaker") == {"DescribeEndpoint"}


def test_what_kedge_makes_is_called_after_it_and_a_role_goes_to_sagemaker_alone() -> None:
    by_action = {
        action: each
        for each in statements("kedge-retraining-policy.json")
        for action in as_list(each["Action"])
    }
    for action in ("sagemaker:CreateModel", "sagemaker:CreateEndpointConfig"):
        assert all(resource.endswith("/kedge-*") for resource in by_action[action]["Resource"])
    passing = by_action["iam:PassRole"]
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    assert "*" not in passing["Resource"]
    executions = by_action["states:DescribeExecution"]["Resource"]
    assert ":execution:" in executions, "executions are resources of their own"
    assert ":stateMachine:" in by_action["states:StartExecution"]["Resource"]


def test_every_policy_is_named_in_the_docs() -> None:
    pages = "".join((ROOT / "docs" / name).read_text() for name in ("retraining.md", "aws.md", "spark.md"))
    assert POLICIES
    for path in POLICIES:
        assert f"(../deploy/{path.name})" in pages

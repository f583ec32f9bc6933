"""What a look at retraining says where AWS answers that it may not look."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

import config.targets
from config.findings import Finding, State, refused
from objects import Place, open_place
from retrain.examination.output import of_output
from retrain.examination.registry import of_group
from retrain.examination.target import of_target
from retrain.targets import open_target

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:retrain"


@pytest.fixture
def denying(aws: str) -> Callable[[str, str], Any]:
    """A client of a service that is denied one operation."""

    def client(service: str, operation: str) -> Any:
        made = boto3.client(service)
        stub = Stubber(made)
        code = "AccessDenied" if service == "s3" else "AccessDeniedException"
        told = "User: arn:aws:iam::1:user/kedge is not authorized"
        stub.add_client_error(operation, code, told, http_status_code=403)
        stub.activate()
        return made

    return client


def looked_for(target: dict[str, Any], client: Any) -> Finding:
    named = config.targets.Target.model_validate(target)
    return of_target(named, lambda each: open_target(each, lambda _: client, Path()))


def test_a_right_that_the_look_alone_needs_is_no_fault(denying: Callable[[str, str], Any]) -> None:
    found = looked_for({"step_functions": MACHINE}, denying("stepfunctions", "describe_state_machine"))
    assert found.state is State.SKIPPED
    assert "AccessDeniedException: this check alone asks so" in found.said


def test_a_right_that_a_run_needs_too_is_one(denying: Callable[[str, str], Any]) -> None:
    mwaa = {"mwaa": {"environment": "acme", "dag": "retrain"}}
    found = looked_for(mwaa, denying("mwaa", "invoke_rest_api"))
    assert (found.state, "the IAM policy" in str(found.change)) == (State.WRONG, True)
    found = of_group(denying("sagemaker", "describe_model_package_group"), "abalone")
    assert found.state is State.WRONG
    assert found.change == "check it, and that sagemaker:DescribeModelPackageGroup is allowed"


def test_what_s3_denies_may_only_not_be_there(denying: Callable[[str, str], Any]) -> None:
    def opened(operation: str) -> Callable[[str], Place]:
        return lambda uri: open_place(uri, denying("s3", operation))

    assert of_output("s3://logs/runs", opened("get_object"), write=False).state is State.SKIPPED
    assert of_output("s3://logs/runs", opened("put_object"), write=True).state is State.WRONG


def test_a_folder_of_this_machine_is_made_by_the_first_run(tmp_path: Path) -> None:
    assert of_output(f"file://{tmp_path}/runs", open_place, write=False).state is State.OK
    (tmp_path / "file").touch()
    assert of_output(f"file://{tmp_path}/file/runs", open_place, write=True).state is State.WRONG


@pytest.mark.parametrize(
    ("sentence", "said", "change"),
    [
        ("there is no bucket a (for s3://a/b/): check it: now",
         "there is no bucket a (for s3://a/b/)", "check it: now"),
        ("it was refused (Denied: User: x): ask", "it was refused (Denied: User: x)", "ask"),
        ("nobody knows", "nobody knows", "see the message"),
    ],
)  # fmt: skip
def test_advice_is_what_stands_behind_the_first_colon(sentence: str, said: str, change: str) -> None:
    found = refused("x", ValueError(sentence))
    assert (found.said, found.change) == (said, change)

"""The rollout: a new model behind the same endpoint, capture still on, once, and the way back."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from config.rollout import Rollout
from demo import missing_operations
from retrain import rollout
from retrain.rollout import Failed, InService, Plan, RolloutError, Updating
from tests.faults import Fault, FaultyAws

ENDPOINT, OLD, NAME, GROUP = "abalone-prod-endpoint", "abalone-prod-endpoint-1", "kedge-abalone-1", "Abalone"
ROLE = "arn:aws:iam::123456789012:role/abalone"
ALL_AT_ONCE, CANARY, NONE = (Rollout.parse(text) for text in ("all-at-once", "canary 10% for 30m", "none"))
CAPTURE = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": "s3://logs/endpoint-data-capture",
    "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]},
}
NETWORK = {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}
SLOW = 3.0
"""Seconds that an update takes which a test must meet while it goes on."""
KEY = "arn:aws:kms:eu-west-1:123456789012:key/k"


def variant(name: str, model: str) -> dict[str, Any]:
    return {
        "VariantName": name,
        "ModelName": model,
        "InitialInstanceCount": 2,
        "InstanceType": "ml.c5.large",
        "InitialVariantWeight": 1.0,
        "ContainerStartupHealthCheckTimeoutInSeconds": 300,
    }


def registered(sagemaker: Any) -> str:
    container = {"Image": "image", "ModelDataUrl": "s3://logs/model.tar.gz"}
    spec = {"Containers": [container], "SupportedContentTypes": [], "SupportedResponseMIMETypes": []}
    sagemaker.create_model_package_group(ModelPackageGroupName=GROUP, ModelPackageGroupDescription="d")
    package = sagemaker.create_model_package(ModelPackageGroupName=GROUP, InferenceSpecification=spec)
    return str(package["ModelPackageArn"])


def serving(aws: FaultyAws, *variants: dict[str, Any]) -> str:
    """An endpoint in service; the ARN of a package that waits to take over."""
    sagemaker = aws.direct.client("sagemaker")
    package = registered(sagemaker)
    container = {"Image": "image", "ModelDataUrl": "s3://logs/old.tar.gz"}
    for model in ("old-model", "other-model"):
        sagemaker.create_model(
            ModelName=model, ExecutionRoleArn=ROLE, PrimaryContainer=container, VpcConfig=NETWORK
        )
    sagemaker.create_endpoint_config(
        EndpointConfigName=OLD,
        ProductionVariants=list(variants) or [variant("AllTraffic", "old-model")],
        DataCaptureConfig=CAPTURE,
        KmsKeyId=KEY,
    )
    sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=OLD)
    settled(aws)
    return package


def settled(aws: FaultyAws) -> InService:
    deadline = time.monotonic() + 20
    while isinstance(found := rollout.state(aws.direct.client("sagemaker"), ENDPOINT), Updating):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert isinstance(found, InService)
    return found


def planned(aws: FaultyAws, package: str, how: Rollout = ALL_AT_ONCE, **given: Any) -> Plan:
    usual: dict[str, Any] = {"run_name": NAME, "endpoint": ENDPOINT, "variants": ["AllTraffic"]}
    return rollout.plan(aws.client("sagemaker"), **(usual | given), package=package, rollout=how)


def carry_out(aws: FaultyAws, plan: Plan) -> None:
    sagemaker = aws.client("sagemaker")
    rollout.create_model(sagemaker, plan.model)
    rollout.create_config(sagemaker, plan.config)
    if plan.update is not None:
        rollout.update(sagemaker, plan.update, instead_of=plan.old_config)


def config_of(aws: FaultyAws, name: str) -> dict[str, Any]:
    found: dict[str, Any] = aws.direct.client("sagemaker").describe_endpoint_config(EndpointConfigName=name)
    return found


def test_the_new_model_is_in_service_and_capture_still_on(faulty_aws: FaultyAws) -> None:
    package = serving(faulty_aws)
    before = datetime.now(UTC)
    carry_out(faulty_aws, planned(faulty_aws, package))
    sagemaker = faulty_aws.client("sagemaker")
    found = settled(faulty_aws)
    assert (found.config, found.failure) == (NAME, None)
    assert found.since > before - timedelta(seconds=1)
    endpoint = sagemaker.describe_endpoint(EndpointName=ENDPOINT)
    assert endpoint["DataCaptureConfig"]["CaptureStatus"] == "Started"
    assert endpoint["DataCaptureConfig"]["DestinationS3Uri"] == CAPTURE["DestinationS3Uri"]
    model = sagemaker.describe_model(ModelName=NAME)
    assert model["Containers"] == [{"ModelPackageName": package}]
    assert (model["ExecutionRoleArn"], model["VpcConfig"]) == (ROLE, NETWORK)


def test_the_new_config_is_the_old_one_with_another_model(faulty_aws: FaultyAws) -> None:
    carry_out(faulty_aws, planned(faulty_aws, serving(faulty_aws)))
    old, new = config_of(faulty_aws, OLD), config_of(faulty_aws, NAME)
    assert new["ProductionVariants"] == [variant("AllTraffic", NAME)]
    assert new["DataCaptureConfig"] == CAPTURE
    own = {
        "EndpointConfigName",
        "EndpointConfigArn",
        "CreationTime",
        "ProductionVariants",
        "ResponseMetadata",
    }
    assert {name: old[name] for name in old.keys() - own} == {name: new[name] for name in new.keys() - own}
    assert new["KmsKeyId"] == KEY


def test_other_variants_keep_their_model(faulty_aws: FaultyAws) -> None:
    package = serving(faulty_aws, variant("AllTraffic", "old-model"), variant("Other", "other-model"))
    plan = planned(faulty_aws, package)
    assert [(each["VariantName"], each["ModelName"]) for each in plan.config["ProductionVariants"]] == [
        ("AllTraffic", NAME),
        ("Other", "other-model"),
    ]


def replaced(aws: FaultyAws, **model: Any) -> None:
    """The model that the endpoint has, made anew: with other containers, or tags."""
    sagemaker = aws.direct.client("sagemaker")
    sagemaker.delete_model(ModelName="old-model")
    sagemaker.create_model(ModelName="old-model", ExecutionRoleArn=ROLE, **model)


SCRIPT = {"SAGEMAKER_PROGRAM": "inference.py", "MODEL_SERVER_WORKERS": "4"}


def test_what_the_present_container_sets_is_carried_over(faulty_aws: FaultyAws) -> None:
    package = serving(faulty_aws)
    replaced(faulty_aws, PrimaryContainer={"Image": "image", "Environment": SCRIPT})
    plan = planned(faulty_aws, package)
    assert plan.model["Containers"] == [{"ModelPackageName": package, "Environment": SCRIPT}]
    carry_out(faulty_aws, plan)
    carry_out(faulty_aws, plan)
    assert faulty_aws.client("sagemaker").describe_model(ModelName=NAME)["Containers"] == [
        {"ModelPackageName": package, "Environment": SCRIPT}
    ]


def of_package(sagemaker: Any, *environments: dict[str, str]) -> str:
    containers = [{"Image": "image", "Environment": each} for each in environments]
    spec = {"Containers": containers, "SupportedContentTypes": [], "SupportedResponseMIMETypes": []}
    package = sagemaker.create_model_package(ModelPackageGroupName=GROUP, InferenceSpecification=spec)
    return str(package["ModelPackageArn"])


def test_what_a_workflow_set_in_its_own_package_stays(faulty_aws: FaultyAws) -> None:
    serving(faulty_aws)
    sagemaker = faulty_aws.direct.client("sagemaker")
    old = of_package(sagemaker, {"WORKERS": "1", "CODE": "one"})
    replaced(
        faulty_aws,
        Containers=[{"ModelPackageName": old, "Environment": {"WORKERS": "4", "CODE": "own", "LOG": "1"}}],
    )
    new = of_package(sagemaker, {"WORKERS": "1", "CODE": "two"})
    (container,) = planned(faulty_aws, new).model["Containers"]
    assert container["Environment"] == {"WORKERS": "4", "LOG": "1"}


def test_a_pipeline_is_not_replaced_by_one_of_its_containers(faulty_aws: FaultyAws) -> None:
    package = serving(faulty_aws)
    replaced(faulty_aws, Containers=[{"Image": "first"}, {"Image": "second"}])
    with pytest.raises(RolloutError, match=r"is a pipeline of 2 containers and .* has 1: have") as told:
        planned(faulty_aws, package)
    assert not told.value.retryable
    pipeline = of_package(faulty_aws.direct.client("sagemaker"), {}, {})
    assert planned(faulty_aws, pipeline).model["Containers"] == [{"ModelPackageName": pipeline}]


def test_containers_that_are_called_directly_stay_so(faulty_aws: FaultyAws) -> None:
    """Of several containers a model made without it is a serial one, and answers no direct invocation."""
    serving(faulty_aws)
    replaced(faulty_aws, Containers=[{"Image": "first"}, {"Image": "second"}])
    pipeline = of_package(faulty_aws.direct.client("sagemaker"), {}, {})
    sagemaker = faulty_aws.client("sagemaker")
    direct = {"Mode": "Direct"}

    def tell(parsed: dict[str, Any], **_: Any) -> None:  # the AWS on loopback keeps no such thing
        parsed["InferenceExecutionConfig"] = direct

    sagemaker.meta.events.register("after-call.sagemaker.DescribeModel", tell)
    plan = rollout.plan(
        sagemaker,
        run_name=NAME,
        endpoint=ENDPOINT,
        variants=["AllTraffic"],
        package=pipeline,
        rollout=ALL_AT_ONCE,
    )
    assert plan.model["InferenceExecutionConfig"] == direct
    for _ in range(2):
        rollout.create_model(sagemaker, plan.model)


TAGS = [{"Key": "team", "Value": "shellfish"}]


def test_tags_are_carried_over(faulty_aws: FaultyAws) -> None:
    package = serving(faulty_aws)
    replaced(
        faulty_aws,
        PrimaryContainer={"Image": "image"},
        Tags=[*TAGS, {"Key": "aws:cloudformation:stack-name", "Value": "abalone"}],
    )
    plan = planned(faulty_aws, package)
    assert (plan.model["Tags"], plan.config.get("Tags")) == (TAGS, None)
    carry_out(faulty_aws, plan)
    carry_out(faulty_aws, plan)
    sagemaker = faulty_aws.client("sagemaker")
    arn = sagemaker.describe_model(ModelName=NAME)["ModelArn"]
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == TAGS


def test_tags_that_may_not_be_read_are_left(faulty_aws: FaultyAws) -> None:
    package = serving(faulty_aws)
    replaced(faulty_aws, PrimaryContainer={"Image": "image"}, Tags=TAGS)
    sagemaker = faulty_aws.client("sagemaker")

    def refuse(**_: Any) -> None:
        answer = {"Error": {"Code": "AccessDeniedException", "Message": "no ListTags"}}
        raise ClientError(answer, "ListTags")

    sagemaker.meta.events.register("before-sign.sagemaker.ListTags", refuse)
    plan = rollout.plan(
        sagemaker,
        run_name=NAME,
        endpoint=ENDPOINT,
        variants=["AllTraffic"],
        package=package,
        rollout=ALL_AT_ONCE,
    )
    assert "Tags" not in plan.model


def test_all_that_can_be_carried_over_is() -> None:
    shadow = [variant("Shadow", "shadow-model")]
    present = {
        "EndpointConfigName": OLD,
        "EndpointConfigArn": "arn",
        "CreationTime": datetime.now(UTC),
        "ResponseMetadata": {"HTTPStatusCode": 200},
        "ProductionVariants": [variant("AllTraffic", "old-model")],
        "ShadowProductionVariants": shadow,
        "DataCaptureConfig": CAPTURE,
        "AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://logs/async"}},
        "ExplainerConfig": {"ClarifyExplainerConfig": {}},
        "VpcConfig": NETWORK,
        "EnableNetworkIsolation": False,
        "ExecutionRoleArn": ROLE,
        "SomethingNew": {"a": 1},
    }
    import boto3

    client = boto3.client("sagemaker", region_name="eu-west-1")
    found = rollout.config_request(NAME, present, ["AllTraffic"], rollout.config_parameters(client))
    assert found == {
        "EndpointConfigName": NAME,
        "ProductionVariants": [variant("AllTraffic", NAME)],
        **{
            name: present[name]
            for name in (
                "ShadowProductionVariants",
                "DataCaptureConfig",
                "AsyncInferenceConfig",
                "ExplainerConfig",
                "VpcConfig",
                "EnableNetworkIsolation",
                "ExecutionRoleArn",
            )
        },
    }
    assert present["ProductionVariants"] == [variant("AllTraffic", "old-model")]


def test_a_canary_takes_its_share_for_its_time(faulty_aws: FaultyAws) -> None:
    plan = planned(faulty_aws, serving(faulty_aws), CANARY)
    carry_out(faulty_aws, plan)
    settled(faulty_aws)
    endpoint = faulty_aws.client("sagemaker").describe_endpoint(EndpointName=ENDPOINT)
    assert endpoint["LastDeploymentConfig"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"] == {
        "Type": "CANARY",
        "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10},
        "WaitIntervalInSeconds": 1800,
    }


def test_an_update_keeps_the_instances_and_weights_of_the_moment() -> None:
    request = rollout.update_request(ENDPOINT, NAME, ALL_AT_ONCE)
    assert request is not None
    assert request["RetainAllVariantProperties"] is True
    routing = request["DeploymentConfig"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert routing["Type"] == "ALL_AT_ONCE"


def test_no_rollout_leaves_the_endpoint_alone(faulty_aws: FaultyAws) -> None:
    plan = planned(faulty_aws, serving(faulty_aws), NONE)
    carry_out(faulty_aws, plan)
    assert plan.update is None
    assert settled(faulty_aws).config == OLD
    assert faulty_aws.seen("UpdateEndpoint") == 0


def test_planning_changes_nothing_and_can_be_kept_as_text(faulty_aws: FaultyAws) -> None:
    plan = planned(faulty_aws, serving(faulty_aws))
    assert Plan.read(plan.text()) == plan
    assert (plan.old_config, plan.new_config) == (OLD, NAME)
    assert plan.text() == Plan.read(plan.text()).text()
    assert all(
        faulty_aws.seen(name) == 0 for name in ("CreateModel", "CreateEndpointConfig", "UpdateEndpoint")
    )


def test_twice_is_once_while_it_goes_on_and_when_it_is_done(faulty_aws: FaultyAws) -> None:
    plan = planned(faulty_aws, serving(faulty_aws))
    carry_out(faulty_aws, plan)
    carry_out(faulty_aws, plan)
    settled(faulty_aws)
    carry_out(faulty_aws, plan)
    assert faulty_aws.seen("UpdateEndpoint") == 1
    assert settled(faulty_aws).config == NAME


@pytest.mark.parametrize("fault", [Fault.DROP, Fault.LATE_FAIL, Fault.THROTTLE, Fault.REFUSE])
@pytest.mark.parametrize("operation", ["CreateModel", "CreateEndpointConfig", "UpdateEndpoint"])
def test_it_goes_on_where_a_call_was_lost(faulty_aws: FaultyAws, operation: str, fault: Fault) -> None:
    plan = planned(faulty_aws, serving(faulty_aws))
    faulty_aws.meets(operation, fault)
    with pytest.raises(RolloutError) as failed:
        carry_out(faulty_aws, plan)
    assert failed.value.retryable
    carry_out(faulty_aws, plan)
    assert settled(faulty_aws).config == NAME
    took_effect = fault in (Fault.DROP, Fault.LATE_FAIL)
    assert faulty_aws.seen("UpdateEndpoint") == (
        2 if operation == "UpdateEndpoint" and not took_effect else 1
    )


def test_a_model_of_that_name_with_other_content_is_not_ours(faulty_aws: FaultyAws) -> None:
    plan = planned(faulty_aws, serving(faulty_aws))
    faulty_aws.direct.client("sagemaker").create_model(
        ModelName=NAME, ExecutionRoleArn=ROLE, Containers=[{"Image": "other"}]
    )
    with pytest.raises(
        RolloutError, match=f"another model {NAME} already, with another Containers"
    ) as refused:
        carry_out(faulty_aws, plan)
    assert not refused.value.retryable


def test_a_config_of_that_name_without_capture_is_not_ours(faulty_aws: FaultyAws) -> None:
    plan = planned(faulty_aws, serving(faulty_aws))
    rollout.create_model(faulty_aws.client("sagemaker"), plan.model)
    faulty_aws.direct.client("sagemaker").create_endpoint_config(
        EndpointConfigName=NAME, ProductionVariants=plan.config["ProductionVariants"], KmsKeyId=KEY
    )
    with pytest.raises(
        RolloutError, match=f"another endpoint config {NAME} already, with another DataCapture"
    ):
        carry_out(faulty_aws, plan)
    assert settled(faulty_aws).config == OLD


def test_a_call_that_sagemaker_refuses_is_told_with_its_reason(faulty_aws: FaultyAws) -> None:
    plan = planned(faulty_aws, serving(faulty_aws))
    wrong = plan.config | {"ProductionVariants": [variant("AllTraffic", NAME) | {"InstanceType": "ml.none"}]}
    with pytest.raises(
        RolloutError, match=f"CreateEndpointConfig of endpoint config {NAME} .*ml.none"
    ) as refused:
        rollout.create_config(faulty_aws.client("sagemaker"), wrong)
    assert not refused.value.retryable


def another_config(faulty_aws: FaultyAws, name: str = "somebody-elses") -> None:
    present = config_of(faulty_aws, OLD)
    faulty_aws.direct.client("sagemaker").create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=present["ProductionVariants"]
    )
    faulty_aws.direct.client("sagemaker").update_endpoint(EndpointName=ENDPOINT, EndpointConfigName=name)


def test_somebody_elses_deployment_is_not_undone(faulty_aws: FaultyAws) -> None:
    plan = planned(faulty_aws, serving(faulty_aws))
    missing_operations.install(SLOW)
    another_config(faulty_aws)
    assert isinstance(rollout.state(faulty_aws.client("sagemaker"), ENDPOINT), Updating)
    with pytest.raises(RolloutError, match="is being updated by somebody else") as busy:
        carry_out(faulty_aws, plan)
    assert busy.value.retryable
    settled(faulty_aws)
    with pytest.raises(
        RolloutError, match="runs somebody-elses by now, which somebody else deployed"
    ) as gone:
        carry_out(faulty_aws, plan)
    assert not gone.value.retryable
    assert faulty_aws.seen("UpdateEndpoint") == 0


def test_back_to_the_earlier_config_once(faulty_aws: FaultyAws) -> None:
    plan = planned(faulty_aws, serving(faulty_aws))
    carry_out(faulty_aws, plan)
    settled(faulty_aws)
    sagemaker = faulty_aws.client("sagemaker")
    for _ in range(3):
        rollout.roll_back(sagemaker, ENDPOINT, OLD, NAME)
    assert settled(faulty_aws).config == OLD
    rollout.roll_back(sagemaker, ENDPOINT, OLD, NAME)
    assert faulty_aws.seen("UpdateEndpoint") == 2
    assert config_of(faulty_aws, OLD)["DataCaptureConfig"] == CAPTURE


def test_the_way_back_leaves_somebody_elses_deployment_alone(faulty_aws: FaultyAws) -> None:
    carry_out(faulty_aws, planned(faulty_aws, serving(faulty_aws)))
    settled(faulty_aws)
    another_config(faulty_aws)
    settled(faulty_aws)
    with pytest.raises(RolloutError, match="which somebody else deployed"):
        rollout.roll_back(faulty_aws.client("sagemaker"), ENDPOINT, OLD, NAME)
    assert settled(faulty_aws).config == "somebody-elses"
    rollout.roll_back(faulty_aws.client("sagemaker"), ENDPOINT, OLD)
    assert settled(faulty_aws).config == OLD


@pytest.mark.parametrize("variants", [["Unknown"], []])
def test_a_variant_that_is_not_there_is_told(faulty_aws: FaultyAws, variants: list[str]) -> None:
    package = serving(faulty_aws)
    with pytest.raises(RolloutError, match="variant") as refused:
        planned(faulty_aws, package, variants=variants)
    assert not refused.value.retryable


def test_an_endpoint_that_is_not_there_is_told(faulty_aws: FaultyAws) -> None:
    with pytest.raises(RolloutError, match="DescribeEndpoint of endpoint gone"):
        rollout.state(faulty_aws.client("sagemaker"), "gone")


NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ({"EndpointStatus": "Creating"}, Updating()),
        ({"EndpointStatus": "Updating"}, Updating()),
        ({"EndpointStatus": "SystemUpdating"}, Updating()),
        ({"EndpointStatus": "RollingBack", "FailureReason": "alarm"}, Updating()),
        ({"EndpointStatus": "InService"}, InService(OLD, NOW)),
        ({"EndpointStatus": "InService", "FailureReason": "no capacity"}, InService(OLD, NOW, "no capacity")),
        ({"EndpointStatus": "Failed", "FailureReason": "no health"}, Failed("Failed: no health")),
        ({"EndpointStatus": "UpdateRollbackFailed"}, Failed("UpdateRollbackFailed")),
        ({"EndpointStatus": "OutOfService"}, Failed("OutOfService")),
        ({"EndpointStatus": "Deleting"}, Failed("Deleting")),
    ],
)
def test_what_aws_says_of_an_endpoint(answer: dict[str, Any], state: rollout.State) -> None:
    assert rollout.state_of({**answer, "EndpointConfigName": OLD, "LastModifiedTime": NOW}) == state

"""The account's endpoints: which there are, and what AWS says of one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC
from fnmatch import fnmatchcase
from typing import Any

from botocore.exceptions import ClientError

from config.asking import Answer, SageMakerClient, asking, is_unknown
from config.entries import add_entry, endpoint_of, entry_yaml
from config.facts import DiscoveredEndpoint, DiscoveryError, EndpointFacts, VariantFacts
from config.model import Discover

__all__ = [
    "DiscoveredEndpoint",
    "DiscoveryError",
    "EndpointFacts",
    "VariantFacts",
    "add_entry",
    "discover",
    "endpoint_of",
    "entry_yaml",
    "look_up",
]

_LITERAL = re.compile(r"[A-Za-z0-9-]+", re.ASCII)


def discover(client: SageMakerClient, wanted: Discover) -> list[DiscoveredEndpoint]:
    """The endpoints whose name fits the glob (case counts) and that carry every wanted tag, by name.

    One ListEndpoints a page, and one ListTags for each endpoint whose name fits, where tags are wanted.

    Raises:
        DiscoveryError: where AWS refuses or can't be reached.
    """
    literal = _longest_literal(wanted.name_glob)
    narrowed = {"NameContains": literal} if literal else {}
    with asking(client, "ListEndpoints", "the account's endpoints"):
        pages = client.get_paginator("list_endpoints").paginate(
            SortBy="Name", SortOrder="Ascending", **narrowed
        )
        found = [_summary(each) for page in pages for each in page["Endpoints"]]
    fitting = (each for each in found if fnmatchcase(each.name, wanted.name_glob))
    return sorted(_carrying(client, fitting, wanted), key=lambda each: each.name)


def look_up(client: SageMakerClient, name: str) -> EndpointFacts:
    """What the endpoint, its config, its models and their packages say.

    A model or a package that was deleted after the deployment is left out.

    Raises:
        DiscoveryError: where there is no such endpoint, or AWS refuses or can't be reached.
    """
    with asking(client, "DescribeEndpoint", f"endpoint {name}"):
        endpoint = client.describe_endpoint(EndpointName=name)
    config_name = endpoint.get("EndpointConfigName")
    if not config_name:
        raise DiscoveryError(f"endpoint {name} has no endpoint config yet; wait until it is InService")
    with asking(client, "DescribeEndpointConfig", f"endpoint config {config_name} of endpoint {name}"):
        config = client.describe_endpoint_config(EndpointConfigName=config_name)
    variants = tuple(_variant(client, each) for each in config["ProductionVariants"])
    return _facts(endpoint, config, variants, _data_baseline(client, variants))


def _facts(
    endpoint: Answer,
    config: Answer,
    variants: tuple[VariantFacts, ...],
    baseline: tuple[str | None, str | None],
) -> EndpointFacts:
    capture = config.get("DataCaptureConfig") or {}
    types = capture.get("CaptureContentTypeHeader") or {}
    enabled = capture.get("EnableCapture", True) if capture else False
    return EndpointFacts(
        name=endpoint["EndpointName"],
        status=endpoint["EndpointStatus"],
        endpoint_config=config["EndpointConfigName"],
        capture_uri=capture["DestinationS3Uri"].rstrip("/") if enabled else None,
        sampling=_sampling(endpoint, capture) if enabled else 0,
        variants=variants,
        csv_types=tuple(types.get("CsvContentTypes") or ()),
        json_types=tuple(types.get("JsonContentTypes") or ()),
        statistics_uri=baseline[0],
        constraints_uri=baseline[1],
        last_modified=endpoint["LastModifiedTime"].astimezone(UTC),
    )


def _sampling(endpoint: Answer, capture: Answer) -> int:
    """In percent; UpdateEndpoint may have left the endpoint at another rate than its config's."""
    current = (endpoint.get("DataCaptureConfig") or {}).get("CurrentSamplingPercentage")
    return int(capture["InitialSamplingPercentage"] if current is None else current)


def _variant(client: SageMakerClient, variant: Answer) -> VariantFacts:
    model = variant.get("ModelName")
    return VariantFacts(variant["VariantName"], model, _model_package(client, model) if model else None)


def _model_package(client: SageMakerClient, model: str) -> str | None:
    with asking(client, "DescribeModel", f"model {model}"):
        described = _unless_deleted(client.describe_model, ModelName=model)
    containers = [described.get("PrimaryContainer") or {}, *(described.get("Containers") or ())]
    packages = (container.get("ModelPackageName") for container in containers)
    return next((package for package in packages if package), None)


def _data_baseline(
    client: SageMakerClient, variants: Iterable[VariantFacts]
) -> tuple[str | None, str | None]:
    """The addresses of the statistics and the constraints that the first package with either names."""
    for package in dict.fromkeys(each.model_package for each in variants if each.model_package):
        with asking(client, "DescribeModelPackage", f"model package {package}"):
            described = _unless_deleted(client.describe_model_package, ModelPackageName=package)
        for source in ("DriftCheckBaselines", "ModelMetrics"):
            quality = (described.get(source) or {}).get("ModelDataQuality") or {}
            found = _address(quality, "Statistics"), _address(quality, "Constraints")
            if any(found):
                return found
    return None, None


def _address(quality: Answer, kind: str) -> str | None:
    address = (quality.get(kind) or {}).get("S3Uri")
    return address if isinstance(address, str) else None


def _summary(answer: Answer) -> DiscoveredEndpoint:
    return DiscoveredEndpoint(
        name=answer["EndpointName"],
        arn=answer["EndpointArn"],
        status=answer["EndpointStatus"],
        last_modified=answer["LastModifiedTime"].astimezone(UTC),
    )


def _carrying(
    client: SageMakerClient, endpoints: Iterable[DiscoveredEndpoint], wanted: Discover
) -> Iterator[DiscoveredEndpoint]:
    if not wanted.tags:
        yield from endpoints
        return
    for endpoint in endpoints:
        tags = _tags(client, endpoint)
        if set(wanted.tags) <= set(tags):
            yield replace(endpoint, tags=tags)


def _tags(client: SageMakerClient, endpoint: DiscoveredEndpoint) -> tuple[tuple[str, str], ...]:
    with asking(client, "ListTags", f"the tags of endpoint {endpoint.name}"):
        pages = client.get_paginator("list_tags").paginate(ResourceArn=endpoint.arn)
        return tuple(sorted((tag["Key"], tag["Value"]) for page in pages for tag in page["Tags"]))


def _longest_literal(glob: str) -> str:
    """The longest stretch of a glob that must stand in a name as it is, for AWS to narrow its list by."""
    stretches = re.split(r"[*?]", re.sub(r"\[.*?\]", "*", glob))
    return max((each for each in stretches if _LITERAL.fullmatch(each)), key=len, default="")


def _unless_deleted(describe: Any, **named: str) -> Answer:  # noqa: ANN401 - a method of boto3's client
    try:
        answer: Answer = describe(**named)
    except ClientError as error:
        if is_unknown(error):
            return {}
        raise
    return answer

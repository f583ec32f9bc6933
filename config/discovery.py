"""The account's endpoints: which there are, and what AWS says of one."""

from __future__ import annotations

from typing import Any, TypeAlias

from config.facts import DiscoveredEndpoint, EndpointFacts
from config.model import Discover

SageMakerClient: TypeAlias = Any  # boto3 makes its clients at run time


class DiscoveryError(Exception):
    """What AWS refused or lacks, in one sentence."""


def discover(client: SageMakerClient, wanted: Discover) -> list[DiscoveredEndpoint]:
    """The endpoints whose name fits the glob and that carry every tag, by name."""
    raise NotImplementedError


def look_up(client: SageMakerClient, name: str) -> EndpointFacts:
    """What the endpoint, its config, its models and their packages say."""
    raise NotImplementedError

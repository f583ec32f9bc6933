"""What an endpoint's retraining rests on, step by step, before there is a run; what is asked comes in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import config.targets
from config.findings import Finding
from config.model import Endpoint
from objects import AwsClient, Place, S3Client, open_place
from retrain.bench import output_of
from retrain.examination.alarms import of_alarms
from retrain.examination.features import of_features
from retrain.examination.new_data import of_new_data
from retrain.examination.output import of_output
from retrain.examination.registry import of_group
from retrain.examination.target import of_target
from retrain.targets.base import Target


@dataclass(frozen=True, slots=True)
class Instruments:
    """What is asked: AWS's clients with the process's own credentials, S3 in a role, what trains."""

    client: Callable[[str], AwsClient]
    s3: Callable[[str | None], S3Client]
    open_target: Callable[[config.targets.Target], Target]
    write: bool = False
    """Whether the training's output may be written to."""


def examine(entry: Endpoint, by: Instruments) -> Iterator[Finding]:
    """Every check in order, each as soon as it is made; none where the entry has no policy."""
    retrain = entry.retrain
    if retrain is None:
        return

    def opened(uri: str) -> Place:
        return open_place(uri, lambda: by.s3(entry.role))

    yield from of_features(entry, retrain, opened)
    if retrain.new_data is not None:
        yield of_new_data(retrain.new_data.prefix, opened)
    yield of_target(retrain.target, by.open_target)
    yield of_output(output_of(entry, retrain.training), opened, write=by.write)
    yield of_group(by.client("sagemaker"), retrain.registry)
    if retrain.rollout.alarms:
        yield of_alarms(by.client("cloudwatch"), retrain.rollout.alarms)

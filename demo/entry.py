"""The owner's kedge.yaml."""

from __future__ import annotations

import json
from pathlib import Path

from config.targets import Target
from demo.endpoint import ENDPOINT, Stage
from demo.pipeline import Pipeline

WATCH = 2
"""How many labelled windows are looked at after a rollout."""

# A model that never saw a true label, and so always answers about the mean, errs less in the changed world
# than the champion does: it is accepted for that nowhere, since it has to know the old world too.
CONFIG = """\
database: sqlite:///{database}
region: eu-west-1
endpoints:
  - name: {endpoint}
    capture: {stage.capture.uri}
    baseline: {stage.baseline}
    results: {stage.results}
    ground_truth: {stage.ground_truth}
    problem_type: regression
    prediction: rings
    window: 1h
    grace: 15m
    sample_rows: 60
    retrain:
      when:
        - rmse > 1.15 * baseline
      for: 3 of 4
      cooldown: 24h
      limit: 3 per 7d
      target: {target}
      training:
        original: {pipeline.original}
        test: {pipeline.test}
        output: {pipeline.output}
        minimum: 400
        judging: 240
      accept: rmse < champion and rmse(test) < 1.25 * champion
      registry: {stage.model_package_group}
      approval: automatic
      rollout: all-at-once
      watch: {watch}
"""


def kedge_yaml(database: Path, stage: Stage, pipeline: Pipeline, target: Target) -> str:
    """The file's text."""
    return CONFIG.format(
        database=database,
        endpoint=ENDPOINT,
        stage=stage,
        pipeline=pipeline,
        target=json.dumps(target.written()),  # JSON is YAML
        watch=WATCH,
    )

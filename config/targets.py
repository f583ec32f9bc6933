"""What a retraining run may be handed to: the `target` of kedge.yaml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from config import addresses
from config.fields import Part, Read, Text
from config.templates import Filled, FilledTexts, Template

DEFAULT_ANSWER = "answer"
"""The task of a DAG whose `return_value` is its answer, where kedge.yaml names none."""
DEFAULT_CREDENTIALS = "KEDGE_AIRFLOW"

# Airflow's own pattern of keys, and its length
_Key = Annotated[str, Field(min_length=1, max_length=250, pattern=r"^[\w.-]+$")]
_Variable = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]


class TargetKind(StrEnum):
    """What can train."""

    STEP_FUNCTIONS = "step_functions"
    AIRFLOW = "airflow"
    MWAA = "mwaa"
    LOCAL = "local"
    SAGEMAKER_PIPELINE = "sagemaker_pipeline"
    CODEPIPELINE = "codepipeline"
    EVENT_BRIDGE = "event_bridge"


OUTPUTS = (
    "model_package_arn", "model_data", "image", "code_version", "evaluation", "baseline_data",
    "predictions.fresh", "predictions.captured", "predictions.test", "predictions.champion_test",
)  # fmt: skip
"""What a target answers, by its path in the output."""
_NO_ADDRESS = frozenset({"model_package_arn", "image", "code_version"})
"""What may stand there itself."""
_ELSEWHERE = re.compile(r"ssm:.|s3://.|file:///.|\{[^{}]")
_IN_PLACE = re.compile(r"(?!ssm:$).")


def _named(value: object) -> object:
    """A name alone stands for a mapping that has nothing else."""
    return {"name": value} if isinstance(value, str) else value


def _outputs(value: object) -> object:
    given = value if isinstance(value, Mapping) else {}
    for name, text in given.items():
        if name not in OUTPUTS:
            raise ValueError(f"names {name!r}, which no run is answered; it takes {', '.join(OUTPUTS)}")
        if isinstance(text, str) and not (_IN_PLACE if name in _NO_ADDRESS else _ELSEWHERE).match(text):
            forms = (
                "ssm:NAME, s3://BUCKET/KEY, file:///PATH, or a text that begins with a path such as {output}"
            )
            raise ValueError(f"has {text!r} for {name}, which is no place; write {forms}")
    return value


class SageMakerPipeline(Part):
    """A pipeline of SageMaker Pipelines, by its name or ARN, and the parameters it is started with."""

    name: Annotated[str, Read("the name of a pipeline; put it in quotes", addresses.sagemaker_pipeline)]
    parameters: FilledTexts = Template.of_texts(
        {"KedgeRun": "{run}", "KedgeInput": "{input}", "KedgeOutput": "{output}"}
    )


class CodePipeline(Part):
    """A pipeline of CodePipeline, and the variables that one of type V2 is started with."""

    name: Annotated[str, Read("the name of a pipeline; put it in quotes", addresses.codepipeline)]
    variables: FilledTexts = Template.of_texts({})


class EventBridge(Part):
    """The bus that an event is put on, and what the event is called there."""

    bus: Annotated[str, Read("the name of a bus; put it in quotes", addresses.event_bus)] = "default"
    source: Annotated[str, Read("the source of an event; put it in quotes", addresses.event_source)] = "kedge"
    detail_type: Annotated[Text, Field(max_length=128)] = "Kedge Retraining Requested"


class Airflow(Part):
    """A DAG of an Airflow 2 or 3 that answers at an address.

    `credentials` is how the names of the environment's variables begin that hold its user and password, or a
    token: `<credentials>_USER` and `<credentials>_PASSWORD`, or `<credentials>_TOKEN`.
    """

    url: Annotated[str, Read("an address such as https://airflow.example.com", addresses.server)]
    dag: _Key
    answer: _Key = DEFAULT_ANSWER
    credentials: _Variable = DEFAULT_CREDENTIALS


class Mwaa(Part):
    """A DAG of an environment of Amazon's Managed Workflows for Apache Airflow."""

    environment: Annotated[str, Read("the name of an MWAA environment", addresses.mwaa_environment)]
    dag: _Key
    answer: _Key = DEFAULT_ANSWER


class Target(Part):
    """What runs the training: exactly one of the kinds.

    `input` is what it is handed in the place of the documented input; pipelines, whose input are texts by
    name, have their own key for that. `outputs` says where parts of the answer lie that the target does not
    give: ``ssm:NAME`` or an address.
    """

    step_functions: Annotated[str, Read("the ARN of a state machine", addresses.state_machine)] | None = None
    airflow: Airflow | None = None
    mwaa: Mwaa | None = None
    local: Text | None = None
    sagemaker_pipeline: Annotated[SageMakerPipeline | None, BeforeValidator(_named)] = None
    codepipeline: Annotated[CodePipeline | None, BeforeValidator(_named)] = None
    event_bridge: EventBridge | None = None
    input: Filled | None = None
    outputs: Annotated[FilledTexts, BeforeValidator(_outputs)] = Template.of_texts({})

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self._kinds) != 1:
            raise ValueError(
                "must name exactly one target; write step_functions: ARN or local: COMMAND, or another of "
                f"{', '.join(TargetKind)}"
            )
        if self.input is not None and self._pipeline is not None:
            key = "parameters" if self.sagemaker_pipeline else "variables"
            raise ValueError(f"has input beside a pipeline, which takes {key}; write {key} below its name")
        return self

    @property
    def _kinds(self) -> tuple[TargetKind, ...]:
        return tuple(kind for kind in TargetKind if getattr(self, kind) is not None)

    @property
    def _pipeline(self) -> SageMakerPipeline | CodePipeline | None:
        return self.sagemaker_pipeline or self.codepipeline

    @property
    def kind(self) -> TargetKind:
        """Which target it is."""
        return self._kinds[0]

    def handed(self, document: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON
        """What the target is given of a run that has this input: by default all of it.

        A pipeline is given texts by name; those that would be empty are left out, and the pipeline's own
        defaults hold.
        """
        if self.sagemaker_pipeline is not None:
            return _texts(self.sagemaker_pipeline.parameters, document)
        if self.codepipeline is not None:
            return _texts(self.codepipeline.variables, document)
        return document if self.input is None else self.input.filled(document)

    def answered_at(self, document: Mapping[str, Any]) -> dict[str, str]:
        """Where parts of the answer lie, by their path in the output, for the run that has this input."""
        return _texts(self.outputs, document)

    def written(self) -> dict[str, Any]:
        """As JSON, to be read again by `model_validate` when kedge.yaml says something else."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def _texts(template: Template, document: Mapping[str, Any]) -> dict[str, str]:
    return {name: text for name, text in template.filled(document).items() if text}

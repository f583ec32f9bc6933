"""What the endpoint answers: by the model that is deployed behind it, from the moment that it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from demo import model
from demo.model import Champion
from demo.survey import Floats


@dataclass(frozen=True, slots=True)
class _Model:
    config: str
    since: datetime
    champion: Champion


@dataclass(slots=True)
class Deployed:
    """The models behind an endpoint over business time; what was answered before stays answered."""

    sagemaker: Any
    s3: Any
    endpoint: str
    _models: list[_Model] = field(default_factory=list)

    def look(self, now: datetime) -> bool:
        """Ask for the endpoint's config; a model behind another one answers from now on. Says if it is so."""
        config = str(self.sagemaker.describe_endpoint(EndpointName=self.endpoint)["EndpointConfigName"])
        if self._models and self._models[-1].config == config:
            return False
        self._models.append(_Model(config, now, self._behind(config)))
        return True

    def answers(self, features: Floats, times: Sequence[datetime]) -> Floats:
        """Predictions, shape (rows,), each by the model that was deployed at its time."""
        deployed = np.array([self._at(time) for time in times])
        predictions = np.empty(len(features))
        for index in np.unique(deployed):
            asked = deployed == index
            predictions[asked] = self._models[index].champion.predict(features[asked])
        return predictions

    def _at(self, time: datetime) -> int:
        return max((at for at, one in enumerate(self._models) if one.since <= time), default=0)

    def _behind(self, config: str) -> Champion:
        """Config, model, package, archive: the way that the endpoint itself would go."""
        (variant,) = self.sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
        described = self.sagemaker.describe_model(ModelName=variant["ModelName"])
        package = described["Containers"][0]["ModelPackageName"]
        registered = self.sagemaker.describe_model_package(ModelPackageName=package)
        uri = registered["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return model.unpack(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read())

"""The pre-processing job: the training set, split into what is trained on and what is held out.

Held out are captured records alone. The champion has answered them and not learnt from them, and the
challenger will not either: both are measured on the same records, which are new to both.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Final

from retrain.workflows.jobs.container import main, the_file
from retrain.workflows.steps import BAD_INPUT, StepError, table

HELD_OUT: Final = 0.2
"""The share of the captured records that is held out."""
_FEWEST: Final = 2


def preprocess(root: Path) -> None:
    """Split ``input/training`` as ``input/manifest`` has it; leaves ``prepared/train`` and ``/held_out``.

    The manifest says how many of the last rows are captured records; they are in the order of their ids, so
    that the records of one request stay on one side, but for one.

    Raises:
        StepError: where the two files don't go together, or too few records were captured.
    """
    inputs, outputs = root / "processing" / "input", root / "processing" / "output" / "prepared"
    data = the_file(inputs / "training")
    rows = table(data.read_bytes(), data.name)
    captured = _captured(the_file(inputs / "manifest"))
    if not 0 <= captured <= rows.height:
        told = f"the manifest tells of {captured} captured records where {data.name} has {rows.height} rows"
        raise StepError(BAD_INPUT, f"{told}: give it the manifest of the same run")
    held_out = round(HELD_OUT * captured)
    if not captured:
        told = (
            f"{data.name} holds no captured record to hold out, and the champion has learnt from all others"
        )
        raise StepError(BAD_INPUT, f"{told}: this machine needs training.from change or period in kedge.yaml")
    if held_out < _FEWEST:
        told = f"of {captured} captured records {held_out} would be held out, and {_FEWEST} are wanted"
        raise StepError(BAD_INPUT, f"{told}: wait for more labels, or raise training.minimum")
    kept = rows.height - held_out
    for name, part in (("train", rows.head(kept)), ("held_out", rows.tail(held_out))):
        folder = outputs / name
        folder.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        part.write_csv(buffer)
        (folder / f"{name}.csv").write_bytes(buffer.getvalue())


def _captured(manifest: Path) -> int:
    try:
        return int(json.loads(manifest.read_bytes())["training"]["count"])
    except (ValueError, KeyError, TypeError) as error:
        told = f"{manifest.name} does not say how many records were captured ({type(error).__name__})"
        raise StepError(BAD_INPUT, f"{told}: give it the manifest that Kedge wrote") from error


if __name__ == "__main__":
    main(preprocess)

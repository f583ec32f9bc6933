"""The demo's trainer as a command: `python -m demo.trainer`, for the local target and for Airflow's tasks."""

from __future__ import annotations

import os
import sys

from demo.aws import client
from demo.worker import AbaloneTrainer
from retrain.workflows import command

SHUFFLE = "--shuffle-labels"


def main() -> int:
    """Do what the environment asks for, with the AWS that it names. See `retrain.workflows.command`."""
    s3 = client(os.environ["AWS_ENDPOINT_URL"], "s3")
    return command.run(AbaloneTrainer(SHUFFLE in sys.argv[1:]), s3, os.environ)


if __name__ == "__main__":
    sys.exit(main())

"""The linear trainer as a command, for targets that start one: python -m tests.workflows.linear_command."""

from __future__ import annotations

import os
import sys

from retrain.workflows import command
from tests.workflows.linear import Linear

if __name__ == "__main__":
    import boto3

    sys.exit(command.run(Linear(), boto3.client("s3"), os.environ))

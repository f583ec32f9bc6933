"""The bare limit of orjson: parse each captured line and throw it away."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import orjson


def main(capture: Path) -> None:
    """Print how many lines were parsed."""
    count = 0
    for path in sorted(capture.iterdir()):
        data = path.read_bytes()
        for line in (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines():
            orjson.loads(line)
            count += 1
    print(f"records={count}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

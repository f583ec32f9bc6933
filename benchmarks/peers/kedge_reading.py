"""Kedge's way to read objects, and nothing done with them: `ahead` as it does, or `one` after the other."""

from __future__ import annotations

import sys
import time

from objects import open_place
from objects.ahead import read_ahead


def main(address: str, way: str) -> None:
    place = open_place(address)
    keys = list(place.objects.keys(""))
    begun, used = time.perf_counter(), time.process_time()
    if way == "ahead":
        read = sum(len(data) for _, data in read_ahead(place.objects, keys))
    else:
        read = sum(len(place.objects.read(key)) for key in keys)
    print(f"bytes={read} wall={time.perf_counter() - begun:.4f} cpu={time.process_time() - used:.4f}")


if __name__ == "__main__":
    main(*sys.argv[1:])

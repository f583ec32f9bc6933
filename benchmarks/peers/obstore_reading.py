"""The same bucket read by obstore from as many threads, in order, and nothing done with it."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import obstore
from obstore.store import S3Store

IN_FLIGHT = 16


def main(bucket: str) -> None:
    url = os.environ["AWS_ENDPOINT_URL"]
    store = S3Store(bucket, endpoint=url, client_options={"allow_http": url.startswith("http://")})
    keys = iter([each["path"] for page in obstore.list(store) for each in page])
    begun, used = time.perf_counter(), time.process_time()

    def read(key: str) -> int:
        return len(obstore.get(store, key).bytes())

    total = 0
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        asked = deque(pool.submit(read, key) for key in islice(keys, IN_FLIGHT))
        while asked:
            total += asked.popleft().result()
            asked.extend(pool.submit(read, key) for key in islice(keys, 1))
    print(f"bytes={total} wall={time.perf_counter() - begun:.4f} cpu={time.process_time() - used:.4f}")


if __name__ == "__main__":
    main(sys.argv[1])

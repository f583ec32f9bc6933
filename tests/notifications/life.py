"""A life of the service in a process of its own, to be killed: rounds of an endpoint with a queue."""

from __future__ import annotations

import sys
import time

from monitor.arrivals import Arrivals
from monitor.notifications.queue import sqs_client
from monitor.notifications.reception import Reception
from store.engine import open_engine
from tests.clock import MINUTE, NOON
from tests.observing.conftest import Hands, Watch
from tests.observing.yard import Yard

VISIBLE = 2
"""Seconds until a message that was received comes again."""


def main(database: str, uri: str, url: str) -> None:
    """Rounds at ten past noon, one after the other, until the process is killed."""
    yard = Yard(uri)
    entry = yard.endpoint(notifications=url)
    reception = Reception(lambda queue, role: sqs_client(queue, "eu-west-1", role), visibility=VISIBLE)
    reception.follow([entry])
    watch = Watch(yard, open_engine(database), Hands(NOON + 10 * MINUTE))
    observer = watch.observer("killed", arrivals=Arrivals(reception))
    while True:
        done = observer.observe(entry)
        print(done, flush=True)  # noqa: T201 (what the test waits for)
        time.sleep(0.05)


if __name__ == "__main__":
    main(*sys.argv[1:])

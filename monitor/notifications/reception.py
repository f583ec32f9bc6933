"""Receiving what queues announce: a few threads for all queues, beside the rounds that read the objects."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue

import structlog

from config.model import Endpoint
from monitor.notifications.events import read_notice
from monitor.notifications.inbox import Fate, Inbox, Letters
from monitor.notifications.queue import LONG_POLL, VISIBILITY, Message, Queue, QueueError, SqsClient

log = structlog.get_logger(__name__)

THREADS = 8
"""So many queues are asked at the same time; where there are more, none is waited at for long."""
_TOLD = 1000
"""Messages that are remembered as told."""
_LONGEST_PAUSE = 60.0
"""Seconds after which a queue that can't be used is asked again; the first pause is a second."""


@dataclass(slots=True)
class _Box:
    """One queue, and what was received of it, whosever it is: a message is received once for all entries."""

    url: str
    inbox: Inbox
    roles: tuple[str | None, ...]
    """Those of the entries that name it. It is used in one of them, and in the next where that one fails."""
    tried: int = 0
    role: str | None = None
    """In which `queue` was opened."""
    queue: Queue | None = None
    problem: str | None = None
    """Why nothing is received."""
    stuck: str | None = None
    """Why messages can't be held or deleted."""
    failures: int = 0
    again: float = 0.0
    told: dict[str, None] = field(default_factory=dict)
    gone: bool = False


class Reception:
    """Nothing is received before `follow` names endpoints with a queue; `stop` ends it.

    Args:
        client: an SQS client for a queue's URL in a role; may raise QueueError.
        count: told of each message's fate.
        visibility: seconds for which a message is held at a time.
        package: told the ARN of each model package that a message says has changed, as often as it says so.
    """

    def __init__(
        self,
        client: Callable[[str, str | None], SqsClient],
        count: Callable[[Fate], None] = lambda _: None,
        visibility: int = VISIBILITY,
        package: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._package = package
        self._client = client
        self._count = count
        self._visibility = visibility
        self._boxes: dict[str, _Box] = {}
        self._turns: SimpleQueue[_Box] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._stop = threading.Event()

    def follow(self, endpoints: Iterable[Endpoint]) -> None:
        """The endpoints of kedge.yaml, whenever it changed; those without a queue are left out."""
        by_queue: dict[str, list[Endpoint]] = {}
        roles_of: dict[str, dict[str | None, None]] = {}
        for endpoint in endpoints:
            if endpoint.notifications is not None:
                by_queue.setdefault(endpoint.notifications, []).append(endpoint)
            events = endpoint.retrain.events if endpoint.retrain else None
            for url in filter(None, (endpoint.notifications, events)):
                by_queue.setdefault(url, [])
                roles_of.setdefault(url, {})[endpoint.role] = None
        for url in self._boxes.keys() - by_queue.keys():
            self._boxes.pop(url).gone = True
        for url, those in by_queue.items():
            roles = tuple(roles_of[url])
            box = self._boxes.get(url)
            if box is None:
                box = _Box(url, Inbox(self._visibility), roles)
                box.inbox.follow(those)
                self._boxes[url] = box
                self._turns.put(box)
            else:
                box.roles = roles
                box.inbox.follow(those)
        while len(self._threads) < min(THREADS, len(self._boxes)):
            name = f"receive-{len(self._threads)}"
            self._threads.append(threading.Thread(target=self._receive, name=name, daemon=True))
            self._threads[-1].start()

    def stop(self) -> None:
        """Receive no more. What is held and not settled is on the queue again when its time is over."""
        self._stop.set()

    def letters(self, endpoint: Endpoint) -> Letters:
        """What is announced to an endpoint and was not settled."""
        box = self._box(endpoint)
        return Letters() if box is None else box.inbox.letters(endpoint.name)

    def waiting(self) -> frozenset[str]:
        """The endpoints for which something waits."""
        return frozenset(self.news())

    def news(self) -> dict[str, int]:
        """The endpoints for which something waits, and how much was new to each so far."""
        return {name: count for box in list(self._boxes.values()) for name, count in box.inbox.news().items()}

    def problem(self, endpoint: Endpoint) -> str | None:
        """What keeps the endpoint's queue from being used, in one sentence."""
        box = self._box(endpoint)
        return None if box is None else box.problem or box.stuck

    def is_deaf(self, endpoint: Endpoint) -> bool:
        """Whether nothing can be received for the endpoint now, so that its captures have to be listed."""
        box = self._box(endpoint)
        return box is None or box.problem is not None

    def settle(self, endpoint: Endpoint, letters: Letters) -> None:
        """What the endpoint was told is counted, and committed: delete the messages that told nobody else.

        One that can't be deleted comes back, and what it announces is found known.
        """
        box = self._box(endpoint)
        if box is None:
            return
        receipts = box.inbox.settle(endpoint.name, letters)
        if box.queue is not None:
            self._of_received(box, box.queue.delete, receipts)

    def _box(self, endpoint: Endpoint) -> _Box | None:
        return self._boxes.get(endpoint.notifications or "")

    def _receive(self) -> None:
        while not self._stop.is_set():
            box = self._turns.get()
            if box.gone:
                continue
            if box.again > time.monotonic():
                self._stop.wait(0.1)
            else:
                self._turn(box)
            self._turns.put(box)

    def _turn(self, box: _Box) -> None:
        """Ask one queue once. Nothing that goes wrong here ends the thread."""
        try:
            self._ask(box)
            box.problem, box.failures = None, 0
        except QueueError as error:
            if box.problem != str(error):
                log.warning("queue_unusable", queue=box.url, reason=str(error))
            box.problem = str(error)
            box.tried += 1
            self._pause(box)
        except Exception:
            log.exception("receiving_failed", queue=box.url)
            box.problem = f"Kedge failed to receive from the queue {box.url}: please report it"
            self._pause(box)

    def _pause(self, box: _Box) -> None:
        box.again = time.monotonic() + min(2.0**box.failures, _LONGEST_PAUSE)
        box.failures = min(box.failures + 1, 10)

    def _ask(self, box: _Box) -> None:
        role = box.roles[box.tried % len(box.roles)]
        if box.queue is None or box.role != role:
            box.queue, box.role = Queue(box.url, self._client(box.url, role), self._visibility), role
        self._of_received(box, box.queue.hold, box.inbox.to_hold(time.monotonic()))
        # what is held has to be held anew in time, and other queues have their turn
        wait = min(LONG_POLL * THREADS // max(len(self._boxes), 1), LONG_POLL, self._visibility // 4)
        received = box.queue.receive(max(wait, 1))
        if self._stop.is_set() or box.gone:
            return
        done: list[str] = []
        for message in received:
            fate, wrong = self._taken_in(box, message)
            if fate is Fate.MALFORMED and message.id in box.told:
                continue
            self._count(fate)
            if fate in (Fate.OF_NO_CONCERN, Fate.ELSEWHERE, Fate.PASSED_ON):
                done.append(message.receipt)
            elif fate is Fate.MALFORMED:
                self._tell(box, message.id, wrong)
        self._of_received(box, box.queue.delete, done)

    def _taken_in(self, box: _Box, message: Message) -> tuple[Fate, str | None]:
        """A message's fate, and what is wrong with it; it costs none of those received with it."""
        try:
            notice = read_notice(message.body)
            if notice.package is not None:
                self._package(notice.package)
            return box.inbox.put(message, notice, time.monotonic()), notice.wrong
        except Exception:
            if message.id not in box.told:
                log.exception("message_not_understood", queue=box.url, message=message.id)
            return Fate.MALFORMED, "Kedge failed to read it: please report it"

    def _of_received(self, box: _Box, call: Callable[[Sequence[str]], None], receipts: Sequence[str]) -> None:
        """Hold or delete messages: where that fails they come back, and what they announce is known."""
        if not receipts:
            return
        try:
            call(receipts)
            box.stuck = None
        except QueueError as error:
            if box.stuck != str(error):
                log.warning("messages_stuck", queue=box.url, reason=str(error))
            box.stuck = str(error)

    def _tell(self, box: _Box, message: str, wrong: str | None) -> None:
        log.warning("notification_malformed", queue=box.url, message=message, reason=wrong)
        box.told[message] = None
        while len(box.told) > _TOLD:
            del box.told[next(iter(box.told))]

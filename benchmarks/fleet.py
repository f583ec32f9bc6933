"""A fleet on one machine: how long an hour's captures of many endpoints take a real `kedge serve`.

    python -m benchmarks.fleet --endpoints 10000
    python -m benchmarks.fleet --endpoints 10 --objects 2000 --store sqlite
    python -m benchmarks.fleet --endpoints 500 --captures s3 --replicas 2

Every endpoint captures `--objects` objects an hour. The business clock is moved over the hour's end and its
grace, the hour's objects are written, and the time is taken until every window is judged with all of its
records. The dashboard is asked meanwhile. The first hour registers the endpoints and imports their baselines;
the second is what every later one is like.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Event, Thread

import httpx
import numpy as np
from sqlalchemy import Engine, func, select, text

from baselines import constraints, statistics
from baselines.create import create
from benchmarks import data
from objects import Place, open_place, s3_client
from store.engine import open_engine, reading
from store.schema import executions, monitors, objects

ROOT = Path(__file__).resolve().parent.parent
BASELINES = 3
"""Models that the fleet's endpoints share."""
BODIES = 40
"""Different objects of an hour; endpoints take turns at them."""
PAUSE = 15.0
"""Seconds between two visits of the dashboard; each scrapes /metrics too, as Prometheus would."""
GRACE = timedelta(minutes=20)
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Fleet:
    """What is generated: endpoints, their objects an hour, and the records of an object."""

    endpoints: int
    objects: int
    records: int
    features: int

    @property
    def plan(self) -> data.Plan:
        """The form of the captured lines."""
        return data.Plan(records=self.records, features=self.features, files=1, reference=2000)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"endpoint-{at:05d}" for at in range(self.endpoints))


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds of Kedge's processes and of the database's, transactions of the database so far."""

    wall: float
    kedge: float
    database: float
    transactions: int

    def since(self, before: Spent) -> Spent:
        return Spent(
            self.wall - before.wall,
            self.kedge - before.kedge,
            self.database - before.database,
            self.transactions - before.transactions,
        )


class Visitor(Thread):
    """Looks at the dashboard now and then, as people and Prometheus do, and notes how long it takes."""

    def __init__(self, address: str, names: tuple[str, ...]) -> None:
        super().__init__(daemon=True)
        self.taken: dict[str, list[float]] = defaultdict(list)
        self.sizes: dict[str, int] = {}
        self._address = address
        self._names = names
        self._done = Event()

    def run(self) -> None:
        pages = {
            "the fleet page": "/",
            "its last page": f"/?page={-(-len(self._names) // 50)}",
            "an endpoint's page": f"/endpoints/{self._names[len(self._names) // 2]}",
            "/api/v1/fleet": "/api/v1/fleet",
            "/metrics": "/metrics",
            "/healthz": "/healthz",
        }
        with httpx.Client(base_url=self._address, trust_env=False, timeout=120) as client:
            while True:
                for name, path in pages.items():
                    begun = time.perf_counter()
                    answer = client.get(path)
                    self.taken[name].append(time.perf_counter() - begun)
                    self.sizes[name] = len(answer.content) if answer.is_success else -answer.status_code
                if self._done.wait(PAUSE):
                    return

    def end(self) -> None:
        self._done.set()
        self.join()

    def told(self) -> Iterator[str]:
        for name, taken in self.taken.items():
            yield (
                f"  {name:<20} {median(taken):6.2f} s, at most {max(taken):6.2f} s, "
                f"{self.sizes[name] / 1000:,.0f} kB"
            )


def main() -> None:
    """Generate, run and print."""
    given = _arguments()
    fleet = Fleet(given.endpoints, given.objects, given.records, given.features)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="kedge-fleet-")))
        url, server = stack.enter_context(_database(given.store, folder))
        environment, place = stack.enter_context(_captures(given.captures, folder))
        config = _write_config(fleet, folder, url, place.uri, given.more)
        clock = folder / "clock"
        environment |= {"KEDGE_CLOCK": str(clock)}
        _set(clock, data.START)
        print(machine(fleet, given), flush=True)
        for hour in range(
            given.hours
        ):  # written beforehand: the keys of later hours are listed too, as on S3
            _write_hour(fleet, place, hour)
            if hour == 0:
                begun = time.perf_counter()
                processes = [
                    stack.enter_context(_served(config, environment, folder / f"{number}.log", given.options))
                    for number in range(given.replicas)
                ]
                addresses = [_address(folder / f"{number}.log") for number in range(given.replicas)]
                print(f"started in {time.perf_counter() - begun:.1f} s", flush=True)
            engine = open_engine(url)
            visitor = Visitor(addresses[0], fleet.names)
            before = _spent(processes, server, engine)
            visitor.start()
            _set(clock, data.START + timedelta(hours=hour + 1) + GRACE)
            _write_hour(fleet, place, hour)
            _wait(engine, fleet, hour + 1, given.patience)
            spent = _spent(processes, server, engine).since(before)
            visitor.end()
            _tell(f"hour {hour + 1}", fleet, spent, processes)
            print("\n".join(visitor.told()), flush=True)
            engine.dispose()
        if given.idle:
            _idle(given.idle, processes, server, url, fleet)


def _idle(seconds: int, processes: list[int], server: int | None, url: str, fleet: Fleet) -> None:
    engine = open_engine(url)
    before = _spent(processes, server, engine)
    time.sleep(seconds)
    _tell("nothing new", fleet, _spent(processes, server, engine).since(before), processes)
    engine.dispose()


def _tell(what: str, fleet: Fleet, spent: Spent, processes: list[int]) -> None:
    each = fleet.endpoints * fleet.objects
    peaks = ", ".join(f"{_peak(pid) / 1024:,.0f} MB" for pid in processes)
    print(
        f"{what}: {spent.wall:.1f} s; CPU {spent.kedge:.1f} s of Kedge and {spent.database:.1f} s of the "
        f"database, {1000 * (spent.kedge + spent.database) / each:.1f} ms an object; "
        f"{spent.transactions:,} transactions, {spent.transactions / fleet.endpoints:.1f} an endpoint; "
        f"peak {peaks}",
        flush=True,
    )


@contextmanager
def _database(store: str, folder: Path) -> Iterator[tuple[str, int | None]]:
    """The database's address, and its server's process."""
    if store == "sqlite":
        yield f"sqlite:///{folder}/kedge.db", None
        return
    from tests.postgresql import running

    with running() as server:
        url = server.migrated_database()
        engine = open_engine(url)
        with reading(engine) as connection:
            where = connection.execute(text("SHOW data_directory")).scalar_one()
        engine.dispose()
        yield url, int((Path(where) / "postmaster.pid").read_text().split()[0])


@contextmanager
def _captures(kind: str, folder: Path) -> Iterator[tuple[dict[str, str], Place]]:
    """What the service's environment needs for it, and where captures and baselines lie."""
    if kind == "folder":
        (folder / "captures").mkdir()
        yield {}, open_place(f"file://{folder}/captures")
        return
    log = (folder / "moto.log").open("wb")
    command = [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", "0"]
    server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        address = _said(folder / "moto.log", r"Running on (http://127\.0\.0\.1:\d+)")
        environment = {
            "AWS_ENDPOINT_URL": address,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        os.environ.update(environment)
        client = s3_client()
        client.create_bucket(  # type: ignore[attr-defined]
            Bucket="captures", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        yield environment, open_place("s3://captures/fleet", client)
    finally:
        server.terminate()
        server.wait()
        log.close()


def _write_config(fleet: Fleet, folder: Path, url: str, uri: str, more: str) -> Path:
    for number in range(BASELINES):
        _write_baseline(fleet, open_place(f"{uri}/baselines/{number}"), number)
    entries = "".join(
        f"  - name: {name}\n    capture: {uri}/data\n    baseline: {uri}/baselines/{at % BASELINES}\n"
        for at, name in enumerate(fleet.names)
    )
    path = folder / "kedge.yaml"
    path.write_text(f"database: {url}\n{more}\nendpoints:\n{entries}")
    return path


def _write_baseline(fleet: Fleet, place: Place, seed: int) -> None:
    random = np.random.default_rng(seed)
    values = data.sampled(random, fleet.plan.reference, fleet.features, shift=0.0)
    lines = [",".join(fleet.plan.names), *(",".join(f"{value:.6f}" for value in row) for row in values)]
    profile, suggested = create("\n".join(lines).encode(), where="training.csv")
    for name, written in {
        "statistics.json": statistics.write(profile),
        "constraints.json": constraints.write(suggested),
    }.items():
        place.objects.write(place.key(name), written.encode())


def _write_hour(fleet: Fleet, place: Place, hour: int) -> None:
    random = np.random.default_rng(hour)
    begun = data.START + timedelta(hours=hour)
    bodies = [
        data.captured(fleet.plan, random, fleet.records, 3600 * hour + 60 * (at % 60)) for at in range(BODIES)
    ]
    for number, name in enumerate(fleet.names):
        for at in range(fleet.objects):
            moment = begun + timedelta(seconds=3600 * at / fleet.objects)
            key = f"data/{name}/AllTraffic/{moment:%Y/%m/%d/%H/%M-%S}-000-{at:06d}.jsonl"
            place.objects.write(place.key(key), bodies[(number + at) % BODIES])


@contextmanager
def _served(config: Path, environment: Mapping[str, str], log: Path, options: list[str]) -> Iterator[int]:
    """`kedge serve` on a free port; its process."""
    command = [sys.executable, "-c", "from commands import main; main()", "serve"]
    with log.open("wb") as out:
        served = subprocess.Popen(
            [*command, "--config", str(config), "--port", "0", *options],
            cwd=ROOT,
            env=os.environ | environment,
            stdout=out,
            stderr=out,
        )
        try:
            yield served.pid
        finally:
            served.terminate()
            served.wait(60)


def _address(log: Path) -> str:
    return "http://127.0.0.1:" + _said(log, r'"port": ?(\d+)')


def _said(log: Path, pattern: str, seconds: float = 180) -> str:
    """What a process's log says, once it does."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := re.search(pattern, log.read_text(errors="replace")):
            return found[1]
        time.sleep(0.1)
    raise SystemExit(f"{log} never said {pattern}: {log.read_text(errors='replace')[-2000:]}")


def _set(clock: Path, moment: datetime) -> None:
    clock.with_suffix(".new").write_text(moment.isoformat())
    clock.with_suffix(".new").replace(clock)


def _wait(engine: Engine, fleet: Fleet, hours: int, patience: float) -> None:
    """Until every endpoint's windows so far are judged, with all of their records."""
    deadline = time.monotonic() + patience
    wanted = (fleet.endpoints * hours, fleet.endpoints * hours * fleet.objects * fleet.records)
    judged = select(func.count(), func.coalesce(func.sum(executions.c.records), 0)).where(executions.c.latest)
    told = time.monotonic()
    while True:
        with reading(engine) as connection:
            found = tuple(map(int, connection.execute(judged).one()))
        if found == wanted:
            return
        if time.monotonic() > deadline:
            raise SystemExit(f"after {patience:.0f} s: {_standing(engine)} and {found} of {wanted} judged")
        if time.monotonic() - told > 20:
            told = time.monotonic()
            print(f"  … {found[0]:,} of {wanted[0]:,} windows, {found[1]:,} records", flush=True)
        time.sleep(0.5)


def _standing(engine: Engine) -> str:
    with reading(engine) as connection:
        problems = connection.execute(
            select(monitors.c.problem, func.count())
            .where(monitors.c.problem.is_not(None))
            .group_by("problem")
        ).all()
        counted = connection.execute(select(func.count()).select_from(objects)).scalar_one()
    return f"{counted} objects counted, problems {problems[:3]}"


def _spent(processes: list[int], server: int | None, engine: Engine) -> Spent:
    transactions = 0
    if server is not None:
        with reading(engine) as connection:
            query = (
                "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
            )
            transactions = int(connection.execute(text(query)).scalar_one())
    kedge = sum(map(_cpu, processes))
    return Spent(time.perf_counter(), kedge, _cpu_of_family(server) if server else 0.0, transactions)


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _cpu(pid: int) -> float:
    """User and system seconds, its ended children's too."""
    return sum(map(int, _stat(pid)[11:15])) / _TICKS


def _cpu_of_family(parent: int) -> float:
    total = _cpu(parent)
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if int(_stat(int(path.name))[1]) == parent:
                total += _cpu(int(path.name))
        except (OSError, IndexError):
            continue  # it ended meanwhile
    return total


def _peak(pid: int) -> int:
    """The most memory that was resident, in kB."""
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) if found else 0


def machine(fleet: Fleet, given: argparse.Namespace) -> str:
    """When, where and what is measured, in a sentence."""
    return (
        f"{datetime.now(UTC):%Y-%m-%d}: {fleet.endpoints:,} endpoints, {fleet.objects} objects of "
        f"{fleet.records} records an hour each, {fleet.features} features and a prediction; {given.store}, "
        f"captures on {given.captures}, {given.replicas} process(es). {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, load {os.getloadavg()[0]:.1f} at the beginning."
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__.splitlines()[0])
    parser.add_argument("--endpoints", type=int, default=500)
    parser.add_argument("--objects", type=int, default=1, help="objects an hour of each endpoint")
    parser.add_argument("--records", type=int, default=20, help="records of an object")
    parser.add_argument("--features", type=int, default=8)
    parser.add_argument("--hours", type=int, default=2)
    parser.add_argument("--idle", type=int, default=30, help="seconds to watch it with nothing new")
    parser.add_argument("--store", choices=["postgresql", "sqlite"], default="postgresql")
    parser.add_argument("--captures", choices=["folder", "s3"], default="folder")
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--patience", type=float, default=3600, help="seconds to wait for an hour's work")
    parser.add_argument("--more", default="", help="further lines of kedge.yaml")
    parser.add_argument("options", nargs="*", help="further options of kedge serve, after --")
    return parser.parse_args()


if __name__ == "__main__":
    main()

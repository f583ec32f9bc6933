"""`make bench`: Kedge and its peers on the same bytes in turn, as whole processes; the medians as a table."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path

from benchmarks import data
from benchmarks.table import Measure, Row, put, table

ROOT = Path(__file__).parents[1]
BENCH = ROOT / ".bench"
PAGE = ROOT / "docs" / "performance.md"
OWN = Path(sys.prefix)
_HUSHED = {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1", "WHYLOGS_NO_ANALYTICS": "True"}
_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}

SHAPES = ((data.Payload.CSV, 8), (data.Payload.JSON, 8), (data.Payload.GZIP, 8), (data.Payload.CSV, 50))
"""Payloads and the number of their features that the page has a table of."""


class BenchError(RuntimeError):
    """A program failed, or did not read what it was given."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A program to measure.

    Attributes:
        module: under benchmarks/peers; empty for Kedge itself.
        package: whose version is told.
        environment: its lock in benchmarks/requirements; empty for Kedge's own.
        prepares: whether it makes something of the reference beforehand.
    """

    module: str
    package: str
    environment: str = ""
    prepares: bool = False

    @property
    def prefix(self) -> Path:
        """Its environment's folder."""
        return BENCH / self.environment if self.environment else OWN

    @property
    def python(self) -> str:
        """Its environment's interpreter."""
        return str(self.prefix / "bin" / "python")


PEERS: Mapping[str, Peer] = {
    "kedge": Peer("", "kedge"),
    "evidently": Peer("evidently_drift", "evidently", "evidently"),
    "whylogs": Peer("whylogs_drift", "whylogs", "whylogs", prepares=True),
    "nannyml": Peer("nannyml_drift", "nannyml", "nannyml"),
    "tfdv": Peer("tfdv_validation", "tensorflow-data-validation", "tfdv", prepares=True),
    "orjson": Peer("orjson_floor", "orjson"),
    "simdjson": Peer("simdjson_floor", "pysimdjson", "simdjson"),
}


def main() -> None:
    """Measure what the command line asks for, print the tables, and write them into docs/performance.md."""
    asked = _arguments()
    names = [name for name in PEERS if not asked.only or name in asked.only]
    shapes = SHAPES if asked.all else ((data.Payload(asked.payload), asked.features),)
    try:
        for name in names:
            set_up(PEERS[name])
        for payload, features in shapes:
            plan = data.Plan(asked.records, features, asked.files, payload, asked.reference)
            rows = measure(names, prepared(plan, names), plan.records, asked.rounds)
            text = f"{machine(plan, asked.rounds)}\n\n{table(rows)}"
            print(f"{text}\n")
            if not asked.no_page:
                put(PAGE, f"{payload.upper()}, {features} features", text)
    except (BenchError, ValueError) as error:
        sys.exit(str(error))


def prepared(plan: data.Plan, names: Sequence[str]) -> Path:
    """The folder of the plan's data, with what programs make of the reference beforehand."""
    folder = generate(plan)
    for peer in (PEERS[name] for name in names):
        if peer.prepares:
            run([peer.python, "-m", f"benchmarks.peers.{peer.module}", "prepare", str(folder)])
    return folder


def set_up(peer: Peer) -> None:
    """Make the peer's environment of its lock where it is not there yet, and compile its bytecode."""
    lock = ROOT / "benchmarks" / "requirements" / f"{peer.environment}.txt"
    ready = BENCH / f"{peer.environment or 'own'}.ready"
    made = lock.read_bytes() if peer.environment else (ROOT / "requirements" / "lock.txt").read_bytes()
    if not (peer.prefix.exists() and ready.exists() and ready.read_bytes() == made):
        print(f"setting up the environment of {peer.package} …", file=sys.stderr)
        BENCH.mkdir(exist_ok=True)
        if peer.environment:
            uv = str(OWN / "bin" / "uv")
            run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(peer.prefix)])
            install = [uv, "pip", "install", "--quiet", "--no-deps", "--require-hashes", "-r", str(lock)]
            run([*install, "--python", peer.python])
        # a few packages ship files that no Python compiles, so the status says nothing
        subprocess.run(
            [peer.python, "-m", "compileall", "-qq", "-j", "0", str(peer.prefix / "lib")],
            env=environment(),
            stdout=subprocess.DEVNULL,
            check=False,
        )
        ready.write_bytes(made)
    ours = [
        str(path)
        for path in sorted(ROOT.iterdir())
        if path.suffix == ".py" or (path / "__init__.py").exists()
    ]
    run([peer.python, "-m", "compileall", "-qq", *([str(ROOT / "benchmarks")] if peer.environment else ours)])


def generate(plan: data.Plan) -> Path:
    """The folder of the plan's data, made once; its baseline is made anew, since Kedge may have changed."""
    folder = BENCH / "data" / plan.folder
    if not folder.exists():
        print(f"generating {plan.records} records …", file=sys.stderr)
        half = folder.with_name(f"{folder.name}.half")
        shutil.rmtree(half, ignore_errors=True)
        data.write(plan, half)
        half.rename(folder)
    kedge = str(OWN / "bin" / "kedge")
    run([kedge, "baseline", "create", str(folder / "training.csv"), "--output", str(folder / "baseline")])
    return folder


def command(name: str, folder: Path) -> list[str]:
    """What is run, and timed, of a program."""
    peer, capture = PEERS[name], str(folder / "capture")
    if peer.module:
        return [peer.python, "-m", f"benchmarks.peers.{peer.module}", capture, str(folder)]
    baseline, output = str(folder / "baseline"), str(folder / "results")
    kedge = str(OWN / "bin" / "kedge")
    return [kedge, "check", "--capture", capture, "--baseline", baseline, "--output", output]


def measure(names: Sequence[str], folder: Path, records: int, rounds: int) -> list[Row]:
    """Run each program once unmeasured, then all of them in turn, `rounds` times over."""
    runs: dict[str, list[Measure]] = {name: [] for name in names}
    for turn in range(rounds + 1):
        for name in names:
            print(f"{name}: {f'round {turn} of {rounds}' if turn else 'warming up'} …", file=sys.stderr)
            shutil.rmtree(folder / "results", ignore_errors=True)
            taken, said = timed(command(name, folder))
            if count(name, folder, said) != records:
                raise BenchError(f"{name} did not read the {records} records: it said {said.strip()!r}")
            if turn:
                runs[name].append(taken)
    return [Row(name, version(PEERS[name]), tuple(runs[name])) for name in names]


def count(name: str, folder: Path, said: str) -> int | None:
    """How many records a program says it read; Kedge says it in its statistics.json."""
    if not PEERS[name].module:
        path = folder / "results" / "statistics.json"
        return int(json.loads(path.read_bytes())["dataset"]["item_count"]) if path.exists() else None
    found = [word.removeprefix("records=") for word in said.split() if word.startswith("records=")]
    return int(found[-1]) if found else None


def timed(words: Sequence[str]) -> tuple[Measure, str]:
    """Run a program to its end; its time, memory and output. Raises BenchError where it fails."""
    log = BENCH / "last.log"
    with log.open("wb") as out:
        begun = time.perf_counter()
        child = subprocess.Popen(words, cwd=ROOT, env=environment(), stdout=out, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - begun
        child.returncode = os.waitstatus_to_exitcode(status)
    said = log.read_text(encoding="utf-8", errors="replace")
    if child.returncode:
        raise BenchError(f"{' '.join(words)} ended with status {child.returncode}: {said[-2000:]}")
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss
    return Measure(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * unit), said


def run(words: Sequence[str]) -> None:
    """Run what is not measured. Raises BenchError where it fails."""
    done = subprocess.run(words, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"{' '.join(words)} ended with status {done.returncode}: {done.stderr[-2000:]}")


def environment() -> dict[str, str]:
    """The children's: bytecode is written and read by all alike, and nobody phones home."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | _HUSHED | _QUIET


def version(peer: Peer) -> str:
    """The version of a peer's package in its environment."""
    places = [str(path) for path in peer.prefix.glob("lib/python*/site-packages")]
    found = (one.version for one in distributions(name=peer.package, path=places))
    return next(found, "")


def machine(plan: data.Plan, rounds: int) -> str:
    """When, where and on what was measured, in a sentence."""
    info = Path("/proc/cpuinfo")
    models = [line for line in info.read_text().splitlines() if "model name" in line] if info.exists() else []
    cpu = models[0].partition(":")[2].strip() if models else platform.processor() or platform.machine()
    weight = sum(path.stat().st_size for path in (BENCH / "data" / plan.folder / "capture").iterdir())
    busy = os.getloadavg()[0]
    return (
        f"{datetime.now(UTC):%Y-%m-%d}: {plan.records:,} records of {plan.features} features and a "
        f"prediction, {plan.payload} payloads in {plan.files} objects, {weight / 1e6:,.0f} MB; reference "
        f"{plan.reference:,} rows; median of {rounds}. {os.cpu_count()} cores, {cpu}, Python "
        f"{platform.python_version()}, load {busy:.1f} at the end."
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description="Measure Kedge and its peers.")
    parser.add_argument("--rounds", type=_positive, default=5)
    parser.add_argument("--records", type=_positive, default=1_000_000)
    parser.add_argument("--features", type=_positive, default=8)
    parser.add_argument("--files", type=_positive, default=100)
    parser.add_argument("--reference", type=_positive, default=100_000, help="rows of training data")
    parser.add_argument("--payload", choices=[str(one) for one in data.Payload], default="csv")
    parser.add_argument("--all", action="store_true", help="each shape of payloads that the page has")
    parser.add_argument("--only", nargs="+", choices=list(PEERS), help="measure these alone")
    parser.add_argument("--no-page", action="store_true", help="leave docs/performance.md as it is")
    return parser.parse_args()


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above zero")
    return value


if __name__ == "__main__":
    main()

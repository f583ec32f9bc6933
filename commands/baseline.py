"""`kedge baseline`: create, import, list, show, compare and export baselines."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.failures import CommandError
from commands.options import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigPath,
    endpoint_of,
    load_config,
    local_path,
    monitor_of,
    open_current,
    print_json,
    write_files,
)
from config.distance import Distance
from config.plurals import counted

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from baselines.profile.column import ColumnProfile
    from monitor.baseline_difference import Baseline


class BaselineEngine(StrEnum):
    """Who makes a baseline."""

    KEDGE = "kedge"
    SAGEMAKER = "sagemaker"


app = typer.Typer(help="What an endpoint's data should look like.", no_args_is_help=True)

EndpointName = Annotated[str, typer.Argument(help="The endpoint's name in kedge.yaml.")]
Version = Annotated[int | None, typer.Option("--version", min=1, help="Default: the newest.")]


@app.command()
def create(
    dataset: Annotated[str, typer.Argument(help="CSV, JSON Lines or Parquet; a file, a folder or s3://…")],
    output: Annotated[Path, typer.Option(help="The folder to write the two files to.", callback=local_path)],
    no_header: Annotated[bool, typer.Option("--no-header", help="The CSV's first row is data.")] = False,
    histogram_bound: Annotated[
        int,
        typer.Option(
            min=1, max=1000, help="Different texts above which there is no histogram and no domain."
        ),
    ] = 120,
    problem_type: Annotated[
        str | None,
        typer.Option(
            help="Of the model's quality instead of its data: regression, binary_classification or "
            "multiclass_classification; Model Monitor's spellings too."
        ),
    ] = None,
    inference_attribute: Annotated[
        str | None,
        typer.Option(help="The column of the model's answers; of a CSV without a header its position."),
    ] = None,
    probability_attribute: Annotated[
        str | None, typer.Option(help="The column of the positive class's probability.")
    ] = None,
    probability_threshold_attribute: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Above it a record is positive, where answers are not given. [0.5]"),
    ] = None,
    ground_truth_attribute: Annotated[str | None, typer.Option(help="The column of the labels.")] = None,
    positive_class: Annotated[
        str | None, typer.Option(help="The positive one of two classes that are not 0 and 1.")
    ] = None,
    engine: Annotated[
        BaselineEngine, typer.Option(help="Kedge itself, or AWS's own job.")
    ] = BaselineEngine.KEDGE,
    image: Annotated[str | None, typer.Option(help="sagemaker: the analyzer image's URI.")] = None,
    role: Annotated[str | None, typer.Option(help="sagemaker: the role that the job runs in.")] = None,
    results: Annotated[
        str | None, typer.Option(help="sagemaker: the s3:// folder that the job writes to.")
    ] = None,
    region: Annotated[str | None, typer.Option(help="sagemaker: default: the environment's.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write statistics.json and constraints.json of a data set, in Model Monitor's format.

    Example: kedge baseline create training.csv --output baseline
    """
    from baselines import constraints, statistics
    from baselines.create import create as create_baseline
    from baselines.folder import CONSTRAINTS, STATISTICS

    asked = _QualityAsked(
        problem_type,
        inference_attribute,
        probability_attribute,
        probability_threshold_attribute,
        ground_truth_attribute,
        positive_class,
    )
    if engine is BaselineEngine.SAGEMAKER:
        if asked != _QualityAsked():
            raise CommandError("--engine sagemaker makes a baseline of data alone: leave --problem-type out")
        _create_on_sagemaker(dataset, output, image, role, results, region, not no_header, as_json)
        return
    if asked != _QualityAsked():
        _create_quality(dataset, output, asked, not no_header, as_json)
        return
    profile, suggested = create_baseline(
        _source(dataset), header=not no_header, where=dataset, histogram_bound=histogram_bound
    )
    written = statistics.write(profile, histogram_bound=histogram_bound)
    write_files(output, {STATISTICS: written, CONSTRAINTS: constraints.write(suggested)})
    if as_json:
        print_json({"records": profile.rows, "features": len(profile.columns), "output": str(output)})
    else:
        features = counted(len(profile.columns), "feature")
        typer.echo(f"{counted(profile.rows, 'record')}, {features}, written to {output}")


@dataclass(frozen=True, slots=True)
class _QualityAsked:
    """The options that ask for a baseline of the model's quality."""

    problem_type: str | None = None
    inference: str | None = None
    probability: str | None = None
    threshold: float | None = None
    ground_truth: str | None = None
    positive: str | None = None


def _create_quality(dataset: str, output: Path, asked: _QualityAsked, header: bool, as_json: bool) -> None:
    from baselines.quality.analysis import VIOLATIONS, analyze
    from baselines.quality.dataset import Attributes, read
    from baselines.quality.problem import QualityError, problem_of

    if asked.problem_type is None or asked.ground_truth is None:
        raise typer.BadParameter("a baseline of quality wants --problem-type and --ground-truth-attribute")
    try:
        problem = problem_of(asked.problem_type)
    except QualityError as error:
        raise typer.BadParameter(str(error), param_hint="--problem-type") from None
    attributes = Attributes(asked.ground_truth, asked.inference, asked.probability)
    frame = read(_source(dataset), attributes, header=header, where=dataset)
    try:
        found = analyze(
            frame,
            problem,
            threshold=0.5 if asked.threshold is None else asked.threshold,
            positive=asked.positive,
        )
    except QualityError as error:
        raise QualityError(f"{dataset}: {error}") from None
    write_files(output, {name: text for name, text in found.files().items() if name != VIOLATIONS})
    records = found.statistics.item_count
    if as_json:
        print_json(
            {
                "records": records,
                "left_out": found.left_out,
                "problem_type": problem,
                "metrics": found.cloudwatch,
                "output": str(output),
            }
        )
        return
    if found.left_out:
        typer.echo(f"{counted(found.left_out, 'record')} left out for want of an answer or a label", err=True)
    for name, bound in found.constraints.bounds.items():
        typer.echo(f"{name}  {bound.threshold:.6g}")
    bounds = counted(len(found.constraints.bounds), "constraint")
    typer.echo(f"{counted(records or 0, 'record')}, {bounds}, written to {output}")


def _create_on_sagemaker(
    dataset: str,
    output: Path,
    image: str | None,
    role: str | None,
    results: str | None,
    region: str | None,
    header: bool,
    as_json: bool,
) -> None:
    from datetime import UTC, datetime

    from baselines.folder import CONSTRAINTS, STATISTICS, parse, read_files
    from baselines.processing_job import BaseliningJob, format_of, job_name, run
    from objects import aws_client, open_place, s3_client

    if image is None or role is None or results is None or not dataset.startswith("s3://"):
        raise CommandError(
            "--engine sagemaker wants a data set on s3://, --image (the sagemaker-model-monitor-analyzer of "
            "your region), --role (the ARN of the job's role) and --results s3://bucket/prefix"
        )
    name = job_name(datetime.now(UTC))
    written = f"{results.rstrip('/')}/{name}/results"
    job = BaseliningJob(name, image, role, dataset, format_of(dataset, header=header), written)
    typer.echo(f"{name} runs on AWS; this takes some minutes", err=True)
    run(aws_client("sagemaker", region), job)
    files = read_files(open_place(written, s3_client(region)))
    profile, found = parse(files)
    write_files(output, {STATISTICS: files.statistics, CONSTRAINTS: files.constraints})
    if as_json:
        told = {"records": profile.rows, "features": len(found.features), "output": str(output)}
        print_json({**told, "results": written})
    else:
        features = counted(len(found.features), "feature")
        typer.echo(f"{counted(profile.rows, 'record')}, {features}, written to {output}")


def _source(dataset: str) -> Path | bytes:
    from objects import FolderObjects, open_place

    place = open_place(dataset)
    if isinstance(place.objects, FolderObjects):
        return place.objects.root
    if not place.prefix:
        raise CommandError(f"{dataset} names a bucket and no data set: write s3://bucket/key.csv")
    return place.objects.read(place.prefix)


@app.command("import")
def import_(
    endpoint: EndpointName,
    folder: Annotated[str, typer.Argument(help="The folder with the two files; local or s3://…")],
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Store a baseline as the endpoint's next version; it judges the windows from now on.

    Example: kedge baseline import abalone-prod-endpoint s3://logs/baselining/results
    """
    from baselines import versions
    from baselines.folder import read_files
    from config.clock import clock_from_environment
    from monitor.eras import adopt, follow
    from objects import open_place
    from store import deployments, monitors
    from store.engine import writing

    loaded = load_config(config)
    entry = endpoint_of(loaded, endpoint, config)
    files = read_files(open_place(folder))
    engine, now = open_current(loaded), clock_from_environment(dict(os.environ)).now()
    with writing(engine) as connection:
        monitor = monitors.register(connection, entry.name, entry.digest, now)
        deployments.lock(connection, monitor.id)
        version = versions.import_files(connection, monitor.id, files, now)
        eras = deployments.eras(connection, monitor.id) or follow(connection, monitor.id, None, now)
        adopt(connection, monitor.id, version.id, eras[-1].id)
    if as_json:
        print_json({"endpoint": endpoint, "version": version.version, "features": version.features})
    else:
        typer.echo(f"version {version.version} of {endpoint}: {version.features} features")


@app.command("list")
def list_(endpoint: EndpointName, config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """The versions of an endpoint's baseline, newest first.

    Example: kedge baseline list abalone-prod-endpoint
    """
    from store import baselines
    from store.engine import reading

    engine = open_current(load_config(config))
    monitor = monitor_of(engine, endpoint)
    with reading(engine) as connection:
        found = baselines.versions(connection, monitor.id)
    if as_json:
        print_json(
            [
                {
                    "version": b.version,
                    "created_at": b.created_at,
                    "records": b.records,
                    "features": b.features,
                    "source": b.source,
                }
                for b in found
            ]
        )
        return
    for b in found:
        typer.echo(f"{b.version}  {b.created_at:%Y-%m-%d %H:%M} UTC  {b.features} features  {b.source}")
    if not found:
        typer.echo(f"{endpoint} has no baseline yet.")


@app.command()
def show(
    endpoint: EndpointName,
    version: Version = None,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """The features of a version: type, completeness, range or number of categories.

    Example: kedge baseline show abalone-prod-endpoint --version 1
    """
    import json

    from baselines import versions
    from store.engine import reading

    engine, baseline_id = _chosen(config, endpoint, version)
    with reading(engine) as connection:
        if as_json:
            statistics, constraints = versions.texts(connection, baseline_id)
            print_json({"statistics": json.loads(statistics), "constraints": json.loads(constraints)})
            return
        loaded = versions.load(connection, baseline_id)
    records = counted(loaded.profile.rows, "record")
    typer.echo(f"version {loaded.baseline.version}: {records}, {loaded.baseline.source}")
    for feature in loaded.constraints.features:
        column = loaded.profile.columns.get(feature.name)
        asked = "-" if feature.completeness is None else f"{feature.completeness:.1%}"
        typer.echo(f"{feature.name}  {feature.inferred_type}  {asked}  {_range(column)}")


def _range(column: ColumnProfile | None) -> str:
    if column is None:
        return "not in statistics.json"
    if column.moments.count:
        return f"{column.moments.minimum:g} to {column.moments.maximum:g}, mean {column.moments.mean:g}"
    return f"about {column.distinct_count or 0:.0f} different values"


@app.command()
def export(
    endpoint: EndpointName,
    output: Annotated[Path, typer.Option(help="The folder to write the two files to.", callback=local_path)],
    version: Version = None,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Write a version's two files, byte for byte as they were stored.

    Example: kedge baseline export abalone-prod-endpoint --output baseline
    """
    from baselines import versions
    from baselines.folder import CONSTRAINTS, STATISTICS
    from store.engine import reading

    engine, baseline_id = _chosen(config, endpoint, version)
    with reading(engine) as connection:
        statistics, constraints = versions.texts(connection, baseline_id)
    write_files(output, {STATISTICS: statistics, CONSTRAINTS: constraints})
    typer.echo(f"written to {output}")


@app.command()
def diff(
    baselines: Annotated[
        list[str],
        typer.Argument(help="An endpoint and two of its versions, or two folders; the old one first."),
    ],
    config: ConfigPath = DEFAULT_CONFIG,
    distance: Annotated[
        Distance, typer.Option(help="Right distances, or Model Monitor's.")
    ] = Distance.CORRECT,
    as_json: AsJson = False,
) -> None:
    """What tells two baselines apart: features, types, completeness, domains, thresholds, distributions.

    Example: kedge baseline diff abalone-prod-endpoint 1 2
    """
    from commands import differences
    from monitor.baseline_difference import difference

    if len(baselines) == 2 and _tell_quality(baselines[0], baselines[1], as_json):
        return
    old, new = _both(baselines, config)
    found = difference(old, new, distance)
    if as_json:
        print_json(differences.of_data_json(found))
        return
    typer.echo("\n".join(differences.of_data(found)))


def _tell_quality(old: str, new: str, as_json: bool) -> bool:
    """Tell two folders apart where they hold baselines of a model's quality; whether they do."""
    from baselines.folder import read_files
    from commands import differences
    from objects import open_place

    found = differences.quality_of(read_files(open_place(old)), read_files(open_place(new)))
    if found is None:
        return False
    if as_json:
        print_json(differences.of_quality_json(found))
    else:
        typer.echo("\n".join(differences.of_quality(found)))
    return True


def _both(given: list[str], config: Path) -> tuple[Baseline, Baseline]:
    """The two baselines that the arguments name."""
    if len(given) == 2:
        return _in_folder(given[0]), _in_folder(given[1])
    if len(given) != 3 or not all(version.isdecimal() for version in given[1:]):
        raise typer.BadParameter(
            "give an endpoint and the numbers of two versions (ENDPOINT 1 2), or two folders"
        )
    return _version(config, given[0], int(given[1])), _version(config, given[0], int(given[2]))


def _in_folder(folder: str) -> Baseline:
    from baselines.folder import parse, read_files
    from monitor.baseline_difference import Baseline
    from objects import open_place

    return Baseline(*parse(read_files(open_place(folder))))


def _version(config: Path, endpoint: str, version: int) -> Baseline:
    from baselines import versions
    from monitor.baseline_difference import Baseline
    from store.engine import reading

    engine, baseline_id = _chosen(config, endpoint, version)
    with reading(engine) as connection:
        loaded = versions.load(connection, baseline_id)
    return Baseline(loaded.profile, loaded.constraints)


def _chosen(config: Path, endpoint: str, version: int | None) -> tuple[Engine, int]:
    from store import baselines
    from store.engine import reading

    engine = open_current(load_config(config))
    monitor = monitor_of(engine, endpoint)
    with reading(engine) as connection:
        found = baselines.versions(connection, monitor.id)
    chosen = next((b for b in found if version in (None, b.version)), None)
    if chosen is None:
        there = ", ".join(str(b.version) for b in reversed(found))
        advice = f"give one of {there} with --version" if found else "import one with 'kedge baseline import'"
        raise CommandError(
            f"{endpoint} has no {f'baseline version {version}' if version else 'baseline'}: {advice}"
        )
    return engine, chosen.id

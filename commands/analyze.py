"""`kedge analyze`: Model Monitor's container contract."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer


def analyze(
    root: Annotated[Path, typer.Option(help="What stands for / in the platform's paths.")] = Path("/"),
) -> None:
    """Do the job that Model Monitor's container is told by variables and files; the image does so by itself.

    Example: kedge analyze --root /
    """
    from commands.failures import CommandError, sentence_of
    from commands.once import keep_freed_memory
    from config.plurals import counted
    from monitor.analysis import contract, run

    keep_freed_memory()
    try:
        job = contract.read_job(os.environ, root)
        found = run.analyse(job, datetime.now(UTC))
        run.write_out(job, root, found)
        printed = run.postprocess(job)
    except Exception as error:
        sentence = sentence_of(error)
        run.leave(root, f"Failed: {sentence or f'Kedge failed ({type(error).__name__}): the log says where'}")
        if sentence is None:
            raise
        raise CommandError(sentence) from error
    for said in found.gathered.said:
        typer.echo(f"{said.key}: {job.preprocess} printed:\n{said.text}", err=True)
    typer.echo(printed, nl=False, err=True)
    for bad in found.gathered.bad:
        for sentence in bad.sentences():
            typer.echo(sentence, err=True)
    lost = sum(bad.rejects.lost for bad in found.gathered.bad)
    read = f"{counted(found.gathered.profile.rows, 'record')} in {counted(found.gathered.objects, 'object')}"
    typer.echo(f"{read}, {lost} rejected")
    typer.echo(found.message)

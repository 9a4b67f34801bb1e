"""backproof reproduce and report: from data to the report, and from runs to the report."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from backproof.cli.options import FilePath, data_dir_option
from backproof.cli.prove import SOMETHING_WRONG
from backproof.cli.training_session import INTERRUPTED, train_and_show
from backproof.data.registry import DATASETS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backproof.handin.jobs import Job

out_option = click.option(
    "--out", type=FilePath, default=Path("report"), show_default=True, help="the report's folder"
)


@click.command(short_help="Train all that the report needs, then write the report.")
@click.option("--data", type=click.Choice(tuple(DATASETS)), default="cifar10", show_default=True)
@data_dir_option
@click.option("--runs", type=FilePath, help="the runs' folder  [runs/reproduce-DATA]")
@out_option
def reproduce(data: str, data_dir: Path | None, runs: Path | None, out: Path) -> int:
    """Train every recipe over its seeds, then write report.html and report.pdf.

    Runs that are finished are left as they are, those that were cut go on: given again, the command does what
    is left to do. With --data digits, networks are smaller and all of it takes one to two minutes.
    """
    from backproof.cli.output import say
    from backproof.handin import jobs as plan
    from backproof.training import run
    from backproof.training.learners.make import imported

    imported("backproof.handin.build_report", "the report").make_folder(out)
    folder = runs or Path("runs") / f"reproduce-{data}"
    jobs = plan.jobs(data, None if data_dir is None else str(data_dir))
    left = [job for job in jobs if not _finished(job, folder)]
    say(f"{len(jobs)} runs in {folder}, {len(jobs) - len(left)} of them finished; {_duration(left)}")
    began, guessed = time.perf_counter(), 0.0
    for number, job in enumerate(left):
        pace = (time.perf_counter() - began) / guessed if guessed else 1.0
        place = len(jobs) - len(left) + number + 1
        say(f"\n{job.name}: run {place} of {len(jobs)}; {_duration(left[number:], pace)}")
        here = folder / job.name
        moved = {
            name: getattr(job.settings, name) for name in run.MAY_MOVE if name in job.recipe.network.settings
        }
        opened = run.resume(here, moved) if here.exists() else run.start(job.recipe, job.settings, here)
        if train_and_show(opened, as_planned=True) is None:
            click.echo("or give the same command again, to go on with all runs", err=True)
            return INTERRUPTED
        guessed += job.seconds
    return _report([folder], out)


@click.command(short_help="Write the report of runs that are there, training nothing.")
@click.argument("runs", nargs=-1, required=True, type=FilePath, metavar="RUNS...")
@out_option
def report(runs: tuple[Path, ...], out: Path) -> int:
    """Write report.html and report.pdf from the runs in RUNS, folders that are searched for record.json.

    Every recipe needs one run at least. All equations are proven anew.
    """
    return _report(runs, out)


def _report(runs: "Sequence[Path]", out: Path) -> int:
    """Write the report; where something in it is not proven, say so and return 1."""
    from backproof.cli.output import say
    from backproof.training.learners.make import imported

    written = imported("backproof.handin.build_report", "the report").write(runs, out, say)
    say("\n".join(f"report    {path}" for path in written.paths))
    if written.wrong:
        click.echo(f"backproof: not proven: {', '.join(written.wrong)}; see backproof prove", err=True)
        return SOMETHING_WRONG
    return 0


def _finished(job: "Job", folder: Path) -> bool:
    """Tell whether the run has its record (RunError if what lies there is a run of other settings)."""
    from backproof.errors import RunError
    from backproof.training import checkpoint, record

    here = folder / job.name
    if (here / record.FILE_NAME).is_file():
        finished, recipe, config = True, record.read(here).recipe, record.read(here).config
    elif here.exists():
        cut = checkpoint.read(here)
        finished, recipe, config = False, cut.recipe, cut.config
    else:
        return False
    if recipe != job.recipe.name or job.learns() != job.learns(config):
        raise RunError(f"{here} is a run of other settings; choose another --runs")
    return finished


def _duration(jobs: "list[Job]", pace: float = 1.0) -> str:
    """Guess how long runs take, at this machine's pace once it is known."""
    if not jobs:
        return "nothing to train"
    hours, minutes = divmod(max(1, round(pace * sum(job.seconds for job in jobs) / 60)), 60)
    return f"about {f'{hours} h ' if hours else ''}{minutes} min to train"

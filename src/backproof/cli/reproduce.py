"""backproof reproduce: from data to the report."""

from functools import partial
from pathlib import Path

import click

from backproof.cli.options import FilePath, data_dir_option
from backproof.cli.report import out_option, write_report
from backproof.cli.signals import INTERRUPTED
from backproof.cli.train_with_display import train_with_display
from backproof.data.registry import DATASETS


@click.command(short_help="Train all that the report needs, then write the report.")
@click.option("--data", type=click.Choice(tuple(DATASETS)), default="cifar10", show_default=True)
@data_dir_option
@click.option("--runs", type=FilePath, help="the runs' folder  [runs/reproduce-DATA]")
@out_option
def reproduce(data: str, data_dir: Path | None, runs: Path | None, out: Path) -> int:
    """Train every recipe over its seeds, then write report.html and report.pdf.

    Runs that are finished are left as they are, those that were cut go on: given again, the command does what
    is left to do. With --data digits, networks are smaller and all of it takes two to three minutes.
    """
    from backproof.cli.output import say
    from backproof.handin import plan
    from backproof.handin.train_planned import train_planned
    from backproof.training.torch_import import import_with_torch

    import_with_torch("backproof.handin.write_report", "the report").make_folder(out)
    folder = runs or Path("runs") / f"reproduce-{data}"
    planned = plan.planned_runs(data, None if data_dir is None else str(data_dir))
    if not train_planned(planned, folder, partial(train_with_display, note_modifications=False), say):
        click.echo("or give the same command again, to go on with all runs", err=True)
        return INTERRUPTED
    return write_report([folder], out)

"""backproof report: from finished runs to the report."""

from collections.abc import Sequence
from pathlib import Path

import click

from backproof.cli.options import FilePath
from backproof.cli.prove import SOMETHING_WRONG

out_option = click.option(
    "--out", type=FilePath, default=Path("report"), show_default=True, help="the report's folder"
)


@click.command(short_help="Write the report of runs that are there, training nothing.")
@click.argument("runs", nargs=-1, required=True, type=FilePath, metavar="RUNS...")
@out_option
def report(runs: tuple[Path, ...], out: Path) -> int:
    """Write report.html and report.pdf from the runs in RUNS, folders that are searched for record.json.

    Every recipe in the report needs one run at least. All equations are proven anew.
    """
    return write_report(runs, out)


def write_report(folders: Sequence[Path], out: Path) -> int:
    """Write the report; where something in it is not proven, say so and return 1."""
    from backproof.cli.output import say
    from backproof.training.torch_import import import_with_torch

    written = import_with_torch("backproof.handin.write_report", "the report").write(folders, out, say)
    say("\n".join(f"report    {path}" for path in written.paths))
    if written.not_proven:
        click.echo(f"backproof: not proven: {', '.join(written.not_proven)}; see backproof prove", err=True)
        return SOMETHING_WRONG
    return 0

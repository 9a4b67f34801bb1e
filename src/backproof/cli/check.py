"""backproof check: prove someone else's backprop right, or show exactly where and why it is wrong."""

import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from backproof.cli.options import FilePath
from backproof.cli.signals import INTERRUPTED, interrupt_on_signal, stop_on_signal
from backproof.errors import BackproofError, ConfigError

if TYPE_CHECKING:
    from backproof.checker.check_report import CheckReport

SOMETHING_WRONG = 1
_MODULE = "module"


@click.command(short_help="Prove someone else's backprop right, or show where and why it is wrong.")
@click.argument("targets", nargs=-1, required=True, metavar="FOLDER... | module FILE:CLASS")
@click.option(
    "--only", multiple=True, metavar="ID|QUESTION",
    help="only this check (1.2/linear.db) or question (1.2); may repeat",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="of the random inputs")
@click.option("--json", "as_json", is_flag=True, help="print the whole report as JSON, and nothing else")
@click.option(
    "--html", type=FilePath, metavar="FILE", help="also write the report as one page that needs no network"
)
@click.option("--hints", is_flag=True, help="for students: hints, without test data, causes or solutions")
@click.option(
    "--csv", "table", type=FilePath, metavar="FILE",
    help="check several folders and write a row for each; those with a row in FILE already are skipped",
)  # fmt: skip
@click.option(
    "--jobs", type=click.IntRange(min=1), metavar="N",
    help="with --csv: folders to check at a time  [the processors]",
)  # fmt: skip
def check(
    targets: tuple[str, ...],
    only: tuple[str, ...],
    seed: int,
    as_json: bool,
    html: Path | None,
    hints: bool,
    table: Path | None,
    jobs: int | None,
) -> int:
    """Check the assignment's code in FOLDER: its layers, networks, batch norm and ConvNet.

    Every output and gradient is compared with a derivative that the code has no part in. For what isn't
    right, the cause is named, with the entry, what was expected there, and the smallest input that shows it.
    The code runs apart from this program.

    `backproof check module FILE:CLASS` checks one layer of your own; a folder of that name is ./module.

    Exit codes: 0 all right, 1 something is wrong, 2 the check could not run.
    """
    if "" in targets:
        raise ConfigError("there is no folder ''")
    if table is not None:
        if as_json or html or hints or targets[0] == _MODULE:
            raise ConfigError("--csv takes folders, and goes without --json, --html, --hints and module")
        _writable(table)
        return _check_class(targets, table, only, seed, jobs)
    if jobs is not None:
        raise ConfigError("--jobs is for several folders: give --csv FILE too")
    if html is not None:
        _writable(html)
    with interrupt_on_signal():
        report = _report(targets, only, seed)
    if not report.findings:
        raise BackproofError("no check ran, so nothing is proven")
    _show(report, as_json, html, hints)
    return 0 if report.ok else SOMETHING_WRONG


def _report(targets: Sequence[str], only: Sequence[str], seed: int) -> "CheckReport":
    """Check one folder, or one layer (BackproofError)."""
    from backproof.checker.submission_folder import as_folder_errors
    from backproof.training.torch_import import import_with_torch

    report: CheckReport
    if targets[0] == _MODULE:
        if len(targets) != 2 or only:
            raise ConfigError("a layer is checked by: backproof check module FILE:CLASS, without --only")
        with as_folder_errors():
            file, class_name = _layer(targets[1])
        checker = import_with_torch("backproof.checker.check_class", "backproof check module")
        report = checker.check_class(file, class_name, seed=seed)
        return report
    if len(targets) > 1:
        raise ConfigError("several folders need --csv FILE, for a row of each")
    folder = Path(targets[0])
    with as_folder_errors():
        if not folder.is_dir():
            raise ConfigError(
                f"there is no folder '{targets[0]}'; give the one that holds the code, such as modules.py"
            )
    if str(folder) == _MODULE or str(folder).startswith("-"):  # else what reruns a check means another
        folder = folder.absolute()
    checker = import_with_torch("backproof.checker.check", "backproof check")
    report = checker.check_folder(folder, seed=seed, only=only)
    return report


def _layer(target: str) -> tuple[Path, str]:
    """Split FILE:CLASS (ConfigError)."""
    name, _, class_name = target.rpartition(":")
    if not name or not class_name.isidentifier():
        raise ConfigError(f"a layer is FILE:CLASS, as in layers.py:Linear, not '{target}'")
    if not Path(name).is_file():
        raise ConfigError(f"there is no file '{name}'")
    return Path(name), class_name


def _check_class(
    folders: Sequence[str], table: Path, only: Sequence[str], seed: int, jobs: int | None
) -> int:
    """Check every folder, say how far it is, and return the exit code."""
    from backproof.checker.classroom.folders import check_folders
    from backproof.cli.output import say

    with stop_on_signal() as should_stop:
        all_right = check_folders(
            folders, table, only=only, seed=seed, jobs=jobs, should_stop=should_stop, say=say
        )
    if all_right is None:
        click.echo("stopped; go on by the same command: the finished folders are in the table", err=True)
        return INTERRUPTED
    say(f"table: {table}")
    return 0 if all_right else SOMETHING_WRONG


def _writable(path: Path) -> None:
    """Refuse, before any work, a file that could not be written (ConfigError)."""
    import tempfile

    try:
        if path.is_dir():
            raise ConfigError(f"cannot write {path}: it is a folder; name a file")
        if path.exists() and not path.is_file():
            raise ConfigError(f"cannot write {path}: it is no regular file")
        if not path.parent.is_dir():
            raise ConfigError(f"cannot write {path}: there is no folder {path.parent}")
        tempfile.NamedTemporaryFile(prefix=f".{path.name}-", dir=path.parent).close()  # as it will be written
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from None


def _show(report: "CheckReport", as_json: bool, html: Path | None, hints: bool) -> None:
    """Write the report in all the forms that were asked for (BackproofError)."""
    import msgspec

    from backproof.checker.output.page import page
    from backproof.checker.output.report_filters import escape_control_characters, hints_only
    from backproof.checker.output.terminal import text
    from backproof.cli.output import deliver
    from backproof.files import write_atomically

    report = escape_control_characters(hints_only(report) if hints else report)
    if html is not None:
        try:
            write_atomically(html, page(report).encode())
        except OSError as error:
            raise BackproofError(f"cannot write {html}: {error.strerror}") from None
    if as_json:
        # msgspec has no NaN, as JSON has none, and the standard library no letter that an output may lack.
        deliver(json.dumps(json.loads(msgspec.json.encode(report))))
        return
    deliver(text(report, sys.stdout or io.StringIO()))  # there is none after `>&-`
    if html is not None:
        deliver(f"page: {html}")

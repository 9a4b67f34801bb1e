"""The command line: its commands, and the exit codes and messages of their errors."""

import io
import sys
from collections.abc import Sequence

import click

from backproof import __version__
from backproof.cli.check import check
from backproof.cli.data import data_group
from backproof.cli.evaluate import evaluate
from backproof.cli.pack import pack
from backproof.cli.predict import predict
from backproof.cli.prove import prove
from backproof.cli.recipes import recipes
from backproof.cli.report import report
from backproof.cli.reproduce import reproduce
from backproof.cli.search import search
from backproof.cli.signals import INTERRUPTED
from backproof.cli.train import train
from backproof.errors import BackproofError, is_out_of_memory

USER_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line (default: this process's) and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of files may have letters that the terminal lacks
            stream.reconfigure(errors="backslashreplace")
    try:
        code: int | None = cli.main(arguments, prog_name="backproof", standalone_mode=False)
        return code or 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return USER_ERROR
    except click.ClickException as error:
        return _fail(error.format_message())
    except BackproofError as error:
        return _fail(str(error))
    except (click.Abort, KeyboardInterrupt):  # before RuntimeError, which click's own is one of
        return INTERRUPTED
    except MemoryError as error:
        return _fail(f"not enough memory: {error}; choose a smaller network or batch")
    except RuntimeError as error:
        if is_out_of_memory(error):
            return _fail("not enough memory for the network and its batch; choose a smaller network or batch")
        raise
    except OSError as error:
        if (
            error.filename is not None
        ):  # not the output, which has no name: a file that nobody expected to fail
            raise
        from backproof.cli.output import silence

        silence()
        return _fail(f"cannot write the output: {error.strerror}")


def _fail(message: str) -> int:
    click.echo(f"backproof: {' '.join(message.split())}", err=True)
    return USER_ERROR


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Neural networks whose every gradient is derived, written by hand, and proven.

    Start with `backproof train mlp-numpy --data digits`.
    """


for command in (train, search, evaluate, predict, recipes, data_group, prove, check, reproduce, report, pack):
    cli.add_command(command)

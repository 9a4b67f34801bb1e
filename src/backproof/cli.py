"""The command line. Whatever a command needs is imported inside it, so that --help comes at once."""

import io
import math
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

import click

from backproof import __version__
from backproof.config import TrainConfig, read_settings
from backproof.errors import BackproofError, ConfigError
from backproof.recipes import RECIPES, find_recipe

if TYPE_CHECKING:
    from backproof.run import Run

USER_ERROR = 2
INTERRUPTED = 130
_STUCK = 0.01
"""A loss this near to that of guessing has learnt nothing."""


class _FilePath(click.Path):
    """A path as the user wrote it; an empty one, as of an unset variable, is a mistake."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("the path is empty", param, ctx)
        return super().convert(value, param, ctx)


FilePath = _FilePath(path_type=Path)


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
    except MemoryError as error:
        return _fail(f"not enough memory: {error}; choose a smaller network or batch")
    except OSError as error:
        if (
            error.filename is not None
        ):  # not the output, which has no name: a file that nobody expected to fail
            raise
        from backproof.output import silence

        silence()
        return _fail(f"cannot write the output: {error.strerror}")
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED


def _fail(message: str) -> int:
    click.echo(f"backproof: {' '.join(message.split())}", err=True)
    return USER_ERROR


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Neural networks whose every gradient is derived, written by hand, and proven.

    Start with `backproof train mlp-numpy --data digits`.
    """


def setting_flags(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command one flag for each setting of TrainConfig, None where it is not given."""
    types = get_type_hints(TrainConfig)
    for each in reversed(fields(TrainConfig)):
        kind = types[each.name]
        value: dict[str, Any] = {"type": kind}
        if get_origin(kind) is Literal:
            value = {"type": click.Choice(get_args(kind))}
        elif kind == tuple[int, ...]:
            value = {"type": str, "metavar": "SIZES"}
        elif kind == str | None:
            value = {"type": str, "metavar": "PATH"}
        default = ",".join(map(str, each.default)) if isinstance(each.default, tuple) else each.default
        text = each.metadata["help"] + (f"  [{default}]" if default is not None else "")
        command = click.option(f"--{each.name.replace('_', '-')}", each.name, help=text, **value)(command)
    return command


@cli.command(short_help="Train a recipe's network and draw its curves.")
@click.argument("recipe", required=False)
@click.option(
    "--config", "settings_file", type=FilePath, help="settings from a TOML file or a run's record.json"
)
@click.option("--out", type=FilePath, help="the run's folder, not there yet  [runs/RECIPE-TIME]")
@click.option(
    "--resume", type=FilePath, metavar="RUN", help="go on with this run's folder, settings as they were"
)
@setting_flags
def train(
    recipe: str | None, settings_file: Path | None, out: Path | None, resume: Path | None, **flags: Any
) -> int:
    """Train RECIPE's network; `backproof recipes` lists them.

    Settings come from the recipe, then from --config, then from flags. Ctrl-C saves the run and says how
    to go on.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    if resume is not None:
        return _resume(resume, recipe, settings_file, out, given)
    if recipe is None:
        raise ConfigError(f"name a recipe, e.g. backproof train mlp-numpy; there are {', '.join(RECIPES)}")
    chosen = find_recipe(recipe)
    settings = chosen.configure(read_settings(settings_file) if settings_file else {}, given)

    from backproof import run
    from backproof.processes import all_processes

    with all_processes() as processes:
        return _advance(run.start(chosen, settings, out, processes))


def _resume(
    folder: Path, recipe: str | None, settings_file: Path | None, out: Path | None, given: dict[str, Any]
) -> int:
    from backproof import run
    from backproof.processes import all_processes

    data_dir = given.pop("data_dir", None)
    if settings_file or out or given:
        raise ConfigError(
            "a resumed run keeps its settings and folder: give --resume RUN alone (--data-dir if it moved)"
        )
    with all_processes() as processes:
        resumed = run.resume(folder, data_dir, processes)
        if recipe not in (None, resumed.recipe.name):
            raise ConfigError(f"{folder} is a run of {resumed.recipe.name}, not of {recipe}")
        return _advance(resumed)


def _advance(run: "Run") -> int:
    """Train a run to its end, or as far as Ctrl-C lets it, and say where things are."""
    from backproof.output import say
    from backproof.signals import stop_on_signal
    from backproof.training import advance

    if run.processes.rank:
        with stop_on_signal() as should_stop:
            advance(run, should_stop)
        return 0 if run.finished else INTERRUPTED
    dataset = run.dataset
    say(
        f"{run.recipe.name} on {dataset.name}: {len(dataset.train):,} training images, "
        f"judged on {len(run.held_out):,} {run.config.judged_on} images, {len(dataset.classes)} classes\n"
        f"run       {run.folder}"
    )
    with stop_on_signal() as should_stop:
        record = advance(run, should_stop)
    if record is None:
        click.echo(
            f"stopped after step {run.progress.step} of {run.config.steps}, saved; "
            f"go on with: {_own_name()} train --resume {shlex.quote(str(run.folder))}",
            err=True,
        )
        return INTERRUPTED
    result = ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in record.final.items())
    say(
        f"done in {record.seconds:.1f} s ({record.images_per_second:,.0f} training images/s): {result}\n"
        f"pictures  {run.folder / 'curves.png'}  {run.folder / 'curves.svg'}\n"
        f"record    {run.folder / 'record.json'}"
    )
    if abs(record.curves[-1].train_loss - math.log(len(dataset.classes))) < _STUCK:
        say(
            "note      the loss is still that of guessing: several hidden layers hardly move from weights "
            "as small as the assignment's; one does, and so do they from --initialization uniform (mlp-torch)"
        )
    return 0


def _own_name() -> str:
    """Return what to type to call this program again from here."""
    return "backproof" if shutil.which("backproof") else f"{sys.executable} -m backproof"


@cli.command()
@click.argument("run", type=FilePath)
@click.option("--data-dir", type=str, metavar="PATH", help="where its data set lies now, if it has moved")
def evaluate(run: Path, data_dir: str | None) -> None:
    """Measure RUN's network anew on the images that it was judged on."""
    from backproof.fit import EVALUATION_BATCH
    from backproof.run import resume

    trained = resume(run, data_dir)
    metrics = trained.learner.evaluate(trained.held_out.chunks(EVALUATION_BATCH))
    click.echo(
        f"{run} after step {trained.progress.step} of {trained.config.steps}, on {len(trained.held_out):,} "
        f"{trained.config.judged_on} images: loss {metrics.loss:.4f}, accuracy {metrics.accuracy:.4f}"
    )


@cli.command()
@click.argument("run", type=FilePath)
@click.argument("images", nargs=-1, required=True, type=FilePath, metavar="IMAGE...")
@click.option("--top", type=click.IntRange(min=1), default=3, show_default=True, help="classes to name")
def predict(run: Path, images: tuple[Path, ...], top: int) -> None:
    """Name the likeliest classes of each IMAGE (a file of any size and format), by RUN's network."""
    import numpy as np

    from backproof.images import read_image
    from backproof.run import load_network

    learner, saved = load_network(run)
    pixels = np.stack([read_image(image, *saved.mean.shape[1:]) for image in images])
    probabilities = learner.probabilities(pixels - saved.mean)
    width = max(len(str(image)) for image in images)
    for image, row in zip(images, probabilities, strict=True):
        best = [f"{saved.classes[i]} {row[i]:.1%}" for i in row.argsort()[::-1][:top]]
        click.echo(f"{image!s:{width}}  {'   '.join(best)}")


@cli.command()
def recipes() -> None:
    """List the recipes and what they change of the default settings."""
    width = max(len(name) for name in RECIPES)
    for recipe in RECIPES.values():
        changed = " ".join(f"{name}={value}" for name, value in recipe.settings.items())
        click.echo(f"{recipe.name:{width}}  {recipe.summary}  {changed}".rstrip())


data_dir_option = click.option(
    "--data-dir",
    type=FilePath,
    metavar="PATH",
    help=TrainConfig.__dataclass_fields__["data_dir"].metadata["help"],
)


@cli.group("data")
def data_group() -> None:
    """Fetch, verify or locate CIFAR-10."""


@data_group.command()
@click.option(
    "--mirror", "mirrors", multiple=True, metavar="URL", help="try this next after the origin; may repeat"
)
def fetch(mirrors: tuple[str, ...]) -> None:
    """Fetch the archive into the cache folder, unless it is there, and prepare its images.

    BACKPROOF_DATA plays no part in this.

    Variables: BACKPROOF_CIFAR10_URL instead of the origin, BACKPROOF_CIFAR10_MIRRORS, BACKPROOF_CIFAR10_MD5.
    """
    from backproof.data import cifar10
    from backproof.data.fetch import Sources, fetch

    archive = fetch(Sources.from_environment(mirrors))
    cifar10.prepare(archive)
    click.echo(archive)


@data_group.command()
@data_dir_option
def verify(data_dir: Path | None) -> None:
    """Read every image and label of CIFAR-10 and say what is there."""
    from backproof.data import cifar10

    click.echo(cifar10.verify(data_dir))


@data_group.command()
@data_dir_option
def path(data_dir: Path | None) -> None:
    """Print where CIFAR-10 is read from, fetching nothing."""
    from backproof.data import cifar10

    click.echo(cifar10.find_present(data_dir))

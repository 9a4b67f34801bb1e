"""backproof train: a recipe's network, from settings to record."""

import math
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from backproof.commands.options import FilePath, fast_option, setting_flags
from backproof.config import read_settings
from backproof.errors import ConfigError
from backproof.recipes import RECIPES, Recipe, find_recipe

if TYPE_CHECKING:
    from backproof.record import RunRecord
    from backproof.run import Run

INTERRUPTED = 130
_STUCK = 0.01
"""A loss this near to that of guessing has learnt nothing."""


@click.command(short_help="Train a recipe's network and draw its curves.")
@click.argument("recipe", required=False)
@click.option(
    "--config", "settings_file", type=FilePath, help="settings from a TOML file or a run's record.json"
)
@click.option("--out", type=FilePath, help="the run's folder, not there yet  [runs/RECIPE-TIME]")
@click.option(
    "--resume", type=FilePath, metavar="RUN", help="go on with this run's folder, settings as they were"
)
@fast_option
@setting_flags
def train(
    recipe: str | None,
    settings_file: Path | None,
    out: Path | None,
    resume: Path | None,
    fast: bool,
    **flags: Any,
) -> int:
    """Train RECIPE's network; `backproof recipes` lists them.

    Settings come from the recipe, then from --fast, then from --config, then from flags. Ctrl-C saves the
    run and says how to go on.
    """
    if resume is not None:
        return _resume(resume, recipe, settings_file, out, fast, flags)
    if recipe is None:
        raise ConfigError(f"name a recipe, e.g. backproof train mlp-numpy; there are {', '.join(RECIPES)}")
    chosen = find_recipe(recipe)
    settings = chosen.configure(base_settings(chosen, fast, settings_file, flags))

    from backproof import run
    from backproof.processes import all_processes

    with all_processes() as processes:
        return _exit_code(run.start(chosen, settings, out, processes))


def base_settings(
    recipe: Recipe, fast: bool, settings_file: Path | None, flags: Mapping[str, Any]
) -> dict[str, Any]:
    """Lay flags over a file over the fast settings, of those that are given (ConfigError)."""
    given = {name: value for name, value in flags.items() if value is not None}
    from_file = read_settings(settings_file) if settings_file else {}
    if not fast:
        return {**from_file, **given}
    from backproof.learners import fast_settings
    from backproof.processes import launched

    device = {**from_file, **given}.get("device", "auto")
    return {**fast_settings(recipe, device, launched()), **from_file, **given}


def _resume(
    folder: Path,
    recipe: str | None,
    settings_file: Path | None,
    out: Path | None,
    fast: bool,
    flags: dict[str, Any],
) -> int:
    from backproof import run
    from backproof.processes import all_processes

    data_dir = flags.pop("data_dir", None)
    if settings_file or out or fast or any(value is not None for value in flags.values()):
        raise ConfigError(
            "a resumed run keeps its settings and folder: give --resume RUN alone (--data-dir if it moved)"
        )
    with all_processes() as processes:
        resumed = run.resume(folder, data_dir, processes)
        if recipe not in (None, resumed.recipe.name):
            raise ConfigError(f"{folder} is a run of {resumed.recipe.name}, not of {recipe}")
        return _exit_code(resumed)


def _exit_code(run: "Run") -> int:
    advance(run)
    return 0 if run.finished else INTERRUPTED


def advance(run: "Run") -> "RunRecord | None":
    """Train a run to its end and say where things are, or as far as Ctrl-C lets it and return None."""
    from backproof import training
    from backproof.output import say
    from backproof.signals import stop_on_signal

    if run.processes.rank:
        with stop_on_signal() as should_stop:
            return training.advance(run, should_stop)
    dataset = run.dataset
    say(
        f"{run.recipe.name} on {dataset.name}: {len(dataset.train):,} training images, "
        f"judged on {len(run.held_out):,} {run.config.judged_on} images, {len(dataset.classes)} classes\n"
        f"run       {run.folder}"
    )
    with stop_on_signal() as should_stop:
        record = training.advance(run, should_stop)
    if record is None:
        click.echo(
            f"stopped after step {run.progress.step} of {run.config.steps}, saved; "
            f"go on with: {_own_name()} train --resume {shlex.quote(str(run.folder))}",
            err=True,
        )
        return None
    result = ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in record.final.items())
    say(
        f"done in {record.seconds:.1f} s ({record.images_per_second:,.0f} training images/s): {result}\n"
        f"pictures  {run.folder / 'curves.png'}  {run.folder / 'curves.svg'}\n"
        f"record    {run.folder / 'record.json'}"
    )
    modified = run.recipe.modified(run.config)
    if modified and run.config.judged_on == "test":
        say(
            f"note      modified ({', '.join(modified)}) and judged on the test set: to choose among "
            "modifications use backproof choose, which sets images aside for that"
        )
    if abs(record.curves[-1].train_loss - math.log(len(dataset.classes))) < _STUCK:
        say(
            "note      the loss is still that of guessing: several hidden layers hardly move from weights "
            "as small as the assignment's; one does, and so do they from --initialization uniform (mlp-torch)"
        )
    return record


def _own_name() -> str:
    """Return what to type to call this program again from here."""
    return "backproof" if shutil.which("backproof") else f"{sys.executable} -m backproof"

"""backproof train: a recipe's network, from settings to record."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from backproof.cli.options import FilePath, collect_settings, fast_option, given, setting_flags
from backproof.cli.signals import INTERRUPTED
from backproof.cli.train_with_display import train_with_display
from backproof.errors import ConfigError
from backproof.training.config import setting_names
from backproof.training.recipes import RECIPES, find_recipe
from backproof.training.setting import Role

if TYPE_CHECKING:
    from backproof.training.run import Run


@click.command(short_help="Train a recipe's network and draw its curves.")
@click.argument("recipe", required=False)
@click.option(
    "--config", "settings_file", type=FilePath, help="settings from a TOML file or a run's record.json"
)
@click.option("--out", type=FilePath, help="the run's folder, not there yet  [runs/RECIPE-TIME]")
@click.option(
    "--resume", type=FilePath, metavar="RUN", help="resume the run in this folder, with its own settings"
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
    settings = chosen.configure(collect_settings(chosen, fast, settings_file, flags))

    from backproof.training import run
    from backproof.training.processes import all_processes

    with all_processes() as processes:
        return _exit_code(run.start(chosen, settings, out, processes))


def _resume(
    folder: Path,
    recipe: str | None,
    settings_file: Path | None,
    out: Path | None,
    fast: bool,
    flags: dict[str, Any],
) -> int:
    from backproof.training import run
    from backproof.training.processes import all_processes

    settings = given(flags)
    changes = {name: settings.pop(name) for name in setting_names(Role.LOCATION) if name in settings}
    if settings_file or out or fast or settings:
        raise ConfigError(
            "a resumed run keeps its settings and folder: give --resume RUN alone "
            "(and --data-dir or --device if they changed)"
        )
    with all_processes() as processes:
        resumed = run.resume(folder, changes, processes)
        if recipe not in (None, resumed.recipe.name):
            raise ConfigError(f"{folder} is a run of {resumed.recipe.name}, not of {recipe}")
        return _exit_code(resumed)


def _exit_code(run: "Run") -> int:
    train_with_display(run)
    return 0 if run.finished else INTERRUPTED

"""backproof search: find good settings of a recipe without a look at the test set."""

import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from backproof.cli.options import FilePath, collect_settings, fast_option, setting_flags
from backproof.cli.signals import INTERRUPTED
from backproof.errors import ConfigError, RunError
from backproof.training.recipes import find_recipe

if TYPE_CHECKING:
    from backproof.training.recipe import Recipe
    from backproof.training.record import RunRecord
    from backproof.training.run import Run
    from backproof.training.search.search_record import SearchedTrial, SearchRecord
    from backproof.training.trainer import Callbacks

_OF_TRIALS_ALONE = ("validation_size", "views", "steps", "epochs", "eval_every", "threads")


@click.command(short_help="Search for a recipe's best settings on a validation set.")
@click.argument("recipe")
@click.option("--out", type=FilePath, required=True, help="the search's folder")
@click.option("--space", type=FilePath, help="the search space, a TOML file  [the recipe's own]")
@click.option(
    "--vary", multiple=True, metavar="NAME=VALUES",
    help="an entry of the search space instead, as TOML; repeat for each: 'optimizer=[\"adam\", \"adamw\"]', "
    "'dropout={range=[0.0, 0.5]}', 'learning_rate={log=[1e-4, 1e-1]}'",
)  # fmt: skip
@click.option(
    "--trials", type=click.IntRange(min=1),
    help="how many the study has in all, whoever runs them  [all combinations of lists, else 40]",
)  # fmt: skip
@click.option(
    "--storage", metavar="URL",
    help="database of the study, for workers on several machines  [sqlite:///OUT/study.db]",
)  # fmt: skip
@fast_option
@setting_flags
def search(
    recipe: str,
    out: Path,
    space: Path | None,
    vary: tuple[str, ...],
    trials: int | None,
    storage: str | None,
    fast: bool,
    **flags: Any,
) -> int:
    """Train RECIPE with many settings and rank them by accuracy on a validation set.

    The test set plays no part: a tenth of the training images (--validation-size) is the validation set.
    Lists alone are tried in all combinations. With an interval among them, Optuna proposes what to try, and
    hopeless trials are stopped at an evaluation (--eval-every). Flags of settings hold for all trials.

    The same command, started again, joins in: after Ctrl-C, on another core, or with --storage on another
    machine. It needs no more than that URL and the data.
    """
    from backproof.cli.output import say
    from backproof.cli.signals import stop_on_signal
    from backproof.data.registry import DATASETS
    from backproof.training.processes import world_size
    from backproof.training.search import space as search_space

    if world_size() > 1:
        raise ConfigError("search trains in one process; start it without torchrun, several times for more")
    chosen = find_recipe(recipe)
    settings = collect_settings(chosen, fast, None, flags)
    size = DATASETS[chosen.configure(settings).data].validation_size
    # Plain accuracy judges: averaging over views would only take time.
    fixed = {"validation_size": size, "views": 1, **settings}
    if fixed["validation_size"] < 1:
        raise ConfigError("trials are compared on a validation set: validation_size must be 1 or more")
    space_read = search_space.read(chosen, fixed, space, vary)

    from backproof.training.search.trial import Search
    from backproof.training.search.worker import Hooks, run_search

    say(f"search    {chosen.name}: {', '.join(space_read.entries)}\nfolder    {out}")
    with stop_on_signal() as should_stop:
        hooks = Hooks(_train, _say_trial, _say_waiting, should_stop)
        found, complete = run_search(
            Search(chosen, fixed, space_read), out, hooks, trials=trials, storage=storage
        )
    if not complete:
        click.echo(
            f"stopped with {len(found.trials)} of {found.trials_planned} trials done, what was in work "
            "saved; give the same command again to go on",
            err=True,
        )
        return INTERRUPTED
    pictures = _draw(found, out)
    say("\n" + _table(found))
    say("\n".join(f"pictures  {path}" for path in pictures) + f"\nrecord    {out / 'search.json'}")
    best = found.ranked()[0]
    if best.accuracy is None:
        say("note      every trial failed; see the reasons above")
    else:
        say(
            "train the best on all images, for as long as the recipe does, and test it once:\n"
            f"backproof train {_arguments(chosen, fixed, best.settings)}"
        )
    return 0


def _train(run: "Run", callbacks: "Callbacks") -> "RunRecord | None":
    """Train a trial's run; on a terminal a bar shows how far it is."""
    from backproof.cli.progress_display import ProgressDisplay
    from backproof.training import trainer

    with ProgressDisplay(run.steps, run.progress.step) as display:
        return trainer.train(run, replace(callbacks, on_step=display.step))


def _say_trial(trial: "SearchedTrial", total: int) -> None:
    from backproof.cli.output import say

    say(f"trial {trial.number:{len(str(total))}}  {_result(trial)}  {_values(trial.values)}")


def _say_waiting(others: int) -> None:
    from backproof.cli.output import say

    say(f"waiting   for the last {others} of other workers; Ctrl-C leaves them to it")


def _result(trial: "SearchedTrial") -> str:
    accuracy = "failed" if trial.accuracy is None else f"{trial.accuracy:.4f}"
    return f"{accuracy:>6}" + (f"  ({trial.reason})" if trial.reason else "")


def _values(values: Mapping[str, object]) -> str:
    """Write what a trial tries; a table's label names its settings itself."""
    return " ".join(str(value) if "=" in str(value) else f"{name}={value}" for name, value in values.items())


def _table(found: "SearchRecord") -> str:
    rows = [f"{'trial':>5}  validation accuracy  seconds  {'state':13}  settings"]
    for trial in found.ranked():
        accuracy = "" if trial.accuracy is None else f"{trial.accuracy:.4f}"
        seconds = "" if trial.seconds is None else f"{trial.seconds:.1f}"
        rows.append(
            f"{trial.number:5}  {accuracy:>19}  {seconds:>7}  {trial.state:13}  {_values(trial.values)}"
        )
    return "\n".join(rows)


def _draw(found: "SearchRecord", folder: Path) -> list[Path]:
    from backproof.report import search_figure
    from backproof.report.style import save

    try:
        return save(search_figure.draw(found), folder, "search")
    except OSError as error:
        raise RunError(
            f"cannot write into {folder}: {error.strerror}; give the same command again, nothing is lost"
        ) from None


def _arguments(recipe: "Recipe", fixed: Mapping[str, Any], best: Mapping[str, Any]) -> str:
    """Write the arguments of train that make the best trial's network, on all images and at length."""
    shared = {name: value for name, value in fixed.items() if name not in _OF_TRIALS_ALONE}
    own, theirs = (recipe.settings_of(recipe.configure(*layers)) for layers in ([], [shared, best]))
    words = [recipe.name]
    for name, value in theirs.items():
        if value == own[name]:
            continue
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            words.append(flag if value else f"--no-{flag[2:]}")
        else:
            words += [flag, ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)]
    return shlex.join(words)

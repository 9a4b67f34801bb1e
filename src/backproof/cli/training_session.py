"""What the commands that train share: settings from everywhere, and a run taken to its end with its user."""

import math
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from backproof.cli.options import given
from backproof.errors import ConfigError
from backproof.training.config import read_settings
from backproof.training.recipes import Recipe

if TYPE_CHECKING:
    from backproof.training.record import RunRecord
    from backproof.training.run import Run

INTERRUPTED = 130
_STUCK = 0.01
"""A loss this near to that of guessing has learnt nothing."""


def base_settings(
    recipe: Recipe, fast: bool, settings_file: Path | None, flags: Mapping[str, Any]
) -> dict[str, Any]:
    """Lay flags over a file over the fast settings, of those that are given (ConfigError)."""
    typed = given(flags)
    from_file = read_settings(settings_file) if settings_file else {}
    try:
        recipe.configure(from_file)
    except ConfigError as error:
        raise ConfigError(f"settings file {settings_file}: {error}") from None
    if not fast:
        return {**from_file, **typed}
    from backproof.cli.output import say
    from backproof.training.learners.make import fast_settings
    from backproof.training.processes import launched

    device = {**from_file, **typed}.get("device", "auto")
    fastest = fast_settings(recipe, device, launched())
    used = [f"{name} {value}" for name, value in fastest.items() if name not in {**from_file, **typed}]
    say(f"fast      {', '.join(used) or 'changes nothing here'}")
    return {**fastest, **from_file, **typed}


def train_and_show(run: "Run", *, as_planned: bool = False) -> "RunRecord | None":
    """Train a run to its end and say where things are, or as far as Ctrl-C lets it and return None.

    A run that is ``as_planned`` differs from its recipe for a reason, and nothing is said of that.
    """
    from backproof.cli.output import say
    from backproof.cli.progress_display import ProgressDisplay
    from backproof.cli.signals import stop_on_signal
    from backproof.training import trainer

    if run.processes.rank:
        with stop_on_signal() as should_stop:
            return trainer.train(run, trainer.Callbacks(should_stop=should_stop))
    dataset = run.dataset
    say(
        f"{run.recipe.name} on {dataset.name}: {len(dataset.train):,} training images, "
        f"judged on {len(run.held_out):,} {run.config.judged_on} images, {len(dataset.classes)} classes\n"
        f"run       {run.folder}"
    )
    for note in run.learner.notes:
        say(f"note      {note}")
    with stop_on_signal() as should_stop, ProgressDisplay(run.config.steps, run.progress.step) as display:
        record = trainer.train(
            run,
            trainer.Callbacks(
                on_step=display.step,
                on_evaluation=display.evaluation,
                before_record=_draw_curves,
                should_stop=should_stop,
            ),
        )
    if record is None:
        click.echo(
            f"stopped after step {run.progress.step} of {run.config.steps}, saved; "
            f"go on with: {_own_name(run.processes.count)} train --resume {shlex.quote(str(run.folder))}",
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
    if modified and run.config.judged_on == "test" and not as_planned:
        say(
            f"note      modified ({', '.join(modified)}) and judged on the test set: to choose among "
            "modifications use backproof choose, which sets images aside for that"
        )
    config = run.config
    tiny_weights = config.initialization == "normal" and config.batch_norm == "none"
    stuck = abs(record.curves[-1].train_loss - math.log(len(dataset.classes))) < _STUCK
    if stuck and tiny_weights and len(config.hidden) > 1 and "hidden" in run.recipe.network.settings:
        say(
            "note      the loss is still that of guessing: several hidden layers hardly move from weights as "
            "small as the assignment's; mlp-torch has larger ones with --initialization uniform"
        )
    return record


def _draw_curves(folder: Path, record: "RunRecord") -> None:
    """Draw a finished run's curves into its folder (OSError)."""
    from backproof.report import curves

    curves.save(curves.draw(record), folder)


def _own_name(processes: int) -> str:
    """Return what to type to call this program again from here."""
    if processes > 1:
        return f"torchrun --nproc-per-node {os.environ['LOCAL_WORLD_SIZE']} -m backproof"
    return "backproof" if shutil.which("backproof") else f"{sys.executable} -m backproof"

"""Train a run while its user watches: what the commands that train share."""

import math
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from backproof.training.record import RunRecord
    from backproof.training.run import Run

_STUCK = 0.01
"""A loss this near to that of guessing shows that nothing was learnt."""


def train_with_display(run: "Run", *, note_modifications: bool = True) -> "RunRecord | None":
    """Train a run to its end and say where its files are; return None if Ctrl-C stopped it before.

    With ``note_modifications`` a modified recipe that was evaluated on the test set gets a note.
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
        f"evaluated on {len(run.evaluation_split):,} {run.config.evaluation_split_name} images, "
        f"{len(dataset.classes)} classes\n"
        f"run       {run.folder}"
    )
    for note in run.learner.notes:
        say(f"note      {note}")
    with stop_on_signal() as should_stop, ProgressDisplay(run.steps, run.progress.step) as display:
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
            f"stopped after step {run.progress.step} of {run.steps}, saved; "
            f"go on with: {_own_name(run.processes.count)} train --resume {shlex.quote(str(run.folder))}",
            err=True,
        )
        return None
    averaged = f"averaged over {run.config.views} views of each image: {_result(record.final_averaged)}\n"
    say(
        f"done in {record.seconds:.1f} s ({record.images_per_second:,.0f} training images/s): "
        f"{_result(record.final)}\n{averaged if record.final_averaged else ''}"
        f"pictures  {run.folder / 'curves.png'}  {run.folder / 'curves.svg'}\n"
        f"record    {run.folder / 'record.json'}"
    )
    modified = run.recipe.modified_settings(run.config)
    if note_modifications and modified and run.config.evaluation_split_name == "test":
        say(
            f"note      modified ({', '.join(modified)}) and evaluated on the test set: to choose among "
            "modifications use backproof search, which has a validation set for that"
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


def _result(metrics: Mapping[str, float]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in metrics.items())


def _draw_curves(folder: Path, record: "RunRecord") -> None:
    """Draw a finished run's curves into its folder (OSError)."""
    from backproof.report import run_figure

    run_figure.save(run_figure.draw(record), folder)


def _own_name(processes: int) -> str:
    """Return the command that calls this program."""
    if processes > 1:
        return f"torchrun --nproc-per-node {os.environ['LOCAL_WORLD_SIZE']} -m backproof"
    return "backproof" if shutil.which("backproof") else f"{sys.executable} -m backproof"

"""backproof choose: compare modifications of a recipe without a look at the test set."""

from pathlib import Path
from typing import Any

import click

from backproof.cli.options import FilePath, collect_settings, fast_option, setting_flags
from backproof.cli.signals import INTERRUPTED
from backproof.cli.train_with_display import train_with_display
from backproof.training.recipes import find_recipe


@click.command(short_help="Compare modifications of a recipe on a validation set.")
@click.argument("recipe")
@click.option(
    "--try", "modifications", multiple=True, required=True, metavar="NAME=VALUE",
    help="a modification, e.g. weight_decay=1e-3, or several settings in quotes; repeat for each candidate",
)  # fmt: skip
@click.option("--out", type=FilePath, required=True, help="folder of all candidates' runs")
@fast_option
@setting_flags
def choose(recipe: str, modifications: tuple[str, ...], out: Path, fast: bool, **flags: Any) -> int:
    """Train RECIPE as it is and with each modification, and rank them by accuracy on a validation set.

    The test set plays no part: a tenth of the training images (--validation-size) is the validation set.
    Given again with the same --out, the command resumes where it was and adds new candidates.
    """
    from backproof.cli.output import say
    from backproof.errors import ConfigError, DivergedError
    from backproof.training import model_selection
    from backproof.training.processes import world_size

    if world_size() > 1:
        raise ConfigError("choose trains in one process; start it without torchrun")
    chosen = find_recipe(recipe)
    candidates = model_selection.candidates(
        chosen, modifications, collect_settings(chosen, fast, None, flags)
    )
    records, diverged = {}, []
    for candidate in candidates:
        say(f"\n{candidate.name}")
        try:
            record = train_with_display(
                model_selection.open_run(
                    out / model_selection.folder_name(candidate), chosen, candidate.settings
                )
            )
        except DivergedError as error:
            say(f"diverged  {error}")
            diverged.append(candidate.name)
            continue
        if record is None:
            click.echo("or give the same command again, to go on with all candidates", err=True)
            return INTERRUPTED
        records[candidate.name] = record
    width = max(len(candidate.name) for candidate in candidates)
    say(f"\n{'modification':{width}}  validation accuracy  loss    seconds")
    for name, record in model_selection.ranked(records):
        final = record.final
        say(
            f"{name:{width}}  {final['validation_accuracy']:19.4f}  {final['validation_loss']:.4f}"
            f"  {record.seconds:7.1f}"
        )
    for name in diverged:
        say(f"{name:{width}}  diverged")
    say("train the one you choose on all images and test it once: backproof train, no --validation-size")
    return 0

"""backproof evaluate: measure a trained network."""

from pathlib import Path

import click

from backproof.cli.options import FilePath, device_option, given


@click.command(short_help="Measure a trained network anew.")
@click.argument("run", type=FilePath)
@click.option("--data-dir", type=str, metavar="PATH", help="where its data set lies now, if it has moved")
@device_option
def evaluate(run: Path, **changes: str | None) -> None:
    """Measure RUN's network anew on the test set, or on the validation set if it was trained with one."""
    from backproof.training.loop import EVALUATION_BATCH
    from backproof.training.run import resume

    trained = resume(run, given(changes))
    for note in trained.learner.notes:
        click.echo(f"note      {note}", err=True)
    images = trained.evaluation_split
    metrics = trained.learner.evaluate(images.chunks(EVALUATION_BATCH))
    click.echo(
        f"{run} after step {trained.progress.step} of {trained.steps}, "
        f"on {len(images):,} {trained.config.evaluation_split_name} images: "
        f"loss {metrics.loss:.4f}, accuracy {metrics.accuracy:.4f}"
    )
    if trained.config.views > 1:
        averaged = trained.learner.evaluate(images.chunks(EVALUATION_BATCH), trained.config.views)
        click.echo(
            f"averaged over {trained.config.views} views of each image: "
            f"loss {averaged.loss:.4f}, accuracy {averaged.accuracy:.4f}"
        )

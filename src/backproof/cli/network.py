"""backproof evaluate and predict: use a trained network."""

from pathlib import Path

import click

from backproof.cli.options import FilePath, device_option, given


@click.command()
@click.argument("run", type=FilePath)
@click.option("--data-dir", type=str, metavar="PATH", help="where its data set lies now, if it has moved")
@device_option
def evaluate(run: Path, **here: str | None) -> None:
    """Measure RUN's network anew on the images that it was judged on."""
    from backproof.training.loop import EVALUATION_BATCH
    from backproof.training.run import resume

    trained = resume(run, given(here))
    metrics = trained.learner.evaluate(trained.held_out.chunks(EVALUATION_BATCH))
    click.echo(
        f"{run} after step {trained.progress.step} of {trained.config.steps}, on {len(trained.held_out):,} "
        f"{trained.config.judged_on} images: loss {metrics.loss:.4f}, accuracy {metrics.accuracy:.4f}"
    )


@click.command()
@click.argument("run", type=FilePath)
@click.argument("images", nargs=-1, required=True, type=FilePath, metavar="IMAGE...")
@click.option("--top", type=click.IntRange(min=1), default=3, show_default=True, help="classes to name")
@device_option
def predict(run: Path, images: tuple[Path, ...], top: int, **here: str | None) -> None:
    """Name the likeliest classes of each IMAGE (a file of any size and format), by RUN's network."""
    import numpy as np

    from backproof.data.image_files import read_image
    from backproof.training.run import load_network

    learner, saved = load_network(run, given(here))
    pixels = np.stack([read_image(image, *saved.mean.shape) for image in images])
    probabilities = learner.probabilities(pixels - saved.mean)
    width = max(len(str(image)) for image in images)
    for image, row in zip(images, probabilities, strict=True):
        best = [f"{saved.classes[i]} {row[i]:.1%}" for i in row.argsort()[::-1][:top]]
        click.echo(f"{image!s:{width}}  {'   '.join(best)}")

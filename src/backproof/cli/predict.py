"""backproof predict: use a trained network on image files."""

from pathlib import Path

import click

from backproof.cli.options import FilePath, device_option, given


@click.command(short_help="Name the likeliest classes of images.")
@click.argument("run", type=FilePath)
@click.argument("images", nargs=-1, required=True, type=FilePath, metavar="IMAGE...")
@click.option("--top", type=click.IntRange(min=1), default=3, show_default=True, help="classes to name")
@device_option
def predict(run: Path, images: tuple[Path, ...], top: int, **changes: str | None) -> None:
    """Name the likeliest classes of each IMAGE (a file of any size and format), by RUN's network."""
    import numpy as np

    from backproof.data.image_files import read_image
    from backproof.training.run import load_network

    learner, saved = load_network(run, given(changes))
    pixels = np.stack([read_image(image, *saved.mean.shape) for image in images])
    probabilities = learner.probabilities(pixels - saved.mean)
    width = max(len(str(image)) for image in images)
    for image, row in zip(images, probabilities, strict=True):
        best = [f"{saved.classes[i]} {row[i]:.1%}" for i in row.argsort()[::-1][:top]]
        click.echo(f"{image!s:{width}}  {'   '.join(best)}")

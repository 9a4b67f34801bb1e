"""backproof data: fetch, verify or locate CIFAR-10."""

from pathlib import Path

import click

from backproof.cli.options import data_dir_option


@click.group("data")
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
    from backproof.data.fetch import Download, fetch

    archive = fetch(Download.from_environment(mirrors))
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

    click.echo(cifar10.existing_source(data_dir))

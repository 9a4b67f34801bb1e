"""The course's files, as they come with this package."""

from pathlib import Path

from backproof.errors import ConfigError

PACKAGE = Path(__file__).parents[1]


def course_folder(package: Path = PACKAGE) -> Path:
    """Find the course's files: inside an installed package, where the wheel puts them, else in its checkout.

    Raises ConfigError where neither has them, as in a hand-in's own copy of the package.
    """
    # Inside first: an installed package must not take the files of a checkout that it happens to lie in.
    for above in (package, package.parents[1]):
        folder = above / "assignment_1" / "code"
        if folder.is_dir():
            return folder
    raise ConfigError(
        f"the course's files are not with {package}; run backproof from a checkout or an installed package"
    )

"""The versions of Python and packages, as a report gives them."""

from importlib.metadata import PackageNotFoundError, version
from platform import python_version


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a verdict may depend on, where installed."""
    installed = {"python": python_version()}
    for name in ("backproof", "numpy", "torch"):
        try:
            installed[name] = version(name)
        except PackageNotFoundError:
            continue
    return installed

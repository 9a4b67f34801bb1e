"""``python -m backproof``, and the command ``backproof``."""

import sys

from backproof.cli import main


def run() -> None:
    """Run the command line and end with its exit code."""
    sys.exit(main())


if __name__ == "__main__":
    run()

"""``python -m backproof``, and the command ``backproof``."""

import sys


def run() -> None:
    """Run the command line and end with its exit code."""
    try:
        from backproof.cli.main import main

        sys.exit(main())
    except KeyboardInterrupt:  # so early that nothing has begun
        sys.exit(130)


if __name__ == "__main__":
    run()

"""Standard output, which may end before the work does."""

import os
import sys


def say(text: str) -> None:
    """Print to standard output; once nobody reads it any more, or its disk is full, print nothing more."""
    try:
        print(text, flush=True)
    except OSError:
        silence()


def deliver(text: str) -> None:
    """Print the result that the command was called for (OSError, but not where its reader has left)."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        silence()


def silence() -> None:
    """Send all further output nowhere, what is still in the buffer included."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

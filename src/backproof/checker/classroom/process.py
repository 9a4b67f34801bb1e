"""Check one folder by a process of its own: it gets a row whatever happens, and no process is left."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from backproof.checker.check_report import CheckReport
from backproof.checker.classroom.table import Row, error_row, row_of

COMMAND = (sys.executable, "-P", "-m", "backproof")
"""This program again. -P: nothing is imported from the folder it is called from, perhaps a submission."""
LONGEST_SECONDS = 1800.0
_USER_ERROR = 2


async def checked(folder: Path, options: Sequence[str]) -> Row:
    """Return the row of a folder; ``options`` are those of `backproof check`."""
    place = str(folder.absolute())  # which no option, nor the word module, looks like
    # Files take the output: a pipe would stay open as long as any process of the submission has it.
    with tempfile.TemporaryDirectory(prefix="backproof-class-", ignore_cleanup_errors=True) as scratch:
        out, err = Path(scratch, "out"), Path(scratch, "err")
        code = await _run([*COMMAND, "check", "--json", *options, place], out, err)
        report, messages = out.read_bytes(), err.read_text(encoding="utf-8", errors="replace").strip()
    if code is None:
        return error_row(f"the check took longer than {LONGEST_SECONDS / 60:.0f} minutes")
    if code in (0, 1):  # else it is none of the checker's, whatever it says
        with suppress(msgspec.MsgspecError):
            return row_of(msgspec.json.decode(report, type=CheckReport))
    last = messages.rpartition("\n")[2].removeprefix("backproof: ")
    if code == _USER_ERROR:
        return error_row(last)
    ended = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    return error_row(f"the check ended with {ended}: {last or 'no report'}")


async def _run(command: Sequence[str], out: Path, err: Path) -> int | None:
    """Run a command and return its exit code, None if it took too long; at the end its group is killed."""
    environment = {
        "OMP_NUM_THREADS": "1",
        **os.environ,
        "TMPDIR": str(out.parent),
        "PYTHONIOENCODING": "utf-8",
    }
    with out.open("wb") as output, err.open("wb") as errors:
        child = await asyncio.create_subprocess_exec(
            *command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env=environment,
            start_new_session=True,
        )
    try:
        return await asyncio.wait_for(child.wait(), LONGEST_SECONDS)
    except TimeoutError:
        return None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        await child.wait()

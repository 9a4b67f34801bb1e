"""Check many folders, some at a time, and write a table that is complete whenever the process is killed."""

import asyncio
import hashlib
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from backproof import __version__
from backproof.checker.check import select
from backproof.checker.classroom.process import checked
from backproof.checker.classroom.table import Row, error_row, is_up_to_date, locked, read_table, write_table
from backproof.checker.output.report_filters import escape_text
from backproof.checker.questions import CHECKS
from backproof.checker.submission_folder import code_folder, read_folder

_POLL_SECONDS = 0.2


def check_folders(
    folders: Sequence[str],
    table: Path,
    *,
    only: Sequence[str] = (),
    seed: int = 0,
    jobs: int | None = None,
    should_stop: Callable[[], bool],
    say: Callable[[str], None],
) -> bool | None:
    """Check the folders that have no row of their present files yet; ``jobs``: how many at a time.

    Returns whether all of them are right, None if stopped before the end: finished rows are in the table.
    Raises ConfigError if ``only`` names no check or ``table`` is something else, BackproofError if the table
    is in use or cannot be written.
    """
    select(CHECKS, only)  # which raises for what is no check, rather than each folder's row
    names = list(dict.fromkeys(str(Path(folder)) for folder in folders))  # good/ is good
    with locked(table):
        room = _Classroom(table, only, seed, say)
        return asyncio.run(room.check(names, jobs or _processors(), should_stop))


class _Classroom:
    """The rows, and the checks that fill them."""

    def __init__(self, table: Path, only: Sequence[str], seed: int, say: Callable[[str], None]) -> None:
        self._table, self._say = table, say
        self._rows = read_table(table)
        self._options = ["--seed", str(seed), *(word for name in only for word in ("--only", name))]
        self._made_from = {"seed": str(seed), "only": " ".join(only), "version": __version__}

    async def check(self, folders: Sequence[str], jobs: int, should_stop: Callable[[], bool]) -> bool | None:
        slots = asyncio.Semaphore(jobs)
        names = [escape_text(folder) for folder in folders]
        order = list(dict.fromkeys([*self._rows, *names]))
        waiting = {asyncio.create_task(self._row(folder, slots)) for folder in folders}
        start, new, done = time.monotonic(), 0, 0
        try:
            while waiting and not should_stop():
                finished, waiting = await asyncio.wait(
                    waiting, timeout=_POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                for row, is_new in [task.result() for task in finished]:
                    done, new = done + 1, new + is_new
                    if is_new:
                        self._rows[row["folder"]] = row
                        write_table(self._table, [self._rows[name] for name in order if name in self._rows])
                    left = (time.monotonic() - start) / max(new, 1) * len(waiting) / 60
                    about = f"; about {left:.0f} min left" if is_new and left >= 1 else ""
                    count = f"{done:{len(str(len(folders)))}}/{len(folders)}"
                    self._say(f"{count}  {_line(row, is_new=is_new)}{about}")
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        return None if waiting else all(self._rows[name]["verdict"] == "right" for name in names)

    async def _row(self, folder: str, slots: asyncio.Semaphore) -> tuple[Row, bool]:
        """Return a folder's row, and whether it is new; what is wrong with the folder becomes its error."""
        made_from = {"folder": escape_text(folder), **self._made_from, "files": ""}
        async with slots:
            try:
                made_from["files"] = fingerprint(Path(folder))
                old = self._rows.get(made_from["folder"])
                if old and is_up_to_date(old, made_from):
                    return old, False
                return {"error": "", **await checked(Path(folder), self._options), **made_from}, True
            except Exception as error:  # one bad folder never stops the others
                return {**error_row(str(error)), **made_from}, True


def fingerprint(folder: Path) -> str:
    """Hash the names and contents of the files that a check would see (FolderError if it would see none)."""
    digest = hashlib.sha256()
    for name, content in read_folder(code_folder(folder)).items():
        digest.update(b"%s\0%s" % (os.fsencode(name), hashlib.sha256(content).digest()))
    return digest.hexdigest()


def _line(row: Row, *, is_new: bool) -> str:
    """Return the line of progress for a row."""
    if row["error"]:
        return f"{row['folder']}  could not run: {row['error']}"
    wrong = len(row["not right"].split())
    verdict = f"{wrong} check{'' if wrong == 1 else 's'} not right" if wrong else "all right"
    seconds = f"{row['seconds']} s" if is_new else "as before"
    return f"{row['folder']}  {row['total']} of {row['of']} points, {verdict}, {seconds}"


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

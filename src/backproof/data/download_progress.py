"""Show a download's progress: a bar on a terminal, a line every quarter elsewhere."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn


class DownloadProgress:
    """Counts the bytes of one download."""

    def __init__(self, url: str) -> None:
        self.total = 0
        """Size of the file in bytes, 0 until the server has said it."""
        self._console = Console()
        self._console.print(f"fetching {url}", soft_wrap=True, highlight=False, markup=False, emoji=False)
        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=self._console, disable=not self._console.is_terminal)
        self._task = self._bar.add_task("download", total=None)
        self._arrived = 0

    def __enter__(self) -> "DownloadProgress":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def update(self, n_bytes: int) -> None:
        """Count what has arrived."""
        quarters_before = self._quarters()
        self._arrived += n_bytes
        self._bar.update(self._task, advance=n_bytes, total=self.total or None)
        if self._quarters() > quarters_before and not self._console.is_terminal:
            self._console.print(f"  {25 * self._quarters()} % of {self.total / 1e6:.0f} MB", highlight=False)

    def _quarters(self) -> int:
        return 4 * self._arrived // self.total if self.total else 0

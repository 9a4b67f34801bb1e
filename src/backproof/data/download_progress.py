"""What pooch reports a download to: a bar on a terminal, a line every quarter elsewhere."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn


class DownloadProgress:
    """The part of tqdm's interface that pooch calls, shown by rich."""

    def __init__(self, url: str) -> None:
        self.total = 0
        """Bytes to come, set by pooch once the server has told them; 0 while unknown."""
        self._console = Console()
        self._console.print(f"fetching {url}", soft_wrap=True, highlight=False)
        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=self._console, disable=not self._console.is_terminal)
        self._task = self._bar.add_task("download", total=None)
        self._arrived = 0
        self._quarters = 0

    def __enter__(self) -> "DownloadProgress":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def update(self, n_bytes: int) -> None:
        """Count what has arrived."""
        self._arrived = min(self._arrived + n_bytes, self.total or self._arrived + n_bytes)
        self._bar.update(self._task, completed=self._arrived, total=self.total or None)
        quarters = 4 * self._arrived // self.total if self.total else 0
        if quarters > self._quarters and not self._console.is_terminal:
            self._console.print(f"  {25 * quarters} % of {self.total / 1e6:.0f} MB", highlight=False)
        self._quarters = max(quarters, self._quarters)

    def reset(self) -> None:
        """Start counting anew, as pooch asks before it reports the total once more."""
        self._arrived = 0

    def close(self) -> None:
        """Leave the end to __exit__, which also comes when a download fails."""

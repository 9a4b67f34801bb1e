"""A run's learning curves, as the picture in its folder."""

import io
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from backproof.files import write_atomically
from backproof.report.figures.learning_curves import accuracy_and_loss
from backproof.report.style import STYLE
from backproof.training.record import RunRecord


def draw(record: RunRecord) -> Figure:
    """Draw accuracy on the left, loss on the right; each line bears its name and its last value."""
    return accuracy_and_loss([record], f"{record.recipe} on {record.config['data']}, seed {record.seed}")


def save(figure: Figure, folder: Path) -> list[Path]:
    """Write curves.svg and curves.png and return their paths (OSError)."""
    paths = []
    with rc_context(STYLE):
        for path, metadata in ((folder / "curves.svg", {"Date": None}), (folder / "curves.png", None)):
            content = io.BytesIO()
            figure.savefig(content, format=path.suffix[1:], dpi=225, metadata=metadata)
            write_atomically(path, content.getvalue())
            paths.append(path)
    return paths

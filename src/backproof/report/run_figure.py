"""A run's learning curves, as the picture in its folder."""

from pathlib import Path

from matplotlib.figure import Figure

from backproof.report import style
from backproof.report.figures.learning_curves import accuracy_and_loss
from backproof.training.record import RunRecord


def draw(record: RunRecord) -> Figure:
    """Draw accuracy on the left, loss on the right; each line bears its name and its last value."""
    return accuracy_and_loss([record], f"{record.recipe} on {record.config['data']}, seed {record.seed}")


def save(figure: Figure, folder: Path) -> list[Path]:
    """Write curves.svg and curves.png and return their paths (OSError)."""
    return style.save(figure, folder, "curves")

"""How a step's cost grows with the hidden layer and with the batch, beside its bare products."""

import statistics
from pathlib import Path

from matplotlib.figure import Figure
from step import numpy_figures

HIDDEN = (100, 200, 400, 800, 1600, 4000)
BATCHES = (50, 100, 200, 400, 800, 1600, 3200)
ROUNDS = 5
SECONDS_A_ROUND = 0.4


def measure() -> list[dict[str, float]]:
    """Time the step and its products for every size; the sizes take turns, so that drift bends no curve."""
    sizes = dict.fromkeys([*((200, hidden) for hidden in HIDDEN), *((batch, 100) for batch in BATCHES)])
    columns: dict[tuple[int, int], dict[str, list[float]]] = {size: {} for size in sizes}
    for _ in range(ROUNDS):
        for batch, hidden in sizes:
            # As many steps as fill a round, guessed from the products' operations at 100 per nanosecond.
            steps = max(3, round(SECONDS_A_ROUND / (4 * batch * 3072 * hidden / 1e11)))
            for name, [seconds] in numpy_figures(batch, (hidden,), rounds=1, steps=min(steps, 200)).items():
                columns[batch, hidden].setdefault(f"{name}_ms", []).append(1e3 * seconds)
    return [
        {"batch": batch, "hidden": hidden}
        | {name: statistics.median(times) for name, times in column.items()}
        for (batch, hidden), column in columns.items()
    ]


def draw(rows: list[dict[str, float]], path: Path) -> None:
    """Draw both sweeps on logarithmic axes."""
    figure = Figure(figsize=(9.6, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    sweeps = (
        (left, "hidden", [row for row in rows if row["batch"] == 200], "hidden units (batch 200)"),
        (right, "batch", [row for row in rows if row["hidden"] == 100], "batch (100 hidden units)"),
    )
    for axes, name, part, label in sweeps:
        part.sort(key=lambda row: row[name])
        sizes = [row[name] for row in part]
        for column, text, style in (
            ("step_with_batch_ms", "step with its batch", {"color": "#D55E00", "linestyle": "-"}),
            ("step_ms", "step", {"color": "#0072B2", "linestyle": (0, (4, 1.5))}),
            ("products_ms", "bare matrix products", {"color": "#555555", "linestyle": ":"}),
        ):
            axes.plot(sizes, [row[column] for row in part], marker="o", markersize=3, label=text, **style)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks(sizes, [f"{size:g}" for size in sizes], minor=False)
        axes.set_yticks([0.3, 1, 3, 10, 30], ["0.3", "1", "3", "10", "30"])
        axes.minorticks_off()
        axes.set_xlabel(label)
        axes.grid(color="#e4e4e4")
        axes.spines[["top", "right"]].set_visible(False)
    left.set_ylabel("milliseconds")
    left.legend(frameon=False)
    figure.savefig(path, metadata={"Date": None})

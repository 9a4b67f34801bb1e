"""How large the gradients are, layer by layer: whether they vanish or explode."""

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from backproof.report import style
from backproof.report.style import DASHES, STYLE, WIDTH, LineEnd, fix_layout
from backproof.training.record import RunRecord

# Eight colours and five dashes have no common divisor: forty lines differ, neighbours in both.
_COLORS = (
    style.BLUE, style.VERMILION, style.BLACK, style.GREEN, style.ORANGE, style.PURPLE, style.SKY, style.GREY,
)  # fmt: skip
_TICKS = ((1, (1, 1.5, 2, 3, 5, 7)), (2, (1, 2, 5)), (4, (1, 3)))
"""Which multiples of powers of ten are written on a scale of less than so many decades."""


def gradient_norms(records: Sequence[RunRecord]) -> Figure:
    """Draw the L2 norm of each layer's gradient over the steps, a mean over the seeds (ValueError: no norms).

    Evaluations without norms, of records from before they were kept, are left out.
    """
    norms: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        for evaluation in record.curves:
            for layer, norm in evaluation.gradient_norms.items():
                norms[layer][evaluation.step].append(norm)
    if not norms:
        raise ValueError("these records keep no norms of gradients")
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 2.8), layout="constrained")
        axes = figure.subplots()
        axes.set_yscale("log")
        ends = []
        for index, (layer, at) in enumerate(norms.items()):
            color, dashes = _COLORS[index % len(_COLORS)], DASHES[index % len(DASHES)]
            means = [fmean(at[step]) for step in sorted(at)]
            axes.plot(sorted(at), means, color=color, linestyle=dashes, linewidth=1.4, label=layer)
            ends.append(LineEnd(max(at), means[-1], layer, color))
        low, high = axes.get_ylim()
        ends = [end._replace(y=max(end.y, low)) for end in ends]  # a dead layer's zero lies below all scales
        subs = next((subs for decades, subs in _TICKS if high < 10**decades * low), (1,))
        axes.yaxis.set_major_locator(LogLocator(subs=subs))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        axes.set_xlim(0, 1.02 * max(end.x for end in ends))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("step")
        axes.set_ylabel("L2 norm of the gradient")
        return fix_layout(figure, {axes: ends})

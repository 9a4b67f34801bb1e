"""Write the measured figures into README, between its two marks."""

from pathlib import Path
from typing import Any

BEGIN = "<!-- results: made by benchmarks/bench.py -->\n"
END = "<!-- end of results -->"


def table(results: dict[str, Any]) -> str:
    """Return the figures as Markdown, with where they come from."""
    r = results
    rows = [
        (
            "`mlp-numpy` on CIFAR-10's 10,000 test images, last step, seeds 0–4",
            f"**{r['accuracy_mean']:.3f} ± {r['accuracy_sd']:.3f}** (mean ± sd)",
        ),
        ("the same by `assignment_1/code/train_mlp_numpy.py`, seed 42", f"{r['accuracy_of_the_script']:.3f}"),
        (
            "whole run, process start to exit: 1,500 steps of 200 images, 15 full evaluations, pictures",
            f"**{r['whole_run_s']:.1f} s** (slowest of five {r['whole_run_slowest_s']:.1f} s), "
            f"{r['whole_run_peak_mb']:.0f} MB at the peak",
        ),
        (
            "one training step beside its bare matrix products",
            f"{r['step_ms']:.2f} ms to {r['products_ms']:.2f} ms, **{r['step_over_products']:.2f} ×** "
            f"({r['step_with_batch_over_products']:.2f} × with its batch drawn and converted)",
        ),
        (
            "one training step beside the same in eager PyTorch",
            f"{r['step_ms']:.2f} ms to {r['torch_step_ms']:.2f} ms, **{r['step_over_torch']:.2f} ×**",
        ),
        (
            "`backproof --help`; the data set ready, once prepared",
            f"{r['help_s']:.2f} s; {r['data_ready_s']:.3f} s",
        ),
    ]
    environment = r["environment"]
    versions = ", ".join(f"{name} {version}" for name, version in environment["versions"].items())
    origin = (
        f"Medians on {environment['cores']} cores of an {environment['cpu']} ({versions}), "
        f"commit {environment['commit']}."
    )
    lines = [
        "| what | measured |",
        "|---|---|",
        *(f"| {what} | {value} |" for what, value in rows),
        "",
        origin,
    ]
    return "\n".join(lines) + "\n"


def update(path: Path, results: dict[str, Any]) -> None:
    """Replace what stands between the marks."""
    text = path.read_text(encoding="utf-8")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    path.write_text(before + BEGIN + table(results) + END + after, encoding="utf-8")

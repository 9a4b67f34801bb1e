"""Write measured figures into README and docs, between marks."""

from pathlib import Path
from typing import Any


def table(results: dict[str, Any]) -> str:
    """Return the figures as Markdown, with where they come from."""
    r = results
    rows = [
        (
            "test accuracy by `assignment_1/code/train_mlp_numpy.py`, seed 42",
            f"{r['accuracy_of_the_script']:.3f}",
        ),
        (
            "whole run of `mlp-numpy`, process start to exit: 1,500 steps, 15 evaluations, pictures",
            f"**{r['whole_run_s']:.1f} s** (slowest of five {r['whole_run_slowest_s']:.1f} s), "
            f"{r['whole_run_peak_mb']:.0f} MB at the peak",
        ),
        (
            "one training step of `mlp-numpy` beside its bare matrix products",
            f"{r['step_ms']:.2f} ms to {r['products_ms']:.2f} ms, **{r['step_over_products']:.2f} ×** "
            f"({r['step_with_batch_over_products']:.2f} × with its batch drawn and converted)",
        ),
        (
            "one training step of `mlp-numpy` beside the same in eager PyTorch",
            f"{r['step_ms']:.2f} ms to {r['torch_step_ms']:.2f} ms, **{r['step_over_torch']:.2f} ×**",
        ),
        (
            "`backproof --help`; the data set ready, once prepared",
            f"{r['help_s']:.2f} s; {r['data_ready_s']:.3f} s",
        ),
        _augmentation_row(r["augmentation_us_an_image"]),
        (
            "a step of the best networks with augmentation, smoothing, clipping, averaging, beside one plain",
            f"`mlp-best` **{r['ingredients']['mlp_all_over_none']:.2f} ×**, "
            f"`convnet-best` **{r['ingredients']['convnet_all_over_none']:.2f} ×**",
        ),
        *_batch_norm_rows(r),
        *_training_rows(r["training"]),
        (
            "peak memory of ten steps and an evaluation: `convnet-numpy` beside `convnet`",
            f"{r['convnet_peaks_mb']['convnet-numpy']:.0f} MB to {r['convnet_peaks_mb']['convnet']:.0f} MB, "
            f"**{r['convnet_peaks_mb']['convnet-numpy'] / r['convnet_peaks_mb']['convnet']:.2f} ×**",
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


def profile(results: dict[str, Any]) -> str:
    """Return what a step of the NumPy ConvNet spends its time on, as Markdown."""
    milliseconds = results["numpy_convnet_profile_ms"]
    what = {
        "products": "products of matrices: y, dW and dz of eight convolutions, and the biases",
        "im2col": "im2col: windows copied",
        "col2im": "col2im: windows added up",
        "BatchNorm": "batch norm",
        "ReLU": "ReLU",
        "MaxPool2d": "max pooling",
        "update": "Adam's update",
        "rest": "the linear layer, the loss, and all else",
    }
    lines = ["| part | ms | share |", "|---|---|---|"]
    for kind, text in what.items():
        lines.append(
            f"| {text} | {milliseconds[kind]:.0f} | {milliseconds[kind] / milliseconds['step']:.0%} |"
        )
    lines.append(f"| **a step of `convnet-numpy`, batch 32** | **{milliseconds['step']:.0f}** | |")
    return "\n".join(lines) + "\n"


def _augmentation_row(microseconds: dict[str, float]) -> tuple[str, str]:
    named = {
        "plain": "none",
        "crop_flip_cutout": "crop, flip and cutout",
        "affine": "crop, flip, rotation, scaling and shear",
        "to_24_pixels": "scaled down to 24 × 24",
    }
    return (
        "preparing an image of a batch, with the augmentation named",
        "; ".join(f"{name} {microseconds[case]:.0f} µs" for case, name in named.items()),
    )


def _batch_norm_rows(results: dict[str, Any]) -> list[tuple[str, str]]:
    plain, kept = (results[name]["geometric_means"] for name in ("batch_norm", "batch_norm_memory_kept"))
    return [
        (
            f"batch norm, forward and backward, {what}; geometric mean over six shapes",
            f"**{plain[f'{key}_over_native']:.2f} ×**, at most {_slowest(results['batch_norm'], key):.2f} × "
            f"({kept[f'{key}_over_native']:.2f} × with freed memory kept)",
        )
        for key, what in (
            ("manual", "written by hand, beside eager `torch.nn.functional.batch_norm`"),
            ("manual_relu", "written by hand, with ReLU, beside eager `batch_norm` and `relu`"),
            ("manual_bf16", "written by hand, bfloat16, beside eager `batch_norm`"),
            (
                "manual_relu_bf16",
                "written by hand, bfloat16, with ReLU, beside eager `batch_norm` and `relu`",
            ),
            ("compiled", "written by hand, by torch.compile, beside eager `batch_norm`"),
            ("autograd", "by autograd, beside eager `batch_norm`"),
        )
    ]


def _slowest(figures: dict[str, Any], key: str) -> float:
    return max(row[f"{key}_over_native"] for row in figures["shapes"])


def _training_rows(cases: dict[str, dict[str, Any]]) -> list[tuple[str, str]]:
    rows = []
    for case in cases.values():
        recipe, batch = case["recipe"], case["batch"]
        throughputs = [
            f"{kind} {batch / case[f'{kind}_ms'] * 1e3:,.0f} images/s, "
            f"**{1 / case[f'{kind}_over_plain']:.2f} ×**"
            for kind in ("default", "fast")
            if f"{kind}_ms" in case
        ]
        rows.append(
            (
                f"training throughput of `{recipe}`, batch {batch:.0f}, over a plain eager fp32 loop",
                f"{batch / case['plain_ms'] * 1e3:,.0f} images/s; " + "; ".join(throughputs),
            )
        )
        floors = [
            f"{kind} {case[f'{kind}_ms']:.0f} ms to {case[f'{kind}_floor_ms']:.0f} ms, "
            f"**{case[f'{kind}_over_floor']:.2f} ×**"
            for kind in ("default", "fast")
            if f"{kind}_over_floor" in case
        ]
        if floors:
            if recipe == "convnet":
                floor = "its convolutions"
            else:
                floor = "its matrix products" + ("" if "numpy" in recipe else " and its update")
            rows.append(
                (
                    f"one training step of `{recipe}`, batch {batch:.0f}, beside {floor} alone",
                    "; ".join(floors),
                )
            )
    return rows


def replace(path: Path, name: str, text: str) -> None:
    """Replace what stands between the marks of this name."""
    begin, end = f"<!-- {name}: made by a script, see CONTRIBUTING -->\n", f"<!-- end of {name} -->"
    page = path.read_text(encoding="utf-8")
    before, mark, rest = page.partition(begin)
    if not mark or end not in rest:
        raise SystemExit(f"{path} lacks the marks of {name}")
    path.write_text(before + begin + text + end + rest.partition(end)[2], encoding="utf-8")

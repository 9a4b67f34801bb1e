"""Re-measure the figures of docs/speed.md on this machine: python benchmarks/bench.py (needs CIFAR-10).

Writes benchmarks/results.json, the table in docs/speed.md, and benchmarks/scaling.svg.
"""

import json
import statistics
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import pages
import scaling
import step
from measure import run_process

import training
from backproof import data
from backproof.data import cifar10
from backproof.errors import BackproofError
from backproof.training import environment, record

HERE = Path(__file__).parent
REPEATS = 5
AUGMENTATION = HERE / "augmentation.py"
BATCH_NORM = HERE / "batchnorm.py"
SCRIPT = HERE.parent / "assignment_1" / "code" / "train_mlp_numpy.py"


def whole_runs(folder: Path) -> dict[str, float]:
    """Time whole default runs, process start to exit; each measures its own memory."""
    outs = [folder / f"timed-{number}" for number in range(REPEATS)]
    seconds = [run_process("-m", "backproof", "train", "mlp-numpy", "--out", out).seconds for out in outs]
    return {
        "whole_run_s": statistics.median(seconds),
        "whole_run_slowest_s": max(seconds),
        "whole_run_peak_mb": max(record.read(out).peak_rss_mb or 0.0 for out in outs),
    }


def starts() -> dict[str, float]:
    """Time --help, and opening the prepared data set in a process that has imported it."""
    clock = "time.perf_counter()"
    code = (
        "import time; from backproof.data import cifar10, dataset, load; "
        f"t = {clock}; load('cifar10'); print({clock} - t)"
    )
    return {
        "help_s": statistics.median(run_process("-m", "backproof", "--help").seconds for _ in range(REPEATS)),
        "data_ready_s": statistics.median(float(run_process("-c", code).output) for _ in range(REPEATS)),
    }


def course_script(folder: Path) -> dict[str, object]:
    """Train by the course's script, whose seed is fixed."""
    output = run_process(SCRIPT, "--data_dir", cifar10.existing_source(), cwd=folder).output
    return {"accuracy_of_the_script": float(output.rpartition("test accuracy ")[2].split()[0])}


def batch_norms() -> dict[str, object]:
    """Time batch norm as a library's users meet it, and with freed memory kept as in training."""
    figures = {}
    for name, arguments in (("batch_norm", []), ("batch_norm_memory_kept", ["--keep-memory"])):
        figures[name] = json.loads(run_process(BATCH_NORM, *arguments).output)
    return figures


def augmentation() -> dict[str, object]:
    """Time the preparation of a batch, by what is done to its images, and a step with all ingredients."""
    return {
        "augmentation_us_an_image": json.loads(run_process(AUGMENTATION).output),
        "ingredients": json.loads(run_process(HERE / "ingredients.py").output),
    }


def numpy_convnet() -> dict[str, object]:
    """Divide a step of the NumPy ConvNet by kinds of work; and measure short runs' peak memory."""
    settings = ("--steps", 10, "--eval-every", 10, "--validation-size", 1000)
    peaks = {}
    with tempfile.TemporaryDirectory() as folder:
        for recipe in ("convnet", "convnet-numpy"):
            out = Path(folder) / recipe
            run_process("-m", "backproof", "train", recipe, *settings, "--out", out)
            peaks[recipe] = record.read(out).peak_rss_mb
    profile = json.loads(run_process(HERE / "numpy_profile.py").output)
    return {"numpy_convnet_profile_ms": profile, "convnet_peaks_mb": peaks}


def main() -> int:
    """Measure everything, cheapest first."""
    try:
        data.load("cifar10")
    except BackproofError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    described = environment.describe()  # before anything is written: the tree as it was measured
    results: dict[str, object] = {
        "environment": {
            "cpu": described.cpu,
            "cores": described.cores,
            "versions": described.versions | {"torch": version("torch")},
            "commit": described.commit,
        }
    }
    with tempfile.TemporaryDirectory() as name:
        for title, measured in (
            ("start", starts),
            ("one step, batch 200, hidden 100", step.compare),
            ("whole default run", lambda: whole_runs(Path(name))),
            ("the course's script", lambda: course_script(Path(name))),
            ("batch norm, forward and backward, beside torch's", batch_norms),
            ("augmentation, and all that training well costs", augmentation),
            ("training steps beside plain eager loops", lambda: {"training": training.measure()}),
            ("the NumPy ConvNet", numpy_convnet),
        ):
            print(f"\n{title}", flush=True)
            figures = measured()
            results |= figures
            for label, value in figures.items():
                print(
                    f"  {label:32} {value:.3f}" if isinstance(value, float) else f"  {label:32} {value}",
                    flush=True,
                )
    print("\nhow a step grows", flush=True)
    results["scaling"] = scaling.measure()
    for row in results["scaling"]:
        print("  " + "  ".join(f"{name} {value:.4g}" for name, value in row.items()), flush=True)
    scaling.draw(results["scaling"], HERE / "scaling.svg")
    (HERE / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    pages.replace(HERE.parent / "docs" / "speed.md", "speed", pages.table(results))
    pages.replace(HERE.parent / "docs" / "speed.md", "profile", pages.profile(results))
    print("\nwritten: benchmarks/results.json, docs/speed.md, benchmarks/scaling.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How well `backproof check` judges: every mistake of the catalogue caught, no correct submission blamed.

Each mistake is checked once, by the question that it is made in; one with a named cause has to be called by
that name. Each correct submission is checked with several seeds, whole if it is a style, else by the
questions that its variation has to do with, and nothing may be found. Prints tables, and writes
benchmarks/check-study.json and the figures in docs/howto/check.md; the exit code is 1 if anything was
missed, misnamed or wrongly blamed.
"""

import argparse
import importlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pages

from backproof.checker.check import check_folder
from backproof.training import environment

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))  # tests are no package
catalogue = importlib.import_module("checker.catalogue")

OUT = HERE / "check-study.json"
BAD = ("missed", "misnamed", "false alarm")
Entry = Any
"""A Mistake or a Variant of the catalogue."""
Row = dict[str, Any]
"""An entry with a seed, how it fared, and what was found."""


def check(entry: Entry, seed: int) -> Row:
    """Check one submission, and say how it fared."""
    with tempfile.TemporaryDirectory(prefix="check-study-") as name:
        folder = catalogue.write(catalogue.changed(entry.style, entry.changes), Path(name))
        report = check_folder(folder, seed=seed, only=entry.checks)
    findings = [
        {name: getattr(finding, name) for name in ("id", "verdict", "cause", "explanation")}
        for finding in report.findings
        if finding.verdict != "right"
    ]
    row = {"name": entry.name, "style": entry.style, "seed": seed, "found": findings}
    if isinstance(entry, catalogue.Variant):
        return row | {"outcome": "right" if report.ok else "false alarm"}
    return row | {"cause": entry.cause, "expected": entry.verdict, "outcome": judge(entry, findings)}


def judge(mistake: Entry, findings: Sequence[dict[str, str]]) -> str:
    """Say how a mistake fared: named, caught (where any cause is fine), misnamed or missed."""
    verdicts = {finding["verdict"] for finding in findings} - {"not run"}
    if not verdicts or (mistake.verdict and mistake.verdict not in verdicts):
        return "missed"
    if not mistake.cause:
        return "caught"
    return "named" if mistake.cause in {finding["cause"] for finding in findings} else "misnamed"


def study(entries: Sequence[tuple[Entry, int]], jobs: int) -> Iterator[Row]:
    """Check all entries, ``jobs`` at a time; show what goes wrong, and how far it has come."""
    began = time.perf_counter()
    with ProcessPoolExecutor(jobs) as pool:
        waiting = [pool.submit(check, entry, seed) for entry, seed in entries]
        for number, done in enumerate(as_completed(waiting), 1):
            row = done.result()
            if row["outcome"] in BAD:
                print(f"{row['outcome']}: {row['name']} ({row['style']}), seed {row['seed']}", flush=True)
                for finding in row["found"]:
                    print("   ", *finding.values(), sep=" | ", flush=True)
            if number % 50 == 0:
                seconds = time.perf_counter() - began
                print(f"{number} of {len(waiting)} checked, {seconds:.0f} s", flush=True)
            yield row


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """Count how mistakes fared, by cause and by style, and how correct submissions did."""
    mistakes, correct = ([row for row in rows if ("cause" in row) == made] for made in (True, False))

    def counted(some: Sequence[Row]) -> dict[str, int]:
        return {
            "checked": len(some),
            "caught": sum(row["outcome"] != "missed" for row in some),
            "with_a_name": sum(bool(row["cause"]) for row in some),
            "called_by_it": sum(row["outcome"] == "named" for row in some),
        }

    def by(key: str) -> dict[str, dict[str, int]]:
        names = sorted({row[key] or row["expected"] or "any" for row in mistakes})
        return {
            name: counted([row for row in mistakes if (row[key] or row["expected"] or "any") == name])
            for name in names
        }

    return {
        "mistakes": counted(mistakes) | {"by_cause": by("cause"), "by_style": by("style")},
        "correct": {
            "submissions": len({row["name"] for row in correct}),
            "seeds": len({row["seed"] for row in correct}),
            "checked": len(correct),
            "false_alarms": sum(row["outcome"] == "false alarm" for row in correct),
        },
        "problems": [row for row in rows if row["outcome"] in BAD],
    }


def tables(result: dict[str, Any]) -> str:
    """Write the figures for people."""
    mistakes, correct = result["mistakes"], result["correct"]
    lines = ["| mistakes | caught | called by name |", "|---|---|---|"]
    for name, counts in {**mistakes["by_cause"], **mistakes["by_style"], "all": mistakes}.items():
        named = f"{counts['called_by_it']} of {counts['with_a_name']}" if counts["with_a_name"] else ""
        lines.append(f"| {name} | {counts['caught']} of {counts['checked']} | {named} |")
    return "\n".join(
        [
            *lines,
            "",
            f"{correct['submissions']} correct submissions, {correct['seeds']} seeds: "
            f"{correct['false_alarms']} false alarms in {correct['checked']} checks",
        ]
    )


def short(result: dict[str, Any]) -> str:
    """Return the figures as Markdown."""
    mistakes, correct, machine = result["mistakes"], result["correct"], result["environment"]
    styles = len(mistakes["by_style"])
    return "\n".join(
        [
            "| what | measured |",
            "|---|---|",
            f"| mistakes caught, of {mistakes['checked']} in {styles} styles of code "
            f"| **{mistakes['caught']}** |",
            f"| called by their name, of {mistakes['with_a_name']} that have one "
            f"| **{mistakes['called_by_it']}** |",
            f"| false alarms, {correct['submissions']} correct submissions × {correct['seeds']} seeds "
            f"| **{correct['false_alarms']}** of {correct['checked']} |",
            "",
            f"{result['seconds'] / 60:.0f} minutes on {machine['cores']} cores of an {machine['cpu']}, "
            f"commit {machine['commit']}.",
        ]
    )


def main() -> int:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=20, help="for each correct submission [20]")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="checks at a time [all CPUs]")
    parser.add_argument("--only", default="", help="entries that hold this text alone; writes no file")
    flags = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    described = environment.describe()  # before anything is written: the tree as it was measured
    entries = [(mistake, 0) for mistake in catalogue.MISTAKES]
    entries += [(variant, seed) for variant in catalogue.VARIANTS for seed in range(flags.seeds)]
    began = time.perf_counter()
    result = summary(list(study([entry for entry in entries if flags.only in str(entry[0])], flags.jobs)))
    print(tables(result))
    if not flags.only:
        machine = {
            "cpu": described.cpu,
            "cores": described.cores,
            "versions": described.versions | {"torch": version("torch")},
            "commit": described.commit,
        }
        result = {
            "environment": machine,
            "jobs": flags.jobs,
            "seconds": round(time.perf_counter() - began),
        } | result
        OUT.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
        pages.replace(HERE.parent / "docs" / "howto" / "check.md", "check-study", short(result))
    return 1 if result["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())

"""What `backproof check --csv` takes for a class: seconds, and the most memory, for few and many folders.

The folders are the tests' correct submissions in turn; every tenth is broken in one of five ways.
"""

import argparse
import importlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
catalogue = importlib.import_module("checker.catalogue")  # tests are no package

BROKEN = {
    "syntax": "def broken(:\n",
    "exits": "import sys\nsys.exit(3)\n",
    "killed": "import os\nos.kill(os.getpid(), 9)\n",
    "hangs": "while True:\n    pass\n",
    "empty": "",
}
"""What modules.py holds instead; the empty one has no other file either."""
MB = 1 << 20


def write_class(folder: Path, count: int) -> list[Path]:
    """Write ``count`` submissions and return their folders."""
    places = [folder / f"student-{number:03}" for number in range(count)]
    for number, place in enumerate(places):
        files = catalogue.sources(catalogue.STYLES[number % len(catalogue.STYLES)])
        if number % 10 == 9:
            name = list(BROKEN)[number // 10 % len(BROKEN)]
            files = {**files, "modules.py": BROKEN[name]} if name != "empty" else {}
        catalogue.write(files, place)
    return places


def resident(process: int) -> tuple[int, int]:
    """Return the bytes of memory of a process, and of all its descendants together with it."""
    sizes, parents = {}, {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            pages = int((entry / "statm").read_text().split()[1])
            parents[entry.name] = (entry / "stat").read_text().rpartition(")")[2].split()[1]
        except (FileNotFoundError, ProcessLookupError):  # ended since
            continue
        sizes[entry.name] = pages * os.sysconf("SC_PAGE_SIZE")
    family = {str(process)}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    return sizes.get(str(process), 0), sum(sizes.get(pid, 0) for pid in family)


def measure(count: int, jobs: int) -> str:
    """Check a class and return a line of the table."""
    with tempfile.TemporaryDirectory(prefix="check-class-") as name:
        folders = write_class(Path(name, "class"), count)
        table = Path(name, "class.csv")
        command = [sys.executable, "-m", "backproof", "check", "--csv", str(table), "--jobs", str(jobs)]
        began = time.perf_counter()
        alone = together = 0
        with subprocess.Popen([*command, *map(str, folders)], stdout=subprocess.DEVNULL) as checking:
            while checking.poll() is None:
                peaks = resident(checking.pid)
                alone, together = max(alone, peaks[0]), max(together, peaks[1])
                time.sleep(0.1)
        seconds = time.perf_counter() - began
        rows = len(table.read_text().splitlines()) - 1
    return f"| {count} | {rows} | {seconds:.0f} | {alone / MB:.0f} | {together / MB:.0f} |"


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folders", type=int, nargs="+", default=[4, 100])
    parser.add_argument("--jobs", type=int, default=2, help="folders at a time [2]")
    flags = parser.parse_args()
    print("| folders | rows | seconds | MB, main process | MB, all processes |\n|---|---|---|---|---|")
    for count in flags.folders:
        print(measure(count, flags.jobs), flush=True)


if __name__ == "__main__":
    main()

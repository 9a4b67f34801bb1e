"""What importing costs: nothing that is not needed."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def modules_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_package_itself_imports_nothing_heavy() -> None:
    assert not {"numpy", "torch", "matplotlib"} & modules_after("import backproof")


def test_the_numpy_network_leaves_torch_out() -> None:
    loaded = modules_after("import backproof.numpy_nn")
    assert "numpy" in loaded
    assert not {"torch", "matplotlib", "click", "rich", "sklearn"} & loaded


def test_training_in_numpy_works_without_torch() -> None:
    code = """
import sys

import pytest

class NoTorch:
    def find_spec(self, name, *_):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, NoTorch())
from backproof.cli.main import main
sys.exit(main("train mlp-numpy --data digits --steps 2 --out run".split()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_reading_a_search_needs_no_optuna() -> None:
    loaded = modules_after(
        "import backproof.cli.main, backproof.report.content, backproof.training.search.space"
    )
    assert "backproof.training.search.search_record" in loaded
    assert not {"optuna", "sqlalchemy"} & loaded

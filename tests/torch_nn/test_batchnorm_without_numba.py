"""Without numba batch norm runs by formulas and says so once; and numba is imported only where loops run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
SLOWER = "batch norm by hand is some three times slower without numba: pip install 'backproof[torch]'"


def run(program: str, first: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own, which looks for packages in a folder first."""
    path = os.pathsep.join(filter(None, (str(first or ""), os.environ.get("PYTHONPATH"))))
    return subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=240,
    )


@pytest.fixture(params=["missing", "one that does not fit NumPy"])
def no_numba(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder with a numba in it that cannot be imported."""
    error = {"missing": "ModuleNotFoundError(name='numba')"}.get(
        request.param, "ImportError('needs NumPy 2.3')"
    )
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "numba.py").write_text(f"raise {error}")
    return tmp_path / "packages"


def test_formulas_run_and_it_is_said_once(no_numba: Path) -> None:
    done = run(
        """
import torch
from backproof.cli.main import main
from backproof.torch_nn.batchnorm import BatchNormManual

torch.manual_seed(1)
for dtype in torch.float32, torch.float64, torch.bfloat16:
    ours = BatchNormManual(3, track_running_stats=True).to(dtype)
    native = torch.nn.BatchNorm2d(3).to(dtype)
    x, dy = torch.randn(2, 5, 3, 2, 2).to(dtype)
    tolerance = 3e-2 if dtype == torch.bfloat16 else 1e-5
    for slope in None, 0.0, 0.02:
        expected = native(x) if slope is None else torch.nn.functional.leaky_relu(native(x), slope)
        gradients = [
            torch.autograd.grad(y, module.parameters(), dy)
            for y, module in ((ours(x, slope), ours), (expected, native))
        ]
        torch.testing.assert_close(ours(x, slope), expected, rtol=tolerance, atol=tolerance)
        torch.testing.assert_close(*gradients, rtol=tolerance, atol=2 * tolerance)
ours.eval()(x)
print(main(["prove", "bn.dx"]))
""",
        no_numba,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [SLOWER]
    assert "bn.dx" in done.stdout
    assert done.stdout.splitlines()[-1] == "0"


def test_what_needs_no_loops_does_not_import_numba() -> None:
    done = run(
        """
import sys
import backproof
import backproof.torch_nn.batchnorm
from backproof.cli.main import main

def numba_is_imported():
    return any(name.partition(".")[0] in ("numba", "llvmlite") for name in sys.modules)

assert not numba_is_imported()
for arguments in (
    ["--help"],
    ["train", "mlp-numpy", "--data", "digits", "--steps", "2", "--eval-every", "2"],
    ["train", "mlp-torch", "--data", "digits", "--steps", "2", "--eval-every", "2"],
):
    assert main(arguments) == 0, arguments
    assert not numba_is_imported(), arguments

import torch
module = backproof.torch_nn.batchnorm.BatchNormManual(3)
assert not numba_is_imported()
module(torch.randn(5, 3))
assert numba_is_imported()
"""
    )
    assert done.returncode == 0, done.stderr

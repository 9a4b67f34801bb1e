"""Memory that is given back stays here for the next step."""

import subprocess
import sys

import pytest

LOOP = """
import resource, sys
import numpy as np
from backproof.training.allocator import keep_freed_memory

if sys.argv[1] == "keep":
    keep_freed_memory()

def step():
    np.ones(40_000_000, np.uint8)

step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", LOOP, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' allocators are left as they are")
def test_large_blocks_are_used_again() -> None:
    if faults("leave") < 100:
        pytest.skip("this allocator keeps memory by itself")
    assert faults("keep") < 10

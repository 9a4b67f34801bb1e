"""The causes: all of them, by name, in one order."""

import importlib
import os
import pkgutil
import subprocess
import sys
from types import ModuleType

import pytest

from backproof import checker
from backproof.checker.causes import Cause, collect_causes
from backproof.checker.questions import CAUSES
from backproof.gradcheck import CauseName

NAMES = (
    "wrong gradient",
    "wrong forward value",
    "wrong shape",
    "shape not checked",
    "wrong initialisation",
    "parameters not registered",
    "no gradient arrives",
    "needless gradient",
    "kink",
    "unsuitable step",
    "nondeterminism",
    "input changed in place",
    "state leaks between calls",
    "dtype promoted",
    "loop over samples",
    "wrong width",
    "missing 1/B",
    "extra 1/B",
    "opposite sign",
    "upstream gradient ignored",
    "softmax's outer product missing",
    "weight transposed",
    "bias summed over the wrong axis",
    "slope applied on the wrong side",
    "unstable exponent",
    "biased and unbiased variance swapped",
    "mean term of batch norm's dx dropped",
    "variance term of batch norm's dx dropped",
    "ε outside the root",
    "running statistics used",
    "wrong padding",
    "wrong pooling",
    "wrong order",
)
"""In the order of the table in docs/howto/check.md."""


def module_with(*causes: Cause) -> ModuleType:
    module = ModuleType("mistakes")
    vars(module).update({f"CAUSE_{number}": cause for number, cause in enumerate(causes)})
    return module


def test_causes_are_collected_by_name() -> None:
    red = Cause("too red", "the page is redder than asked for", "Look at the page.")
    blue = Cause("too blue", "it is bluer", "")
    assert collect_causes(module_with(red, blue), module_with(red)) == {"too red": red, "too blue": blue}
    with pytest.raises(ValueError, match="too red"):
        collect_causes(module_with(red), module_with(Cause("too red", "it means something else", "")))


def test_the_order_is_that_of_the_documentation_whatever_is_imported_first() -> None:
    assert tuple(CAUSES) == NAMES
    first = "import backproof.checker.questions.convnet.mistakes, backproof.checker.questions as questions"
    process = subprocess.run(
        [sys.executable, "-c", f"{first}; print(*questions.CAUSES, sep='\\n')"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONUTF8": "1"},
        check=True,
    )
    assert tuple(process.stdout.splitlines()) == NAMES


def test_no_cause_of_any_module_is_left_out() -> None:
    for module in pkgutil.walk_packages(checker.__path__, "backproof.checker."):
        if ".child" in module.name:  # runs in the sandbox alone
            continue
        for cause in vars(importlib.import_module(module.name)).values():
            if isinstance(cause, Cause):
                assert CAUSES[cause.name] == cause, module.name


def test_each_cause_of_a_layer_check_has_its_meaning() -> None:
    without = {CauseName.NOTHING_CHECKED, CauseName.ONE_X_ONLY, CauseName.ONE_VALUE_ONLY}
    assert {name for name in CauseName if name not in CAUSES} == without

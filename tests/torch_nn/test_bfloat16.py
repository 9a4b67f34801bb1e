"""bfloat16 in loops: bits stand for the numbers that torch says, numbers are rounded as by torch."""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from backproof.torch_nn.loop_compiler.bfloat16 import rounded, widened
from backproof.torch_nn.loop_compiler.compiled import Loop, uncompiled

Array = npt.NDArray[Any]
BITS = np.arange(2**16, dtype=np.uint16)
"""All there are."""


@Loop
def widen(bits: Array, values: Array) -> None:
    for number in range(len(bits)):
        values[number] = widened(bits[number])


@Loop
def round_all(values: Array, bits: Array) -> None:
    for number in range(len(values)):
        bits[number] = rounded(values[number], bits)


@pytest.fixture(params=["compiled", "uncompiled"], autouse=True)
def _form(request: pytest.FixtureRequest) -> Iterator[None]:
    with nullcontext() if request.param == "compiled" else uncompiled():
        yield


def by_torch(bits: Array) -> Array:
    """The float32 that torch takes bfloat16's bits for."""
    values: Array = torch.from_numpy(bits.copy()).view(torch.bfloat16).float().numpy()
    return values


def assert_rounded_as_by_torch(values: Array) -> None:
    bits = np.zeros(len(values), np.uint16)
    round_all(values, bits)
    expected = torch.from_numpy(values).bfloat16().view(torch.uint16).numpy()
    is_nan = np.isnan(values)
    np.testing.assert_array_equal(bits[~is_nan], expected[~is_nan])
    assert np.isnan(by_torch(bits[is_nan])).all()


def test_all_bits_are_widened_as_by_torch() -> None:
    values = np.zeros(len(BITS), np.float32)
    widen(BITS, values)
    np.testing.assert_array_equal(values.view(np.uint32), by_torch(BITS).view(np.uint32))


@pytest.mark.parametrize("rest", [0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF], ids=hex)
def test_ties_and_their_neighbours(rest: int) -> None:
    """Every sign, exponent and last digit, subnormal numbers, infinities and NaN among them."""
    every = 1 if rest == 0x8000 else 7
    assert_rounded_as_by_torch(
        ((BITS[::every].astype(np.uint32) << np.uint32(16)) + np.uint32(rest)).view(np.float32)
    )


def test_any_numbers(rng: np.random.Generator) -> None:
    assert_rounded_as_by_torch(rng.integers(0, 2**32, 20_000, dtype=np.uint32).view(np.float32))
    assert_rounded_as_by_torch(rng.normal(size=20_000).astype(np.float32))
    largest = np.finfo(np.float32).max
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, largest, -largest, 1e-45, -1e-45, 1e-38]
    assert_rounded_as_by_torch(np.array(special, np.float32))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_other_numbers_stay_as_they_are(dtype: type[np.floating[Any]], rng: np.random.Generator) -> None:
    values = rng.normal(size=50).astype(dtype)
    for loop in widen, round_all:
        same = np.zeros_like(values)
        loop(values, same)
        np.testing.assert_array_equal(same, values)

"""ReLU and Flatten, the layers that have no numbers of their own."""

import numpy as np
import pytest
import torch

from backproof.numpy_nn import Flatten, ReLU
from numpy_nn.layer_proof import assert_layer_proven


@pytest.mark.parametrize("shape", [(5, 3), (1, 1), (4,), (2, 3, 4, 2)])
def test_relus_gradients_are_proven(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    x = rng.uniform(0.01, 1, size=shape) * rng.choice([-1, 1], size=shape)  # off the kink
    assert_layer_proven(ReLU(), x, torch.relu, rng)


def test_relu_takes_zero_at_the_kink() -> None:
    layer = ReLU()
    np.testing.assert_array_equal(layer.forward(np.array([0.0, -0.0])), [0, 0])
    np.testing.assert_array_equal(layer.backward(np.array([4.0, 8.0])), [0, 0])


def test_relu_passes_nan_and_infinity_on() -> None:
    x = np.array([np.nan, np.inf, -np.inf])
    np.testing.assert_array_equal(ReLU().forward(x), [np.nan, np.inf, 0])


@pytest.mark.parametrize("shape", [(2, 3, 4, 2), (3, 5), (4,), (2, 3, 1, 1)])
def test_flattens_gradients_are_proven(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    assert_layer_proven(Flatten(), rng.normal(size=shape), lambda x: x.reshape(len(x), -1), rng)


@pytest.mark.parametrize("shape", [(), (0, 3), (2, 0, 3)])
def test_flatten_needs_samples_of_some_numbers(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"Flatten.forward: x has shape .*, expected \(B, …\)"):
        Flatten().forward(np.zeros(shape))


@pytest.mark.parametrize("layer", [ReLU(), Flatten()])
def test_whole_numbers_are_refused(layer: ReLU | Flatten) -> None:
    with pytest.raises(TypeError, match=r"x of shape \(2, 3\) has dtype int64"):
        layer.forward(np.zeros((2, 3), np.int64))

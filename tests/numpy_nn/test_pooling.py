"""MaxPool2d and AvgPool2d: every output and gradient, ties, overlapping windows, NaN and infinity."""

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d, max_pool2d

from backproof.numpy_nn import AvgPool2d, MaxPool2d
from numpy_nn.layer_proof import assert_layer_proven

POOLS: dict[str, tuple[Any, Any]] = {"max": (MaxPool2d, max_pool2d), "avg": (AvgPool2d, avg_pool2d)}
"""Our layer, and torch's function."""
GEOMETRIES = {
    "as in Table 1": (2, 3, (6, 6), 3, 2, 1),
    "to a single pixel": (2, 2, (2, 2), 3, 2, 1),
    "one pixel of everything": (1, 1, (1, 1), 1, 1, 0),
    "side by side": (2, 2, (4, 6), 2, None, 0),
    "overlapping": (1, 2, (5, 5), (4, 3), 1, (2, 1)),
    "unequal everything": (2, 2, (5, 7), (2, 3), (3, 2), (1, 1)),
    "last rows and columns unused": (2, 2, (6, 5), (3, 2), (2, 2), 0),
    "as large as the image": (2, 3, (3, 4), (3, 4), 1, 0),
    "as large as the padded image": (2, 2, (1, 3), (3, 5), 1, 1),
    "gaps between windows": (2, 2, (7, 6), (2, 1), 3, 0),
}
"""Samples, channels, image, kernel, stride, padding."""


def distinct(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Draw images whose numbers differ by 0.01 or more: away from the kinks of the maximum."""
    return rng.permuted(0.01 * np.arange(float(np.prod(shape)))).reshape(shape)


@pytest.mark.parametrize("kind", POOLS)
@pytest.mark.parametrize("name", GEOMETRIES)
def test_gradients_are_proven(kind: str, name: str, rng: np.random.Generator) -> None:
    b, c, image, kernel, stride, padding = GEOMETRIES[name]
    make, oracle = POOLS[kind]
    layer = make(kernel, stride=stride, padding=padding)
    assert_layer_proven(layer, distinct(rng, b, c, *image), lambda x: oracle(x, kernel, stride, padding), rng)


def max_pool_of_both(
    x: np.ndarray, dout: np.ndarray, *geometry: Any
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return y and dx as we and as torch compute them."""
    kernel, stride, padding = geometry
    layer = MaxPool2d(kernel, stride=stride, padding=padding)
    leaf = torch.tensor(x, requires_grad=True)
    y = max_pool2d(leaf, kernel, stride, padding)
    y.backward(torch.tensor(dout))
    return (layer.forward(x), layer.backward(dout)), (y.detach().numpy(), leaf.grad.numpy())


GEOMETRIES_OF_TIES = [(3, 2, 1), (2, 2, 0), (3, 1, 1), ((2, 3), (1, 2), (1, 0))]
"""Kernel, stride, padding."""


@pytest.mark.parametrize("geometry", GEOMETRIES_OF_TIES)
@pytest.mark.parametrize("values", [[0.0], [0.0, 1.0], [-1.0, 0.0, 1.0], [-np.inf, 0.0, np.inf], [-np.inf]])
def test_of_equal_pixels_the_first_is_chosen_as_in_torch(
    geometry: Any, values: list[float], rng: np.random.Generator
) -> None:
    x = rng.choice(values, size=(3, 2, 6, 7))
    dout = rng.normal(size=MaxPool2d(geometry[0], stride=geometry[1], padding=geometry[2]).forward(x).shape)
    ours, torchs = max_pool_of_both(x, dout, *geometry)
    np.testing.assert_array_equal(ours[0], torchs[0])
    np.testing.assert_allclose(ours[1], torchs[1], rtol=1e-14, atol=1e-14)


def test_windows_of_more_pixels_than_a_byte_counts(rng: np.random.Generator) -> None:
    x = np.zeros((1, 2, 18, 18))
    x[:, :, 16:, 16:] = distinct(rng, 1, 2, 2, 2) + 1  # the last of the 17 · 17
    (y, dx), torchs = max_pool_of_both(x, rng.normal(size=(1, 2, 2, 2)), 17, 1, 0)
    np.testing.assert_array_equal(y, torchs[0])
    np.testing.assert_allclose(dx, torchs[1], rtol=1e-14)


def test_a_tie_by_hand() -> None:
    layer = MaxPool2d(2)
    np.testing.assert_array_equal(layer.forward(np.full((1, 1, 2, 2), 7.0)), [[[[7.0]]]])
    np.testing.assert_array_equal(layer.backward(np.full((1, 1, 1, 1), 5.0)), [[[[5.0, 0.0], [0.0, 0.0]]]])


def test_windows_that_choose_the_same_pixel_add_up() -> None:
    x = np.zeros((1, 1, 3, 3))
    x[0, 0, 1, 1] = 1
    layer = MaxPool2d(2, stride=1)
    layer.forward(x)
    dx = layer.backward(np.array([[[[1.0, 2.0], [4.0, 8.0]]]]))
    np.testing.assert_array_equal(dx[0, 0], [[0, 0, 0], [0, 15, 0], [0, 0, 0]])


@pytest.mark.parametrize("kind", POOLS)
def test_nan_reaches_the_windows_that_see_it(kind: str, rng: np.random.Generator) -> None:
    make, oracle = POOLS[kind]
    x = rng.normal(size=(2, 3, 6, 6))
    x[rng.random(x.shape) < 0.1] = np.nan
    layer = make(3, stride=2, padding=1)
    y = layer.forward(x)
    assert 0 < np.isnan(y).sum() < y.size
    np.testing.assert_allclose(y, oracle(torch.tensor(x), 3, 2, 1).numpy(), rtol=1e-14)


@pytest.mark.parametrize("make", [MaxPool2d, AvgPool2d])
class TestRefusals:
    @pytest.mark.parametrize("shape", [(3, 4, 4), (0, 3, 4, 4), (2, 0, 4, 4), (4, 4)])
    def test_no_images(self, make: Any, shape: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match=rf"x has shape \({str(shape)[1:-1]}\), expected \(B, C, H, W\)"):
            make(2).forward(np.zeros(shape))

    def test_whole_numbers(self, make: Any) -> None:
        with pytest.raises(TypeError, match=r"x of shape \(1, 1, 2, 2\) has dtype int64"):
            make(2).forward(np.zeros((1, 1, 2, 2), np.int64))

    def test_a_kernel_larger_than_the_padded_image(self, make: Any) -> None:
        with pytest.raises(ValueError, match=r"kernel of \(4, 4\) .* image of \(6, 1\) .* \(1, 1\)"):
            make(4, padding=1).forward(np.zeros((1, 1, 6, 1)))

    @pytest.mark.parametrize(
        ("sizes", "named"),
        [
            ({"kernel_size": 0}, "kernel_size"),
            ({"kernel_size": (2, 2, 2)}, "kernel_size"),
            ({"stride": 0}, "stride"),
            ({"stride": (2, -1)}, "stride"),
            ({"padding": -1}, "padding"),
            ({"padding": 0.5}, "padding"),
        ],
    )
    def test_senseless_sizes(self, make: Any, sizes: dict[str, Any], named: str) -> None:
        with pytest.raises(ValueError, match=f"{make.__name__}: {named} is a whole number"):
            make(**{"kernel_size": 3, **sizes})

    @pytest.mark.parametrize(("kernel", "padding"), [(3, 2), ((4, 3), (2, 2)), (1, 1)])
    def test_windows_in_the_padding_alone(self, make: Any, kernel: Any, padding: Any) -> None:
        with pytest.raises(ValueError, match="more than half of the kernel"):
            make(kernel, padding=padding)

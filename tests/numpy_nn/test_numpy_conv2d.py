"""Conv2d: every output and gradient, wherever kernels, strides and padding put the windows."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch.nn.functional import conv2d

from backproof.numpy_nn import Conv2d
from backproof.proof import relative_error
from numpy_nn.layer_proof import assert_layer_proven

GEOMETRIES = {
    "as in Table 1": (2, 3, 4, (4, 4), 3, 1, 1),
    "one pixel of everything": (1, 1, 1, (1, 1), 1, 1, 0),
    "one by one kernel": (2, 3, 2, (3, 2), 1, 1, 0),
    "one by one kernel, padded": (2, 2, 2, (2, 2), 1, 2, 1),
    "one channel in": (2, 1, 3, (4, 3), (2, 3), 1, 0),
    "one channel out": (2, 3, 1, (3, 4), (3, 2), 1, 1),
    "one sample": (1, 2, 3, (4, 4), 2, 1, 0),
    "five by five": (2, 2, 2, (5, 6), 5, 1, 2),
    "kernel as large as the image": (2, 2, 3, (3, 4), (3, 4), 1, 0),
    "kernel as large as the padded image": (2, 2, 2, (1, 2), (5, 4), 1, (2, 1)),
    "windows in the padding alone": (2, 2, 2, (2, 3), 1, 1, (2, 3)),
    "kernels of one row and one column": (1, 2, 2, (4, 5), (1, 4), (2, 1), (0, 2)),
    "unequal everything": (2, 2, 3, (5, 7), (2, 3), (3, 2), (1, 2)),
    "last rows and columns unused": (2, 2, 2, (6, 5), (3, 2), (2, 2), 0),
    "stride beyond the kernel": (2, 2, 2, (7, 6), (2, 1), (3, 3), 0),
    "stride beyond the image": (2, 2, 2, (3, 3), 2, 5, 1),
}
"""Samples, channels in and out, image, kernel, stride, padding."""


@pytest.mark.parametrize("name", GEOMETRIES)
def test_gradients_are_proven(name: str, rng: np.random.Generator) -> None:
    b, c, m, image, kernel, stride, padding = GEOMETRIES[name]
    layer = Conv2d(c, m, kernel, stride=stride, padding=padding, rng=rng)
    assert_layer_proven(
        layer,
        rng.normal(size=(b, c, *image)),
        lambda x, weight, bias: conv2d(x, weight, bias, stride, padding),
        rng,
    )


def test_weights_start_as_pytorch_draws_them(rng: np.random.Generator) -> None:
    layer = Conv2d(20, 60, (3, 5), rng=rng)
    for param in layer.params.values():
        assert np.abs(param).max() <= 1 / np.sqrt(300)
    assert layer.params["weight"].std() == pytest.approx(1 / np.sqrt(3 * 300), rel=0.02)
    assert np.unique(layer.params["bias"]).size == 60


def test_a_float32_layer_is_as_exact_as_torchs(rng: np.random.Generator) -> None:
    single, double = (
        Conv2d(64, 32, 3, padding=1, rng=np.random.default_rng(1), dtype=dtype) for dtype in "fd"
    )
    x, dout = rng.normal(size=(4, 64, 8, 8)), rng.normal(size=(4, 32, 8, 8))
    for name, param in double.params.items():
        np.testing.assert_array_equal(single.params[name], param.astype(np.float32))
        param[...] = single.params[name]
    x, dout = (array.astype(np.float32) for array in (x, dout))
    for ours, exact in zip(
        (single.forward(x), single.backward(dout), *single.grads.values()),
        (double.forward(x.astype(float)), double.backward(dout.astype(float)), *double.grads.values()),
        strict=True,
    ):
        assert ours.dtype == np.float32
        assert relative_error(ours, exact) <= 1e-6


def test_nan_and_infinity_reach_the_windows_that_see_them(rng: np.random.Generator) -> None:
    layer = Conv2d(1, 1, 2, rng=rng)
    x = rng.normal(size=(1, 1, 4, 4))
    x[0, 0, 0, 0], x[0, 0, 3, 3] = np.nan, np.inf
    expected = conv2d(torch.tensor(x), *map(torch.tensor, layer.params.values())).numpy()
    y = layer.forward(x)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(expected))
    np.testing.assert_allclose(y, expected, rtol=1e-12)


def test_wrong_channels_and_images_are_named(rng: np.random.Generator) -> None:
    layer = Conv2d(3, 4, 3, rng=rng)
    for shape in [(2, 4, 5, 5), (2, 3, 5), (0, 3, 5, 5), (2, 5, 5, 3)]:
        with pytest.raises(ValueError, match=rf"x has shape \({str(shape)[1:-1]}\), .*\(B, 3, H, W\)"):
            layer.forward(np.zeros(shape))
    with pytest.raises(ValueError, match=r"\(4, 3, 3, 3\)"):
        layer.forward(np.zeros((2, 4, 5, 5)))


def test_a_kernel_larger_than_the_padded_image_is_named(rng: np.random.Generator) -> None:
    layer = Conv2d(1, 1, (3, 5), padding=(0, 1), rng=rng)
    layer.forward(np.zeros((1, 1, 3, 3)))
    for image in [(2, 9), (9, 2)]:
        with pytest.raises(
            ValueError, match=rf"kernel of \(3, 5\) .* image of \({image[0]}, {image[1]}\) .*\(0, 1\)"
        ):
            layer.forward(np.zeros((1, 1, *image)))


@pytest.mark.parametrize(
    ("sizes", "named"),
    [
        ({"kernel_size": 0}, "kernel_size"),
        ({"kernel_size": (3, -1)}, "kernel_size"),
        ({"kernel_size": 2.0}, "kernel_size"),
        ({"kernel_size": (3, 3, 3)}, "kernel_size"),
        ({"stride": 0}, "stride"),
        ({"stride": (1, 0)}, "stride"),
        ({"padding": -1}, "padding"),
        ({"padding": "same"}, "padding"),
    ],
)
def test_senseless_sizes_are_refused(sizes: dict, named: str, rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match=f"Conv2d: {named} is a whole number"):
        Conv2d(1, 1, **{"kernel_size": 3, **sizes}, rng=rng)


@pytest.mark.parametrize("channels", [(0, 1), (1, 0), (-2, 3)])
def test_no_channels_are_refused(channels: tuple[int, int], rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="at least one channel"):
        Conv2d(*channels, 3, rng=rng)


def test_no_gradient_is_lost_in_a_copy(rng: np.random.Generator) -> None:
    layer = pickle.loads(pickle.dumps(Conv2d(3, 4, 3, rng=rng)))
    layer.forward(np.ones((1, 3, 4, 4)))
    with pytest.raises(ValueError, match="channels have to be last in memory"):
        layer.backward(np.ones((1, 4, 2, 2)))


def test_a_copy_fills_its_own_gradients(rng: np.random.Generator) -> None:
    layer = Conv2d(3, 4, 3, rng=rng)
    twin = copy.deepcopy(layer)
    twin.forward(np.ones((1, 3, 4, 4)))
    twin.backward(np.ones((1, 4, 2, 2)))
    assert twin.grads["weight"].all()
    assert not layer.grads["weight"].any()

"""What no formula says of the layers: how they start, what training and evaluation are, sizes as pairs."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from backproof.numpy_nn.batchnorm import BatchNorm
from backproof.numpy_nn.conv2d import Conv2d
from backproof.numpy_nn.dropout import Dropout
from backproof.numpy_nn.flatten import Flatten
from backproof.numpy_nn.pooling import MaxPool2d
from backproof.numpy_nn.windows import make_windows


def test_dropout_drops_a_fraction_by_seed_and_step_and_nothing_in_evaluation() -> None:
    x = np.ones((200, 50))
    layer = Dropout(0.3, seed=7)
    first = layer.forward(x)
    assert np.mean(first == 0) == pytest.approx(0.3, abs=0.02)
    np.testing.assert_array_equal(np.unique(first), [0, 1 / (1 - 0.3)])
    layer.train(1)
    other = layer.forward(x)
    assert np.mean((other == 0) & (first == 0)) == pytest.approx(0.09, abs=0.02)
    layer.eval()
    np.testing.assert_array_equal(layer.forward(x), x)
    np.testing.assert_array_equal(layer.backward(3 * x), 3 * x)
    layer.train(0)  # as a new layer has it
    np.testing.assert_array_equal(layer.forward(x), first)
    assert not np.array_equal(Dropout(0.3, seed=8).forward(x), first)


def test_batch_norm_trains_first_and_moves_its_statistics_in_training_alone(rng: np.random.Generator) -> None:
    x, dy = rng.normal(2, 3, size=(2, 20, 4))
    layer = BatchNorm(4)
    y = layer.forward(x)
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-12)
    layer.eval()
    before = {name: array.copy() for name, array in layer.buffers.items()}
    evaluated = layer.forward(x)
    assert np.abs(evaluated.mean(axis=0)).min() > 0.1
    native = [torch.tensor(before[name]) for name in ("running_mean", "running_var")]
    np.testing.assert_allclose(evaluated, F.batch_norm(torch.tensor(x), *native).numpy(), rtol=1e-12)
    np.testing.assert_allclose(layer.backward(dy), dy / np.sqrt(before["running_var"] + 1e-5), rtol=1e-12)
    for name, array in layer.buffers.items():
        np.testing.assert_array_equal(array, before[name])
    layer.train(5)
    np.testing.assert_array_equal(layer.forward(x), y)
    assert not np.array_equal(layer.buffers["running_mean"], before["running_mean"])


def test_flatten_goes_as_pytorch_does_and_back(rng: np.random.Generator) -> None:
    pixels = rng.normal(size=(2, 4, 5, 3))
    images, layer = pixels.transpose(0, 3, 1, 2), Flatten()
    rows = layer.forward(images)
    np.testing.assert_array_equal(rows, torch.tensor(pixels).permute(0, 3, 1, 2).flatten(1).numpy())
    np.testing.assert_array_equal(layer.backward(rows), images)


def test_a_size_is_for_both_axes_or_one_for_each() -> None:
    assert make_windows("here", 3, (2, 1), 1) == ((3, 3), (2, 1), (1, 1))
    assert make_windows("here", (1, 4), 1, (0, 2)) == ((1, 4), (1, 1), (0, 2))
    for sizes, wrong in (((0, 1, 0), "kernel_size"), ((3, 0, 0), "stride"), ((3, 1, -1), "padding")):
        with pytest.raises(ValueError, match=f"here: {wrong} is a whole number"):
            make_windows("here", *sizes)
    for size in ((3, 3, 3), 2.0, (3, "3")):
        with pytest.raises(ValueError, match="kernel_size is a whole number"):
            make_windows("here", size, 1, 0)  # type: ignore[arg-type]


def test_a_convolution_starts_within_pytorchs_bounds() -> None:
    params = Conv2d(8, 40, (3, 2), rng=np.random.default_rng(0)).params
    bound = 1 / np.sqrt(8 * 3 * 2)
    for array in params.values():
        assert 0.9 * bound < np.abs(array).max() <= bound
        assert array.min() < -0.8 * bound
        assert abs(array.mean()) < 0.2 * bound
    assert params["weight"].std() == pytest.approx(bound / np.sqrt(3), rel=0.05)


@pytest.mark.parametrize("padding", [0, (1, 0)])
def test_the_largest_pixel_is_pytorchs_and_of_equal_ones_the_first(
    rng: np.random.Generator, padding: int | tuple[int, int]
) -> None:
    images = rng.integers(0, 3, size=(2, 3, 7, 6)).astype(float)
    layer, leaf = MaxPool2d((3, 2), stride=(2, 1), padding=padding), torch.tensor(images).requires_grad_()
    native = F.max_pool2d(leaf, (3, 2), (2, 1), padding)
    dout = rng.normal(size=native.shape)
    np.testing.assert_array_equal(layer.forward(images), native.detach().numpy())
    [gradient] = torch.autograd.grad(native, leaf, torch.tensor(dout))
    np.testing.assert_allclose(layer.backward(dout), gradient.numpy(), rtol=1e-12)

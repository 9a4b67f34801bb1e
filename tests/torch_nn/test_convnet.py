"""The ConvNet against Table 1 of the assignment, written out once more by hand."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn

from backproof.errors import ConfigError
from backproof.torch_nn.conv2d import Conv2d
from backproof.torch_nn.convnet import ConvNet
from backproof.training.recipes import find_recipe

TABLE_1 = [
    ("conv1", 64, 32), ("maxpool1", 64, 16),
    ("conv2", 128, 16), ("maxpool2", 128, 8),
    ("conv3_a", 256, 8), ("conv3_b", 256, 8), ("maxpool3", 256, 4),
    ("conv4_a", 512, 4), ("conv4_b", 512, 4), ("maxpool4", 512, 2),
    ("conv5_a", 512, 2), ("conv5_b", 512, 2), ("maxpool5", 512, 1),
]  # fmt: skip
"""Name, channels out, and height and width out."""
CONVOLUTIONS = [
    (3, 64), (64, 128), (128, 256), (256, 256), (256, 512), (512, 512), (512, 512), (512, 512),
]  # fmt: skip
PARAMETERS = sum((9 * d + 1) * m + 2 * m for d, m in CONVOLUTIONS) + 512 * 10 + 10


def test_every_layer_is_as_table_1_says() -> None:
    net = ConvNet(3, 10)
    seen: list[tuple[str, int, int]] = []
    for name, layer in net.named_children():
        layer.register_forward_hook(lambda _m, _x, y, name=name: seen.append((name, *y.shape[1:3])))
    out = net(torch.randn(2, 3, 32, 32))
    assert out.shape == (2, 10)
    assert seen[: len(TABLE_1)] == TABLE_1
    assert sum(param.numel() for param in net.parameters()) == PARAMETERS
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            assert (layer.kernel_size, layer.stride, layer.padding) == ((3, 3), (1, 1), (1, 1))
            assert layer.bias is not None
        if isinstance(layer, nn.MaxPool2d):
            assert (layer.kernel_size, layer.stride, layer.padding) == (3, 2, 1)


def test_blocks_are_convolution_norm_relu() -> None:
    for name, layer in ConvNet(3, 10, norm="native").named_children():
        if name.startswith("conv"):
            assert [type(part) for part in layer.children()] == [Conv2d, nn.BatchNorm2d, nn.ReLU]


def test_other_channels_and_classes() -> None:
    assert ConvNet(1, 7)(torch.randn(2, 1, 32, 32)).shape == (2, 7)


@pytest.mark.parametrize("shape", [(2, 3, 33, 28), (2, 3072), (3, 32, 32)])
def test_other_images_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"takes images .* of 1 to 32 pixels a side, got"):
        ConvNet(3, 10)(torch.zeros(shape))


def curve(norm: str, steps: int = 6) -> Iterator[float]:
    recipe = find_recipe("convnet")
    settings = recipe.configure({"batch_norm": norm, "precision": "fp64", "batch_size": 6})
    learner = recipe.make_learner(settings, (3, 32, 32), 10, np.random.default_rng(0))
    rng = np.random.default_rng(1)
    for _ in range(steps):
        images = 60 * rng.normal(size=(6, 3, 32, 32)).astype(np.float32)
        yield learner.step(images, rng.integers(0, 10, 6)).loss


@pytest.mark.slow
def test_all_three_batch_norms_train_alike() -> None:
    native = list(curve("native"))
    assert native[0] != native[-1]
    np.testing.assert_allclose(list(curve("manual")), native, rtol=1e-9)
    np.testing.assert_allclose(list(curve("autograd")), native, rtol=1e-9)


def test_batch_norm_is_not_optional() -> None:
    recipe = find_recipe("convnet")
    settings = recipe.configure({"batch_norm": "none"})
    with pytest.raises(ConfigError, match="batch_norm is manual, or another but none"):
        recipe.make_learner(settings, (3, 32, 32), 10, np.random.default_rng(0))

"""Weights and running statistics move both ways, bit for bit, or not at all."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from backproof import numpy_nn
from backproof.torch_nn.convnet import ConvNet
from backproof.torch_nn.mlp import MLP
from backproof.torch_nn.numpy_arrays import load_numpy_arrays, numpy_arrays


def with_random_numbers(network: nn.Module) -> nn.Module:
    torch.manual_seed(4)
    for tensor in (*network.parameters(), *network.buffers()):
        if tensor.is_floating_point():
            tensor.data.copy_(torch.randn_like(tensor))
    return network


def mlps(norm: str, dtype: Any) -> tuple[nn.Module, nn.Module, numpy_nn.Sequential]:
    first, second = (MLP(7, [5, 6], 4, 0.02, norm=norm, dropout=0.2).to(dtype) for _ in range(2))
    ours = numpy_nn.MLP(
        7, [5, 6], 4, 0.02, norm=norm != "none", rng=np.random.default_rng(0), dtype=str(dtype)[6:]
    )
    return first, second, ours


def convnets(memory_format: torch.memory_format) -> tuple[nn.Module, nn.Module, numpy_nn.Sequential]:
    first, second = (
        ConvNet(3, 10, norm=norm).to(memory_format=memory_format) for norm in ("manual", "native")
    )
    return first, second, numpy_nn.ConvNet(3, 10, rng=np.random.default_rng(0), dtype=np.float32)


@pytest.mark.parametrize(
    ("make", "how"),
    [
        *((mlps, (norm, dtype)) for norm in ("none", "manual") for dtype in (torch.float32, torch.float64)),
        *((mlps, (norm, torch.float64)) for norm in ("native", "autograd")),
        *((convnets, (layout,)) for layout in (torch.contiguous_format, torch.channels_last)),
    ],
)
def test_there_and_back_is_bit_equal(make: Any, how: tuple[Any, ...]) -> None:
    first, second, ours = make(*how)
    with_random_numbers(first)
    ours.load(numpy_arrays(first))
    strides = {name: param.stride() for name, param in second.named_parameters()}
    load_numpy_arrays(second, ours.params | ours.buffers)
    assert {name: param.stride() for name, param in second.named_parameters()} == strides
    expected = first.state_dict()
    for name, value in second.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            assert torch.equal(value, expected[name]), name


def test_arrays_of_any_layout_are_taken() -> None:
    network = nn.Linear(3, 2)
    weight = np.arange(6, dtype=np.float32).reshape(2, 3)[::-1, ::-1]
    weight.flags.writeable = False
    load_numpy_arrays(network, {"weight": weight, "bias": np.zeros(4, np.float32)[::2]})
    assert network.weight.tolist() == [[5, 4, 3], [2, 1, 0]]


def test_copies_share_no_memory() -> None:
    network = MLP(3, [4], 2, 0.02, norm="manual")
    kept = numpy_arrays(network)
    with torch.no_grad():
        for tensor in (*network.parameters(), *network.buffers()):
            tensor.fill_(7)
    assert not any((array == 7).any() for array in kept.values())
    load_numpy_arrays(network, kept)
    kept["linear1.bias"][...] = 7
    assert not (network.get_parameter("linear1.bias") == 7).any()


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (MLP(7, [5, 5], 4, 0.02).double(), r"expected arrays linear1.weight, .*linear3.bias, got linear1"),
        (
            MLP(7, [5], 4, 0.02, norm="manual").double(),
            r"expected arrays .*norm1.running_mean.*, got linear1",
        ),
        (MLP(7, [6], 4, 0.02).double(), r"linear1.weight is torch.float64 of shape \(5, 7\), but"),
        (MLP(7, [5], 3, 0.02).double(), r"linear2.weight is torch.float64 of shape \(4, 5\), but"),
        (MLP(7, [5], 4, 0.02), r"is torch.float64 .*, but torch.float32"),
    ],
)
def test_another_networks_arrays_are_refused_and_nothing_changes(network: nn.Module, message: str) -> None:
    kept = numpy_arrays(network)
    ours = numpy_nn.MLP(7, [5], 4, 0.02, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match=message):
        load_numpy_arrays(network, ours.params | ours.buffers)
    for name, array in numpy_arrays(network).items():
        np.testing.assert_array_equal(array, kept[name])

"""The NumPy ConvNet beside PyTorch's: from the same weights, nothing tells the two apart.

Most tests make both of a sixteenth of Table 1's channels, to be quick; the whole takes 20 steps, too.
"""

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from backproof import convnet_plan, numpy_nn
from backproof.numpy_nn import ConvNet, SoftmaxCrossEntropy
from backproof.proof import relative_error
from backproof.torch_nn.convnet import ConvNet as TorchConvNet
from backproof.torch_nn.numpy_arrays import load_numpy_arrays, numpy_arrays

THINNER = 16


@pytest.fixture
def _thin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make thin networks from now on."""
    plan = tuple(
        row._replace(channels_in=row.channels_in // THINNER, channels_out=row.channels_out // THINNER)
        if isinstance(row, convnet_plan.Conv)
        else row
        for row in convnet_plan.TABLE_1
    )
    for framework in ("numpy_nn", "torch_nn"):
        module = f"backproof.{framework}.convnet"
        monkeypatch.setattr(f"{module}.TABLE_1", plan)
        monkeypatch.setattr(f"{module}.LINEAR_INPUTS", convnet_plan.LINEAR_INPUTS // THINNER)


thin = pytest.mark.usefixtures("_thin")


def pair() -> tuple[ConvNet, TorchConvNet]:
    """Make both networks in float64 with the same weights; torch's has torch's own batch norm."""
    ours = ConvNet(3, 10, rng=np.random.default_rng(1))
    torchs = TorchConvNet(3, 10, norm="native").double()
    load_numpy_arrays(torchs, ours.params | ours.buffers)
    return ours, torchs


def images(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.normal(size=(n, 3, 32, 32))


def train(
    ours: ConvNet,
    torchs: TorchConvNet,
    rng: np.random.Generator,
    *,
    batch: int,
    steps: int,
    optimizer: str,
    learning_rate: float,
    **settings: float,
) -> None:
    """Take the same steps with both, and hold every loss and gradient together."""
    loss = SoftmaxCrossEntropy()
    update = getattr(numpy_nn, optimizer)(ours.params, ours.grads, learning_rate, **settings)
    torchs_update = getattr(torch.optim, optimizer)(torchs.parameters(), learning_rate, **settings)
    ours.train(1)
    torchs.train()
    for _ in range(steps):
        x, labels = images(rng, batch), rng.integers(0, 10, size=batch)
        value = loss.forward(ours.forward(x), labels)
        ours.backward_params(loss.backward())
        torchs_update.zero_grad()
        expected = cross_entropy(torchs(torch.tensor(x)), torch.tensor(labels))
        expected.backward()
        assert value == pytest.approx(expected.item(), rel=1e-10)
        assert_same_gradients(ours, torchs)
        update.step()
        torchs_update.step()


def assert_same_gradients(ours: ConvNet, torchs: TorchConvNet) -> None:
    for name, param in torchs.named_parameters():
        assert param.grad is not None
        if name.endswith("conv.bias"):  # batch norm takes it out again: what is left is rounding
            assert np.abs(ours.grads[name]).max() <= 1e-13
            assert param.grad.abs().max() <= 1e-13
        else:
            assert relative_error(ours.grads[name], param.grad.numpy()) <= 1e-10, name


def assert_same_arrays(ours: ConvNet, torchs: TorchConvNet) -> None:
    own = ours.params | ours.buffers
    for name, expected in numpy_arrays(torchs).items():
        assert relative_error(own[name], expected) <= 1e-10, name


@pytest.mark.slow
def test_table_1_takes_the_same_20_steps(rng: np.random.Generator) -> None:
    ours, torchs = pair()
    train(ours, torchs, rng, batch=2, steps=20, optimizer="SGD", learning_rate=0.02)
    assert_same_arrays(ours, torchs)


@thin
@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "SGD", "learning_rate": 0.01, "momentum": 0.9, "weight_decay": 1e-3},
        # A small ε would make steps of the rounding that is the gradient of biases before batch norm.
        {"optimizer": "Adam", "learning_rate": 1e-3, "eps": 1e-4},
    ],
    ids=lambda settings: settings["optimizer"],
)
def test_the_same_20_steps(settings: dict[str, Any], rng: np.random.Generator) -> None:
    ours, torchs = pair()
    train(ours, torchs, rng, batch=4, steps=20, **settings)
    assert_same_arrays(ours, torchs)


def in_mode(network: ConvNet, mode: str) -> None:
    if mode == "train":
        network.train(1)
    else:
        network.eval()


@thin
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_the_same_output_and_gradients_in_training_and_evaluation(
    mode: str, rng: np.random.Generator
) -> None:
    ours, torchs = pair()
    train(ours, torchs, rng, batch=4, steps=3, optimizer="SGD", learning_rate=0.1)
    in_mode(ours, mode)
    getattr(torchs, mode)()
    x, dout = images(rng, 3), rng.normal(size=(3, 10))
    leaf = torch.tensor(x, requires_grad=True)
    expected = torchs(leaf)
    torchs.zero_grad()
    expected.backward(torch.tensor(dout))
    assert relative_error(ours.forward(x), expected.detach().numpy()) <= 1e-10
    assert relative_error(ours.backward(dout), leaf.grad.numpy()) <= 1e-10
    for name, param in torchs.named_parameters():
        scale = max(
            float(param.grad.abs().max()), 1e-3
        )  # biases before batch norm have no gradient in training
        assert np.abs(ours.grads[name] - param.grad.numpy()).max() <= 1e-10 * scale, name


@thin
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_gradients_are_those_of_the_complex_step(mode: str, rng: np.random.Generator) -> None:
    """Along a random direction for every parameter, since there are 40 000 numbers."""
    ours, of_complex = (ConvNet(3, 10, rng=np.random.default_rng(1), dtype=dtype) for dtype in "dD")
    for network in (ours, of_complex):
        in_mode(network, mode)
    x, dout = images(rng, 2), rng.normal(size=(2, 10))
    ours.forward(x)
    at = {
        "x": (x, ours.backward(dout)),
        **{name: (ours.params[name], ours.grads[name]) for name in ours.params},
    }
    z = x.astype(np.complex128)
    for name, (value, gradient) in at.items():
        direction = rng.normal(size=value.shape)
        moved = z if name == "x" else of_complex.params[name]
        moved += 1e-30j * direction
        slope = np.sum(dout * of_complex.forward(z).imag) / 1e-30
        moved.imag = 0
        scale = max(np.abs(gradient * direction).sum(), 0.1)
        assert abs(slope - np.sum(gradient * direction)) <= 1e-12 * scale, name


@thin
def test_names_and_shapes_are_those_of_the_pytorch_network() -> None:
    ours, torchs = ConvNet(1, 7, rng=np.random.default_rng(0)), TorchConvNet(1, 7)
    expected = numpy_arrays(torchs)
    assert {name: array.shape for name, array in (ours.params | ours.buffers).items()} == {
        name: array.shape for name, array in expected.items()
    }
    assert list(ours.params) == [name for name, _ in torchs.named_parameters()]


@thin
def test_weights_start_as_pytorchs_do() -> None:
    ours, torchs = ConvNet(3, 10, rng=np.random.default_rng(0)), TorchConvNet(3, 10, norm="native")
    for name, expected in numpy_arrays(torchs).items():
        array = (ours.params | ours.buffers)[name]
        if "norm" in name:
            np.testing.assert_array_equal(array, expected)
        elif name.endswith("weight"):
            bound = 1 / np.sqrt(array[0].size)
            assert 0.9 * bound < np.abs(array).max() <= bound
            assert array.std() == pytest.approx(bound / np.sqrt(3), rel=0.15)
        else:
            assert np.unique(array).size == array.size


@thin
def test_a_broken_image_spoils_no_others_prediction(rng: np.random.Generator) -> None:
    ours, _ = pair()
    ours.eval()
    x = images(rng, 4)
    expected = ours.forward(x)
    x[2, 1, 20, 20] = np.nan
    logits = ours.forward(x)
    np.testing.assert_array_equal(np.isnan(logits).all(axis=1), [False, False, True, False])
    np.testing.assert_allclose(logits[[0, 1, 3]], expected[[0, 1, 3]], rtol=1e-12)


@thin
def test_wrong_images_are_named() -> None:
    network = ConvNet(3, 10, rng=np.random.default_rng(0))
    for shape in [(2, 3, 33, 28), (2, 3072), (3, 32, 32), (2, 40, 40, 3)]:
        with pytest.raises(
            ValueError, match=r"takes images \(B, C, H, V\) of 1 to 32 pixels a side, got shape \("
        ):
            network.forward(np.zeros(shape))
    for shape in [(2, 1, 32, 32), (0, 3, 32, 32), (2, 32, 32, 3)]:
        with pytest.raises(
            ValueError, match=r"x has shape \(\d, \d+, 32, \d+\), but weight of .* \(B, 3, H, W\)"
        ):
            network.forward(np.zeros(shape))
    with pytest.raises(TypeError, match=r"float32, but weight .* float64"):
        network.forward(np.zeros((2, 3, 32, 32), np.float32))

"""The MLP with batch norm, dropout and Adam: PyTorch's twin, and what seed and step decide."""

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from backproof import numpy_nn
from backproof.numpy_nn import MLP, Adam, SoftmaxCrossEntropy
from backproof.proof import complex_step, relative_error
from backproof.torch_nn.mlp import MLP as TorchMLP
from backproof.torch_nn.numpy_arrays import load_numpy_arrays, numpy_arrays


def batches(steps: int) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(17)
    return [(rng.normal(1, 2, size=(8, 7)), rng.integers(0, 4, size=8)) for _ in range(steps)]


@pytest.mark.parametrize(
    ("optimizer", "learning_rate", "settings"),
    # A small ε would make steps of the rounding that is the gradient of biases before batch norm.
    [
        ("SGD", 0.1, {}),
        ("SGD", 0.02, {"momentum": 0.9}),
        ("Adam", 1e-2, {"eps": 1e-4}),
        ("AdamW", 1e-2, {"eps": 1e-4, "weight_decay": 0.1}),
    ],
)
def test_the_same_20_steps_with_batch_norm(
    optimizer: str, learning_rate: float, settings: dict[str, float], rng: np.random.Generator
) -> None:
    ours = MLP(7, [9, 6], 4, 0.02, norm=True, initialization="uniform", rng=rng)
    torchs = TorchMLP(7, [9, 6], 4, 0.02, norm="native").double()
    load_numpy_arrays(torchs, ours.params | ours.buffers)
    update = getattr(numpy_nn, optimizer)(ours.params, ours.grads, learning_rate, **settings)
    torchs_update = getattr(torch.optim, optimizer)(torchs.parameters(), learning_rate, **settings)
    loss = SoftmaxCrossEntropy()
    for x, labels in batches(20):
        value = loss.forward(ours.forward(x), labels)
        ours.backward_params(loss.backward())
        torchs_update.zero_grad()
        expected = cross_entropy(torchs(torch.tensor(x)), torch.tensor(labels))
        expected.backward()
        assert value == pytest.approx(expected.item(), rel=1e-11)
        for name, param in torchs.named_parameters():
            scale = max(float(param.grad.abs().max()), 1e-2)  # batch norm leaves biases before it no gradient
            assert np.abs(ours.grads[name] - param.grad.numpy()).max() <= 1e-10 * scale, name
        update.step()
        torchs_update.step()
    for name, array in numpy_arrays(torchs).items():
        assert relative_error((ours.params | ours.buffers)[name], array) <= 1e-10, name
    ours.eval()
    torchs.eval()
    assert relative_error(ours.forward(x), torchs(torch.tensor(x)).detach().numpy()) <= 1e-10


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_gradients_with_batch_norm_and_dropout_are_those_of_the_complex_step(
    mode: str, rng: np.random.Generator
) -> None:
    ours, of_complex = (
        MLP(
            4,
            [5, 3],
            2,
            0.1,
            norm=True,
            dropout=0.3,
            initialization="uniform",
            rng=np.random.default_rng(2),
            dtype=dtype,
        )
        for dtype in "dD"
    )
    for network in (ours, of_complex):
        network.train(3)
        if mode == "eval":
            network.eval()
    x, dout = rng.normal(size=(6, 4)), rng.normal(size=(6, 2))
    ours.forward(x)
    dx = ours.backward(dout)
    scale = np.abs(dx).max()
    assert relative_error(dx, complex_step(of_complex.forward, x, dout)) <= 1e-12
    for name, param in ours.params.items():

        def forward_with(z: np.ndarray, name: str = name) -> np.ndarray:
            of_complex.params[name][...] = z
            return of_complex.forward(x.astype(np.complex128))

        expected = complex_step(forward_with, param, dout)
        of_complex.params[name][...] = param
        assert np.abs(ours.grads[name] - expected).max() <= 1e-12 * max(scale, np.abs(expected).max()), name


def trained(steps: Any, *, dropout_seed: int = 0, start: MLP | None = None) -> dict[str, np.ndarray]:
    """Train with dropout on what each step's number decides, and return all arrays."""
    mlp = start or MLP(
        7, [9, 6], 4, 0.02, norm=True, dropout=0.4, dropout_seed=dropout_seed, rng=np.random.default_rng(0)
    )
    update, loss = numpy_nn.SGD(mlp.params, mlp.grads, 0.1), SoftmaxCrossEntropy()
    for step in steps:
        x, labels = batches(6)[step]
        mlp.train(step)
        loss.forward(mlp.forward(x), labels)
        mlp.backward_params(loss.backward())
        update.step()
        mlp.eval()
        mlp.forward(x)
    return mlp.params | mlp.buffers


def test_training_with_dropout_is_a_function_of_seed_and_step() -> None:
    whole, again, other = trained(range(6)), trained(range(6)), trained(range(6), dropout_seed=1)
    for name, array in whole.items():
        np.testing.assert_array_equal(array, again[name])
    assert any((array != other[name]).any() for name, array in whole.items())


def test_training_goes_on_in_another_network_as_if_it_had_not_stopped() -> None:
    resumed = MLP(7, [9, 6], 4, 0.02, norm=True, dropout=0.4, rng=np.random.default_rng(99))
    resumed.load(trained(range(3)))
    for name, array in trained(range(3, 6), start=resumed).items():
        np.testing.assert_array_equal(array, trained(range(6))[name])


def test_layers_come_in_their_order(rng: np.random.Generator) -> None:
    mlp = MLP(6, [5, 4], 3, 0.25, norm=True, dropout=0.5, rng=rng)
    block = ["linear", "norm", "activation", "dropout"]
    assert list(mlp.layers) == [f"{layer}{number}" for number in (1, 2) for layer in block] + ["linear3"]
    assert list(mlp.params) == [
        name for name, _ in TorchMLP(6, [5, 4], 3, 0.25, norm="native").named_parameters()
    ]
    assert list(mlp.buffers) == [f"norm{n}.running_{what}" for n in (1, 2) for what in ("mean", "var")]


def test_uniform_weights_start_as_pytorchs_do(rng: np.random.Generator) -> None:
    for name, param in MLP(50, [200], 10, 0.02, initialization="uniform", rng=rng).params.items():
        bound = 1 / np.sqrt({"linear1": 50, "linear2": 200}[name.partition(".")[0]])
        assert 0.7 * bound < np.abs(param).max() <= bound


def test_no_other_initialization(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="normal or uniform, not 'xavier'"):
        MLP(6, [5], 3, 0.02, initialization="xavier", rng=rng)


def test_it_learns(rng: np.random.Generator) -> None:
    mlp = MLP(7, [20], 4, 0.02, norm=True, dropout=0.1, initialization="uniform", rng=rng)
    adam, loss = Adam(mlp.params, mlp.grads, 1e-2), SoftmaxCrossEntropy()
    x, labels = rng.normal(size=(40, 7)), rng.integers(0, 4, size=40)
    for step in range(150):
        mlp.train(step)
        loss.forward(mlp.forward(x), labels)
        mlp.backward_params(loss.backward())
        adam.step()
    mlp.eval()
    assert (mlp.forward(x).argmax(axis=1) == labels).mean() > 0.9

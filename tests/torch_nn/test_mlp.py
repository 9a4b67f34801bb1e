"""The PyTorch MLP beside the NumPy one: weights move both ways, and then nothing tells the two apart."""

import numpy as np
import pytest
import torch
from torch import nn

from backproof import numpy_nn
from backproof.proof import relative_error
from backproof.torch_nn.mlp import MLP
from backproof.torch_nn.numpy_arrays import load_numpy_arrays, numpy_arrays
from backproof.training.recipes import find_recipe

STEPS = 50
LEARNING_RATE = 0.1


def numpy_twin(rng: np.random.Generator, hidden: list[int], slope: float) -> numpy_nn.MLP:
    mlp = numpy_nn.MLP(7, hidden, 4, slope, rng=rng)
    for param in mlp.params.values():
        param[...] = rng.normal(scale=0.5, size=param.shape)
    return mlp


@pytest.mark.parametrize(("hidden", "slope"), [([], 0.02), ([8], 0.02), ([8, 5], 0.0), ([6, 6, 6], 0.3)])
def test_same_loss_gradients_and_steps(hidden: list[int], slope: float, rng: np.random.Generator) -> None:
    ours, twin = numpy_twin(rng, hidden, slope), MLP(7, hidden, 4, slope).double()
    load_numpy_arrays(twin, ours.params)
    loss = numpy_nn.SoftmaxCrossEntropy()
    sgd = numpy_nn.SGD(ours.params, ours.grads, LEARNING_RATE)
    torch_sgd = torch.optim.SGD(twin.parameters(), LEARNING_RATE)
    for _ in range(STEPS):
        x, labels = rng.normal(size=(9, 7)), rng.integers(0, 4, size=9)
        value = loss.forward(ours.forward(x), labels)
        ours.backward_params(loss.backward())
        sgd.step()
        torch_sgd.zero_grad()
        torch_value = nn.functional.cross_entropy(twin(torch.tensor(x)), torch.tensor(labels))
        torch_value.backward()
        torch_sgd.step()
        assert value == pytest.approx(torch_value.item(), rel=1e-11)
        for name, param in twin.named_parameters():
            assert param.grad is not None
            assert relative_error(ours.grads[name], param.grad.numpy()) <= 1e-10, name
    for name, array in numpy_arrays(twin).items():
        assert relative_error(ours.params[name], array) <= 1e-11, name


def test_mlp_torch_starts_from_the_weights_of_mlp_numpy() -> None:
    states = []
    for name in ("mlp-numpy", "mlp-torch"):
        recipe = find_recipe(name)
        learner = recipe.make_learner(recipe.configure(), (3, 4, 4), 10, np.random.default_rng(5))
        states.append(learner.state())
    ours, torchs = states
    for name, array in ours.items():
        np.testing.assert_array_equal(torchs[f"network.{name}"], array)


@pytest.mark.parametrize("norm", ["none", "manual", "autograd", "native"])
def test_layers_come_in_their_order(norm: str) -> None:
    mlp = MLP(6, [5, 4], 3, 0.25, norm=norm, dropout=0.5)
    names = [name for name, _ in mlp.named_children()]
    block = ["linear", *(["norm"] if norm != "none" else []), "activation", "dropout"]
    assert names == [f"{layer}{number}" for number in (1, 2) for layer in block] + ["linear3"]
    slopes = {layer.negative_slope for layer in mlp.children() if isinstance(layer, nn.LeakyReLU)}
    assert slopes == {0.25}
    assert mlp(torch.randn(7, 6)).shape == (7, 3)
    assert mlp(torch.randn(7, 2, 3)).shape == (7, 3)


def test_no_other_batch_norm() -> None:
    with pytest.raises(ValueError, match="manual, autograd or native, not 'handmade'"):
        MLP(6, [5], 3, 0.02, norm="handmade")

"""A whole network beside torch's, over 50 steps of SGD."""

import numpy as np
import pytest
import torch

from backproof.numpy_nn import MLP, SGD, SoftmaxCrossEntropy
from backproof.proof import relative_error

STEPS = 50
LEARNING_RATE = 0.1


def torch_twin(mlp: MLP, slope: float) -> torch.nn.Sequential:
    layers: list[torch.nn.Module] = []
    for linear in mlp.linears:
        m, d = linear.params["weight"].shape
        twin = torch.nn.Linear(d, m, dtype=torch.float64)
        with torch.no_grad():
            twin.weight.copy_(torch.tensor(linear.params["weight"]))
            twin.bias.copy_(torch.tensor(linear.params["bias"]))
        layers += [twin, torch.nn.LeakyReLU(slope)]
    return torch.nn.Sequential(*layers[:-1])


@pytest.mark.parametrize(("hidden", "slope"), [([], 0.02), ([8], 0.02), ([8, 5], 0.0), ([6, 6, 6], 0.3)])
def test_fifty_steps(hidden: list[int], slope: float, rng: np.random.Generator) -> None:
    mlp = MLP(7, hidden, 4, slope, rng=rng)
    for param in mlp.params.values():
        param[...] = rng.normal(scale=0.5, size=param.shape)
    twin, loss = torch_twin(mlp, slope), SoftmaxCrossEntropy()
    sgd, torch_sgd = (
        SGD(mlp.params, mlp.grads, LEARNING_RATE),
        torch.optim.SGD(twin.parameters(), LEARNING_RATE),
    )
    for _ in range(STEPS):
        x, labels = rng.normal(size=(9, 7)), rng.integers(0, 4, size=9)
        value = loss.forward(mlp.forward(x), labels)
        mlp.backward_params(loss.backward())
        sgd.step()
        torch_sgd.zero_grad()
        torch_value = torch.nn.functional.cross_entropy(twin(torch.tensor(x)), torch.tensor(labels))
        torch_value.backward()
        torch_sgd.step()
        assert value == pytest.approx(torch_value.item(), rel=1e-11)
        for (name, grad), param in zip(mlp.grads.items(), twin.parameters(), strict=True):
            assert relative_error(grad, param.grad.numpy()) <= 1e-10, name
    for (name, param), other in zip(mlp.params.items(), twin.parameters(), strict=True):
        assert relative_error(param, other.detach().numpy()) <= 1e-11, name


def test_sgd_moves_every_number_of_large_and_small_parameters(rng: np.random.Generator) -> None:
    params = {"large": rng.normal(size=(300, 500)), "small": rng.normal(size=3)}
    grads = {name: rng.normal(size=param.shape) for name, param in params.items()}
    before = {name: param.copy() for name, param in params.items()}
    kept = {name: grad.copy() for name, grad in grads.items()}
    SGD(params, grads, 0.5).step()
    for name in params:
        np.testing.assert_array_equal(params[name], before[name] - 0.5 * kept[name])
        np.testing.assert_array_equal(grads[name], kept[name])

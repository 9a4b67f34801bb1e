"""Optimizers by themselves; a whole network's 50 steps are compared in torch_nn/test_mlp.py."""

import numpy as np
import pytest

from backproof.numpy_nn import SGD, Optimizer, optimizers


def test_sgd_moves_every_number_of_large_and_small_parameters(rng: np.random.Generator) -> None:
    params = {"large": rng.normal(size=(300, 500)), "small": rng.normal(size=3)}
    grads = {name: rng.normal(size=param.shape) for name, param in params.items()}
    before = {name: param.copy() for name, param in params.items()}
    kept = {name: grad.copy() for name, grad in grads.items()}
    SGD(params, grads, 0.5).step()
    for name in params:
        np.testing.assert_array_equal(params[name], before[name] - 0.5 * kept[name])
        np.testing.assert_array_equal(grads[name], kept[name])


@pytest.mark.parametrize("name", sorted(set(optimizers.__all__) - {"Optimizer"}))
def test_every_optimizer_lowers_a_loss_and_keeps_its_arrays(name: str, rng: np.random.Generator) -> None:
    params, grads = {"w": rng.normal(size=(5, 3))}, {"w": np.zeros((5, 3))}
    optimizer: Optimizer = getattr(optimizers, name)(params, grads, 0.05)
    param, state = params["w"], dict(optimizer.state)
    before = np.square(param).sum()
    for _ in range(20):
        grads["w"][...] = 2 * param  # of Σ w²
        optimizer.step()
    assert np.square(param).sum() < 0.5 * before
    assert params["w"] is param
    assert all(optimizer.state[key] is value for key, value in state.items())

"""Plain gradient descent, by itself; a whole network's 50 steps are compared in torch_nn/test_mlp.py."""

import numpy as np

from backproof.numpy_nn import SGD


def test_sgd_moves_every_number_of_large_and_small_parameters(rng: np.random.Generator) -> None:
    params = {"large": rng.normal(size=(300, 500)), "small": rng.normal(size=3)}
    grads = {name: rng.normal(size=param.shape) for name, param in params.items()}
    before = {name: param.copy() for name, param in params.items()}
    kept = {name: grad.copy() for name, grad in grads.items()}
    SGD(params, grads, 0.5).step()
    for name in params:
        np.testing.assert_array_equal(params[name], before[name] - 0.5 * kept[name])
        np.testing.assert_array_equal(grads[name], kept[name])

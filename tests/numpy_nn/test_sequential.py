"""Sequential: its parameters' names, its gradients in every arrangement, and what it refuses."""

import copy
from typing import Any

import numpy as np
import pytest

from backproof.gradcheck import complex_step, relative_error
from backproof.numpy_nn import MLP, BatchNorm, Dropout, LeakyReLU, Linear, Sequential, Softmax

SEED = 3


class Recorded:
    """A layer that notes which of its methods run."""

    def __init__(self, name: str, layer: Any, calls: list[str]) -> None:
        self.name, self.layer, self.calls = name, layer, calls
        self.params, self.grads = layer.params, layer.grads

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.calls.append(f"{self.name}.forward")
        return self.layer.forward(x)

    def backward(self, dout: np.ndarray) -> np.ndarray:
        self.calls.append(f"{self.name}.backward")
        return self.layer.backward(dout)


class RecordedTrainable(Recorded):
    def backward_params(self, dout: np.ndarray) -> None:
        self.calls.append(f"{self.name}.backward_params")
        self.layer.backward_params(dout)


def linear(d: int, m: int, dtype: Any = np.float64) -> Linear:
    return Linear(d, m, rng=np.random.default_rng([SEED, d, m]), scale=1.0, dtype=dtype)


def plain(dtype: Any) -> Sequential:
    return Sequential({"first": linear(4, 5, dtype), "second": linear(5, 3, dtype)})


def starting_with_an_activation(dtype: Any) -> Sequential:
    return Sequential({"activation": LeakyReLU(0.3), "linear": linear(4, 3, dtype), "softmax": Softmax()})


def nested(dtype: Any) -> Sequential:
    block = Sequential({"linear": linear(4, 5, dtype), "activation": LeakyReLU(0.1)})
    return Sequential({"block": block, "linear": linear(5, 3, dtype)})


def nested_behind_an_activation(dtype: Any) -> Sequential:
    return Sequential({"activation": LeakyReLU(0.5), "blocks": nested(dtype)})


def without_parameters(_: Any) -> Sequential:
    return Sequential({"activation": LeakyReLU(0.2), "softmax": Softmax()})


NETWORKS = [plain, starting_with_an_activation, nested, nested_behind_an_activation, without_parameters]


@pytest.mark.parametrize("make", NETWORKS)
def test_gradients_are_those_of_the_complex_step(make: Any, rng: np.random.Generator) -> None:
    network, twin = make(np.float64), make(np.complex128)
    x = rng.normal(size=(6, 4))
    dout = rng.normal(size=network.forward(x).shape)
    dx = network.backward(dout)
    assert relative_error(dx, complex_step(twin.forward, x, dout)) <= 1e-12
    gradients = {name: grad.copy() for name, grad in network.grads.items()}
    for name, param in network.params.items():

        def forward_with(z: np.ndarray, name: str = name) -> np.ndarray:
            twin.params[name][...] = z
            return twin.forward(x.astype(np.complex128))

        assert relative_error(gradients[name], complex_step(forward_with, param, dout)) <= 1e-12, name
        twin.params[name][...] = param

    for grad in network.grads.values():
        grad.fill(np.nan)
    network.backward_params(dout)
    for name, grad in network.grads.items():
        np.testing.assert_array_equal(grad, gradients[name], err_msg=name)


def test_parameters_are_named_by_layer_and_are_the_layers_own() -> None:
    first, block = linear(4, 5), Sequential({"linear": linear(5, 3)})
    network = Sequential({"first": first, "activation": LeakyReLU(0.0), "block": block})
    names = ["first.weight", "first.bias", "block.linear.weight", "block.linear.bias"]
    assert list(network.params) == list(network.grads) == names
    assert network.params["first.weight"] is first.params["weight"]
    assert network.grads["block.linear.bias"] is block.grads["linear.bias"]


@pytest.mark.parametrize(
    ("kind", "first"), [(RecordedTrainable, "trained.backward_params"), (Recorded, "trained.backward")]
)
def test_backward_params_ends_at_the_first_parameters(kind: Any, first: str) -> None:
    calls: list[str] = []
    network = Sequential(
        {
            "before": Recorded("before", LeakyReLU(0.1), calls),
            "trained": kind("trained", linear(4, 3), calls),
            "after": Recorded("after", LeakyReLU(0.1), calls),
        }
    )
    network.forward(np.ones((2, 4)))
    calls.clear()
    network.backward_params(np.ones((2, 3)))
    assert calls == ["after.backward", first]


def test_a_layer_occurs_once() -> None:
    layer = linear(3, 3)
    with pytest.raises(ValueError, match="one layer occurs twice among first, second"):
        Sequential({"first": layer, "second": layer})


@pytest.mark.parametrize("name", ["", "block.linear"])
def test_names_have_no_dots(name: str) -> None:
    with pytest.raises(ValueError, match="a word without dots"):
        Sequential({name: LeakyReLU(0.1)})


def test_an_mlp_is_a_sequential_of_named_layers(rng: np.random.Generator) -> None:
    mlp = MLP(4, [5, 6], 3, 0.02, rng=rng)
    assert list(mlp.layers) == ["linear1", "activation1", "linear2", "activation2", "linear3"]
    assert list(MLP(4, [], 3, 0.02, rng=rng).layers) == ["linear1"]
    assert mlp.layers["activation2"].negative_slope == 0.02


def test_a_copy_fills_its_own_gradients() -> None:
    network = plain(np.float64)
    twin = copy.deepcopy(network)
    twin.forward(np.ones((2, 4)))
    twin.backward_params(np.ones((2, 3)))
    assert all(grad.any() for grad in twin.grads.values())
    assert not any(grad.any() for grad in network.grads.values())


def modal(dtype: Any = np.float64) -> Sequential:
    """Layers that training and evaluation compute differently, one of them inside a block."""
    block = Sequential({"linear": linear(4, 5, dtype), "norm": BatchNorm(5, dtype=dtype)})
    return Sequential({"block": block, "norm": BatchNorm(5, dtype=dtype), "dropout": Dropout(0.5, seed=1)})


def test_buffers_are_named_by_layer_and_are_the_layers_own() -> None:
    network = modal()
    names = [f"{norm}.running_{what}" for norm in ("block.norm", "norm") for what in ("mean", "var")]
    assert list(network.buffers) == names
    assert network.buffers["norm.running_var"] is network.layers["norm"].buffers["running_var"]
    assert plain(np.float64).buffers == {}


def test_training_and_evaluation_reach_every_layer(rng: np.random.Generator) -> None:
    network, x = modal(), rng.normal(size=(6, 4))
    in_step_0 = network.forward(x)
    network.train(3)
    in_step_3 = network.forward(x)
    assert ((in_step_0 == 0) != (in_step_3 == 0)).any()
    kept = {name: buffer.copy() for name, buffer in network.buffers.items()}
    network.eval()
    evaluated = network.forward(x)
    np.testing.assert_allclose(network.forward(x[:1]), evaluated[:1], rtol=1e-12)
    for name, buffer in network.buffers.items():
        np.testing.assert_array_equal(buffer, kept[name])
    network.train(3)
    np.testing.assert_array_equal(network.forward(x), in_step_3)
    for name, buffer in network.buffers.items():
        assert (buffer != kept[name]).any(), name


def test_a_network_computes_the_same_from_the_arrays_it_loads(rng: np.random.Generator) -> None:
    network, twin = modal(), modal()
    for array in (network.params | network.buffers).values():
        array[...] = rng.uniform(1, 2, size=array.shape)
    arrays = network.params | network.buffers
    twin.load(dict(reversed(arrays.items())))
    for one in (network, twin):
        one.eval()
    x = rng.normal(size=(6, 4))
    expected = network.forward(x)
    np.testing.assert_array_equal(twin.forward(x), expected)
    for array in arrays.values():
        array[...] = 7
    np.testing.assert_array_equal(twin.forward(x), expected)


def test_load_takes_all_or_nothing() -> None:
    network, good = modal(), modal()
    for array in (good.params | good.buffers).values():
        array[...] = 7
    arrays = good.params | good.buffers
    before = {name: array.copy() for name, array in (network.params | network.buffers).items()}
    for wrong, error, message in [
        (good.params, ValueError, r"expected arrays .*norm.running_var, got block.linear.weight"),
        (arrays | {"more": np.zeros(3)}, ValueError, "got .*, more"),
        (
            arrays | {"norm.bias": np.zeros(4)},
            ValueError,
            r"norm.bias has shape \(4,\), but its own has \(5,\)",
        ),
        (arrays | {"norm.bias": np.zeros(5, np.float32)}, TypeError, "norm.bias .* float32, .* float64"),
    ]:
        with pytest.raises(error, match=message):
            network.load(wrong)
    for name, array in (network.params | network.buffers).items():
        np.testing.assert_array_equal(array, before[name])


def test_a_layer_within_two_blocks_is_refused() -> None:
    shared = linear(3, 3, np.float64)
    with pytest.raises(ValueError, match="one layer occurs twice within one, two; make two"):
        Sequential({"one": Sequential({"linear": shared}), "two": Sequential({"linear": shared})})


def test_a_network_loads_its_own_arrays_under_other_names(rng: np.random.Generator) -> None:
    network = Sequential({"one": linear(3, 3, np.float64), "two": linear(3, 3, np.float64)})
    for param in network.params.values():
        param[...] = rng.normal(size=param.shape)
    before = {name: param.copy() for name, param in network.params.items()}
    exchanged = {"one": "two", "two": "one"}
    network.load({name: network.params[f"{exchanged[name[:3]]}{name[3:]}"] for name in network.params})
    for name, param in network.params.items():
        np.testing.assert_array_equal(param, before[f"{exchanged[name[:3]]}{name[3:]}"])

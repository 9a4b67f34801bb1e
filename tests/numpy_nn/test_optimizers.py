"""Optimizers by themselves; a whole network's 50 steps are compared in torch_nn/test_mlp.py."""

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from backproof.numpy_nn import SGD, Adam, AdamW, Optimizer, optimizers

Arrays = dict[str, np.ndarray[Any, Any]]
STEPS = 50
CASES: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"weight_decay": 0.1}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.5, "weight_decay": 0.1}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("SGD", {"momentum": 0.5, "nesterov": True, "weight_decay": 0.1}),
    ("Adam", {}),
    ("Adam", {"weight_decay": 0.1}),
    ("Adam", {"betas": (0.5, 0.8), "eps": 0.1}),
    ("AdamW", {}),
    ("AdamW", {"weight_decay": 0.5}),
    ("AdamW", {"betas": (0.0, 0.8), "eps": 0.1, "weight_decay": 0.0}),
]
every_case = pytest.mark.parametrize(("name", "options"), CASES)


def drawn(rng: np.random.Generator, dtype: type = np.float64) -> Arrays:
    """Draw parameters: of several chunks, a small one, and a convolution's with channels last in memory."""
    return {
        "large": rng.normal(size=(300, 500)).astype(dtype),
        "small": rng.normal(size=3).astype(dtype),
        "images": rng.normal(size=(7, 3, 3, 5)).astype(dtype).transpose(0, 3, 1, 2),
    }


def made(name: str, params: Arrays, grads: Arrays, **options: Any) -> Optimizer:
    optimizer: Optimizer = getattr(optimizers, name)(params, grads, 0.01, **options)
    return optimizer


def taken(optimizer: Optimizer, grads: Arrays, drawn_grads: list[Arrays]) -> None:
    """Take a step with each of the gradients."""
    for each in drawn_grads:
        for name, grad in grads.items():
            grad[...] = each[name]
        optimizer.step()
        for name, grad in grads.items():
            np.testing.assert_array_equal(grad, each[name])


def after_torch(name: str, params: Arrays, drawn_grads: list[Arrays], **options: Any) -> Arrays:
    tensors = {key: torch.nn.Parameter(torch.tensor(param)) for key, param in params.items()}
    optimizer = getattr(torch.optim, name)(tensors.values(), lr=0.01, **options)
    for each in drawn_grads:
        for key, tensor in tensors.items():
            tensor.grad = torch.tensor(each[key])
        optimizer.step()
    return {key: tensor.detach().numpy() for key, tensor in tensors.items()}


@every_case
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_steps_are_those_of_torch(
    name: str, options: dict[str, Any], dtype: type, tolerance: float, rng: np.random.Generator
) -> None:
    params, grads = drawn(rng, dtype), drawn(rng, dtype)
    drawn_grads = [drawn(rng, dtype) for _ in range(STEPS)]
    expected = after_torch(name, params, drawn_grads, **options)
    optimizer = made(name, params, grads, **options)
    taken(optimizer, grads, drawn_grads)
    for key, param in params.items():
        assert param.dtype == dtype
        assert np.abs(param - expected[key]).max() <= tolerance * np.abs(expected[key]).max()
    assert {array.dtype for key, array in optimizer.state.items() if key != "steps"} <= {np.dtype(dtype)}


@every_case
def test_a_loaded_state_goes_on_to_the_bit(
    name: str, options: dict[str, Any], rng: np.random.Generator
) -> None:
    params, grads, drawn_grads = drawn(rng), drawn(rng), [drawn(rng) for _ in range(7)]
    optimizer = made(name, params, grads, **options)
    taken(optimizer, grads, drawn_grads[:4])
    saved = {key: array.copy() for key, array in optimizer.state.items()}
    later = {key: param.copy(order="K") for key, param in params.items()}
    taken(optimizer, grads, drawn_grads[4:])

    resumed = made(name, later, grads, **options)
    assert resumed.state.keys() == saved.keys()
    for key, array in saved.items():
        resumed.state[key][...] = array
    taken(resumed, grads, drawn_grads[4:])
    for key, param in params.items():
        np.testing.assert_array_equal(later[key], param)
    for key, array in optimizer.state.items():
        np.testing.assert_array_equal(resumed.state[key], array)


def test_state_is_by_the_parameters_names_and_has_their_shapes(rng: np.random.Generator) -> None:
    params = {"w": rng.normal(size=(2, 3))}

    def shapes(optimizer: Optimizer) -> dict[str, tuple[int, ...]]:
        return {name: array.shape for name, array in optimizer.state.items()}

    adam = {"steps": (), "w.exp_avg": (2, 3), "w.exp_avg_sq": (2, 3)}
    assert shapes(SGD(params, params, 0.1)) == {}
    assert shapes(SGD(params, params, 0.1, momentum=0.9)) == {"w.momentum_buffer": (2, 3)}
    assert shapes(Adam(params, params, 0.1)) == shapes(AdamW(params, params, 0.1)) == adam


@every_case
def test_a_step_takes_no_fresh_memory(name: str, options: dict[str, Any], rng: np.random.Generator) -> None:
    params, grads = drawn(rng), drawn(rng)
    optimizer = made(name, params, grads, **options)
    optimizer.step()
    tracemalloc.start()
    try:
        optimizer.step()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < params["large"].nbytes / 100


@pytest.mark.parametrize(
    ("optimizer", "options", "said"),
    [
        (SGD, {"learning_rate": -0.1}, "learning_rate has to be a finite number of 0 or above, but is -0.1"),
        (SGD, {"momentum": -0.5}, "momentum has"),
        (SGD, {"momentum": float("nan")}, "momentum has"),
        (SGD, {"weight_decay": -1}, "weight_decay has"),
        (SGD, {"nesterov": True}, "nesterov needs a momentum above 0"),
        (Adam, {"learning_rate": float("nan")}, "learning_rate has"),
        (Adam, {"eps": -1e-8}, "eps has"),
        (Adam, {"betas": (1.0, 0.9)}, r"betas have to be in \[0, 1\), but one is 1.0"),
        (Adam, {"betas": (0.9, float("nan"))}, "betas have"),
        (AdamW, {"betas": (0.9, -0.1)}, "betas have"),
        (AdamW, {"weight_decay": -1}, "weight_decay has"),
    ],
)
def test_bad_settings_are_refused(
    optimizer: Callable[..., Optimizer], options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said) as raised:
        optimizer({"w": np.zeros(3)}, {"w": np.zeros(3)}, **{"learning_rate": 0.1, **options})
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "grad",
    [
        np.zeros((4, 3)).T,
        np.zeros((4, 3)),
        np.zeros((3, 8))[:, ::2],
        np.zeros((3, 4), np.float32),
        np.zeros(12),
    ],
)
@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_a_gradient_unlike_its_parameter_is_refused(name: str, grad: np.ndarray[Any, Any]) -> None:
    with pytest.raises(ValueError, match="w: shape, dtype and strides are"):
        made(name, {"w": np.zeros((3, 4))}, {"w": grad})


def test_parameters_with_gaps_are_refused() -> None:
    gappy = np.zeros((3, 8))[:, ::2]
    with pytest.raises(ValueError, match="is no vector in memory"):
        SGD({"w": gappy}, {"w": gappy}, 0.1)


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


@pytest.mark.parametrize(
    ("params", "grads", "error", "message"),
    [
        (
            {"w": np.zeros(2, complex)},
            {"w": np.zeros(2, complex)},
            TypeError,
            "w of shape .* is complex128, but",
        ),
        ({"w": np.zeros(2, int)}, {"w": np.zeros(2, int)}, TypeError, "w of shape .* is int64, but"),
        ({"w": np.zeros(2)}, {}, ValueError, "w: the parameter has no gradient"),
        ({}, {}, ValueError, "at least one parameter"),
    ],
)
def test_what_cannot_be_updated_is_refused(
    params: dict[str, np.ndarray], grads: dict[str, np.ndarray], error: type[Exception], message: str
) -> None:
    for optimizer in (SGD, Adam, AdamW):
        with pytest.raises(error, match=message):
            optimizer(params, grads, 0.1)

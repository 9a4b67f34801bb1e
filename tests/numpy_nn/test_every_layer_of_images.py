"""What is alike in all layers that take images: memory, dtypes, and the order in which passes are called."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from backproof.numpy_nn import (
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    MaxPool2d,
    ReLU,
    Sequential,
)
from numpy_nn.layer_proof import same_in_other_layouts

SHAPE = (3, 2, 5, 4)


def rng() -> np.random.Generator:
    return np.random.default_rng(8)


def evaluated(layer: Any) -> Any:
    layer.eval()
    return layer


def block(dtype: Any) -> Sequential:
    conv = Conv2d(2, 3, 3, padding=1, rng=rng(), dtype=dtype)
    return Sequential({"conv": conv, "norm": BatchNorm(3, dtype=dtype), "relu": ReLU(), "pool": MaxPool2d(2)})


MAKE: dict[str, Callable[[Any], Any]] = {
    "Conv2d": lambda dtype: Conv2d(2, 3, (3, 2), stride=(1, 2), padding=1, rng=rng(), dtype=dtype),
    "Conv2d 1 × 1": lambda dtype: Conv2d(2, 3, 1, rng=rng(), dtype=dtype),
    "MaxPool2d": lambda _: MaxPool2d(3, stride=2, padding=1),
    "AvgPool2d": lambda _: AvgPool2d(3, stride=2, padding=1),
    "BatchNorm": lambda dtype: BatchNorm(2, dtype=dtype),
    "BatchNorm in evaluation": lambda dtype: evaluated(BatchNorm(2, dtype=dtype)),
    "Dropout": lambda _: Dropout(0.4, seed=1),
    "Dropout in evaluation": lambda _: evaluated(Dropout(0.4, seed=1)),
    "ReLU": lambda _: ReLU(),
    "Flatten": lambda _: Flatten(),
    "block": block,
}
of_every_layer = pytest.mark.parametrize("name", MAKE)


def both_passes(layer: Any, x: np.ndarray, dout: np.ndarray) -> list[np.ndarray]:
    """Return copies of y, dx and all gradients of parameters."""
    return [layer.forward(x).copy(), layer.backward(dout).copy(), *(g.copy() for g in layer.grads.values())]


def arrays_for(layer: Any, dtype: Any = np.float64) -> tuple[np.ndarray, np.ndarray]:
    """Draw x and dout."""
    source = np.random.default_rng(21)
    x = source.normal(size=SHAPE).astype(dtype)
    return x, source.normal(size=layer.forward(x).shape).astype(dtype)


@of_every_layer
def test_any_layout_in_memory_gives_the_same(name: str) -> None:
    layer = MAKE[name](np.float64)
    x, dout = arrays_for(layer)
    expected = both_passes(layer, x, dout)
    other_douts = same_in_other_layouts(dout) if dout.ndim == 4 else {"": dout, "F": np.asfortranarray(dout)}
    for layout, same_x in same_in_other_layouts(x).items():
        for of_dout, same_dout in other_douts.items():
            np.testing.assert_array_equal(same_x, x)
            for ours, value in zip(both_passes(layer, same_x, same_dout), expected, strict=True):
                np.testing.assert_allclose(
                    ours, value, rtol=1e-12, atol=1e-13, err_msg=f"{layout}, {of_dout}"
                )


@of_every_layer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes_are_kept(name: str, dtype: Any) -> None:
    layer = MAKE[name](dtype)
    buffers = getattr(layer, "buffers", {})
    arrays = both_passes(layer, *arrays_for(layer, dtype))
    assert {array.dtype for array in (*arrays, *buffers.values())} == {np.dtype(dtype)}


@of_every_layer
def test_single_precision_is_double_precision_rounded(name: str) -> None:
    single, double = MAKE[name](np.float32), MAKE[name](np.float64)
    for param, rounded in zip(double.params.values(), single.params.values(), strict=True):
        param[...] = rounded
    x, dout = arrays_for(single, np.float32)
    for ours, exact in zip(
        both_passes(single, x, dout),
        both_passes(double, x.astype(np.float64), dout.astype(np.float64)),
        strict=True,
    ):
        np.testing.assert_allclose(ours, exact, rtol=1e-5, atol=1e-5)


@of_every_layer
def test_complex_numbers_go_through(name: str) -> None:
    layer, of_complex = MAKE[name](np.float64), MAKE[name](np.complex128)
    x, _ = arrays_for(layer)
    y = of_complex.forward(x.astype(np.complex128))
    assert y.dtype == np.complex128
    np.testing.assert_allclose(y.real, layer.forward(x), rtol=1e-12, atol=1e-13)
    assert not y.imag.any()


@of_every_layer
def test_inputs_are_never_written_to(name: str) -> None:
    for layout in ("channels first", "channels last"):
        layer = MAKE[name](np.float64)
        x, dout = arrays_for(layer)
        x = same_in_other_layouts(x)[layout]
        dout = same_in_other_layouts(dout)[layout] if dout.ndim == 4 else dout
        x.flags.writeable = dout.flags.writeable = False
        both_passes(layer, x, dout)


@of_every_layer
def test_backward_needs_forward(name: str) -> None:
    layer = MAKE[name](np.float64)
    with pytest.raises(RuntimeError, match=r"backward was called before .*forward"):
        layer.backward(np.ones(SHAPE))
    if hasattr(layer, "backward_params"):
        with pytest.raises(RuntimeError, match=r"backward was called before .*forward"):
            layer.backward_params(np.ones(SHAPE))


@of_every_layer
def test_backward_twice_is_the_same_twice(name: str) -> None:
    layer = MAKE[name](np.float64)
    x, dout = arrays_for(layer)
    _, *once = both_passes(layer, x, dout)
    for value, expected in zip((layer.backward(dout), *layer.grads.values()), once, strict=True):
        np.testing.assert_array_equal(value, expected)


@of_every_layer
def test_backward_belongs_to_the_latest_forward(name: str) -> None:
    layer, fresh = MAKE[name](np.float64), MAKE[name](np.float64)
    x, dout = arrays_for(layer)
    layer.forward(np.ones((7, 2, 6, 6)))
    layer.forward(x)
    _, *expected = both_passes(fresh, x, dout)
    for value, same in zip((layer.backward(dout), *layer.grads.values()), expected, strict=True):
        np.testing.assert_allclose(value, same, rtol=1e-13, atol=1e-14)


@of_every_layer
def test_what_was_returned_stays(name: str) -> None:
    layer = MAKE[name](np.float64)
    x, dout = arrays_for(layer)
    returned = layer.forward(x), layer.backward(dout)
    kept = [array.copy() for array in returned]
    layer.forward(x + 1)
    layer.backward(2 * dout)
    for array, value in zip(returned, kept, strict=True):
        np.testing.assert_array_equal(array, value)


@of_every_layer
def test_an_upstream_gradient_of_another_shape_or_dtype_is_named(name: str) -> None:
    layer = MAKE[name](np.float64)
    x, dout = arrays_for(layer)
    layer.forward(x)
    for wrong in (dout[:-1], dout[..., :-1], dout.reshape(-1), dout[None]):
        with pytest.raises(ValueError, match=r"dout has shape \(.*\), but y has \(.*\)"):
            layer.backward(wrong)
    with pytest.raises(TypeError, match=r"dout of shape \(.*\) is float32, but y .*is float64"):
        layer.backward(dout.astype(np.float32))


@pytest.mark.parametrize("name", ["Conv2d", "BatchNorm", "BatchNorm in evaluation", "block"])
def test_images_of_another_dtype_are_named(name: str) -> None:
    layer = MAKE[name](np.float64)
    for dtype in (np.float32, np.int64, np.complex128):
        with pytest.raises(TypeError, match=rf"x of shape \(3, 2, 5, 4\) .*{np.dtype(dtype)}, .*float64"):
            layer.forward(np.zeros(SHAPE, dtype))

"""The check of a single layer: right ones pass, and of wrong ones it says what is wrong."""

import doctest
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from backproof.numpy_nn import CrossEntropy, LeakyReLU, Linear, Softmax
from backproof.proof import LayerFinding, LayerReport, assert_proven, check_layer

Array = np.ndarray


class Dense:
    """x Wᵀ + b, as students write it."""

    def __init__(self, inputs: int = 4, outputs: int = 3, dtype: type = np.float64) -> None:
        rng = np.random.default_rng(5)
        self.params: dict[str, Array] = {
            "weight": rng.normal(size=(outputs, inputs)).astype(dtype),
            "bias": rng.normal(size=outputs).astype(dtype),
        }
        self.grads: dict[str, Array] = {}

    def forward(self, x: Array) -> Array:
        self.x = x
        return x @ self.params["weight"].T + self.params["bias"]

    def backward(self, dout: Array) -> Array | None:
        self.grads = {"weight": dout.T @ self.x, "bias": dout.sum(0)}
        return dout @ self.params["weight"]


class Relu:
    """max(0, x)."""

    def forward(self, x: Array) -> Array:
        self.x, self.positive = x, x >= 0
        return np.where(x > 0, x, 0)

    def backward(self, dout: Array) -> Array:
        return dout * self.positive


class Root:
    """√(|x| + 1), which takes no complex numbers."""

    def forward(self, x: Array) -> Array:
        self.x = x
        return np.sqrt(np.abs(x) + 1)

    def backward(self, dout: Array) -> Array:
        return dout * np.sign(self.x) / (2 * np.sqrt(np.abs(self.x) + 1))


class Steep:
    """sin(3000 |x|), for which differences with h = 1e-5 are too coarse."""

    def forward(self, x: Array) -> Array:
        self.x = x
        return np.sin(3000 * np.abs(x))

    def backward(self, dout: Array) -> Array:
        return dout * 3000 * np.sign(self.x) * np.cos(3000 * np.abs(self.x))


class Dropout:
    """Zeros at random, drawn from a generator of its own."""

    def __init__(self) -> None:
        self.parts = [np.random.default_rng(1)]

    def forward(self, x: Array) -> Array:
        self.mask = self.parts[0].random(x.shape) < 0.5
        return x * self.mask

    def backward(self, dout: Array) -> Array:
        return dout * self.mask


class Listed:
    """Parameters and gradients in lists, the gradients' memory made once, as the fish book has it."""

    def __init__(self) -> None:
        rng = np.random.default_rng(6)
        self.params = [rng.normal(size=(4, 3)), rng.normal(size=3)]
        self.grads = [np.zeros((4, 3)), np.zeros(3)]

    def forward(self, x: Array) -> Array:
        self.x = x
        return x @ self.params[0] + self.params[1]

    def backward(self, dout: Array) -> Array:
        self.grads[0][...] = self.x.T @ dout
        self.grads[1][...] = dout.sum(0)
        return dout @ self.params[0].T


class Aliased(Dense):
    """Forward holds on to the arrays that it was made with: another in their place has no effect."""

    def __init__(self) -> None:
        super().__init__()
        self.w, self.b = self.params["weight"], self.params["bias"]

    def forward(self, x: Array) -> Array:
        self.x = x
        return x @ self.w.T + self.b

    def backward(self, dout: Array) -> Array:
        self.grads = {"weight": dout.T @ self.x, "bias": dout.sum(0)}
        return dout @ self.w


class Viewed(Dense):
    """Forward holds on to a view of a parameter, which a copy of the layer does not have."""

    def __init__(self) -> None:
        super().__init__()
        self.turned = self.params["weight"].T

    def forward(self, x: Array) -> Array:
        self.x = x
        return x @ self.turned + self.params["bias"]


class Uncopied(Dense):
    """Holds a module, so that it cannot be copied."""

    numpy: Any

    def __init__(self) -> None:
        super().__init__()
        self.numpy = np


class Loss:
    """−Σ y log p, the mean over the batch."""

    def forward(self, x: Array, y: Array) -> float:
        return -np.sum(y * np.log(x)) / len(x)

    def backward(self, x: Array, y: Array) -> Array:
        return -y / x / len(x)


def altered(backward: Callable[..., Array | None], base: type = Dense) -> Any:
    return type("Altered", (base,), {"backward": backward})()


def altered_forward(forward: Callable[[Any, Array], Array], base: type = Dense) -> Any:
    return type("Altered", (base,), {"forward": forward})()


def causes(report: LayerReport) -> list[str]:
    return [finding.cause for finding in report.findings]


# What is right


@pytest.mark.parametrize("seed", range(20))
def test_right_layers_pass(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(5, 4))
    layers = [
        Dense(), Relu(), Root(), Listed(), Aliased(), Viewed(), Uncopied(), Dropout(),
        Linear(4, 3, rng=rng, scale=1.0), LeakyReLU(0.2), Softmax(),
    ]  # fmt: skip
    for layer in layers:
        report = check_layer(layer, x, seed=seed)
        assert (report.ok, report.findings) == (True, ()), str(report)
    assert check_layer(Steep(), x, seed=seed).ok
    p, one_hot = rng.dirichlet(np.ones(4), size=5), np.eye(4)[rng.integers(4, size=5)]
    for loss in (Loss(), CrossEntropy()):
        assert check_layer(loss, p, one_hot, seed=seed).findings == ()


def test_every_gradient_is_compared_at_every_index(rng: np.random.Generator) -> None:
    x = rng.normal(size=(5, 4))
    for layer, names in (
        (Dense(), {"dx": 20, "grads['weight']": 12, "grads['bias']": 3}),
        (Listed(), {"dx": 20, "grads[0]": 12, "grads[1]": 3}),
        (Relu(), {"dx": 20}),
    ):
        checked = check_layer(layer, x).checked
        assert {label: proven.entries for label, proven in checked.items()} == names
        assert all(proven.relative_error < 1e-12 for proven in checked.values())
    assert check_layer(Root(), x).checked["dx"].order > 1.9


def test_gradients_that_vanish_are_right_but_for_rounding(rng: np.random.Generator) -> None:
    assert_proven(Softmax(), rng.normal(size=(5, 1)))

    class Centred:
        """(x − mean) / σ: of a batch of one, always 0."""

        def forward(self, x: Array) -> Array:
            self.sigma = np.sqrt(((x - x.mean(0)) ** 2).mean(0) + 1e-5)
            self.y = (x - x.mean(0)) / self.sigma
            return self.y

        def backward(self, dout: Array) -> Array:
            return (dout - dout.mean(0) - self.y * (dout * self.y).mean(0)) / self.sigma

    for count in (1, 2, 5):
        assert_proven(Centred(), rng.normal(size=(count, 4)))


def test_the_layer_is_left_as_it_was(rng: np.random.Generator) -> None:
    for layer in (Dense(), Viewed(), Uncopied()):
        before = {name: value.copy() for name, value in layer.params.items()}
        check_layer(layer, rng.normal(size=(5, 4)))
        for name, value in layer.params.items():
            np.testing.assert_array_equal(value, before[name])


@pytest.mark.parametrize("seed", range(20))
def test_float32_passes(seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=(5, 4)).astype(np.float32)
    for layer in (Dense(dtype=np.float32), Relu(), LeakyReLU(0.2), Softmax()):
        report = check_layer(layer, x, seed=seed)
        assert (report.ok, report.findings) == (True, ()), str(report)

    def casts(self: Any, x: Array) -> Array:
        return type(self).__base__.forward(self, x.astype(np.float32))

    for base in (lambda: Dense(dtype=np.float32), Relu):
        layer = altered_forward(casts, type(base()))
        vars(layer).update(vars(base()))
        report = check_layer(layer, x, seed=seed)
        assert report.ok, str(report)
        assert "unsuitable step" in causes(report)
        assert "h ≥ 0.005" in str(report)


@pytest.mark.parametrize("base", [Relu, Root])
@pytest.mark.parametrize("distance", [0.0, 1e-12, 1e-8, 1e-7, 3e-7, 1e-6, 1e-5, 1e-4, 1e-3])
def test_a_kink_is_no_mistake_but_no_excuse(base: type, distance: float, rng: np.random.Generator) -> None:
    x = rng.normal(size=(5, 4))
    x[2, 1] = -distance
    report = check_layer(base(), x)
    assert report.ok, str(report)
    assert set(causes(report)) <= {"kink"}
    assert report.checked["dx"].entries >= 19

    def outside(self: Any, dout: Array) -> Array:
        return base.backward(self, dout) + 3 * dout * (np.abs(x) == distance)

    report = check_layer(altered(outside, base), x)
    assert "wrong gradient" in causes(report), str(report)


def test_either_slope_is_right_at_a_kink(rng: np.random.Generator) -> None:
    x = rng.normal(size=(5, 4))
    x[2, 1] = 0
    for slope in (0.0, 0.5, 1.0):

        def backward(self: Any, dout: Array, slope: float = slope) -> Array:
            return dout * np.where(self.x == 0, slope, self.x > 0)

        report = check_layer(altered(backward, Relu), x)
        assert (report.ok, causes(report)) == (True, ["kink"])
        assert report.checked["dx"].entries == 19


def test_a_complex_step_that_misses_a_part_is_found_out(rng: np.random.Generator) -> None:
    layer = altered(lambda _, dout: dout, Relu)
    layer.forward = lambda x: x + 5e-5 * np.abs(x)  # of complex numbers, abs takes the imaginary part away
    report = check_layer(layer, rng.normal(size=(5, 4)))
    assert causes(report) == ["wrong gradient"]


def test_widths_may_differ_where_they_are_meant_to(rng: np.random.Generator) -> None:
    def narrow_gradients(self: Dense, dout: Array) -> Array | None:
        dx = Dense.backward(self, dout)
        self.grads = {name: gradient.astype(np.float32) for name, gradient in self.grads.items()}
        return dx

    layer = altered(narrow_gradients)
    layer.params = Dense(dtype=np.float32).params
    assert check_layer(layer, rng.normal(size=(5, 4))).findings == ()
    loss = altered_forward(lambda _, x, y: float(np.sum((x - y) ** 2)), Loss)
    loss.backward = lambda x, y: 2 * (x - y)
    x, y = rng.normal(size=(2, 5, 4)).astype(np.float32)
    assert set(causes(check_layer(loss, x, y))) <= {"unsuitable step"}


def power(factor: float) -> Any:
    """Make √|x|³, which takes no complex numbers, with a gradient that is so many times the right one."""
    layer = altered(lambda self, dout: dout * factor * 1.5 * np.sqrt(np.abs(self.x)) * np.sign(self.x), Root)
    layer.forward = lambda x: (setattr(layer, "x", x), np.abs(x) ** 1.5)[1]
    return layer


class Scaled:
    """a x, by a parameter a without axes; the gradients are ``factor`` times the right ones."""

    def __init__(self, factor: float, offset: float = 0.0) -> None:
        self.a, self.factor, self.offset = np.array(3.0), factor, offset

    def forward(self, x: Array) -> Array:
        self.x = x
        return self.a * x + self.offset

    def backward(self, dout: Array) -> Array:
        self.da = self.factor * (dout * self.x).sum()
        return self.factor * self.a * dout


def test_a_parameter_may_have_no_axes(rng: np.random.Generator) -> None:
    x = rng.normal(size=(5, 4))
    report = check_layer(Scaled(1), x, gradients={"a": "da"})
    assert (report.ok, report.checked["da"].entries) == (True, 1)
    report = check_layer(Scaled(2), x, gradients={"a": "da"})
    assert [finding.kind for finding in report.findings] == [
        ("wrong gradient", "dx"),
        ("wrong gradient", "da"),
    ]
    assert "worst at da: expected" in str(report)


@pytest.mark.parametrize("offset", [0.0, 1e4, 1e8])
def test_a_large_offset_hides_nothing(offset: float, rng: np.random.Generator) -> None:
    x = rng.normal(size=(5, 4))
    assert check_layer(Scaled(1, offset), x).findings == ()
    assert "wrong gradient" in causes(check_layer(Scaled(1.001, offset), x))


@pytest.mark.parametrize("size", [1.0, 1e3, 1e6, 1e9])
def test_steps_are_as_large_as_x(size: float, rng: np.random.Generator) -> None:
    x = size * rng.uniform(0.5, 1.0, size=(5, 4))
    report = check_layer(power(1.0), x)
    assert (report.ok, report.findings) == (True, ())
    assert report.checked["dx"].relative_error < 1e-8
    assert causes(check_layer(power(1.0001), x)) == ["wrong gradient"]


def test_kinks_alone_prove_nothing() -> None:
    report = check_layer(Relu(), np.zeros((2, 2)))
    assert (report.ok, causes(report)) == (False, ["kink"])


# What is wrong


def times(factor: float, name: str) -> Callable[[Dense, Array], Array | None]:
    def backward(self: Dense, dout: Array) -> Array | None:
        dx = Dense.backward(self, dout)
        if name == "dx":
            assert dx is not None
            return dx * factor
        self.grads[name] = self.grads[name] * factor
        return dx

    return backward


def changed(name: str, change: Callable[[Array, Array], Array]) -> Callable[[Dense, Array], Array | None]:
    """Return a backward pass in which one gradient is something else, made of dout and the right one."""

    def backward(self: Dense, dout: Array) -> Array | None:
        dx = Dense.backward(self, dout)
        self.grads[name] = change(dout, self.grads[name])
        return dx

    return backward


def adds_up(self: Dense, dout: Array) -> Array | None:
    kept = self.grads.get("bias", 0)
    dx = Dense.backward(self, dout)
    self.grads["bias"] = self.grads["bias"] + kept
    return dx


def ignores(self: Dense, dout: Array) -> Array | None:
    Dense.backward(self, dout)
    return np.ones_like(dout) @ self.params["weight"]


def writes_to_dout(self: Dense, dout: Array) -> Array | None:
    dx = Dense.backward(self, dout)
    dout *= 2
    return dx


def writes_to_x(self: Dense, dout: Array) -> Array | None:
    dx = Dense.backward(self, dout)
    self.x *= 2
    return dx


def updates(self: Dense, dout: Array) -> Array | None:
    dx = Dense.backward(self, dout)
    self.params["bias"] -= 0.1 * self.grads["bias"]
    return dx


def no_bias(self: Dense, dout: Array) -> Array | None:
    dx = Dense.backward(self, dout)
    del self.grads["bias"]
    return dx


def not_finite(self: Dense, dout: Array) -> Array | None:
    dx = Dense.backward(self, dout)
    assert dx is not None
    dx[0, 2] = np.inf
    return dx


def one_entry(self: Dense, dout: Array) -> Array | None:
    dx = Dense.backward(self, dout)
    self.grads["weight"][2, 1] *= 1.0000001
    return dx


def random_bias(self: Dense, dout: Array) -> Array | None:
    dx = Dense.backward(self, dout)
    self.grads["bias"] = self.grads["bias"] * np.random.default_rng().random()
    return dx


def constant(self: Dense, dout: Array) -> Array:
    Dense.backward(self, dout)
    return np.array(5.0)


MISTAKES = [
    (times(0.5, "weight"), "wrong gradient", "grads['weight']", 1),
    (times(0, "weight"), "wrong gradient", "grads['weight']", 1),
    (one_entry, "wrong gradient", "grads['weight']", 1),
    (not_finite, "wrong gradient", "dx", 1),
    (no_bias, "wrong gradient", "grads['bias']", 1),
    (changed("weight", lambda _, dw: dw[:2]), "wrong shape", "grads['weight']", 1),
    (constant, "wrong shape", "dx", 1),
    (changed("bias", lambda dout, db: db * len(dout)), "missing 1/B", "grads['bias']", 2),
    (changed("weight", lambda dout, dw: dw / len(dout)), "extra 1/B", "grads['weight']", 2),
    (times(-1, "dx"), "opposite sign", "dx", 1),
    (changed("weight", lambda _, dw: dw.T), "weight transposed", "grads['weight']", 1),
    (ignores, "upstream gradient ignored", "dx", 1),
    (changed("bias", lambda dout, _: dout.sum(1)), "bias summed over the wrong axis", "grads['bias']", 1),
    (changed("bias", lambda dout, _: dout.sum()), "bias summed over the wrong axis", "grads['bias']", 1),
    (
        changed("bias", lambda dout, db: np.full(db.shape, dout.sum())),
        "bias summed over the wrong axis", "grads['bias']", 1,
    ),
    (changed("bias", lambda dout, _: dout), "bias summed over the wrong axis", "grads['bias']", 1),
    (adds_up, "state leaks between calls", "grads['bias']", 1),
    (updates, "state leaks between calls", "params['bias']", 1),
    (writes_to_dout, "input changed in place", "dout", 1),
    (writes_to_x, "input changed in place", "x", 1),
    (random_bias, "nondeterminism", "grads['bias']", 1),
    (changed("bias", lambda _, db: db.astype(np.float32)), "dtype promoted", "grads['bias']", 1),
]  # fmt: skip


@pytest.mark.parametrize(("backward", "cause", "parameter", "samples"), MISTAKES)
def test_wrong_backward_passes_are_told_apart(
    backward: Callable[[Dense, Array], Array | None],
    cause: str,
    parameter: str,
    samples: int,
    rng: np.random.Generator,
) -> None:
    report = check_layer(altered(backward), rng.normal(size=(5, 4)))
    (finding,) = report.findings
    assert not report.ok
    assert (finding.cause, finding.parameter) == (cause, parameter), str(report)
    assert finding.shape == (samples, 4)


def test_a_square_transpose_is_recognised(rng: np.random.Generator) -> None:
    def other_way_round(self: Dense, dout: Array) -> Array:
        Dense.backward(self, dout)
        return dout @ self.params["weight"].T

    for backward, parameter in (
        (changed("weight", lambda _, dw: dw.T), "grads['weight']"),
        (other_way_round, "dx"),
    ):
        layer = altered(backward)
        layer.params = Dense(4, 4).params
        (finding,) = check_layer(layer, rng.normal(size=(5, 4))).findings
        assert (finding.cause, finding.parameter) == ("weight transposed", parameter)
    layer = altered(other_way_round, Uncopied)
    layer.params = Dense(4, 4).params
    before = layer.params["weight"].copy()
    (finding,) = check_layer(layer, rng.normal(size=(1, 4))).findings
    assert finding.cause == "wrong gradient"
    np.testing.assert_array_equal(layer.params["weight"], before)


def test_a_softmax_without_its_outer_product_is_recognised(rng: np.random.Generator) -> None:
    def diagonal(self: Any, dout: Array) -> Array:
        p = self.forward(x)
        return dout * p * (1 - p)

    x = rng.normal(size=(5, 4))
    assert causes(check_layer(altered(diagonal, Softmax), x)) == ["softmax's outer product missing"]


@pytest.mark.parametrize(
    ("backward", "cause"),
    [
        (lambda _, p, y: -y / p, "missing 1/B"),
        (lambda _, p, y: -y / p / len(p) ** 2, "extra 1/B"),
        (lambda _, p, y: y / p / len(p), "opposite sign"),
        (lambda _, p, y: (p - y) / len(p), "wrong gradient"),
        (lambda _, p, y: np.multiply(p, 0.5, out=p) * 0 - y / (2 * p) / len(p), "input changed in place"),
    ],
)
def test_mistakes_in_losses_are_told_apart(
    backward: Callable[..., Array], cause: str, rng: np.random.Generator
) -> None:
    p, y = rng.dirichlet(np.ones(4), size=5), np.eye(4)[[0, 1, 2, 3, 0]]
    (finding,) = check_layer(altered(backward, Loss), p, y).findings
    assert finding.cause == cause
    assert f"check_layer(layer, x[:{finding.shape[0]}], targets[:{finding.shape[0]}]" in finding.rerun


def in_place(self: Dense, x: Array) -> Array:
    x -= 1
    return Dense.forward(self, x)


def random(self: Dense, x: Array) -> Array:
    return Dense.forward(self, x) + 1e-3 * np.random.default_rng().normal(size=(len(x), 3))


def drops(self: Relu, x: Array) -> Array:
    self.positive = np.random.default_rng().random(x.shape) < 0.5
    return x * self.positive


def counts(self: Dense, x: Array) -> Array:
    self.calls = getattr(self, "calls", 0) + 1
    return Dense.forward(self, x) * self.calls


def first_only(self: Dense, x: Array) -> Array:
    self.x = getattr(self, "x", x)
    return x @ self.params["weight"].T + self.params["bias"]


def narrow(self: Dense, x: Array) -> Array:
    return Dense.forward(self, x).astype(np.float32)


def widens(self: Relu, x: Array) -> Array:
    return Relu.forward(self, x) * np.ones(x.shape)


@pytest.mark.parametrize(
    ("forward", "base", "cause", "parameter"),
    [
        (in_place, Dense, "input changed in place", "x"),
        (random, Dense, "nondeterminism", "y"),
        (drops, Relu, "nondeterminism", "y"),
        (counts, Dense, "state leaks between calls", "y"),
        (first_only, Dense, "state leaks between calls", "grads['weight']"),
        (narrow, Dense, "dtype promoted", "y"),
        (lambda _, x: np.log(x), Relu, "nothing checked", "y"),
        (lambda _, x: x[:, :0], Relu, "nothing checked", "y"),
    ],
)
def test_wrong_forward_passes_are_told_apart(
    forward: Callable[[Any, Array], Array], base: type, cause: str, parameter: str, rng: np.random.Generator
) -> None:
    report = check_layer(altered_forward(forward, base), rng.normal(size=(5, 4)))
    assert not report.ok
    wrong = [finding.kind for finding in report.findings if finding.is_wrong]
    assert wrong[0] == (cause, parameter)
    if cause != "dtype promoted" and parameter == "y":
        assert len(wrong) == 1, str(report)
    assert [kind for kind in wrong if kind[0] == "input changed in place"] in ([], [(cause, parameter)])


def test_float64_out_of_float32_is_promotion(rng: np.random.Generator) -> None:
    report = check_layer(altered_forward(widens, Relu), rng.normal(size=(5, 4)).astype(np.float32))
    assert set(causes(report)) == {"dtype promoted"}


def test_what_the_layer_raises_is_raised(rng: np.random.Generator) -> None:
    def broken(self: Dense, dout: Array) -> Array:
        return dout @ self.params["wait"]

    with pytest.raises(KeyError, match="wait"):
        check_layer(altered(broken), rng.normal(size=(5, 4)))


@pytest.mark.parametrize(
    ("change", "returned"),
    [
        (lambda right: (right, 0), "tuple"),
        (lambda right: [right], "list"),
        (lambda right: {"dx": right}, "dict"),
        (lambda right: right > 0, "bool"),
        (lambda _: "dx", "str"),
    ],
)
def test_what_is_no_array_of_numbers_is_refused(
    change: Callable[[Array], Any], returned: str, rng: np.random.Generator
) -> None:
    x = rng.normal(size=(5, 4))
    with pytest.raises(TypeError, match=f"^backward returns {returned}, expected an array of numbers"):
        check_layer(altered(lambda self, dout: change(Dense.backward(self, dout))), x)
    with pytest.raises(TypeError, match=f"^forward returns {returned}, expected an array of numbers"):
        check_layer(altered_forward(lambda self, x: change(Dense.forward(self, x))), x)
    with pytest.raises(TypeError, match=rf"^grads\['bias'\] is {returned}, expected an array of numbers"):
        check_layer(altered(changed("bias", lambda _, db: change(db))), x)


def test_what_cannot_be_checked_is_refused(rng: np.random.Generator) -> None:
    x = rng.normal(size=(5, 4))
    for other, message in ((x.astype(int), "int64"), (x[:0], r"\(0, 4\)"), (x[0, 0], r"shape \(\)")):
        with pytest.raises(ValueError, match=message):
            check_layer(Relu(), other)
    layer: Any = Dense()
    with pytest.raises(AttributeError, match="W"):
        check_layer(layer, x, gradients={"W": "dW"})
    layer.params["deep"] = {"weight": np.ones(3)}
    with pytest.raises(ValueError, match=r"params\['deep'\] has dtype object, expected floats"):
        check_layer(layer, x)


def test_what_is_no_number_is_no_parameter(rng: np.random.Generator) -> None:
    layer: Any = Dense()
    layer.params |= {"none": None, "name": "dense", "inputs": 4}
    assert set(check_layer(layer, rng.normal(size=(5, 4))).checked) == {
        "dx",
        "grads['weight']",
        "grads['bias']",
    }


def test_a_pass_that_renames_a_parameter_is_told(rng: np.random.Generator) -> None:
    def renames(self: Dense, dout: Array) -> Array | None:
        dx = Dense.backward(self, dout)
        self.params["offset"] = self.params.pop("bias")
        return dx

    kinds = [finding.kind for finding in check_layer(altered(renames), rng.normal(size=(5, 4))).findings]
    assert ("state leaks between calls", "params['bias']") in kinds
    assert ("state leaks between calls", "params['offset']") in kinds


def test_no_gradient_at_all_is_a_failure(rng: np.random.Generator) -> None:
    x = rng.normal(size=(5, 4))
    nothing = altered(lambda *_: None, Relu)
    assert causes(check_layer(nothing, x)) == ["nothing checked"]
    with pytest.raises(AssertionError, match="nothing checked: backward returns no dx"):
        assert_proven(nothing, x)

    def parameters_alone(self: Dense, dout: Array) -> None:
        Dense.backward(self, dout)

    report = check_layer(altered(parameters_alone), x)
    assert (report.ok, report.not_checked) == (True, ("dx",))
    assert "dx: not returned, not checked" in str(report)


# How it is used


def test_other_names(rng: np.random.Generator) -> None:
    class Scale:
        def __init__(self) -> None:
            self.w = np.array([1.0, 2.0, 3.0, 4.0])

        def __call__(self, x: Array) -> Array:
            self.x = x
            return x * self.w

        def grad(self, dout: Array) -> Array:
            self.dw = -(dout * self.x).sum(0)
            return dout * self.w

    x = rng.normal(size=(5, 4))
    layer: Any = Scale()
    names: Any = {"forward": "__call__", "backward": "grad", "gradients": {"w": "dw"}}
    (finding,) = check_layer(layer, x, **names).findings
    assert (finding.cause, finding.parameter) == ("opposite sign", "dw")
    again = eval(finding.rerun, {"check_layer": check_layer, "layer": layer, "x": x})
    assert again.findings[0].got == finding.got


def test_a_failing_test_reads_well(rng: np.random.Generator) -> None:
    x = rng.normal(size=(5, 4))
    layer = altered(changed("bias", lambda dout, db: db * len(dout)))
    finding: LayerFinding = check_layer(layer, x, seed=7).findings[0]
    assert finding.index is not None
    assert finding.got == pytest.approx(2 * finding.expected, rel=1e-12)
    with pytest.raises(AssertionError) as caught:
        assert_proven(layer, x, seed=7)
    assert [line for line in str(caught.value).splitlines() if "entries" not in line] == [
        "Altered: WRONG",
        "  missing 1/B: grads['bias'] is 2 times too large, the batch's size: a sum for a mean",
        f"    worst at grads['bias'][{finding.index[0]}]: expected {finding.expected:.8g} by forward, "
        f"got {finding.got:.8g}",
        "    smallest case: x of shape (2, 4); again: check_layer(layer, x[:2], seed=7)",
    ]
    again = eval(finding.rerun, {"check_layer": check_layer, "layer": layer, "x": x})
    assert again.findings[0].got == finding.got


def test_the_example_of_assert_proven_runs() -> None:
    (example,) = doctest.DocTestFinder().find(assert_proven, "assert_proven")
    assert doctest.DocTestRunner().run(example) == doctest.TestResults(0, len(example.examples))

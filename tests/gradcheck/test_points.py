"""What a layer is checked with: dout that is unlike all else, other x, other parameters."""

from typing import Any

import numpy as np
import pytest

from backproof.gradcheck import check_layer
from backproof.gradcheck.upstream_gradients import proportional, same_signs, upstream_gradients

Array = np.ndarray


def test_proportional_as_a_whole_by_rows_or_by_columns(rng: np.random.Generator) -> None:
    x = rng.normal(size=(5, 4))
    for other in (x, -3 * x, x * rng.normal(size=(5, 1)), x * rng.normal(size=4)):
        assert proportional(x, other)
    assert not proportional(x, rng.normal(size=(5, 4)))
    assert not proportional(x, x[:4])
    assert not proportional(x, np.zeros((5, 4)))
    for one, other, expected in ((2.0, 2.0, True), (2.0, -2.0, True), (2.0, 3.0, False)):
        assert proportional(np.full((1, 1), one), np.full((1, 1), other)) is expected


def test_same_signs_or_the_opposite_ones(rng: np.random.Generator) -> None:
    x = rng.normal(size=(5, 4))
    assert same_signs(x, x**3)
    assert same_signs(x, -np.abs(x) * np.sign(x))
    assert same_signs(x, np.where(x > 0, x, 0))
    assert not same_signs(x, np.roll(x, 1, axis=1))
    assert not same_signs(x, np.zeros((5, 4)))


@pytest.mark.parametrize("shape", [(5, 4), (3, 1), (1, 3), (2, 2)])
def test_dout_is_unlike_what_backward_may_read(shape: tuple[int, ...]) -> None:
    y, zero = np.ones(shape), np.zeros(shape)
    for seed in range(20):
        alike, _ = upstream_gradients(y, (zero,), seed)  # what would be drawn otherwise
        first, second = upstream_gradients(y, (alike, y), seed)
        assert not any(same_signs(first, array) or proportional(first, array) for array in (alike, y))
        assert not any(proportional(second, array) for array in (alike, y, first))
        assert (np.sign(second) == -np.sign(first)).all()


def test_one_number_is_settled_by_both_signs() -> None:
    class Cut:
        def forward(self, x: Array) -> Array:
            return x * (x > 0)

        def backward(self, dout: Array) -> Array:
            return dout * (dout > 0)

    for seed in range(10):
        for x in (np.full((1, 1), 0.7), np.abs(np.random.default_rng(seed).normal(size=(1, 2)))):
            assert not check_layer(Cut(), x, seed=seed).ok


class Recording:
    """x², which notes what x it is given."""

    allowed: Any = staticmethod(lambda _: True)

    def __init__(self) -> None:
        self.seen: list[Array] = []

    def __deepcopy__(self, memo: object) -> "Recording":
        copied = type(self)()
        copied.seen, copied.allowed = self.seen, self.allowed
        return copied

    def forward(self, x: Array) -> Array:
        if not self.allowed(x.real):
            raise ValueError("outside the domain")
        self.seen.append(x)
        self.x = x
        return x**2

    def backward(self, dout: Array) -> Array:
        return 2 * dout * self.x


@pytest.mark.parametrize(
    ("x", "allowed"),
    [
        (
            np.random.default_rng(1).dirichlet(np.ones(4), size=5),
            lambda x: np.allclose(x.sum(1), 1, atol=0.1),
        ),
        (np.random.default_rng(1).integers(1, 9, size=(5, 4)).astype(float), lambda x: (x > 0).all()),
        (np.array([[0.1, 500.0], [0.3, 700.0], [0.2, 900.0]]), lambda x: (x[:, 0] < 1).all()),
        (np.full((3, 2), 2.0), lambda x: (np.abs(x - 2) < 0.1).all()),
        (np.full((1, 1), 2.0), lambda x: (x > 0).all()),
        (np.zeros((3, 2)), lambda _: True),
    ],
)
def test_the_other_x_stay_in_the_domain_of_the_first(x: Array, allowed: Any) -> None:
    layer = Recording()
    layer.allowed = allowed
    report = check_layer(layer, x)
    assert (report.ok, report.findings) == (True, ())
    far = [seen for seen in layer.seen if seen.shape == x.shape and np.abs(seen - x).max() > 0.03]
    assert far, "no other x"


def test_a_layer_that_takes_no_other_x_is_told(rng: np.random.Generator) -> None:
    x = 50 * rng.normal(size=(5, 4))
    layer = Recording()
    layer.allowed = lambda other: np.allclose(other, x, atol=0.05)
    layer.forward(x)
    report = check_layer(layer, x)
    assert (report.ok, [finding.cause for finding in report.findings]) == (True, ["one x only"])


class Scale:
    """w x."""

    def __init__(self, w: Any) -> None:
        self.w = w

    def forward(self, x: Array) -> Array:
        self.x = x
        return self.w * x

    def backward(self, dout: Array) -> Array:
        self.dw = np.array((dout * self.x).sum(tuple(range(2 - np.ndim(self.w)))))
        return self.w * dout


def read_only(value: Array) -> Array:
    value.flags.writeable = False
    return value


@pytest.mark.parametrize("w", [np.ones(4), np.ones(()), read_only(np.ones(4)), 1.0])
def test_a_factor_of_one_hides_nothing_and_stays_one(w: Any, rng: np.random.Generator) -> None:
    x = rng.normal(size=(5, 4))

    class Forgets(Scale):
        def backward(self, dout: Array) -> Array:
            super().backward(dout)
            return dout

    for layer_class, is_ok in ((Scale, True), (Forgets, False)):
        layer = layer_class(w)
        report = check_layer(layer, x, gradients={"w": "dw"})
        assert report.ok is is_ok, str(report)
        assert layer.w is w
        assert np.all(w == 1)
    assert "at another x, made from yours, and with other values of w" in str(report)


def test_a_mask_kept_from_the_first_batch_is_noticed(rng: np.random.Generator) -> None:
    class Relu:
        positive: Any = None

        def forward(self, x: Array) -> Array:
            if self.positive is None:
                self.positive = x > 0
            return x * (x > 0)

        def backward(self, dout: Array) -> Array:
            return dout * self.positive

    (finding,) = check_layer(Relu(), rng.normal(size=(5, 4))).findings
    assert finding.kind == ("state leaks between calls", "dx")


class Forgetful:
    """x · w, whose backward forgets w."""

    def __init__(self, w: Any) -> None:
        self.w = w

    def forward(self, x: Array) -> Array:
        self.x = x
        return x * self.w[0]

    def backward(self, dout: Array) -> Array:
        self.dw = [(dout * self.x).sum(0)]
        return dout


def test_parameters_that_take_no_other_values_are_named(rng: np.random.Generator) -> None:
    x, refusing = rng.normal(size=(5, 4)), (read_only(np.ones(4)),)
    report = check_layer(Forgetful(refusing), x, gradients={"w": "dw"})
    (note,) = report.findings
    assert note.kind == ("one value only", "w[0]")
    assert not note.is_wrong
    wrong = check_layer(Forgetful((read_only(np.full(4, 2.0)),)), x, gradients={"w": "dw"})
    assert "with other" not in str(wrong)
    assert [finding.kind for finding in wrong.findings if finding.is_wrong] == [("wrong gradient", "dx")]


def test_a_parameter_that_is_a_copy_each_time_blames_nothing(rng: np.random.Generator) -> None:
    class Copying(Scale):
        @property
        def w(self) -> Any:
            return self._w.copy()

        @w.setter
        def w(self, value: Any) -> None:
            self._w = getattr(self, "_w", value)

    with pytest.raises(ValueError, match="w cannot be given other values: name the attribute that holds"):
        check_layer(Copying(np.ones(4)), rng.normal(size=(5, 4)), gradients={"w": "dw"})
    assert check_layer(Copying(np.ones(4)), rng.normal(size=(5, 4)), gradients={"_w": "dw"}).ok


def test_there_is_no_dout_where_each_is_a_multiple_of_an_array() -> None:
    angles = np.linspace(0, np.pi, 400)
    arrays = [np.array([[np.cos(angle), np.sin(angle)]]) for angle in angles]
    with pytest.raises(ValueError, match=r"every dout of shape \(1, 2\) that seed 3 draws"):
        upstream_gradients(np.ones((1, 2)), arrays, 3)


def test_an_integer_that_is_named_is_not_passed_over(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="w is an integer, expected floats"):
        check_layer(Scale(1), rng.normal(size=(5, 4)), gradients={"w": "dw"})


class Unit:
    """Rows divided by their lengths, whose gradient forgets to divide: no mistake where all lengths are 1."""

    def forward(self, x: Array) -> Array:
        self.y = x / np.sqrt((x * x).sum(1, keepdims=True))
        return self.y

    def backward(self, dout: Array) -> Array:
        return dout - self.y * (dout * self.y).sum(1, keepdims=True)


def test_a_forgotten_factor_that_is_one_for_this_x_is_noticed(rng: np.random.Generator) -> None:
    x = rng.normal(size=(5, 4))
    x /= np.sqrt((x * x).sum(1, keepdims=True))
    (finding,) = check_layer(Unit(), x).findings
    assert finding.cause == "wrong gradient"
    assert "at another x, made from yours" in finding.message


class Lookup:
    """Rows of a table by whole numbers, the first of them a padding that is not trained."""

    def __init__(self, table: Array) -> None:
        self.params, self.grads = {"table": table}, {}

    def forward(self, x: Array) -> Array:
        self.indices = x.real.astype(int)
        return self.params["table"][self.indices]

    def backward(self, dout: Array) -> None:
        table = np.zeros_like(self.params["table"])
        np.add.at(table, self.indices, dout)
        table[0] = 0
        self.grads["table"] = table


def test_whole_numbers_that_are_indices_stay_indices(rng: np.random.Generator) -> None:
    layer = Lookup(rng.normal(size=(7, 3)))
    assert check_layer(layer, rng.integers(1, 7, size=(4, 5)).astype(float)).ok


class HoldsGenerator:
    """Keeps the first x that it sees, beside a generator that only its start needed."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(3)
        self.first: Array | None = None

    def forward(self, x: Array) -> Array:
        self.first = x if self.first is None else self.first
        return x * x

    def backward(self, dout: Array) -> Array:
        assert self.first is not None
        return 2 * self.first * dout


def test_a_generator_that_is_only_held_excuses_no_state(rng: np.random.Generator) -> None:
    assert "state leaks between calls" in {
        finding.cause for finding in check_layer(HoldsGenerator(), rng.normal(size=(4, 3))).findings
    }


class MeanSquare:
    """A loss whose backward may take a factor, and nothing else."""

    def forward(self, x: Array, targets: Array) -> float:
        self.difference = x - targets
        return (self.difference**2).mean()

    def backward(self, factor: float = 1.0) -> Array:
        return factor * 2 * self.difference / self.difference.size


def test_the_backward_pass_of_a_loss_may_take_a_factor(rng: np.random.Generator) -> None:
    assert check_layer(MeanSquare(), rng.normal(size=(4, 3)), rng.normal(size=(4, 3))).ok

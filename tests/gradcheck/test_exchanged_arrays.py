"""A backward pass that reads one array in place of another is noticed, whatever x a user draws."""

from collections.abc import Callable, Iterator
from itertools import combinations, product
from pathlib import Path
from shutil import copy
from typing import Any

import numpy as np
import pytest

from backproof.checker.check_class import check_class
from backproof.checker.runner_wrappers import TimeLimitedRunner
from backproof.checker.sandbox import Session
from backproof.checker.submission_folder import COURSE_FILES
from backproof.checker.user_layer import UserLayer
from backproof.gradcheck import check_layer
from gradcheck import exchangeable_layers
from gradcheck.exchangeable_layers import LAYERS, WRONG, Squares

Array = np.ndarray


def exchanges(layer_class: Any) -> Iterator[tuple[str, str]]:
    """Yield each pair of a layer's arrays of like shape."""
    if layer_class is Squares:
        yield "x", "targets"
        return
    layer = layer_class()
    y = layer.forward(np.ones(layer_class.example[1]))
    arrays = {**layer.arrays, **layer.params, "dout": y}
    for one, other in combinations(arrays, 2):
        if arrays[one].shape == arrays[other].shape:
            yield one, other


def changes_something(layer_class: Any, pair: tuple[str, str]) -> bool:
    """Tell whether the exchange changes any gradient, at random arrays."""
    rng = np.random.default_rng(12345)
    for _ in range(3):
        right, wrong = layer_class(), layer_class()
        wrong.exchanged = pair
        x, dout = rng.normal(size=(2, *layer_class.example[1]))
        right.params = wrong.params = {
            name: rng.normal(size=shape) for name, shape in layer_class.shapes.items()
        }
        results = []
        for layer in (right, wrong):
            if layer_class is Squares:
                results.append([layer.backward(x, dout)])
            else:
                layer.forward(x)
                results.append([layer.backward(dout), *layer.grads.values()])
        if not all(np.allclose(one, other) for one, other in zip(*results, strict=True)):
            return True
    return False


EXCHANGES = [(layer_class, pair) for layer_class in LAYERS for pair in exchanges(layer_class)]


def legacy(seed: int, shape: tuple[int, ...]) -> Array:
    return np.random.RandomState(seed).randn(*shape)


DRAWS: list[Callable[[int, tuple[int, ...]], Array]] = [
    lambda seed, shape: np.random.default_rng(seed).normal(size=shape),
    lambda seed, shape: np.random.default_rng(seed).normal(size=(2, *shape))[1],
    lambda seed, shape: np.random.default_rng(seed).uniform(0.5, 1.5, size=shape),  # of one sign
    legacy,
]


def initial(layer: Any, draw: int) -> None:
    """Give a layer the parameters that a user might: drawn as x is, drawn, or ones and zeros."""
    for number, (name, value) in enumerate(layer.params.items()):
        if draw == 0:
            layer.params[name] = np.random.default_rng(0).normal(size=value.shape)
        elif draw == 1:
            layer.params[name] = np.ones(value.shape) if number == 0 else np.zeros(value.shape)


@pytest.mark.slow
@pytest.mark.parametrize(("layer_class", "pair"), EXCHANGES)
def test_an_exchange_is_noticed(layer_class: Any, pair: tuple[str, str]) -> None:
    is_wrong = changes_something(layer_class, pair)
    for seed, number in [*product([0], range(len(DRAWS))), (1, 0), (7, 0)]:
        layer = layer_class()
        layer.exchanged = pair
        inputs = [DRAWS[number](seed, shape) for shape in layer_class.example[1:]]
        initial(layer, number)
        report = check_layer(layer, *inputs, seed=seed)
        assert report.ok is not is_wrong, f"{layer_class.__name__}, {pair}, {seed=}, {number=}\n{report}"


def test_enough_exchanges_matter() -> None:
    assert len(EXCHANGES) > 50
    assert sum(changes_something(*exchange) for exchange in EXCHANGES) > 40


def test_the_layers_are_right() -> None:
    for layer_class, seed in product(LAYERS, range(5)):
        rng = np.random.default_rng(seed)
        inputs = [rng.normal(size=shape) for shape in layer_class.example[1:]]
        report = check_layer(layer_class(), *inputs, seed=seed)
        assert (report.ok, report.findings) == (True, ()), str(report)


@pytest.mark.slow
@pytest.mark.parametrize("layer_class", WRONG)
@pytest.mark.parametrize("shape", [(5, 4), (2, 2), (1, 3)])
def test_reading_dout_for_x_is_noticed(layer_class: Any, shape: tuple[int, int]) -> None:
    if shape == (1, 3) and layer_class.__name__ == "BatchNormOfDout":
        shape = (3, 3)  # of one sample, batch norm's dx is always zero
    for seed in range(10):
        layer = layer_class()
        layer.params = {name: np.ones(shape[1]) * (name == "gamma") for name in layer.params}
        x = np.random.default_rng(seed).normal(size=shape)
        report = check_layer(layer, x, seed=seed)
        assert not report.ok, (shape, seed)
        (finding,) = [finding for finding in report.findings if finding.parameter == "dx"]
        again = eval(finding.rerun, {"check_layer": check_layer, "layer": layer, "x": x})
        assert finding.got in [other.got for other in again.findings]


# In the sandbox


@pytest.mark.slow
@pytest.mark.parametrize("layer_class", LAYERS)
def test_check_module_notices_exchanges(layer_class: Any, tmp_path: Path) -> None:
    pairs = [*exchanges(layer_class)]
    names = ["_".join((layer_class.__name__, *pair)) for pair in pairs]
    bodies = [f"({layer_class.__name__}):\n    exchanged = {pair}\n" for pair in pairs]
    wrong = wrong_in(tmp_path, dict(zip(names, bodies, strict=True)))
    assert wrong == {
        name for name, pair in zip(names, pairs, strict=True) if changes_something(layer_class, pair)
    }


@pytest.mark.slow
def test_check_module_notices_dout_for_x(tmp_path: Path) -> None:
    x = "np.random.default_rng(0).normal(size=(4, 4))"
    bodies = {
        f"The{layer_class.__name__}": f"({layer_class.__name__}):\n    example = (), {x}\n"
        for layer_class in WRONG
    }
    assert wrong_in(tmp_path, bodies) == set(bodies)


@pytest.mark.slow
def test_check_module_notices_a_relu_of_dout_of_any_seed(tmp_path: Path) -> None:
    file = tmp_path / "relu.py"
    file.write_text(
        "class Relu:\n"
        "    def forward(self, x): return x * (x > 0)\n"
        "    def backward(self, dout): return dout * (dout > 0)\n"
    )
    assert not any(check_class(file, "Relu", seed=seed).ok for seed in range(2))


def wrong_in(folder: Path, bodies: dict[str, str]) -> set[str]:
    """Write classes beside the right layers, check them in one sandbox, and return the names of the wrong."""
    copy(exchangeable_layers.__file__, folder)
    (folder / COURSE_FILES[0]).touch()
    file = folder / "wrong.py"
    classes = "\n".join(f"class {name}{body}" for name, body in bodies.items())
    file.write_text(f"import numpy as np\nfrom exchangeable_layers import *\n\n{classes}")
    wrong = set()
    with Session(folder) as session:
        for name in bodies:
            outcomes = UserLayer(TimeLimitedRunner(session), file, "wrong", name, 0).outcomes()
            outcomes.pop("cost", None)
            verdicts = {outcome.verdict for outcome in outcomes.values()}
            assert verdicts <= {"right", "wrong"}, outcomes
            if "wrong" in verdicts:
                wrong.add(name)
    return wrong

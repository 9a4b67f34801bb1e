"""The catalogue itself: what is correct agrees with torch, mistakes change results; a few in the sandbox."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from backproof.checker.check import check_folder
from backproof.checker.questions import CAUSES
from backproof.torch_nn.convnet import ConvNet
from checker.catalogue import MISTAKES, STYLES, VARIANTS, Mistake, Variant, changed, sources, write
from checker.catalogue.behaviour import behaviour, same
from checker.catalogue.imported import Import, imported, linears

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

NOT_OF_SUBMISSIONS = {"kink", "unsuitable step"}
"""They say that nothing is wrong."""
HARD_TO_CALL = {"an endless loop", "convnet: sleeps", "the interpreter is killed"}
SANDBOXED = ("bias over the features", "no convnet_pytorch.py", "bias as a row")


def close(one: Any, other: Any, tolerance: float = 1e-9) -> None:
    one, other = (
        np.asarray(array.detach() if isinstance(array, torch.Tensor) else array) for array in (one, other)
    )
    np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance * max(1.0, np.abs(other).max()))


def refuses(call: Callable[[Any], Any], argument: Any) -> bool:
    try:
        call(argument)
    except Exception:  # students raise whatever they like
        return True
    return False


@pytest.mark.slow
def test_every_text_occurs_once_and_what_comes_of_it_compiles() -> None:
    for entry in (*MISTAKES, *VARIANTS):
        for file, text in changed(entry.style, entry.changes).items():
            if entry.name == "a syntax error" and file == "modules.py":
                with pytest.raises(SyntaxError):
                    compile(text, file, "exec")
            else:
                compile(text, file, "exec")


def test_what_is_asked_of_the_catalogue() -> None:
    assert len(MISTAKES) >= 60
    assert len(VARIANTS) >= 12
    assert not [name for name, n in Counter(entry.name for entry in (*MISTAKES, *VARIANTS)).items() if n > 1]
    assert len({sources(style)["modules.py"] for style in STYLES}) == len(STYLES)
    assert {mistake.style for mistake in MISTAKES} == {variant.style for variant in VARIANTS} == set(STYLES)
    assert {mistake.checks[0].partition("/")[0] for mistake in MISTAKES} == {
        "1.2",
        "2",
        "3.1",
        "3.2b",
        "3.2c",
        "4",
    }
    found = {(mistake.cause or mistake.verdict, mistake.style) for mistake in MISTAKES} - {
        ("", style) for style in STYLES
    }
    styles = Counter(said for said, _ in found)
    assert set(styles) == set(CAUSES) - NOT_OF_SUBMISSIONS | {"crashed", "not implemented", "too slow"}
    assert min(styles.values()) >= 2


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
def test_each_mistake_changes_what_its_file_does(style: str, tmp_path: Path) -> None:
    right: dict[str, Any] = {}
    without_effect = []
    for number, mistake in enumerate(mistake for mistake in MISTAKES if mistake.style == style):
        if mistake.name in HARD_TO_CALL or mistake.cause == "loop over samples":
            continue
        if mistake.file not in right:
            with imported(sources(style), tmp_path / mistake.file) as load:
                right[mistake.file] = behaviour(load, mistake.file)
        with imported(changed(style, mistake.changes), tmp_path / str(number)) as load:
            if same(behaviour(load, mistake.file), right[mistake.file]):
                without_effect.append(mistake.name)
    assert not without_effect


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_correct_submissions_agree_with_torch(variant: Variant, tmp_path: Path) -> None:
    tolerance = 2e-5 if variant.name == "returning float32" else 1e-6
    asked = variant.checks or ("1.2", "2", "3.1", "4")
    with imported(changed(variant.style, variant.changes), tmp_path) as load:
        if "1.2" in asked:
            _layers(load("modules"), tolerance)
        if {"1.2", "2"} & {*asked}:
            _mlps(load, tolerance)
        if "3.1" in asked:
            _batchnorms(load("custom_batchnorm"))
        if "4" in asked:
            _convnet(load("convnet_pytorch"))


def _layers(modules: ModuleType, tolerance: float) -> None:
    rng = np.random.default_rng(7)
    is_old = not hasattr(modules, "LeakyReLUModule")
    slope = 0.0 if is_old else 0.1
    activation = modules.ReLUModule() if is_old else modules.LeakyReLUModule(slope)
    linear = modules.LinearModule(5, 3)
    for param in linear.params.values():
        param[...] = rng.normal(size=param.shape)
    weight, bias = (
        torch.tensor(linear.params[name].astype(float), requires_grad=True) for name in ("weight", "bias")
    )
    cases: tuple[tuple[Any, Callable[[torch.Tensor], torch.Tensor]], ...] = (
        (linear, lambda x: torch.nn.functional.linear(x, weight, bias.reshape(3))),
        (activation, lambda x: torch.nn.functional.leaky_relu(x, slope)),
        (modules.SoftMaxModule(), lambda x: torch.softmax(x, 1)),
    )
    for layer, judge in cases:
        x = rng.normal(size=(4, 5))
        xt = torch.tensor(x, requires_grad=True)
        y = judge(xt)
        close(layer.forward(x), y, tolerance)
        dout = rng.normal(size=y.shape)
        dx = layer.backward(dout)
        y.backward(torch.tensor(dout))
        close(dx, xt.grad, tolerance)
    close(linear.grads["weight"], weight.grad, tolerance)
    close(linear.grads["bias"], bias.grad, tolerance)
    p, t = rng.dirichlet(np.ones(5), size=4), np.eye(5)[[0, 2, 2, 4]]
    pt = torch.tensor(p, requires_grad=True)
    loss = -(torch.log(pt) * torch.tensor(t)).sum(1).mean()
    loss.backward()
    close(modules.CrossEntropyModule().forward(p, t), loss, tolerance)
    close(modules.CrossEntropyModule().backward(p, t), pt.grad, tolerance)


def _mlps(load: Import, tolerance: float) -> None:
    rng = np.random.default_rng(7)
    slope = (0.1,) if hasattr(load("modules"), "LeakyReLUModule") else ()
    for hidden in ([], [6], [6, 4]):
        ours = load("mlp_numpy").MLP(5, list(hidden), 3, *slope)
        theirs = load("mlp_pytorch").MLP(5, list(hidden), 3, *slope).double()
        found = linears(ours, load("modules").LinearModule)
        sizes = [5, *hidden]
        found.sort(key=lambda linear: sizes.index(linear.params["weight"].shape[1]))
        parameters = sorted(theirs.parameters(), key=lambda parameter: parameter.ndim, reverse=True)
        weights, biases = parameters[: len(sizes)], parameters[len(sizes) :]
        pairs = list(zip(found, weights, biases, strict=True))
        for linear, *both in pairs:
            for param, parameter in zip(linear.params.values(), both, strict=True):
                param[...] = rng.normal(size=param.shape)
                parameter.data.copy_(torch.tensor(param.reshape(parameter.shape)))
        x, t = rng.normal(size=(4, 5)), np.eye(3)[[0, 2, 1, 2]]
        p, logits = ours.forward(x), theirs(torch.tensor(x))
        close(p, logits.softmax(1), tolerance)
        ours.backward(load("modules").CrossEntropyModule().backward(p, t))
        torch.nn.functional.cross_entropy(logits, torch.tensor(t)).backward()
        for linear, weight, bias in pairs:
            close(linear.grads["weight"], weight.grad, 10 * tolerance)
            close(linear.grads["bias"].ravel(), bias.grad, 10 * tolerance)
    predictions = np.array([[0.1, 0.9, 0], [0.8, 0.2, 0], [0.3, 0.7, 0], [0.6, 0.4, 0]])
    targets = np.eye(3)[[1, 0, 0, 2]]
    close(load("train_mlp_numpy").accuracy(predictions, targets), 0.5)
    close(float(load("train_mlp_pytorch").accuracy(torch.tensor(predictions), torch.tensor(targets))), 0.5)


def _batchnorms(module: ModuleType) -> None:
    generator = torch.Generator().manual_seed(3)
    for eps in ((), (0.1,)):
        x, gamma, beta = (
            torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True)
            for shape in ((7, 4), (4,), (4,))
        )
        dy = torch.randn(7, 4, generator=generator, dtype=torch.float64)
        y = torch.nn.functional.batch_norm(x, None, None, gamma, beta, training=True, eps=(*eps, 1e-5)[0])
        expected = torch.autograd.grad(y, (x, gamma, beta), dy)
        result = module.CustomBatchNormManualFunction.apply(x, gamma, beta, *eps)
        close(result, y)
        for got, want in zip(torch.autograd.grad(result, (x, gamma, beta), dy), expected, strict=True):
            close(got, want)
        for kind in (module.CustomBatchNormAutograd, module.CustomBatchNormManualModule):
            norm = kind(4, *eps).double()
            first, second = norm.parameters()
            parameters = (first, second) if bool((first == 1).all()) else (second, first)
            for parameter, value in zip(parameters, (gamma, beta), strict=True):
                parameter.data.copy_(value.data)
            result = norm(x)
            close(result, y)
            for got, want in zip(torch.autograd.grad(result, (x, *parameters), dy), expected, strict=True):
                close(got.reshape(want.shape), want)
            for shape in ((7, 3), (7, 1), (2, 7, 4)):
                assert refuses(norm, torch.zeros(shape, dtype=torch.float64))


def _convnet(module: ModuleType) -> None:
    """Held to ours, its parameters copied in their order, with torch's own norm."""
    theirs, ours = module.ConvNet(2, 7), ConvNet(2, 7, norm="native")
    # By kind and order of definition: a style may define its norms after all its convolutions.
    for kind in (torch.nn.Conv2d, torch.nn.BatchNorm2d, torch.nn.Linear):
        pairs = [[module for module in net.modules() if isinstance(module, kind)] for net in (theirs, ours)]
        for one, other in zip(*pairs, strict=True):
            # Batch norm takes away the bias that some convolutions lack.
            other.load_state_dict(one.state_dict(), strict=False)
    x = torch.randn(3, 2, 32, 32, generator=torch.Generator().manual_seed(1))
    close(theirs(x), ours(x), 1e-4)
    assert theirs(x).shape == (3, 7)


@pytest.mark.slow
@pytest.mark.parametrize("name", SANDBOXED)
def test_a_few_in_the_sandbox(name: str, tmp_path: Path) -> None:
    entry: Mistake | Variant = next(entry for entry in (*MISTAKES, *VARIANTS) if entry.name == name)
    report = check_folder(write(changed(entry.style, entry.changes), tmp_path), only=entry.checks)
    assert report.ok == isinstance(entry, Variant)
    if isinstance(entry, Mistake):
        assert entry.cause in {finding.cause for finding in report.findings}
        assert not entry.verdict or entry.verdict in {finding.verdict for finding in report.findings}

"""The course's PyTorch files: networks, batch norm in three forms, training scripts."""

import inspect
import itertools
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from backproof.training import record
from course_folder import CODE, load, parameters, script
from py2_batches import write_folder

MODULES = ("CustomBatchNormAutograd", "CustomBatchNormManualModule")
TRAINING_SCRIPTS = ("train_mlp_numpy", "train_mlp_pytorch", "train_convnet_pytorch")


@pytest.fixture
def course(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    return load(monkeypatch, "mlp_pytorch", "convnet_pytorch", "custom_batchnorm", *TRAINING_SCRIPTS)


@pytest.fixture
def function(course: dict[str, ModuleType]) -> Any:
    return course["custom_batchnorm"].CustomBatchNormManualFunction


def normal(rng: np.random.Generator, *shape: int) -> Tensor:
    return torch.from_numpy(rng.normal(size=shape)).requires_grad_()


def test_signatures(course: dict[str, ModuleType]) -> None:
    none = inspect.Parameter.empty
    assert list(parameters(course["mlp_pytorch"].MLP)) == ["n_inputs", "n_hidden", "n_classes", "neg_slope"]
    assert parameters(course["convnet_pytorch"].ConvNet) == {"n_channels": none, "n_classes": none}
    for name in MODULES:
        kind = getattr(course["custom_batchnorm"], name)
        assert parameters(kind) == {"n_neurons": none, "eps": 1e-5}
    function = course["custom_batchnorm"].CustomBatchNormManualFunction
    assert issubclass(function, torch.autograd.Function)
    assert parameters(function.forward) == {
        "ctx": none, "input": none, "gamma": none, "beta": none, "eps": 1e-5,
    }  # fmt: skip
    for name in TRAINING_SCRIPTS:
        module = course[name]
        assert list(parameters(module.accuracy)) == ["predictions", "targets"]
        assert parameters(module.train) == parameters(module.main) == {}


def test_every_training_scripts_defaults(course: dict[str, ModuleType]) -> None:
    data_dir = "./cifar10/cifar-10-batches-py"
    mlp = [
        ("dnn_hidden_units", "100"), ("learning_rate", 2e-3), ("max_steps", 1500), ("batch_size", 200),
        ("eval_freq", 100), ("data_dir", data_dir), ("neg_slope", 0.02),
    ]  # fmt: skip
    convnet = [
        ("learning_rate", 1e-4), ("max_steps", 5000), ("batch_size", 32), ("eval_freq", 500),
        ("data_dir", data_dir),
    ]  # fmt: skip
    for name, expected in zip(TRAINING_SCRIPTS, (mlp, mlp, convnet), strict=True):
        assert list(vars(course[name].FLAGS).items()) == expected
        for flag, value in expected:
            assert getattr(course[name], f"{flag.upper()}_DEFAULT") == value


@pytest.mark.parametrize("hidden", [[], [7], [7, 5]])
def test_the_mlp(course: dict[str, ModuleType], rng: np.random.Generator, hidden: list[int]) -> None:
    mlp = course["mlp_pytorch"].MLP(12, hidden, 10, 0.3).double()
    assert isinstance(mlp, nn.Module)
    x, expected = (normal(rng, 4, 12),) * 2
    parts = list(mlp.parameters())
    for number, (weight, bias) in enumerate(zip(parts[::2], parts[1::2], strict=True)):
        if number:
            expected = expected.clamp(min=0) + 0.3 * expected.clamp(max=0)
        expected = expected @ weight.T + bias
    torch.testing.assert_close(mlp(x), expected)
    assert mlp(x).shape == (4, 10)


def test_the_convnet(course: dict[str, ModuleType]) -> None:
    network = course["convnet_pytorch"].ConvNet(3, 10)
    assert isinstance(network, nn.Module)
    assert network(torch.randn(2, 3, 32, 32)).shape == (2, 10)
    channels = [
        (layer.in_channels, layer.out_channels) for layer in network.modules() if isinstance(layer, nn.Conv2d)
    ]
    assert channels == [
        (3, 64), (64, 128), (128, 256), (256, 256), (256, 512), (512, 512), (512, 512), (512, 512),
    ]  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_batch_norms_are_pytorchs(course: dict[str, ModuleType], rng: np.random.Generator, name: str) -> None:
    eps = 0.1
    module = getattr(course["custom_batchnorm"], name)(5, eps=eps).double()
    assert {name: tuple(p.shape) for name, p in module.named_parameters()} == {"gamma": (5,), "beta": (5,)}
    assert isinstance(module.gamma, nn.Parameter)
    assert (module.gamma == 1).all()
    assert (module.beta == 0).all()
    gamma, beta, x, dy = normal(rng, 5), normal(rng, 5), normal(rng, 8, 5), normal(rng, 8, 5)
    module.load_state_dict({"gamma": gamma, "beta": beta})
    for _ in range(2):  # evaluation does as training does: there are no running statistics
        y = module(x)
        expected = nn.functional.batch_norm(x, None, None, gamma, beta, training=True, eps=eps)
        torch.testing.assert_close(y, expected)
        torch.testing.assert_close(
            torch.autograd.grad(y, (x, module.gamma, module.beta), dy),
            torch.autograd.grad(expected, (x, gamma, beta), dy),
        )
        module.eval()


@pytest.mark.parametrize("eps", [(), (0.1,)])
def test_the_function_called_every_way(
    function: Any, rng: np.random.Generator, eps: tuple[float, ...]
) -> None:
    inputs = (normal(rng, 6, 4), normal(rng, 4), normal(rng, 4))
    expected = nn.functional.batch_norm(
        inputs[0], None, None, *inputs[1:], training=True, eps=eps[0] if eps else 1e-5
    )
    for apply in (function.apply, function(4).apply, function().apply):
        torch.testing.assert_close(apply(*inputs, *eps), expected)
        assert torch.autograd.gradcheck(apply, (*inputs, *eps))


def test_the_function_computes_no_gradient_that_is_not_needed(
    function: Any, rng: np.random.Generator
) -> None:
    x, gamma, beta = normal(rng, 6, 4), normal(rng, 4), normal(rng, 4)
    dy = normal(rng, 6, 4)
    expected = torch.autograd.grad(function.apply(x, gamma, beta), (x, gamma, beta), dy)
    for wanted in np.ndindex(2, 2, 2):
        if not any(wanted):
            continue
        inputs = [
            tensor.detach().requires_grad_(bool(want))
            for tensor, want in zip((x, gamma, beta), wanted, strict=True)
        ]
        y = function.apply(*inputs)
        with torch.no_grad():
            gradients = y.grad_fn.apply(dy)
        for want, gradient, right in zip(wanted, gradients, expected, strict=False):
            if want:
                torch.testing.assert_close(gradient, right)
            else:
                assert gradient is None
    with torch.no_grad():
        assert function.apply(x, gamma, beta).grad_fn is None


@pytest.mark.parametrize("shape", [(5,), (), (8, 4), (8, 5, 2), (8, 5, 2, 2), (5, 8)])
def test_batch_norms_take_matrices_alone(course: dict[str, ModuleType], shape: tuple[int, ...]) -> None:
    module = course["custom_batchnorm"]
    gamma, beta = torch.ones(5), torch.zeros(5)
    for normalise in (
        *(getattr(module, name)(5) for name in MODULES),
        lambda x: module.CustomBatchNormManualFunction.apply(x, gamma, beta),
    ):
        with pytest.raises(ValueError, match=re.escape(f"input has shape {shape}, expected (B, 5)")):
            normalise(torch.zeros(shape))


def test_batch_norms_refuse_a_batch_of_one(course: dict[str, ModuleType]) -> None:
    for name in MODULES:
        with pytest.raises(ValueError, match="one value per channel"):
            getattr(course["custom_batchnorm"], name)(5)(torch.zeros(1, 5))


@pytest.mark.slow
def test_batch_norm_as_a_script() -> None:
    done = script("custom_batchnorm.py")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split() for line in done.stdout.splitlines()]
    means = [np.array(line[1:], float) for line in lines if line[0] == "means"]
    variances = [np.array(line[1:], float) for line in lines if line[0] == "variances"]
    assert len(means) == len(variances) == 6
    np.testing.assert_allclose(means, [[0] * 4] * 3 + [[10, 20, 30, 40]] * 3, atol=1e-4)
    np.testing.assert_allclose(variances, [[1] * 4] * 3 + [[1, 4, 9, 16]] * 3, rtol=1e-4)
    assert lines[-1][-1] == "passed"


def test_batch_norm_as_a_script_tells_a_wrong_gradient(
    course: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = course["custom_batchnorm"]
    right = module.CustomBatchNormManualFunction.backward

    def wrong(*arguments: Any) -> Any:
        dx, *others = right(*arguments)
        return None if dx is None else 1.01 * dx, *others

    monkeypatch.setattr(module.CustomBatchNormManualFunction, "backward", staticmethod(wrong))
    assert module.main() == 1
    assert capsys.readouterr().out.endswith("FAILED\n")


def test_accuracy_takes_arrays_and_tensors(course: dict[str, ModuleType]) -> None:
    scores = np.array([[0.1, 0.9, 0.0], [0.8, 0.2, 0.0], [0.3, 0.6, 0.7], [0.6, 0.4, 0.5]])
    targets = np.eye(3)[[1, 0, 2, 1]]
    tensor = torch.from_numpy(scores).requires_grad_()
    for name in TRAINING_SCRIPTS:
        for predictions in (scores, scores.tolist(), tensor, tensor.float(), tensor.bfloat16()):
            for labels in (targets, torch.from_numpy(targets), torch.from_numpy(targets).bool()):
                result = course[name].accuracy(predictions, labels)
                assert np.ndim(result) == 0
                assert result == 0.75
        with pytest.raises(ValueError, match=r"predictions \(4, 3\) and targets \(4,\)"):
            course[name].accuracy(tensor, torch.tensor([1, 0, 2, 1]))


@pytest.mark.slow
def test_the_mlp_script_trains_as_numpys_does(rng: np.random.Generator) -> None:
    write_folder(Path("small"), rng)
    flags = (
        "--data_dir",
        "small",
        "--max_steps",
        4,
        "--batch_size",
        10,
        "--eval_freq",
        2,
        "--learning_rate",
        1e-5,
    )
    printed, losses = [], []
    for kind, hidden in itertools.product(("numpy", "pytorch"), ("", "6")):
        done = script(f"train_mlp_{kind}.py", *flags, "--dnn_hidden_units", hidden)
        assert (done.returncode, done.stderr) == (0, "")
        printed.append(done.stdout.splitlines())
        run = printed[-1][8].split()[1]
        losses.append([point.train_loss for point in record.read(Path(run)).curves])
    for ours, theirs in zip(printed[:2], printed[2:], strict=True):
        assert theirs[:7] == ours[:7]
        assert theirs[7].startswith("mlp-torch on cifar10: 100 training images, evaluated on 20 test images")
    assert losses[0][0] != losses[0][1]
    np.testing.assert_allclose(losses[:2], losses[2:], rtol=1e-4)


@pytest.mark.slow
def test_the_convnet_script(rng: np.random.Generator) -> None:
    write_folder(Path("small"), rng)
    done = script(
        "train_convnet_pytorch.py", "--data_dir", "small", "--max_steps", 2, "--batch_size", 4,
        "--eval_freq", 1,
    )  # fmt: skip
    said = [
        line for line in done.stderr.splitlines() if not line.startswith("compiling loops")
    ]  # once a session
    assert (done.returncode, said) == (0, [])
    lines = done.stdout.splitlines()
    assert lines[:5] == [
        "learning_rate : 0.0001", "max_steps : 2", "batch_size : 4", "eval_freq : 1", "data_dir : small",
    ]  # fmt: skip
    assert [line.split()[1] for line in lines if line.startswith("step")] == ["1/2", "2/2"]
    assert lines[5].startswith("convnet on cifar10: 100 training images, evaluated on 20 test images")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "flags", "message"),
    [
        ("train_mlp_pytorch.py", ("--data_dir", "nowhere"), "nowhere does not exist"),
        ("train_mlp_pytorch.py", ("--learning_rate", "-1"), "learning_rate must be a finite number above 0"),
        ("train_convnet_pytorch.py", ("--max_steps", "0"), "steps must be 1 to "),
        ("train_convnet_pytorch.py", ("--neg_slope", "0"), "unrecognized arguments: --neg_slope 0"),
    ],
)
def test_wrong_flags_get_one_line(name: str, flags: tuple[str, ...], message: str) -> None:
    done = script(name, *flags)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_where_torch_is_missing_its_tests_skip_with_a_reason() -> None:
    code = f"""
import runpy, sys

class NoTorch:
    def find_spec(self, name, *_):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, NoTorch())
sys.path.insert(0, {str(CODE)!r})
sys.argv = ["unittests.py", "--verbose"]
runpy.run_path({str(CODE / "unittests.py")!r}, run_name="__main__")
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "skipped 'PyTorch is not installed: pip install torch'" in done.stderr
    assert "test_linear" in done.stderr

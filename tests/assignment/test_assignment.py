"""The course's folder, used as a student and a grader would: by its names, flags and defaults."""

import inspect
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from course_folder import load, parameters, script
from py2_batches import write_folder


@pytest.fixture
def course(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    return load(monkeypatch, "cifar10_utils", "modules", "mlp_numpy", "gradient_check", "train_mlp_numpy")


def test_signatures(course: dict[str, ModuleType]) -> None:
    none = inspect.Parameter.empty
    modules, utils, check = course["modules"], course["cifar10_utils"], course["gradient_check"]
    assert parameters(modules.LinearModule) == {"in_features": none, "out_features": none}
    assert parameters(modules.LeakyReLUModule) == {"neg_slope": none}
    assert parameters(modules.ReLUModule) == {}
    assert parameters(modules.SoftMaxModule) == {}
    assert parameters(modules.CrossEntropyModule) == {}
    assert list(parameters(course["mlp_numpy"].MLP)) == ["n_inputs", "n_hidden", "n_classes", "neg_slope"]
    assert list(parameters(course["train_mlp_numpy"].accuracy)) == ["predictions", "targets"]
    assert parameters(course["train_mlp_numpy"].train) == parameters(course["train_mlp_numpy"].main) == {}
    assert parameters(utils.get_cifar10) == {
        "data_dir": "cifar10/cifar-10-batches-py", "one_hot": True, "validation_size": 0,
    }  # fmt: skip
    for name in ("load_cifar10_batch", "load_cifar10", "get_cifar10_raw_data", "preprocess_cifar10_data"):
        assert callable(getattr(utils, name))
    assert parameters(check.eval_numerical_gradient) == {"f": none, "x": none, "verbose": True, "h": 1e-5}
    assert parameters(check.eval_numerical_gradient_array) == {"f": none, "x": none, "df": none, "h": 1e-5}


@pytest.mark.slow
def test_its_own_unit_tests_pass() -> None:
    done = script("unittests.py")
    assert done.returncode == 0, done.stderr
    assert "OK" in done.stderr


def test_modules_follow_the_global_seed_and_take_float32_images(course: dict[str, ModuleType]) -> None:
    MLP = course["mlp_numpy"].MLP
    x = np.random.default_rng(0).normal(size=(5, 12)).astype(np.float32)
    outputs = []
    for _ in range(2):
        np.random.seed(42)
        outputs.append(MLP(12, [7], 10, 0.02).forward(x))
    np.testing.assert_array_equal(*outputs)
    np.testing.assert_allclose(outputs[0].sum(axis=1), 1)


def test_gradients_may_be_reset_and_kept(course: dict[str, ModuleType], rng: np.random.Generator) -> None:
    layer = course["modules"].LinearModule(3, 2)
    x, dout = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    layer.grads["weight"] = None
    layer.forward(x)
    layer.backward(dout)
    kept = layer.grads["weight"]
    np.testing.assert_allclose(kept, dout.T @ x)
    layer.backward(2 * dout)
    np.testing.assert_allclose(kept, dout.T @ x)


def test_accuracy_needs_two_arrays_alike(course: dict[str, ModuleType]) -> None:
    with pytest.raises(ValueError, match=r"predictions \(3, 2\) and targets \(1, 2\)"):
        course["train_mlp_numpy"].accuracy(np.zeros((3, 2)), np.zeros((1, 2)))


def test_the_mlp_learns(course: dict[str, ModuleType]) -> None:
    np.random.seed(42)
    mlp, loss = course["mlp_numpy"].MLP(2, [16], 2, 0.02), course["modules"].CrossEntropyModule()
    x = np.random.randn(200, 2)
    y = course["cifar10_utils"].dense_to_one_hot((x[:, 0] * x[:, 1] > 0).astype(int), 2)
    linears = [layer for layer in mlp.layers if layer.params]
    for linear in linears:
        linear.params["weight"] *= 5e3
    for _ in range(600):
        mlp.backward(loss.backward(mlp.forward(x), y))
        for linear in linears:
            for name in linear.params:
                linear.params[name] -= linear.grads[name]
    assert course["train_mlp_numpy"].accuracy(mlp.forward(x), y) > 0.9


def test_cifar10_as_the_course_reads_it(course: dict[str, ModuleType], rng: np.random.Generator) -> None:
    batches = write_folder(Path("small"), rng)
    pixels = np.concatenate([batches[f"data_batch_{k}"]["data"] for k in range(1, 6)]).reshape(-1, 3, 32, 32)
    sets = course["cifar10_utils"].get_cifar10("small", validation_size=30)
    assert sets["train"] is sets.train
    assert not hasattr(sets, "nothing")
    assert (sets.train.num_examples, sets.validation.num_examples, sets.test.num_examples) == (70, 30, 20)
    assert sets.train.images.dtype == np.float32
    np.testing.assert_allclose(sets.validation.images, (pixels - pixels.mean(0))[:30], atol=1e-4)
    np.testing.assert_allclose(sets.train.images, (pixels - pixels.mean(0))[30:], atol=1e-4)
    np.testing.assert_array_equal(sets.test.labels.argmax(1), batches["test_batch"]["labels"])
    plain = course["cifar10_utils"].get_cifar10("small", one_hot=False)
    np.testing.assert_array_equal(plain.test.labels, batches["test_batch"]["labels"])
    images, labels = course["cifar10_utils"].load_cifar10_batch("small/test_batch")
    assert (images.shape, images.dtype, labels.shape) == ((20, 32, 32, 3), np.float32, (20,))


def test_next_batch(course: dict[str, ModuleType]) -> None:
    images, labels = np.arange(10.0), np.arange(10)
    data_set = course["cifar10_utils"].DataSet(images, labels)
    np.random.seed(0)
    first = [data_set.next_batch(4) for _ in range(2)]
    np.testing.assert_array_equal(np.concatenate([x for x, _ in first]), np.arange(8))
    assert data_set.epochs_completed == 0
    x, y = data_set.next_batch(4)
    assert data_set.epochs_completed == 1
    np.testing.assert_array_equal(x, y)
    assert len(set(y)) == 4
    assert sorted(data_set.next_batch(10)[1]) == list(range(10))
    for wrong in (11, 0, -1):
        with pytest.raises(ValueError, match=f"1 to 10 examples of this set, not {wrong}"):
            data_set.next_batch(wrong)


def test_numerical_gradients(course: dict[str, ModuleType], rng: np.random.Generator) -> None:
    check = course["gradient_check"]
    x, df = rng.normal(size=(3, 2)), rng.normal(size=(3, 2))
    np.testing.assert_allclose(
        check.eval_numerical_gradient(lambda x: (x**3).sum(), x, False), 3 * x**2, rtol=1e-7
    )
    np.testing.assert_allclose(check.eval_numerical_gradient_array(np.exp, x, df), df * np.exp(x), rtol=1e-7)


@pytest.mark.slow
def test_the_training_script(rng: np.random.Generator) -> None:
    write_folder(Path("small"), rng)
    done = script(
        "train_mlp_numpy.py", "--data_dir", "small", "--max_steps", 4, "--batch_size", 10,
        "--eval_freq", 2, "--dnn_hidden_units", "", "--neg_slope", 0,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[:3] == ["dnn_hidden_units : ", "learning_rate : 0.002", "max_steps : 4"]
    assert {"batch_size : 10", "eval_freq : 2", "neg_slope : 0.0"} <= set(lines)
    assert [line.split()[1] for line in lines if line.startswith("step")] == ["2/4", "4/4"]
    assert "evaluated on 20 test images" in done.stdout


@pytest.mark.slow
def test_the_training_script_finds_the_default_folder_or_says_where_it_looks(
    rng: np.random.Generator,
) -> None:
    flags = ("--max_steps", 1, "--batch_size", 10)
    done = script("train_mlp_numpy.py", *flags)
    assert done.returncode == 2  # tests reach no network
    assert "no ./cifar10/cifar-10-batches-py here: looking where backproof keeps CIFAR-10" in done.stdout
    write_folder(Path("cifar10/cifar-10-batches-py"), rng)
    done = script("train_mlp_numpy.py", *flags)
    assert (done.returncode, done.stderr) == (0, "")
    assert "here: looking" not in done.stdout
    assert "evaluated on 20 test images" in done.stdout


def test_the_training_scripts_defaults(course: dict[str, ModuleType]) -> None:
    assert vars(course["train_mlp_numpy"].FLAGS) == {
        "dnn_hidden_units": "100",
        "learning_rate": 2e-3,
        "max_steps": 1500,
        "batch_size": 200,
        "eval_freq": 100,
        "data_dir": "./cifar10/cifar-10-batches-py",
        "neg_slope": 0.02,
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flag", "value", "message"),
    [
        ("--data_dir", "nowhere", "nowhere does not exist; name a folder with CIFAR-10's six batch files"),
        ("--dnn_hidden_units", "0", "layer sizes of 1 to 16777216, not 0"),
        ("--max_steps", "many", "argument --max_steps: invalid int value: 'many'"),
        ("--steps", "3", "unrecognized arguments: --steps 3"),
    ],
)
def test_wrong_flags_of_the_training_script_get_one_line(flag: str, value: str, message: str) -> None:
    done = script("train_mlp_numpy.py", flag, value)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1

"""The PyTorch networks in the loop: resuming, precision, dropout, compiling, and settings that cannot be."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backproof.errors import ConfigError
from backproof.training import checkpoint, run, trainer
from backproof.training.learners import torch_device
from backproof.training.learners.protocol import Learner
from backproof.training.learners.torch_learner import TorchLearner
from backproof.training.optimizers import OPTIMIZERS, OptimizerInfo, optimizer_names
from backproof.training.processes import SingleProcess
from backproof.training.recipes import find_recipe

SHAPE = (3, 8, 8)


def mlp(**settings: Any) -> TorchLearner:
    recipe = find_recipe("mlp-torch")
    config = recipe.configure({"hidden": (12, 9), "initialization": "uniform", **settings})
    learner = recipe.make_learner(config, SHAPE, 10, np.random.default_rng(3))
    assert isinstance(learner, TorchLearner)
    return learner


@pytest.fixture
def batch(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return rng.normal(size=(30, *SHAPE)).astype(np.float32), rng.integers(0, 10, 30)


def assert_same_states(ours: Learner, theirs: Learner) -> None:
    mine, other = ours.state(), theirs.state()
    assert mine.keys() == other.keys()
    for name, array in mine.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)


def test_the_state_holds_all_that_an_update_needs(batch: tuple[np.ndarray, np.ndarray]) -> None:
    whole, copy = (mlp(optimizer="adam", dropout=0.4, batch_norm="native") for _ in range(2))
    for _ in range(3):
        whole.step(*batch)
    copy.load_state({name: array.copy() for name, array in whole.state().items()})
    assert_same_states(copy, whole)
    for _ in range(2):
        assert copy.step(*batch) == whole.step(*batch)
    assert_same_states(copy, whole)


@pytest.mark.parametrize("wrong", ["network.linear2.weight", "optimizer.linear1.bias.exp_avg"])
def test_another_networks_state_is_refused(wrong: str, batch: tuple[np.ndarray, np.ndarray]) -> None:
    learner = mlp(optimizer="adam")
    learner.step(*batch)
    state = dict(learner.state())
    state[wrong] = np.zeros((2, 3), np.float32)
    with pytest.raises(ValueError, match=wrong.partition(".")[2]):
        mlp(optimizer="adam").load_state(state)


def test_dropout_differs_from_step_to_step_and_not_from_run_to_run(
    batch: tuple[np.ndarray, np.ndarray],
) -> None:
    first, second = (mlp(dropout=0.5, learning_rate=1e-30) for _ in range(2))
    losses = [first.step(*batch).loss for _ in range(3)]
    assert len(set(losses)) == 3
    assert [second.step(*batch).loss for _ in range(3)] == losses
    assert first.evaluate([batch]) == second.evaluate([batch])


@pytest.mark.parametrize("norm", ["none", "manual", "native"])
def test_evaluation_does_not_depend_on_its_batches(norm: str, batch: tuple[np.ndarray, np.ndarray]) -> None:
    learner = mlp(batch_norm=norm, precision="fp64")
    learner.step(*batch)
    images, labels = batch
    parts = [(images[:7], labels[:7]), (images[7:8], labels[7:8]), (images[8:], labels[8:])]
    whole, pieces = learner.evaluate([batch]), learner.evaluate(parts)
    assert pieces.accuracy == whole.accuracy
    assert pieces.loss == pytest.approx(whole.loss, rel=1e-12)
    np.testing.assert_allclose(learner.probabilities(images).sum(axis=1), 1)


def test_metrics_are_those_before_the_update(batch: tuple[np.ndarray, np.ndarray]) -> None:
    learner = mlp(precision="fp64")
    before = learner.evaluate([batch])
    stepped = learner.step(*batch)
    assert stepped.loss == pytest.approx(before.loss, rel=1e-12)
    assert stepped.accuracy == before.accuracy
    assert learner.evaluate([batch]).loss < before.loss


def test_bf16_rounds_inside_the_products_alone(batch: tuple[np.ndarray, np.ndarray]) -> None:
    exact, rounded = mlp(optimizer="adam"), mlp(optimizer="adam", precision="bf16")
    ours, theirs = exact.step(*batch).loss, rounded.step(*batch).loss
    assert ours != theirs
    assert theirs == pytest.approx(ours, rel=1e-2)
    dtypes = {name: array.dtype for name, array in rounded.state().items() if name != "steps"}
    assert set(dtypes.values()) == {np.dtype(np.float32)}


def test_weight_decay_of_sgd_is_an_l2_penalty(batch: tuple[np.ndarray, np.ndarray]) -> None:
    plain, decayed = (mlp(precision="fp64", weight_decay=decay) for decay in (0.0, 0.1))
    weight = plain.state()["network.linear1.weight"].copy()
    for learner in (plain, decayed):
        learner.step(*batch)
    difference = decayed.state()["network.linear1.weight"] - plain.state()["network.linear1.weight"]
    np.testing.assert_allclose(difference, -2e-3 * 0.1 * weight, rtol=1e-9, atol=1e-18)


@pytest.mark.slow
def test_a_compiled_network_trains_alike(batch: tuple[np.ndarray, np.ndarray]) -> None:
    if not torch_device.can_compile(torch.device("cpu")):
        pytest.skip("no C++ compiler here for torch.compile")
    eager, compiled = (mlp(precision="fp64", compile=compile) for compile in (False, True))
    assert compiled._forward is not compiled.network
    for _ in range(3):
        assert compiled.step(*batch).loss == pytest.approx(eager.step(*batch).loss, rel=1e-10)


def test_without_a_compiler_the_run_says_that_it_is_eager(
    monkeypatch: pytest.MonkeyPatch, batch: tuple[np.ndarray, np.ndarray]
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    learner = mlp(compile=True)
    [note] = learner.notes
    assert "found no compiler for torch.compile" in note
    assert learner._forward is learner.network
    learner.step(*batch)


def test_a_device_that_is_not_there(cli: Callable[..., tuple[int, str, str]]) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    code, _, error = cli("train", "mlp-torch", "--data", "digits", "--device", "cuda")
    assert code == 2
    assert error.startswith("backproof: device cuda is not available here; there is cpu")
    assert error.count("\n") == 1


def test_threads_are_set(batch: tuple[np.ndarray, np.ndarray]) -> None:
    before = torch.get_num_threads()
    mlp(threads=before + 1).step(*batch)
    assert torch.get_num_threads() == before + 1
    mlp().step(*batch)
    assert torch.get_num_threads() == before


def test_auto_takes_a_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert torch_device.find_device("auto").type == "cpu"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert torch_device.find_device("auto").type == "mps"
    with pytest.raises(ConfigError, match="device mps has no 64-bit numbers"):
        mlp(precision="fp64")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert torch_device.find_device("auto").type == "cuda"
    assert torch_device.find_device("cpu").type == "cpu"


def test_what_costs_no_accuracy_is_always_on() -> None:
    recipe = find_recipe("convnet")
    learner = recipe.make_learner(recipe.configure(), (3, 32, 32), 10, np.random.default_rng(0))
    assert isinstance(learner, TorchLearner)
    weight = learner.network.get_parameter("conv2.conv.weight")
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert learner._optimizer.defaults["fused"] is True


@pytest.mark.parametrize("name", optimizer_names(in_torch=True))
def test_every_optimizer_steps_and_keeps_its_state(name: str, batch: tuple[np.ndarray, np.ndarray]) -> None:
    whole, copy = (mlp(optimizer=name, weight_decay=1e-3) for _ in range(2))
    whole.step(*batch)
    copy.load_state({key: array.copy() for key, array in whole.state().items()})
    assert copy.step(*batch) == whole.step(*batch)
    assert_same_states(copy, whole)


def test_an_optimizer_that_cannot_be_fused_is_not(
    monkeypatch: pytest.MonkeyPatch, batch: tuple[np.ndarray, np.ndarray]
) -> None:
    monkeypatch.setitem(OPTIMIZERS, "sgd", OptimizerInfo("RMSprop"))
    assert np.isfinite(mlp(optimizer="sgd").step(*batch).loss)


def test_dropout_differs_from_process_to_process(batch: tuple[np.ndarray, np.ndarray]) -> None:
    first, second = mlp(dropout=0.5), mlp(dropout=0.5)
    second._rank = 1
    assert first.step(*batch).loss != second.step(*batch).loss


@pytest.mark.parametrize(
    "flags", [("--dropout", "0.2"), ("--batch-norm", "manual"), ("--initialization", "local")]
)
def test_what_acts_on_hidden_layers_needs_one(
    cli: Callable[..., tuple[int, str, str]], flags: tuple[str, str]
) -> None:
    code, _, error = cli("train", "mlp-torch", "--data", "digits", "--hidden", "", *flags, "--out", "run")
    assert (code, error.count("\n")) == (2, 1)
    assert "batch_norm, dropout and initialization local act on hidden layers, and there is none" in error
    assert not Path("run").exists()


def test_a_rate_of_batch_norms_needs_some(cli: Callable[..., tuple[int, str, str]]) -> None:
    code, _, error = cli("train", "mlp-torch", "--data", "digits", "--norm-bias-rate", "8", "--out", "run")
    assert (code, error) == (
        2,
        "backproof: norm_bias_rate acts on batch norms, and there is none; leave it out\n",
    )


@pytest.mark.parametrize(
    "arguments", [("mlp-torch", "--batch-norm", "manual"), ("convnet", "--image-sizes", "16,32")]
)
def test_a_batch_of_one_has_nothing_to_normalise_by(
    cli: Callable[..., tuple[int, str, str]], arguments: tuple[str, ...]
) -> None:
    code, _, error = cli("train", *arguments, "--data", "digits", "--batch-size", 1, "--out", "run")
    assert (code, error.count("\n")) == (2, 1)
    assert "batch norm has nothing to average in a batch of one" in error
    assert not Path("run").exists()


@pytest.mark.slow
def test_a_run_of_another_machines_device_is_used_here(cli: Callable[..., tuple[int, str, str]]) -> None:
    recipe = find_recipe("mlp-torch")
    run.start(recipe, recipe.configure({"data": "digits", "hidden": (5,), "steps": 2}), Path("run"))
    saved = checkpoint.read(Path("run"))
    saved.config["device"] = "cuda"
    checkpoint.write(Path("run"), saved)
    code, _, error = cli("evaluate", "run")
    assert code == 2
    assert "device cuda is not available here" in error
    assert cli("evaluate", "run", "--device", "cpu")[0] == 0
    assert cli("train", "--resume", "run", "--device", "cpu")[0] == 0
    assert checkpoint.read(Path("run")).config["device"] == "cpu"


def test_only_process_0_writes() -> None:
    class Second(SingleProcess):
        rank = 1
        count = 2

    recipe = find_recipe("mlp-torch")
    settings = recipe.configure({"data": "digits", "hidden": (5,), "steps": 2})
    started = run.start(recipe, settings, Path("run"))
    assert trainer.train(replace(started, processes=Second())) is None
    assert checkpoint.read(Path("run")).progress.step == 0
    assert [path.name for path in Path("run").iterdir()] == ["checkpoint.safetensors"]


def test_fast_settings_are_bf16_where_the_processor_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for capability, expected in (("avx512_bf16", {"precision": "bf16"}), ("avx2", {})):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda capability=capability: {capability: True})
        assert find_recipe("mlp-1-deep").fast_settings("cpu") == expected
        convnet = find_recipe("convnet")
        assert convnet.fast_settings("cpu") == expected
    with pytest.raises(ConfigError, match="recipe mlp-numpy has one speed"):
        find_recipe("mlp-numpy").fast_settings("cpu")


@pytest.mark.slow
def test_predicting_with_a_torch_run(cli: Callable[..., tuple[int, str, str]]) -> None:
    from PIL import Image

    code, _, error = cli(
        "train", "mlp-torch", "--data", "digits", "--hidden", "8", "--steps", 3, "--out", "run"
    )
    assert (code, error) == (0, "")
    Image.new("RGB", (20, 20), "white").save("white.png")
    code, out, error = cli("predict", "run", "white.png")
    assert (code, error) == (0, "")
    assert out.count("%") == 3
    code, out, error = cli("evaluate", "run")
    assert (code, error) == (0, "")
    assert "after step 3 of 3" in out


def test_settings_that_play_no_part_are_refused(cli: Callable[..., tuple[int, str, str]]) -> None:
    for arguments, message in (
        (("convnet", "--hidden", "5"), "recipe convnet has no setting 'hidden'"),
        (("mlp-numpy", "--precision", "bf16"), "recipe mlp-numpy has no setting 'precision'"),
        (("convnet-numpy", "--dropout", "0.5"), "recipe convnet-numpy has no setting 'dropout'"),
        (("convnet-numpy", "--batch-norm", "native"), "in NumPy batch norm is written by hand"),
        (("convnet-numpy", "--batch-norm", "none"), "the ConvNet has batch norm after every convolution"),
        (("convnet", "--dropout", "0.5"), "recipe convnet has no setting 'dropout'"),
        (("mlp-numpy", "--fast"), "recipe mlp-numpy has one speed"),
    ):
        code, _, error = cli("train", *arguments, "--data", "digits")
        assert (code, error.count("\n")) == (2, 1)
        assert message in error


def test_records_hold_the_settings_that_played_a_part() -> None:
    for name in ("mlp-numpy", "mlp-torch", "convnet", "convnet-numpy"):
        recipe = find_recipe(name)
        kept = recipe.settings_of(recipe.configure())
        assert kept.keys() == recipe.network.settings
        assert recipe.configure(kept) == recipe.configure()


def test_gradient_norms_and_first_weights_are_those_of_the_numpy_twin(
    batch: tuple[np.ndarray, np.ndarray],
) -> None:
    twins = [
        recipe.make_learner(recipe.configure({"hidden": (6,)}), SHAPE, 10, np.random.default_rng(3))
        for recipe in (find_recipe("mlp-numpy"), find_recipe("mlp-torch"))
    ]
    np.testing.assert_array_equal(twins[0].first_weights(), twins[1].first_weights())
    for learner in twins:
        learner.step(*batch)
    norms, other = (learner.gradient_norms() for learner in twins)
    assert list(norms) == list(other) == ["linear1", "linear2"]
    assert other == pytest.approx(norms, rel=1e-4)
    assert min(norms.values()) > 0


def test_gradient_norms_have_a_name_a_layer(rng: np.random.Generator) -> None:
    recipe = find_recipe("convnet")
    learner = recipe.make_learner(recipe.configure(), (3, 32, 32), 10, rng)
    learner.step(rng.normal(size=(4, 3, 32, 32)).astype(np.float32), np.array([1, 2, 3, 3]))
    layers = ["conv1", "conv2", "conv3_a", "conv3_b", "conv4_a", "conv4_b", "conv5_a", "conv5_b", "linear"]
    assert list(learner.gradient_norms()) == layers
    assert learner.first_weights().shape == (64, 3, 3, 3)


def test_batch_norms_biases_may_have_a_learning_rate_of_their_own(
    batch: tuple[np.ndarray, np.ndarray],
) -> None:
    moves, rates = {}, {}
    for times in (1.0, 8.0):
        learner = mlp(batch_norm="manual", norm_bias_rate=times)
        before = {name: array.copy() for name, array in learner.state().items()}
        learner.learning_rate = 0.01
        rates[times] = learner.learning_rate
        learner.step(*batch)
        moves[times] = {name: array - before[name] for name, array in learner.state().items()}
    assert rates[1.0] == rates[8.0] == 0.01
    for name, move in moves[1.0].items():
        if name.startswith("network.") and name.endswith((".weight", ".bias")):
            expected = 8 * move if "norm" in name and name.endswith(".bias") else move
            np.testing.assert_allclose(moves[8.0][name], expected, rtol=1e-4, atol=1e-7)

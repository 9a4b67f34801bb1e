"""What holds for the learners of both frameworks: every recipe steps, and a stopped run ends bit-equal."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backproof.training import checkpoint, run, trainer
from backproof.training.learners.protocol import Learner
from backproof.training.recipes import RECIPES, find_recipe

_MLP: dict[str, Any] = {
    "data": "digits", "hidden": (12, 9), "initialization": "uniform", "optimizer": "adam",
    "weight_decay": 1e-3, "dropout": 0.3, "batch_norm": "manual", "batch_size": 20, "steps": 8,
    "eval_every": 3,
}  # fmt: skip
_CONVNET = {"data": "digits", "batch_size": 4, "steps": 4, "eval_every": 2, "validation_size": 20}
SMALL = {"mlp-torch": _MLP, "convnet": _CONVNET, "mlp-numpy-batchnorm": _MLP, "convnet-numpy": _CONVNET}
_TOGETHER = {
    "optimizer": "sgd", "momentum": 0.9, "nesterov": True, "schedule": "cosine", "warmup": 0.3,
    "clip_norm": 1.0, "label_smoothing": 0.1, "ema_decay": 0.7,
}  # fmt: skip
_AUGMENTED = {"flip": True, "crop_padding": 2, "cutout": 5, "rotation": 10.0, "scaling": 0.1, "shear": 5.0}
CHANGES: list[dict[str, Any]] = [
    {},
    {"optimizer": "adamw", "schedule": "linear"},
    {"optimizer": "sgd"},
    {**_TOGETHER, **_AUGMENTED, "views": 6},
]
CASES = (
    [(name, change) for name in SMALL for change in CHANGES]
    + [
        (name, change)
        for name in ("mlp-torch", "convnet")
        for change in ({"threads": 2}, {"precision": "bf16"})
    ]
    + [(name, {"image_sizes": (16, 20)}) for name in ("convnet", "convnet-numpy")]
)


def assert_same_states(ours: Learner, theirs: Learner) -> None:
    mine, other = ours.state(), theirs.state()
    assert mine.keys() == other.keys()
    for name, array in mine.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(RECIPES))
def test_every_recipe_builds_and_steps(name: str, rng: np.random.Generator) -> None:
    recipe = find_recipe(name)
    learner = recipe.make_learner(recipe.configure(), (3, 32, 32), 10, rng)
    images = 60 * rng.normal(size=(4, 3, 32, 32)).astype(np.float32)
    before = {key: array.copy() for key, array in learner.state().items()}
    assert np.isfinite(learner.step(images, np.array([1, 2, 3, 3])).loss)
    moved = [key for key, array in learner.state().items() if not np.array_equal(array, before.get(key))]
    assert len(moved) >= len(before) - 2


@pytest.mark.slow
@pytest.mark.parametrize(("name", "change"), CASES)
def test_a_stopped_run_ends_bit_equal(name: str, change: dict[str, Any]) -> None:
    recipe = find_recipe(name)
    settings = recipe.configure(SMALL[name], change)
    whole = run.start(recipe, settings, Path("whole"))
    assert trainer.train(whole) is not None
    cut = run.start(recipe, settings, Path("cut"))
    for stop in (1, 3):
        assert (
            trainer.train(
                cut, trainer.Callbacks(should_stop=lambda cut=cut, stop=stop: cut.progress.step >= stop)
            )
            is None
        )
        cut = run.resume(Path("cut"))
    assert trainer.train(cut) is not None
    assert_same_states(run.resume(Path("cut")).learner, whole.learner)
    points = [checkpoint.read(Path(folder)).progress.curves for folder in ("whole", "cut")]
    assert points[0] == points[1]


@pytest.mark.slow
@pytest.mark.parametrize("change", [{}, _TOGETHER], ids=["plain", "together"])
@pytest.mark.parametrize(
    ("ours", "theirs"), [("mlp-numpy-batchnorm", "mlp-torch"), ("convnet-numpy", "convnet")]
)
def test_numpy_and_pytorch_train_alike(
    ours: str, theirs: str, change: dict[str, Any], rng: np.random.Generator
) -> None:
    images, labels = rng.normal(size=(20, 3, 32, 32)).astype(np.float32), rng.integers(0, 10, 20)
    learners: list[Learner] = []
    for name in (ours, theirs):
        recipe = find_recipe(name)
        settings = recipe.configure(
            SMALL[name], {"learning_rate": 1e-3}, change, {"dropout": 0} if "mlp" in name else {}
        )
        learners.append(recipe.make_learner(settings, (3, 32, 32), 10, np.random.default_rng(3)))
    in_numpy, in_torch = learners
    own = ("optimizer.", "average.")
    weights = {name: array for name, array in in_numpy.state().items() if not name.startswith(own)}
    in_torch.load_state(
        {**in_torch.state(), **{f"network.{name}": array.copy() for name, array in weights.items()}}
    )
    for _ in range(3):
        losses = [learner.step(images, labels).loss for learner in learners]
        assert losses[0] == pytest.approx(losses[1], rel=5e-3)
    for n_views in (1, 6):
        evaluated = [learner.evaluate([(images, labels)], n_views).loss for learner in learners]
        assert evaluated[0] == pytest.approx(evaluated[1], rel=5e-3)
    assert in_numpy.gradient_norms() == pytest.approx(in_torch.gradient_norms(), rel=2e-2)
    apart = in_numpy.first_weights() - in_torch.first_weights()
    assert np.linalg.norm(apart) <= 1e-2 * np.linalg.norm(in_torch.first_weights())

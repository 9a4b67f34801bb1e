"""What a run keeps of its network's answers has to be what the network says."""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest

from backproof import data
from backproof.cli.main import main
from backproof.errors import RunError
from backproof.training import predictions, record
from backproof.training.run import load_network

pytestmark = pytest.mark.slow

Beforehand = Callable[[], AbstractContextManager[pytest.MonkeyPatch]]


@pytest.fixture(scope="module")
def trained_before(beforehand: Beforehand) -> Path:
    with beforehand():
        assert main(["train", "mlp-numpy", "--data=digits", "--steps=30", "--hidden=40", "--out=run"]) == 0
        return Path("run").absolute()


@pytest.fixture
def trained(trained_before: Path) -> Path:
    """A run, the test's own to change."""
    return Path(shutil.copytree(trained_before, "run"))


def test_answers_are_the_networks(trained: Path) -> None:
    saved = predictions.read(trained)
    assert saved is not None
    test = data.load("digits").test
    learner, _ = load_network(trained)
    probabilities = learner.probabilities(test.centred(slice(None)))
    np.testing.assert_array_equal(saved.labels, test.labels)
    np.testing.assert_array_equal(saved.predicted, probabilities.argmax(axis=1))
    np.testing.assert_allclose(saved.confidence, probabilities.max(axis=1), rtol=1e-5)
    assert np.trace(saved.confusion_matrix()) / len(test) == pytest.approx(
        record.read(trained).final["test_accuracy"]
    )
    assert saved.confusion_matrix()[3].sum() == (test.labels == 3).sum()
    assert saved.confusion_matrix()[3, 8] == ((test.labels == 3) & (saved.predicted == 8)).sum()


def test_mistakes_are_the_most_confident_ones(trained: Path) -> None:
    saved = predictions.read(trained)
    assert saved is not None
    wrong = saved.predicted != saved.labels
    assert len(saved.mistakes) == min(16, wrong.sum())
    assert wrong[saved.mistakes].all()
    confidences = saved.confidence[saved.mistakes]
    assert (np.diff(confidences) <= 0).all()
    others = wrong.copy()
    others[saved.mistakes] = False
    assert saved.confidence[others].max(initial=0) <= confidences.min()
    np.testing.assert_array_equal(saved.mistaken_pixels, data.load("digits").test.pixels[saved.mistakes])


def test_first_weights_are_the_units_with_the_largest(trained: Path) -> None:
    saved = predictions.read(trained)
    assert saved is not None
    learner, _ = load_network(trained)
    weights = learner.first_weights()
    shown = saved.first_weights.reshape(24, -1)
    sizes = np.linalg.norm(weights, axis=1)
    np.testing.assert_allclose(
        np.sort(np.linalg.norm(shown.astype(float), axis=1)), np.sort(sizes)[-24:], rtol=1e-2
    )


def test_predictions_of_earlier_runs_are_read_under_their_old_name(trained: Path) -> None:
    before = predictions.read(trained)
    assert before is not None
    (trained / predictions.FILE_NAME).rename(trained / "evidence.safetensors")
    old = predictions.read(trained)
    assert old is not None
    np.testing.assert_array_equal(old.predicted, before.predicted)


def test_a_folder_without_predictions_has_none_and_a_damaged_one_is_refused(trained: Path) -> None:
    path = trained / predictions.FILE_NAME
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(RunError, match=r"predictions\.safetensors is not what a run writes"):
        predictions.read(trained)
    path.unlink()
    assert predictions.read(trained) is None

"""One entry, and a data set can be trained on: of any size, in grey or in colour."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from backproof.data import DATASETS, DatasetInfo, load
from backproof.data.npy_files import DecodedDataset, npy_folder
from backproof.errors import ConfigError
from backproof.training import predictions
from backproof.training.config import build
from backproof.training.recipes import find_recipe
from backproof.training.run import start

Cli = Callable[..., tuple[int, str, str]]
N_TRAIN, N_TEST = 60, 20
TWO_CLASSES = ("dark", "light")


def images(n: int, channels: int, height: int, width: int) -> np.ndarray:
    """Dark and light images in turns."""
    noise = np.random.default_rng(n).integers(0, 100, (n, channels, height, width), dtype=np.uint8)
    return noise + np.uint8(155) * (np.arange(n, dtype=np.uint8) % 2)[:, None, None, None]


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Register a data set ``scratch`` of images of a shape (channels, height, width)."""
    monkeypatch.setenv("BACKPROOF_CACHE", str(tmp_path / "cache"))

    def register(*shape: int) -> None:
        def split(n: int) -> list[tuple[np.ndarray, np.ndarray]]:
            return [(images(n, *shape), (np.arange(n) % 2).astype(np.uint8))]

        module = ModuleType("scratch_data_set")
        module.CLASSES = TWO_CLASSES  # type: ignore[attr-defined]
        module.prepare = lambda: npy_folder(  # type: ignore[attr-defined]
            "scratch", lambda: DecodedDataset(split(N_TRAIN), split(N_TEST))
        )
        monkeypatch.setitem(sys.modules, module.__name__, module)
        info = DatasetInfo(
            name="scratch", module=module.__name__, summary="dark and light images", validation_size=6
        )
        monkeypatch.setitem(DATASETS, info.name, info)

    return register


def test_every_entry_is_under_its_name_and_loads_what_it_says() -> None:
    assert all(name == info.name for name, info in DATASETS.items())
    assert all(info.validation_size > 0 and info.summary for info in DATASETS.values())
    digits = load("digits")
    assert f"{len(digits.train):,} images to train on and {len(digits.test)} to test" in (
        DATASETS["digits"].summary
    )


def test_the_registry_imports_nothing_heavy() -> None:
    code = (
        "import sys, backproof.data; "
        "heavy = ('numpy', 'sklearn', 'pooch', 'requests', 'PIL', 'torch'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"


def test_a_data_dir_for_data_that_are_installed_is_refused() -> None:
    with pytest.raises(ConfigError, match="data_dir is for cifar10; digits comes with the installation"):
        build({"data": "digits", "data_dir": "there"})


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["mlp-numpy", "mlp-torch"])
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 20, 12)])
def test_an_mlp_is_trained_and_used_on_images_of_any_size(
    cli: Cli, registered: Callable[..., None], recipe: str, shape: tuple[int, ...]
) -> None:
    registered(*shape)
    Path("settings.toml").write_text(
        'data = "scratch"\nhidden = [8]\nsteps = 60\nbatch_size = 20\nlearning_rate = 0.001\n'
    )
    code, _, error = cli("train", recipe, "--config", "settings.toml", "--out", "run")
    assert (code, error) == (0, "")
    kept = predictions.read(Path("run"))
    assert kept is not None
    assert kept.classes == TWO_CLASSES
    assert kept.first_weights.shape == (8, *shape)
    assert kept.mistaken_pixels.shape[1:] == shape
    code, output, _ = cli("evaluate", "run")
    assert code == 0
    assert f"on {N_TEST} test images" in output
    for name, shade in (("dark", 50), ("light", 205)):
        Image.new("RGB", (64, 48), (shade, shade, shade)).save(f"{name}.png")
    code, output, _ = cli("predict", "run", "dark.png", "light.png", "--top", "1")
    assert code == 0
    assert [line.split()[1] for line in output.splitlines()] == ["dark", "light"]


def test_the_convnet_names_the_size_that_it_takes(registered: Callable[..., None]) -> None:
    registered(1, 28, 28)
    convnet = find_recipe("convnet")
    with pytest.raises(ConfigError, match="the ConvNet takes images of 32 × 32 pixels, not 28 × 28; an MLP"):
        start(convnet, convnet.configure({"data": "scratch"}), Path("run"))
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("pixels", "labels", "message"),
    [
        (np.zeros((2, 1, 4, 4)), np.zeros(2, np.uint8), "must be uint8, not float64 and uint8"),
        (np.zeros((2, 1, 4, 4), np.uint8), np.zeros(2, np.int64), "must be uint8, not uint8 and int64"),
        (np.zeros((2, 4, 4), np.uint8), np.zeros(2, np.uint8), r"\(N, channels, height, width\)"),
        (np.zeros((2, 1, 4, 4), np.uint8), np.zeros(3, np.uint8), r"one for each of 2 images, not \(3,\)"),
    ],
)
def test_arrays_that_no_file_could_hold_are_refused(
    pixels: np.ndarray, labels: np.ndarray, message: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        DecodedDataset(train=[(pixels, labels)], test=[])


def test_batches_of_different_sizes_are_refused() -> None:
    batch, other = ((np.zeros((2, 1, n, n), np.uint8), np.zeros(2, np.uint8)) for n in (4, 5))
    with pytest.raises(ValueError, match=r"all of one size, not \(2, 1, 5, 5\)"):
        DecodedDataset(train=[batch], test=[other])

"""What all tests share: a cache and a working folder of their own, and no settings from outside."""

import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backproof.cli.main import main

# A shell has jobs in the background ignore Ctrl-C, and the programs that tests start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
WORKER = os.environ.get("PYTEST_XDIST_WORKER")
"""Which of several processes that run tests this one is, if there are several."""
REAL_CIFAR10 = os.environ.get("BACKPROOF_DATA")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have workers begin with the files that take longest, so that none is left with one at the end."""
    if WORKER is not None:
        slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
        tests = Counter(item.path for item in items)
        items.sort(key=lambda item: (-slow[item.path], -tests[item.path]))


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder that lives through the session, so that data are prepared once, by whichever worker."""
    folder = tmp_path_factory.getbasetemp()
    if WORKER is not None:
        folder = folder.parent
    (folder / "cache").mkdir(exist_ok=True)
    return folder / "cache"


def isolate(patch: pytest.MonkeyPatch, cache: Path, folder: Path) -> None:
    for name in [name for name in os.environ if name.startswith("BACKPROOF_")]:
        patch.delenv(name)
    patch.setenv("BACKPROOF_CACHE", str(cache))
    # No test reaches out of this machine: without a server of its own, every download is refused at once.
    patch.setenv("BACKPROOF_CIFAR10_URL", "http://127.0.0.1:9/cifar-10-python.tar.gz")
    patch.chdir(folder)


@pytest.fixture(autouse=True)
def _isolated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shared_cache: Path) -> None:
    isolate(monkeypatch, shared_cache, tmp_path)


@pytest.fixture(scope="module")
def beforehand(
    shared_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], AbstractContextManager[pytest.MonkeyPatch]]:
    """Enter a new working folder, as isolated as a test's own, to make there what a file's tests share."""

    @contextmanager
    def enter() -> Iterator[pytest.MonkeyPatch]:
        with pytest.MonkeyPatch.context() as patch:
            isolate(patch, shared_cache, tmp_path_factory.mktemp("beforehand"))
            yield patch

    return enter


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20261122)


@pytest.fixture
def real_cifar10() -> Path:
    """The folder of the real data set."""
    if REAL_CIFAR10 is None:
        pytest.skip("set BACKPROOF_DATA to the folder of CIFAR-10's batch files to run this")
    return Path(REAL_CIFAR10)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, driven from outside."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("install chromium to open pages in a browser")
    playwright = pytest.importorskip("playwright.sync_api", reason="install playwright to drive the browser")
    arguments = ["--disable-gpu", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=chromium, args=arguments)
        yield opened
        opened.close()


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command line in this process: exit code, standard output, standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run

"""Where numbers come from."""

import subprocess
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from backproof import __version__
from backproof.training import environment


def test_describes_this_process() -> None:
    described = environment.describe()
    assert described.versions["numpy"]
    assert described.cpu
    assert described.cores >= 1
    assert all(count >= 1 for count in described.threads.values())


def test_a_source_tree_that_is_not_installed_is_described_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "backproof":
            raise PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr(environment, "version", version)
    assert environment.describe().versions["backproof"] == __version__


def test_peak_memory_is_that_of_this_process() -> None:
    peak = environment.peak_rss_mb()
    assert peak is not None
    assert 20 < peak < 100_000


def test_a_copy_that_git_does_not_track_has_no_commit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / "environment.py").write_text("")
    monkeypatch.setattr(environment, "__file__", str(tmp_path / "environment.py"))
    assert environment.describe().commit is None


def test_a_tracked_source_has_its_commit_and_says_if_it_was_changed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = tmp_path / "environment.py"
    source.write_text("")
    author = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for arguments in (["init", "--quiet"], ["add", "."], [*author, "commit", "--quiet", "-m", "first"]):
        subprocess.run(["git", "-C", tmp_path, *arguments], check=True)
    monkeypatch.setattr(environment, "__file__", str(source))
    commit = environment.describe().commit
    assert commit is not None
    assert len(commit) == 40
    subprocess.run(["git", "-C", tmp_path, *author, "tag", "-m", "release", "v1"], check=True)
    assert environment.describe().commit == commit
    source.write_text("changed")
    assert environment.describe().commit == f"{commit}-dirty"

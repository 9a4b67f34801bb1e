"""The archive is fetched once, from whichever source has it, and is there whole or not at all."""

import gc
import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from backproof.data import cifar10
from backproof.data.fetch import ARCHIVE, MD5, ORIGIN, Download, fetch
from backproof.errors import DataError
from py2_batches import BATCHES, archive, pickled, small_batch

NOBODY = "http://127.0.0.1:9/cifar-10-python.tar.gz"


class Server:
    """A web server on this machine: what it serves, how it misbehaves, and what it was asked for."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.status = 200
        self.headers: dict[str, str] = {}
        self.tells_length = True
        self.sends: int | None = None
        self.delay = 0.0
        self.requests: list[str] = []
        self._httpd = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._httpd.server_port}/{ARCHIVE}"
        self._thread = threading.Thread(target=self._httpd.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def md5(self) -> str:
        return hashlib.md5(self.content).hexdigest()

    @property
    def download(self) -> Download:
        return Download((self.url,), self.md5)

    def close(self) -> None:
        self._httpd.shutdown()
        self._thread.join()
        self._httpd.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requests.append(self.path)
                time.sleep(server.delay)
                self.send_response(server.status)
                for name, value in server.headers.items():
                    self.send_header(name, value)
                if server.tells_length:
                    self.send_header("Content-Length", str(len(server.content)))
                self.end_headers()
                self.wfile.write(server.content[: server.sends])

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Server(archive({f"cifar-10-batches-py/{name}": pickled(small_batch(rng)) for name in BATCHES}))
    yield server
    server.close()


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, fresh_cache: Path) -> Path:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    return fresh_cache


def refusal(download: Download) -> str:
    with pytest.raises(DataError) as caught:
        fetch(download)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_the_archive_is_fetched_whole(server: Server, cache: Path) -> None:
    path = fetch(server.download)
    assert path == server.download.archive
    assert path.read_bytes() == server.content
    assert files_in(cache) == [path]


def test_a_second_fetch_asks_nobody(server: Server) -> None:
    assert fetch(server.download) == fetch(server.download)
    assert len(server.requests) == 1


def test_an_archive_damaged_in_the_cache_is_fetched_anew(server: Server) -> None:
    path = fetch(server.download)
    path.write_bytes(server.content[:-1])
    assert fetch(server.download).read_bytes() == server.content


def test_a_start_without_any_data_fetches_them(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    monkeypatch.setenv("BACKPROOF_CIFAR10_URL", server.url)
    monkeypatch.setenv("BACKPROOF_CIFAR10_MD5", server.md5)
    prepared = cifar10.prepare()
    assert len(np.load(prepared / "train_labels.npy")) == 100
    assert cifar10.prepare() == prepared
    assert len(server.requests) == 1


def test_an_archive_that_the_server_calls_encoded_is_kept_as_it_is(server: Server) -> None:
    # Some servers say so of every file whose name ends with .gz, though it is the file itself.
    server.headers["Content-Encoding"] = "x-gzip"
    assert fetch(server.download).read_bytes() == server.content


def test_another_md5_is_refused_and_nothing_kept(server: Server, cache: Path) -> None:
    message = refusal(Download((server.url,), MD5))
    assert f"{server.url}: its md5 is not {MD5}" in message
    assert files_in(cache) == []


def test_a_mirror_with_another_file_is_passed_over(server: Server, rng: np.random.Generator) -> None:
    other = Server(rng.bytes(1000))
    try:
        path = fetch(Download((other.url, server.url), server.md5))
    finally:
        other.close()
    assert path.read_bytes() == server.content
    assert len(other.requests) == len(server.requests) == 1


@pytest.mark.parametrize("origin", [NOBODY, "not a url", "ftp://127.0.0.1/a", "http://127.0.0.1:99999/a"])
def test_a_mirror_helps_out_when_the_origin_is_down(server: Server, origin: str) -> None:
    assert fetch(Download((origin, server.url), server.md5)).read_bytes() == server.content


def test_mirrors_are_not_asked_when_the_origin_answers(server: Server) -> None:
    fetch(Download((server.url, f"{server.url}?mirror"), server.md5))
    assert server.requests == [f"/{ARCHIVE}"]


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_an_error_of_the_server_is_told(server: Server, cache: Path, status: int) -> None:
    server.status = status
    assert f"{server.url}: the server answered {status}" in refusal(server.download)
    assert files_in(cache) == []


@pytest.mark.parametrize("tells_length", [True, False])
def test_a_connection_that_breaks_half_way_leaves_nothing(
    server: Server, cache: Path, tells_length: bool
) -> None:
    server.sends, server.tells_length = len(server.content) // 2, tells_length
    assert server.url in refusal(server.download)
    assert files_in(cache) == []
    server.sends = None
    assert fetch(server.download).read_bytes() == server.content


def test_without_a_network_other_ways_are_told(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    message = refusal(Download((NOBODY,)))
    assert f"{NOBODY}: no connection" in message
    for way in ("BACKPROOF_CIFAR10_MIRRORS", "--data-dir", "--data digits"):
        assert way in message
    assert files_in(cache) == []


def test_every_source_that_failed_is_named_in_order(server: Server) -> None:
    server.status = 404
    message = refusal(Download((NOBODY, server.url, f"{NOBODY}?second")))
    places = [message.index(part) for part in (f"{NOBODY}: ", f"{server.url}: ", f"{NOBODY}?second: ")]
    assert places == sorted(places)


def test_by_default_the_origin_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BACKPROOF_CIFAR10_URL")
    assert Download.from_environment() == Download((ORIGIN,), MD5)


def test_variables_replace_the_origin_and_add_mirrors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKPROOF_CIFAR10_URL", "http://origin")
    monkeypatch.setenv("BACKPROOF_CIFAR10_MIRRORS", "http://second  http://third")
    monkeypatch.setenv("BACKPROOF_CIFAR10_MD5", "0" * 32)
    download = Download.from_environment(mirrors=("http://first",))
    assert download.urls == ("http://origin", "http://first", "http://second", "http://third")
    assert download.md5 == "0" * 32


def test_what_a_killed_download_left_is_removed(server: Server, cache: Path) -> None:
    stale = server.download.archive.with_name("tmpkilled")
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"half an archive")
    path = fetch(server.download)
    assert files_in(cache) == [path]


def test_a_full_disk_is_told_and_leaves_nothing(
    server: Server, cache: Path, limited_files: Callable[[int], None]
) -> None:
    limited_files(len(server.content) // 2)
    assert "BACKPROOF_CACHE" in refusal(server.download)
    assert files_in(cache) == []
    gc.collect()  # warns of a connection left open


def test_a_cache_below_a_file_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: Server
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("BACKPROOF_CACHE", str(tmp_path / "file" / "cache"))
    assert "BACKPROOF_CACHE" in refusal(server.download)
    assert server.requests == []


def test_a_cache_in_the_home_folder_may_be_written_with_a_tilde(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: Server
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BACKPROOF_CACHE", "~/cache")
    assert fetch(server.download).read_bytes() == server.content


def test_a_download_is_told_in_lines_outside_a_terminal(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.content = bytes(4 << 18)
    fetch(server.download)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"fetching {server.url}",
        "  25 % of 1 MB",
        "  50 % of 1 MB",
        "  75 % of 1 MB",
        "  100 % of 1 MB",
    ]


def test_a_download_of_unknown_length_is_told_too(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.tells_length = False
    assert fetch(server.download).read_bytes() == server.content
    assert capsys.readouterr().out == f"fetching {server.url}\n"


@pytest.mark.parametrize("query", ["?[a]", "?[/b]", "?:cat:", "?" + "long" * 50])
def test_a_url_is_shown_as_it_is(server: Server, capsys: pytest.CaptureFixture[str], query: str) -> None:
    fetch(Download((server.url + query,), server.md5))
    assert capsys.readouterr().out.splitlines()[0] == f"fetching {server.url}{query}"


@pytest.mark.slow
def test_four_first_starts_at_once_share_one_download(server: Server, cache: Path, tmp_path: Path) -> None:
    server.delay = 0.5
    environment = os.environ | {"BACKPROOF_CIFAR10_URL": server.url, "BACKPROOF_CIFAR10_MD5": server.md5}
    training = [sys.executable, "-m", "backproof", "train", "mlp-numpy"]
    training += ["--steps", "3", "--batch-size", "10", "--eval-every", "3", "--out"]
    processes = [
        subprocess.Popen(
            [*training, str(tmp_path / f"run{number}")],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    errors = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, errors
    assert all((tmp_path / f"run{number}" / "record.json").is_file() for number in range(4))
    assert len(server.requests) == 1
    assert [path.name for path in server.download.archive.parent.iterdir()] == [ARCHIVE]
    assert len(list((cache / "prepared").iterdir())) == 1

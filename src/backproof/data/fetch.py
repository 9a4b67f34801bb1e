"""Download the CIFAR-10 archive: from the origin, else from mirrors, its md5 checked."""

import os
from dataclasses import dataclass
from pathlib import Path

from backproof.data.cache import cache_lock
from backproof.errors import DataError
from backproof.files import cache_folder

ARCHIVE = "cifar-10-python.tar.gz"
ORIGIN = f"https://www.cs.toronto.edu/~kriz/{ARCHIVE}"
MD5 = "c58f30108f718f92721af3b95e74349a"
_TIMEOUT_SECONDS = 30
_CHUNK_BYTES = 1 << 18


@dataclass(frozen=True)
class Download:
    """The URLs to try, and the md5 that the file must have."""

    urls: tuple[str, ...] = (ORIGIN,)
    """Tried in this order."""
    md5: str = MD5

    @property
    def archive(self) -> Path:
        """Where the archive is kept once it is fetched; each md5 has a folder of its own."""
        return cache_folder() / "download" / self.md5 / ARCHIVE

    @classmethod
    def from_environment(cls, mirrors: tuple[str, ...] = ()) -> "Download":
        """Read BACKPROOF_CIFAR10_URL (instead of the origin), _MIRRORS (spaces between) and _MD5."""
        origin = os.environ.get("BACKPROOF_CIFAR10_URL", ORIGIN)
        more = os.environ.get("BACKPROOF_CIFAR10_MIRRORS", "").split()
        return cls((origin, *mirrors, *more), os.environ.get("BACKPROOF_CIFAR10_MD5", MD5))


def fetch(download: Download) -> Path:
    """Return the archive in the cache folder, fetched unless it is there with the right md5 (DataError).

    One process at a time: those that waited find the archive of the first.
    """
    archive = download.archive
    with cache_lock("fetch"):
        for stale in archive.parent.glob("tmp*"):  # left by a process that was killed
            stale.unlink(missing_ok=True)
        reasons = []
        for url in download.urls:
            try:
                return _fetch_one(url, download.md5, archive)
            except _DownloadError as error:
                reasons.append(f"{url}: {error}")
    raise DataError(
        f"could not fetch CIFAR-10 ({'; '.join(reasons)}); name a mirror in BACKPROOF_CIFAR10_MIRRORS, "
        f"get {ARCHIVE} by other means and pass --data-dir, or train on --data digits, which needs no network"
    )


class _DownloadError(Exception):
    """A URL did not give the archive; the next one may."""


def _fetch_one(url: str, md5: str, archive: Path) -> Path:
    """Download beside the archive, check the md5, then rename: a partial file never bears the real name."""
    import logging

    import pooch
    import requests
    import urllib3

    pooch.get_logger().setLevel(logging.ERROR)
    try:
        pooch.retrieve(url, f"md5:{md5}", fname=archive.name, path=archive.parent, downloader=_download)
    except requests.HTTPError as error:
        raise _DownloadError(f"the server answered {error.response.status_code}") from None
    except requests.ConnectionError as error:
        raise _DownloadError(f"no connection ({type(error).__name__})") from None
    except urllib3.exceptions.HTTPError:
        raise _DownloadError("the connection broke off") from None
    except requests.RequestException as error:
        raise _DownloadError(str(error)) from None
    except ValueError as error:
        wrong_hash = "hash of downloaded file" in str(error)
        raise _DownloadError(f"its md5 is not {md5}" if wrong_hash else str(error)) from None
    return archive


def _download(url: str, output_file: str, _pooch: object) -> None:
    """Write what the server sends into a file, as pooch asks."""
    import requests

    from backproof.data.download_progress import DownloadProgress

    with (
        DownloadProgress(url) as progress,
        requests.get(url, stream=True, timeout=_TIMEOUT_SECONDS) as response,
        Path(output_file).open("wb") as file,
    ):
        response.raise_for_status()
        progress.total = int(response.headers.get("content-length", 0))
        # Raw: some servers call a .gz file an encoding, and it would arrive unpacked.
        for chunk in response.raw.stream(_CHUNK_BYTES, decode_content=False):
            file.write(chunk)
            progress.update(len(chunk))

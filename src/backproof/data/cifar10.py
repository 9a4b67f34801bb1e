"""CIFAR-10 (Krizhevsky, 2009): find its files, fetch them if there are none, decode them once."""

import gzip
import hashlib
import os
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from backproof.data import fetch
from backproof.data.cache import expand_home, is_cached
from backproof.data.cifar_batch import read_batch
from backproof.data.npy_files import DecodedDataset, RawBatch, npy_folder
from backproof.errors import DataError

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FOLDER = "cifar-10-batches-py"
TRAIN_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST_BATCH = "test_batch"
_BATCHES = (*TRAIN_BATCHES, TEST_BATCH)
_LARGEST_MEMBER = 64 << 20
"""Bytes; the real batches have 31 MB. An archive with a member that claims more is refused."""


def prepare(data_dir: Path | None = None) -> Path:
    """Return the folder of .npy files, decoded from find_source's source on first use (DataError)."""
    source = find_source(data_dir) or fetch.fetch(fetch.Download.from_environment())
    return npy_folder(f"cifar10-{_fingerprint(source)}", lambda: decode(source))


def find_source(data_dir: Path | None = None) -> Path | None:
    """Return the folder of batch files or the archive to read, or None if it has yet to be fetched.

    The first that is given counts, and has to hold the data (DataError): ``data_dir``, $BACKPROOF_DATA,
    the archive fetched earlier.
    """
    if data_dir is not None:
        return _source_at(data_dir, "data_dir")
    if os.environ.get("BACKPROOF_DATA"):
        return _source_at(Path(os.environ["BACKPROOF_DATA"]), "BACKPROOF_DATA")
    archive = fetch.Download.from_environment().archive
    return archive if is_cached(archive) else None


def existing_source(data_dir: Path | None = None) -> Path:
    """Return the source that find_source finds; DataError where there is none yet. Nothing is fetched."""
    source = find_source(data_dir)
    if source is None:
        raise DataError(
            "CIFAR-10 is not on this machine yet; run backproof data fetch, or name its place with --data-dir"
        )
    return source


def verify(data_dir: Path | None = None) -> str:
    """Read every image and label of find_source's source and say how many there are (DataError)."""
    source = existing_source(data_dir)
    decoded = decode(source)
    counts = []
    for part, batches in (("training", decoded.train), ("test", decoded.test)):
        per_class = np.bincount(np.concatenate([labels for _, labels in batches]), minlength=len(CLASSES))
        spread = (
            f"{per_class.min():,}"
            if per_class.min() == per_class.max()
            else f"{per_class.min():,} to {per_class.max():,}"
        )
        counts.append(f"{per_class.sum():,} {part} images, {spread} a class")
    origin = ""
    if source.is_file():
        with source.open("rb") as file:
            is_original = (
                hashlib.file_digest(file, "md5").hexdigest() == fetch.Download.from_environment().md5
            )
        origin = "; md5 of the original archive" if is_original else "; not the original archive by its md5"
    return f"{source}: {'; '.join(counts)}{origin}"


def decode(source: Path) -> DecodedDataset:
    """Read and check all six batches of a folder or an archive (DataError)."""
    batches: dict[str, RawBatch] = {}
    for name, content in _read_archive(source) if source.is_file() else _read_folder(source):
        batches[name] = read_batch(content, f"{source}/{name}")
    missing = [name for name in _BATCHES if name not in batches]
    if missing:
        raise DataError(f"{source} lacks {', '.join(missing)}; fetch CIFAR-10 again")
    return DecodedDataset(train=[batches[name] for name in TRAIN_BATCHES], test=[batches[TEST_BATCH]])


def _source_at(place: Path, given_by: str) -> Path:
    """Return the batch folder or archive at a place that the user named."""
    place = expand_home(place)
    try:
        if place.is_file():
            return place
        for folder in (place, place / FOLDER):
            if all((folder / name).is_file() for name in _BATCHES):
                return folder
        if not place.exists():
            raise DataError(
                f"{given_by} {place} does not exist; name a folder with CIFAR-10's six batch files"
            )
        missing = [name for name in _BATCHES if not (place / name).is_file()]
    except OSError as error:
        raise DataError(f"cannot look into {given_by} {place}: {error.strerror}") from None
    raise DataError(
        f"{given_by} {place} lacks {', '.join(missing)}; name the folder with CIFAR-10's six batch files, "
        f"the one above it, or {fetch.ARCHIVE}"
    )


def _fingerprint(source: Path) -> str:
    """Identify a source by its files' places, sizes and times: quick enough for every start."""
    files = [source] if source.is_file() else [source / name for name in _BATCHES]
    stats = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.sha256(repr(stats).encode()).hexdigest()[:16]


def _read_folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    for name in _BATCHES:
        try:
            yield name, (folder / name).read_bytes()
        except OSError as error:
            raise DataError(f"cannot read {folder / name}: {error.strerror}") from None


def _read_archive(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the batches inside an archive straight from memory: nothing is ever extracted to disk."""
    try:
        with gzip.open(archive) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
            for member in tar:
                path = PurePosixPath(member.name)
                if path.is_absolute() or ".." in path.parts:
                    raise DataError(
                        f"{archive} is not to be trusted: {member.name!r:.80} leads outside of it"
                    )
                if not 0 <= member.size <= _LARGEST_MEMBER:
                    raise DataError(
                        f"{archive}: {member.name:.80} claims {member.size:,} bytes, more than a batch"
                    )
                if path.name in _BATCHES and member.isfile():
                    file = tar.extractfile(member)
                    assert file is not None  # it is a regular file
                    yield path.name, file.read()
            while stream.read(_LARGEST_MEMBER):
                pass  # to the very end, where the checksum stands
    except (OSError, EOFError, OverflowError, MemoryError, tarfile.TarError, zlib.error) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise DataError(f"cannot read {archive}: {error.strerror}") from None
        raise DataError(f"{archive} is not a whole .tar.gz archive ({error}); fetch CIFAR-10 again") from None

"""CIFAR-10 is found where the user says, decoded once, and never taken for whole when it is not."""

import gzip
import hashlib
import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backproof.data import cifar10, fetch, load
from backproof.data.fetch import Download
from backproof.errors import DataError
from py2_batches import BATCHES, archive, pickled, small_batch, write_folder

Batches = dict[str, dict[str, Any]]


@pytest.fixture
def batches(rng: np.random.Generator) -> Batches:
    return {name: small_batch(rng) for name in BATCHES}


@pytest.fixture
def folder(tmp_path: Path, batches: Batches) -> Path:
    return written(tmp_path / "cifar-10-batches-py", batches)


def written(folder: Path, batches: Batches) -> Path:
    folder.mkdir(parents=True)
    for name, batch in batches.items():
        (folder / name).write_bytes(pickled(batch))
    return folder


def members(batches: Batches) -> dict[str, bytes]:
    return {f"cifar-10-batches-py/{name}": pickled(batch) for name, batch in batches.items()}


def written_archive(path: Path, content: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(archive(content))
    return path


def assert_holds(prepared: Path, batches: Batches) -> None:
    """The prepared images and labels are those of the batches, in the batches' order."""
    for part, names in (("train", BATCHES[:5]), ("test", BATCHES[5:])):
        images = np.concatenate([batches[name]["data"] for name in names]).reshape(-1, 3, 32, 32)
        labels = np.concatenate([batches[name]["labels"] for name in names])
        assert np.array_equal(np.load(prepared / f"{part}_images.npy"), images)
        assert np.array_equal(np.load(prepared / f"{part}_labels.npy"), labels)


def refusal(call: Any, *arguments: Any) -> str:
    with pytest.raises(DataError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_folder_of_batch_files_will_do(folder: Path, batches: Batches) -> None:
    assert_holds(cifar10.prepare(folder), batches)


def test_the_folder_above_will_do(folder: Path, batches: Batches) -> None:
    assert_holds(cifar10.prepare(folder.parent), batches)


def test_the_archive_will_do(tmp_path: Path, batches: Batches) -> None:
    others = {"cifar-10-batches-py/batches.meta": b"not read", "cifar-10-batches-py/readme.html": b""}
    path = written_archive(tmp_path / "downloaded.tar.gz", others | members(batches))
    assert_holds(cifar10.prepare(path), batches)


def test_the_variable_names_a_place_too(
    monkeypatch: pytest.MonkeyPatch, folder: Path, batches: Batches
) -> None:
    monkeypatch.setenv("BACKPROOF_DATA", str(folder.parent))
    assert_holds(cifar10.prepare(), batches)


@pytest.mark.usefixtures("fresh_cache")
def test_the_archive_fetched_earlier_is_used_when_no_place_is_named(batches: Batches) -> None:
    written_archive(Download.from_environment().archive, members(batches))
    assert_holds(cifar10.prepare(), batches)


def test_a_place_given_outright_precedes_the_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: Path, batches: Batches, rng: np.random.Generator
) -> None:
    other = tmp_path / "other"
    write_folder(other, rng)
    monkeypatch.setenv("BACKPROOF_DATA", str(other))
    assert cifar10.find_source(folder) == folder
    assert_holds(cifar10.prepare(folder), batches)


@pytest.mark.usefixtures("fresh_cache")
def test_the_variable_precedes_the_archive_fetched_earlier(
    monkeypatch: pytest.MonkeyPatch, folder: Path, batches: Batches
) -> None:
    fetched = written_archive(Download.from_environment().archive, members(batches))
    assert cifar10.find_source() == fetched
    monkeypatch.setenv("BACKPROOF_DATA", str(folder))
    assert cifar10.find_source() == folder


def test_a_wrong_place_given_outright_is_not_made_up_for_by_the_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: Path
) -> None:
    monkeypatch.setenv("BACKPROOF_DATA", str(folder))
    assert "data_dir" in refusal(cifar10.prepare, tmp_path / "nowhere")


@pytest.mark.usefixtures("fresh_cache")
def test_nothing_is_fetched_just_to_look() -> None:
    assert cifar10.find_source() is None
    for look in (cifar10.existing_source, cifar10.verify):
        message = refusal(look)
        assert "backproof data fetch" in message
        assert "--data-dir" in message


@pytest.mark.parametrize("named_by", ["data_dir", "BACKPROOF_DATA"])
def test_a_missing_place_is_named_with_what_named_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named_by: str
) -> None:
    place = tmp_path / "nowhere"
    monkeypatch.setenv("BACKPROOF_DATA", str(place))
    message = refusal(cifar10.prepare, *([place] if named_by == "data_dir" else []))
    assert message.startswith(f"{named_by} {place} does not exist")


@pytest.mark.parametrize("named_by", ["data_dir", "BACKPROOF_DATA"])
def test_lacking_files_are_named(monkeypatch: pytest.MonkeyPatch, folder: Path, named_by: str) -> None:
    (folder / "data_batch_2").unlink()
    (folder / "test_batch").unlink()
    monkeypatch.setenv("BACKPROOF_DATA", str(folder))
    message = refusal(cifar10.prepare, *([folder] if named_by == "data_dir" else []))
    assert message.startswith(f"{named_by} {folder} lacks data_batch_2, test_batch;")


def test_a_damaged_batch_file_is_named(folder: Path) -> None:
    damaged = folder / "data_batch_4"
    damaged.write_bytes(damaged.read_bytes()[:-100])
    assert str(damaged) in refusal(cifar10.prepare, folder)


def test_an_archive_that_lacks_batches_is_refused(tmp_path: Path, batches: Batches) -> None:
    content = members(batches)
    del content["cifar-10-batches-py/data_batch_3"]
    path = written_archive(tmp_path / "a.tar.gz", content)
    assert f"{path} lacks data_batch_3;" in refusal(cifar10.prepare, path)


@pytest.mark.parametrize(
    "name", ["../evil", "../../data_batch_1", "cifar-10-batches-py/../../evil", "{}/evil"]
)
def test_an_archive_that_leads_outside_of_itself_is_refused(
    tmp_path: Path, batches: Batches, name: str
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    place = tmp_path / "a" / "b" / "c"
    name = name.format(elsewhere)
    path = written_archive(place / "a.tar.gz", members(batches) | {name: b"evil"})
    assert repr(name)[:50] in refusal(cifar10.prepare, path)
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [path]


def test_reading_an_archive_writes_none_of_its_members(tmp_path: Path, batches: Batches) -> None:
    path = written_archive(tmp_path / "a.tar.gz", members(batches))
    cifar10.decode(path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_inside_an_archive_is_no_batch(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name in BATCHES:
            link = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, str(folder / name)
            tar.addfile(link)
    assert "lacks data_batch_1" in refusal(cifar10.prepare, path)


def test_an_archive_cut_short_is_refused(tmp_path: Path, rng: np.random.Generator) -> None:
    whole = archive(members({name: small_batch(rng, 1) for name in BATCHES}))
    path = tmp_path / "a.tar.gz"
    for length in [*range(0, len(whole), 150), *range(len(whole) - 20, len(whole))]:
        path.write_bytes(whole[:length])
        assert str(path) in refusal(cifar10.decode, path)


@pytest.mark.parametrize("name", BATCHES)
def test_an_archive_with_one_wrong_pixel_is_refused(
    tmp_path: Path, rng: np.random.Generator, name: str
) -> None:
    batches = {name: small_batch(rng, 1) for name in BATCHES}
    uncompressed = gzip.compress(gzip.decompress(archive(members(batches))), compresslevel=0)
    damaged = bytearray(uncompressed)
    damaged[uncompressed.index(batches[name]["data"].tobytes()) + 1000] ^= 1
    path = tmp_path / "a.tar.gz"
    path.write_bytes(damaged)
    assert str(path) in refusal(cifar10.decode, path)


def test_an_archive_with_a_damaged_stretch_is_refused(tmp_path: Path, rng: np.random.Generator) -> None:
    batches = {name: small_batch(rng, 2) for name in BATCHES}
    for batch in batches.values():
        batch["data"] &= 3  # compresses well, so that the damage meets the compression's own structure
    whole = archive(members(batches))
    path = tmp_path / "a.tar.gz"
    for start in range(20, len(whole) - 50, 97):
        path.write_bytes(whole[:start] + b"\xff" * 50 + whole[start + 50 :])
        assert str(path) in refusal(cifar10.decode, path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>Not found</html>",
        bytes(1000),
        gzip.compress(b"no tar"),
    ],
)
def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "cifar-10-python.tar.gz"
    path.write_bytes(content)
    assert str(path) in refusal(cifar10.prepare, path)


def with_size(header: tarfile.TarInfo, size: int) -> bytes:
    """An archive of one member whose header claims a size that its content does not have."""
    header.size = size
    with io.BytesIO() as content:
        with tarfile.open(fileobj=content, mode="w", format=tarfile.GNU_FORMAT) as tar:
            tar.addfile(tarfile.TarInfo("cifar-10-batches-py"))
            content.write(header.tobuf(tarfile.GNU_FORMAT))
        return gzip.compress(content.getvalue())


def test_a_member_that_claims_to_be_huge_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    path.write_bytes(with_size(tarfile.TarInfo("data_batch_1"), 10**12))
    assert "data_batch_1 claims 1,000,000,000,000 bytes" in refusal(cifar10.decode, path)


@pytest.mark.timeout(5)
@pytest.mark.parametrize("name", ["data_batch_1", "readme.html"])
def test_a_member_of_negative_size_does_not_hang_the_reader(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.tar.gz"
    path.write_bytes(with_size(tarfile.TarInfo(name), -512))
    assert str(path) in refusal(cifar10.decode, path)


def test_a_long_name_that_claims_to_be_huge_is_refused(tmp_path: Path) -> None:
    header = tarfile.TarInfo("././@LongLink")
    header.type = tarfile.GNUTYPE_LONGNAME
    path = tmp_path / "a.tar.gz"
    path.write_bytes(with_size(header, 1 << 70))
    assert str(path) in refusal(cifar10.decode, path)


def test_the_order_of_an_archives_members_does_not_matter(
    tmp_path: Path, batches: Batches, rng: np.random.Generator
) -> None:
    shuffled = {name: batches[name] for name in rng.permutation(BATCHES)}
    path = written_archive(tmp_path / "a.tar.gz", members(shuffled))
    assert_holds(cifar10.prepare(path), batches)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The sources that have been decoded, in order."""
    sources: list[Path] = []
    decode = cifar10.decode

    def noted(source: Path) -> Any:
        sources.append(source)
        return decode(source)

    monkeypatch.setattr(cifar10, "decode", noted)
    return sources


def test_a_source_is_decoded_once(folder: Path, batches: Batches, decoded: list[Path]) -> None:
    first = cifar10.prepare(folder)
    assert cifar10.prepare(folder) == cifar10.prepare(folder.parent) == first
    assert decoded == [folder]
    assert_holds(first, batches)


def test_a_batch_file_of_another_size_is_decoded_anew(
    folder: Path, batches: Batches, decoded: list[Path], rng: np.random.Generator
) -> None:
    cifar10.prepare(folder)
    changed = folder / "data_batch_3"
    before = changed.stat()
    batches["data_batch_3"] = small_batch(rng, 21)
    changed.write_bytes(pickled(batches["data_batch_3"]))
    os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert_holds(cifar10.prepare(folder), batches)
    assert len(decoded) == 2


def test_a_batch_file_of_another_time_is_decoded_anew(
    folder: Path, batches: Batches, decoded: list[Path], rng: np.random.Generator
) -> None:
    cifar10.prepare(folder)
    changed = folder / "test_batch"
    before = changed.stat()
    batches["test_batch"] = small_batch(rng)
    changed.write_bytes(pickled(batches["test_batch"]))
    os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000_000))
    assert changed.stat().st_size == before.st_size
    assert_holds(cifar10.prepare(folder), batches)
    assert len(decoded) == 2


def test_verify_counts_what_a_folder_holds(folder: Path) -> None:
    assert cifar10.verify(folder) == f"{folder}: 100 training images, 10 a class; 20 test images, 2 a class"


def test_verify_tells_unequal_classes(tmp_path: Path, batches: Batches) -> None:
    batches["test_batch"]["labels"] = [0] * 17 + [1] * 3
    folder = written(tmp_path / "unequal", batches)
    assert cifar10.verify(folder).endswith("20 test images, 0 to 17 a class")


def test_verify_tells_whether_an_archive_is_the_original(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, batches: Batches
) -> None:
    path = written_archive(tmp_path / "a.tar.gz", members(batches))
    assert cifar10.verify(path).endswith("2 a class; not the original archive by its md5")
    monkeypatch.setattr(fetch, "MD5", hashlib.md5(path.read_bytes()).hexdigest())
    assert cifar10.verify(path).endswith("2 a class; md5 of the original archive")


def test_verify_reads_anew_what_has_been_prepared_before(folder: Path) -> None:
    cifar10.prepare(folder)
    damaged = folder / "data_batch_5"
    damaged.write_bytes(damaged.read_bytes()[:2000])
    assert str(damaged) in refusal(cifar10.verify, folder)


PREPARED = ["train_images.npy", "train_labels.npy", "test_images.npy", "test_labels.npy", "train_sum.npy"]


@pytest.mark.usefixtures("fresh_cache")
@pytest.mark.parametrize("damage", ["cut in half", "cut in its header", "emptied", "gone"])
@pytest.mark.parametrize("name", PREPARED)
def test_damaged_prepared_images_are_refused_until_they_are_deleted(
    folder: Path, batches: Batches, name: str, damage: str
) -> None:
    prepared = cifar10.prepare(folder)
    file = prepared / name
    if damage == "gone":
        file.unlink()
    else:
        kept = {"cut in half": file.stat().st_size // 2, "cut in its header": 50, "emptied": 0}[damage]
        os.truncate(file, kept)
    message = refusal(load, "cifar10", folder)
    assert str(prepared) in message
    assert "delete that folder" in message
    shutil.rmtree(prepared)
    load("cifar10", folder)
    assert_holds(prepared, batches)


def assert_tells_how_to_choose_another_cache(cache: Path, source: Path) -> None:
    for message in (refusal(load, "digits"), refusal(load, "cifar10", source)):
        assert str(cache) in message
        assert "BACKPROOF_CACHE" in message


def test_a_cache_below_a_file_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: Path
) -> None:
    (tmp_path / "file").touch()
    cache = tmp_path / "file" / "cache"
    monkeypatch.setenv("BACKPROOF_CACHE", str(cache))
    assert_tells_how_to_choose_another_cache(cache, folder)


def test_a_cache_whose_name_is_too_long_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: Path
) -> None:
    cache = tmp_path / ("long" * 100)
    monkeypatch.setenv("BACKPROOF_CACHE", str(cache))
    assert_tells_how_to_choose_another_cache(cache, folder)


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Be someone whom permissions bind, even where the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder, unlike tmp_path, that every user can reach."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize("mode", [0o555, 0o000])
def test_a_cache_that_permissions_forbid_is_refused(
    monkeypatch: pytest.MonkeyPatch, public_folder: Path, batches: Batches, mode: int
) -> None:
    source = written(public_folder / "batches", batches)
    cache = public_folder / "cache"
    cache.mkdir()
    cache.chmod(mode)
    monkeypatch.setenv("BACKPROOF_CACHE", str(cache))
    with ordinary_user():
        assert_tells_how_to_choose_another_cache(cache, source)


@pytest.mark.parametrize("name", [".", "inside"])
def test_a_place_that_permissions_forbid_is_refused(public_folder: Path, name: str) -> None:
    locked = public_folder / "locked"
    locked.mkdir(mode=0o000)
    with ordinary_user():
        assert str(locked) in refusal(cifar10.prepare, locked / name)


def test_a_place_whose_name_is_too_long_is_refused(tmp_path: Path) -> None:
    assert "data_dir" in refusal(cifar10.prepare, tmp_path / ("long" * 100))


def test_a_full_disk_is_refused_and_leaves_nothing_behind(
    fresh_cache: Path, folder: Path, limited_files: Callable[[int], None]
) -> None:
    limited_files(100_000)
    message = refusal(cifar10.prepare, folder)
    assert str(fresh_cache) in message
    assert "BACKPROOF_CACHE" in message
    assert list((fresh_cache / "prepared").iterdir()) == []


def test_what_a_killed_process_left_is_removed(fresh_cache: Path, folder: Path, batches: Batches) -> None:
    prepared = cifar10.prepare(folder)
    killed = prepared.with_name(f".{prepared.name}-killed")
    prepared.rename(killed)
    (killed / "test_images.npy").unlink()
    assert cifar10.prepare(folder) == prepared
    assert_holds(prepared, batches)
    assert list((fresh_cache / "prepared").iterdir()) == [prepared]


def test_a_failed_decoding_leaves_nothing_behind(fresh_cache: Path, folder: Path) -> None:
    (folder / "test_batch").write_bytes(b"damaged")
    refusal(cifar10.prepare, folder)
    assert not (fresh_cache / "prepared").exists() or not list((fresh_cache / "prepared").iterdir())


def test_the_real_data_set_is_read(real_cifar10: Path) -> None:
    dataset = load("cifar10", real_cifar10)
    assert (len(dataset.train), len(dataset.test)) == (50_000, 10_000)
    assert np.bincount(dataset.train.labels).tolist() == [5000] * 10
    assert np.bincount(dataset.test.labels).tolist() == [1000] * 10
    assert dataset.image_shape == (3, 32, 32)
    assert np.allclose(dataset.train.mean.mean(axis=(1, 2)) / 255, [0.4914, 0.4822, 0.4465], atol=1e-4)

"""Data behind URLs: fetched or listed, told by their URL, and errors instead of tracebacks."""

import functools
import http.server
import io
import itertools
import json
import sys
import tarfile
import tempfile
import threading
import time
from pathlib import Path

import fsspec
import numpy as np
import pytest
from PIL import Image

from balancekit import Labels, analyze, read
from balancekit.errors import DataError, MissingLibraryError, OptionError
from balancekit.sources import open_source, remote

TABLE = b"name,label\n1,cat\n2,cat\n3,dog\n"
LABELS = np.array([0, 0, 1, 2])
NAMES = itertools.count()


@pytest.fixture
def memory():
    """Puts files into a folder of fsspec's memory, and gives its URL."""
    folder = f"bucket-{next(NAMES)}"
    system = fsspec.filesystem("memory")

    def put(files):
        for name, content in files.items():
            system.pipe_file(f"/{folder}/{name}", content)
        return f"memory://{folder}"

    yield put
    system.rm(f"/{folder}", recursive=True)


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """The folder in which copies lie, so that tests can look into it."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def picture(shade=0):
    file = io.BytesIO()
    Image.new("L", (4, 4), shade).save(file, "png")
    return file.getvalue()


def npz_of(labels):
    file = io.BytesIO()
    np.savez(file, labels=labels)
    return file.getvalue()


def tar_of(samples):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for i, class_id in enumerate(samples):
            for suffix, content in (("png", picture(i)), ("cls", str(class_id).encode())):
                member = tarfile.TarInfo(f"{i:03}.{suffix}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return file.getvalue()


def coco():
    return json.dumps(
        {
            "images": [{"id": i, "file_name": f"{i}.jpg", "width": 9, "height": 9} for i in (1, 2)],
            "annotations": [
                {"id": i, "image_id": 1, "category_id": c, "bbox": [0, 0, 2, 2 + i], "area": 4}
                for i, c in enumerate([1, 1, 2])
            ],
            "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
        }
    ).encode()


FILES = {
    "a table": ("t.csv", TABLE, {"cat": 2, "dog": 1}),
    "JSON lines": ("t.jsonl", b'{"label": "cat"}\n{"label": "dog"}\n', {"cat": 1, "dog": 1}),
    "arrays": (
        "t.npz",
        npz_of(LABELS),
        {"0": 2, "1": 1, "2": 1},
    ),
    "COCO": ("instances.json", coco(), {"cat": 2, "dog": 1}),
    "a tar": ("t.tar", tar_of([0, 0, 1]), {"0": 2, "1": 1}),
}
files = pytest.mark.parametrize(("name", "content", "by_class"), FILES.values(), ids=FILES.keys())


def counts_of(stats):
    return dict(zip(stats.class_names, stats.class_counts, strict=True))


# --- memory -------------------------------------------------------------------------------------


@files
def test_a_file_is_fetched_and_told_by_its_url(memory, temporary, name, content, by_class):
    url = f"{memory({name: content})}/{name}"
    stats = analyze(url, verify="none")
    assert counts_of(stats) == by_class
    assert url in stats.source
    assert str(temporary) not in stats.to_json().decode()
    labels = read(url)
    assert dict(zip(labels.class_names, labels.class_counts().tolist(), strict=True)) == by_class
    assert not any(str(temporary) in sample for sample in labels.sample_ids or ())


def test_a_copy_is_removed_with_its_source(memory, temporary):
    source = open_source(f"{memory({'t.csv': TABLE})}/t.csv")
    assert [path.name for path in temporary.glob("*/*")] == ["t.csv"]
    assert source.read_labels().n_samples == 3
    del source
    assert list(temporary.iterdir()) == []


def test_a_folder_of_pictures_is_counted_from_its_listing_alone(memory, temporary):
    url = memory(
        {
            "train/cat/1.jpg": b"",
            "train/cat/deep/2.jpg": b"",
            "train/cat/2.png": b"",
            "train/dog/1.jpg": b"",
            "train/dog/1.png": b"",
            "train/dog/.DS_Store": b"",
            "val/cat/1.jpg": b"",
        }
    )
    stats = analyze(url, verify="none")
    assert counts_of(stats) == {"cat": 3, "dog": 1}
    assert [split.name for split in stats.splits] == ["val"]
    codes = {issue.code: issue.count for issue in stats.issues if "BK3" < issue.code < "BK4"}
    assert codes == {"BK301": 1, "BK302": 1, "BK304": 1}
    assert stats.source == f"image folder {url} (2 class folders, split train beside val)"
    assert list(temporary.iterdir()) == []
    assert list(read(url, split="val").sample_ids) == [f"{url}/val/cat/1.jpg"]


def test_pictures_far_away_are_not_checked_and_that_is_said(memory):
    url = memory({"cat/1.jpg": b"", "dog/1.jpg": b""})
    with pytest.warns(UserWarning, match="no picture could be opened"):
        stats = analyze(url, verify="decode")
    assert (stats.n_samples, stats.n_checked) == (2, 0)


def test_a_folder_of_annotations_is_fetched_whole(memory, temporary):
    content = {"images/1.png": picture(), "labels/1.txt": b"0 .5 .5 .1 .1\n1 .5 .5 .1 .1\n"}
    url = memory({**content, "data.yaml": b"names: [cat, dog]\ntrain: images\n"})
    stats = analyze(url, verify="decode")
    assert counts_of(stats) == {"cat": 1, "dog": 1}
    assert stats.n_checked == 1
    assert str(temporary) not in stats.to_json().decode()
    assert list(read(url).sample_ids) == [f"{url}/images/1.png"]


def test_problems_of_a_copy_name_the_url(memory):
    broken = {"images/1.png": b"no picture", "labels/1.txt": b"7 .5 .5 .1 .1\n0 .5 .5 .1 .1\n"}
    url = memory({**broken, "data.yaml": b"names: [cat, dog]\ntrain: images\n"})
    stats = analyze(url, verify="decode", duplicates=True)
    examples = {issue.code: issue.examples for issue in stats.issues}
    assert examples["BK209"] == ("labels/1.txt:1: class 7 of 2",)
    assert examples["BK201"][0].startswith(f"{url}/images/1.png (UnidentifiedImageError")
    with pytest.warns(UserWarning, match=f"{url}.*left out"):
        read(url)


def test_a_folder_too_large_to_fetch_is_refused_before_it_is(memory, temporary, monkeypatch):
    url = memory({"a.csv": TABLE, "b.csv": TABLE})
    monkeypatch.setattr(remote, "MAX_FOLDER_BYTES", len(TABLE))
    with pytest.raises(OptionError, match=rf"{url}: expected at most .* GB .* Copy it"):
        read(url)
    assert list(temporary.iterdir()) == []


def test_a_local_url_is_read_where_it_lies(tmp_path, temporary):
    (tmp_path / "t.csv").write_bytes(TABLE)
    assert read(f"file://{tmp_path}/t.csv").n_samples == 3
    assert list(temporary.iterdir()) == []


def test_saved_labels_are_read_from_a_url(memory, tmp_path):
    Labels.from_names(["a", "b", "b"]).save(tmp_path / "labels.npz")
    url = memory({"labels.npz": (tmp_path / "labels.npz").read_bytes()})
    assert read(f"{url}/labels.npz").class_names == ("a", "b")


def test_an_error_about_the_data_names_the_url(memory, temporary):
    url = f"{memory({'t.csv': b''})}/t.csv"
    with pytest.raises(DataError, match=f"{url}: expected a table") as caught:
        read(url)
    assert str(temporary) not in str(caught.value)


def test_a_name_that_leads_out_of_the_folder_is_refused(memory, temporary, monkeypatch):
    url = memory({"a.csv": TABLE})
    listing = {f"/{url[9:]}/../../evil.csv": {"size": 1}, f"/{url[9:]}/a.csv": {"size": 1}}
    with monkeypatch.context() as patch:
        patch.setattr(type(fsspec.filesystem("memory")), "find", lambda *_, **__: listing)
        with pytest.raises(DataError, match="expected names within the folder"):
            read(url)
    assert list(temporary.iterdir()) == []


MISSING = {
    "no file": ("memory://nowhere/t.csv", "expected data there, got nothing"),
    "a protocol that no one knows": ("gopher9://host/t.csv", "Protocol not known"),
    "no host": ("http://host.invalid/t.csv", "host.invalid"),
    "nobody listens": ("http://127.0.0.1:9/t.csv", "127.0.0.1"),
}


@pytest.mark.parametrize(("url", "words"), MISSING.values(), ids=MISSING.keys())
def test_what_cannot_be_had_is_refused_in_words(url, words, without_proxies):
    with pytest.raises(DataError, match=words) as caught:
        read(url)
    assert str(caught.value).startswith(url)
    assert caught.value.__cause__ is None


def test_a_missing_driver_is_named_with_what_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    with pytest.raises(MissingLibraryError, match=r"aiohttp.*pip install '\.\[remote\]'"):
        read("https://example.org/t.csv")


SECRET = {
    "password": ("https://me:pass@host/t.csv", "https://host/t.csv"),
    "signature": ("https://host/t.csv?X-Amz-Signature=1&b=2", "https://host/t.csv"),
    "chain": ("zip://t.csv::https://me:pass@host/z.zip?s=1", "zip://t.csv::https://host/z.zip"),
    "nothing": ("s3://bucket/a@b/t.csv", "s3://bucket/a@b/t.csv"),
}


@pytest.mark.parametrize(("url", "shown"), SECRET.values(), ids=SECRET.keys())
def test_secrets_of_a_url_are_not_shown(url, shown):
    assert remote.shown_url(url) == shown


# --- a web server -------------------------------------------------------------------------------


class Handler(http.server.SimpleHTTPRequestHandler):
    """Gives files, and some answers that servers give besides."""

    def log_message(self, *_):
        pass

    def send_head(self):
        if self.path.startswith("/status/"):
            self.send_error(int(self.path.split("/")[2]))
            return None
        if self.path.startswith("/silent/"):
            time.sleep(1.5)
        return super().send_head()


@pytest.fixture
def without_proxies(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server(tmp_path, without_proxies):
    """The folder and URL of a web server."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving:
        thread = threading.Thread(target=serving.serve_forever, args=[0.02], daemon=True)
        thread.start()
        yield folder, f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()
        thread.join()


@files
def test_a_file_is_fetched_from_a_web_server(server, temporary, name, content, by_class):
    folder, url = server
    (folder / name).write_bytes(content)
    stats = analyze(f"{url}/{name}?signature=1", verify="none")
    assert counts_of(stats) == by_class
    assert f"{url}/{name}" in stats.source
    assert "signature" not in stats.to_json().decode()
    assert str(temporary) not in stats.to_json().decode()


@pytest.mark.parametrize("end", ["", "/"], ids=["without a slash", "with a slash"])
def test_a_listing_of_a_web_server_is_counted(server, temporary, end):
    folder, url = server
    for name in ("cat/1.jpg", "cat/a b.jpg", "dog é/1.png"):
        path = folder / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    stats = analyze(f"{url}/data{end}", verify="none")
    assert counts_of(stats) == {"cat": 2, "dog é": 1}
    assert list(temporary.iterdir()) == []


def test_a_folder_of_tables_is_fetched_from_a_web_server(server):
    folder, url = server
    (folder / "parts").mkdir()
    for i in range(3):
        (folder / "parts" / f"{i} é.csv").write_bytes(TABLE)
    assert counts_of(analyze(f"{url}/parts/", verify="none")) == {"cat": 6, "dog": 3}


ANSWERS = {"not found": (404, "nothing"), "forbidden": (403, "403"), "broken": (500, "500")}


@pytest.mark.parametrize(("status", "words"), ANSWERS.values(), ids=ANSWERS.keys())
def test_an_answer_that_is_no_data_is_told(server, status, words):
    url = f"{server[1]}/status/{status}/t.csv"
    with pytest.raises(DataError, match=words) as caught:
        read(url)
    assert str(caught.value).startswith(url)


def test_a_server_that_says_nothing_is_given_up(server, monkeypatch):
    monkeypatch.setattr(remote, "SILENCE_S", 0.2)
    with pytest.raises(DataError, match="no answer in time"):
        read(f"{server[1]}/silent/t.csv")


def test_a_folder_without_sizes_is_given_up_when_it_grows_too_large(server, temporary, monkeypatch):
    folder, url = server
    (folder / "parts").mkdir()
    for i in range(3):
        (folder / "parts" / f"{i}.csv").write_bytes(TABLE)
    monkeypatch.setattr(remote, "MAX_FOLDER_BYTES", 2 * len(TABLE))
    with pytest.raises(OptionError, match="Copy it to a disk of your own"):
        read(f"{url}/parts/")
    assert list(temporary.iterdir()) == []


def test_the_names_of_copies_are_safe():
    assert remote._local_name("/a/b/t.csv") == "t.csv"
    assert remote._local_name("http://host/a%20b.csv?x=/../y") == "a b.csv"
    assert remote._local_name("http://host/%2e%2e") == "data"
    assert remote._local_name("http://host/..%2f..%2fetc") == "data"
    assert Path(remote._local_name("")).name == "data"

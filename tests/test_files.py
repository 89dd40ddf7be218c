"""Files are written complete, or what stood there stays."""

import pytest

from balancekit.errors import OptionError
from balancekit.files import open_whole, write_whole


def test_what_stood_there_is_replaced(tmp_path):
    (tmp_path / "a.html").write_bytes(b"old")
    write_whole(b"new", tmp_path / "a.html")
    assert (tmp_path / "a.html").read_bytes() == b"new"
    assert [file.name for file in tmp_path.iterdir()] == ["a.html"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError])
def test_an_interrupted_write_leaves_what_stood_there_and_nothing_else(stop, tmp_path):
    (tmp_path / "a.html").write_bytes(b"old")

    def write_half():
        with open_whole(tmp_path / "a.html") as file:
            file.write(b"half of the n")
            raise stop

    with pytest.raises(stop):
        write_half()
    assert (tmp_path / "a.html").read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.html"]


def test_a_link_is_written_through(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.html").write_bytes(b"old")
    (tmp_path / "a.html").symlink_to(tmp_path / "real" / "a.html")
    write_whole(b"new", tmp_path / "a.html")
    assert (tmp_path / "a.html").is_symlink()
    assert (tmp_path / "real" / "a.html").read_bytes() == b"new"


@pytest.mark.parametrize(
    ("target", "words"), [("", "got a folder"), ("none/a.html", "got no folder")]
)
def test_a_place_that_cannot_be_written_is_refused(target, words, tmp_path):
    with pytest.raises(OptionError, match=words):
        write_whole(b"new", tmp_path / target)

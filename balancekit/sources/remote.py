"""Data behind a URL, through fsspec.

A file is fetched into a temporary folder that is removed at the end. A folder is listed; if
it holds class folders of pictures the list is enough to count them, else all of it is
fetched, up to `MAX_FOLDER_BYTES`. Users are told the URL, never the temporary path.
"""

import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import Any, NamedTuple
from urllib.parse import unquote

from balancekit.errors import BalancekitError, DataError, MissingLibraryError, OptionError
from balancekit.sources.fetched import FetchedCopy, FetchedSource
from balancekit.sources.folder_layout import layout_of
from balancekit.sources.folder_scan import is_hidden
from balancekit.sources.image_folder import ImageFolder
from balancekit.sources.listing import ListedFolder
from balancekit.sources.pictures import PICTURE_SUFFIXES
from balancekit.sources.source import ReadOptions, Source

__all__ = ["open_url", "shown_url"]

MAX_FOLDER_BYTES = 2_000_000_000
"""A folder larger than this is not fetched unasked."""

MAX_DEPTH = 16
"""Folders within folders that are listed: pages of a web server may link round and round."""

N_FETCHING = 8
"""Files fetched at a time; most of the time goes by in waiting for an answer."""

CONNECT_S, SILENCE_S = 30, 60
"""Seconds until a web server has to answer, and may be silent between two parts of a file."""

ANNOTATION_SUFFIXES = (
    *(".json", ".xml", ".yaml", ".yml", ".parquet", ".arrow", ".tar", ".tgz", ".npz", ".npy"),
    *(".csv", ".tsv", ".jsonl", ".arff", ".dat", ".gz"),
)
ANNOTATION_FOLDER = re.compile(r"mask|label|annot|segment|groundtruth|^gt$", re.IGNORECASE)


def open_url(
    url: str,
    open_path: Callable[[Path], Source],
    options: ReadOptions,
    format: str,  # noqa: A002 - the field's word
) -> Source:
    """The source of what a URL names.

    Args:
        url: of a file or folder, in a protocol that fsspec knows.
        open_path: gives the source of a local path.
        options: how to read it.
        format: that was asked for, or "auto".

    Raises:
        DataError: nothing is there, or it cannot be had.
        MissingLibraryError: the library of its protocol is not installed.
        OptionError: it is a folder too large to be fetched.
    """
    shown = shown_url(url)
    with _reaching(shown):
        fs, path = _file_system(url)
        if "file" in _protocols(fs):
            return open_path(Path(path))
        is_folder = _is_folder(fs, path)
        files = _files_of(fs, path) if is_folder else {}
    if is_folder and not files:
        raise DataError(f"{shown}: expected a folder with files, got none listed there")
    if is_folder and format in ("auto", "image-folder"):
        listed = ListedFolder(shown.rstrip("/"), list(files))
        if format == "image-folder" or _are_pictures_alone(files):
            options.refuse_but((), f"{shown} (image-folder)")
            return ImageFolder(layout_of(listed.root, options.split, listed.scan))
    copy = FetchedCopy(_local_name(path), shown)
    try:
        with _reaching(shown):
            _fetch(fs, path, files, copy)
        with copy.place.telling():
            return FetchedSource(open_path(Path(copy.place.path)), copy)
    except BaseException:
        copy.remove()
        raise


def shown_url(url: str) -> str:
    """A URL without what may be secret in it: a password, or the signature behind a "?".

    >>> shown_url("https://me:secret@host/data.csv?signature=1")
    'https://host/data.csv'
    """
    return re.sub(r"\?[^:]*", "", re.sub(r"//[^/@]*@", "//", url))


def _file_system(url: str) -> Any:
    """The file system of a URL and the path in it, as a pair."""
    from fsspec.core import url_to_fs  # type: ignore[import-untyped]

    if not url.startswith(("http://", "https://")) or "::" in url:
        return url_to_fs(url)
    from aiohttp import ClientTimeout

    # Without a limit on the whole, as a large file may take long and yet come.
    timeout = ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=SILENCE_S)
    return url_to_fs(url, client_kwargs={"timeout": timeout, "trust_env": True})


def _protocols(fs: Any) -> tuple[str, ...]:
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)


def _is_folder(fs: Any, path: str) -> bool:
    if "http" not in _protocols(fs):
        return bool(fs.info(path)["type"] == "directory")
    # A web server has no folders, but pages that list them. Asking fsspec whether this is one
    # would fetch the whole file.
    name = path.partition("?")[0]
    if name.endswith("/"):
        return True
    is_page = str(fs.info(path).get("mimetype", "")).startswith("text/html")
    return is_page and not name.lower().endswith((".html", ".htm"))


class RemoteFile(NamedTuple):
    """A file of a folder: its path in the file system, and its bytes, if they are known."""

    path: str
    size: int | None


def _files_of(fs: Any, path: str) -> dict[str, RemoteFile]:
    """The files below a folder, by name relative to it.

    Raises:
        DataError: a name leads out of the folder.
    """
    root = path.rstrip("/") + "/"
    spelt = unquote if "http" in _protocols(fs) else str
    files = {}
    for full, info in fs.find(root, maxdepth=MAX_DEPTH, detail=True).items():
        name = spelt(full.removeprefix(root))
        if ".." in PurePosixPath(name).parts or name.startswith("/"):
            raise DataError(f"{shown_url(root)}: expected names within the folder, got {name!r}")
        files[name] = RemoteFile(full, info.get("size"))
    return files


def _are_pictures_alone(names: Iterable[str]) -> bool:
    """Whether files are nothing but pictures by class, by their names."""
    n_pictures = n_text = 0
    for name in names:
        path = PurePosixPath(name.lower())
        if any(map(is_hidden, path.parts)):
            continue
        if path.suffix in ANNOTATION_SUFFIXES or any(
            map(ANNOTATION_FOLDER.search, path.parts[:-1])
        ):
            return False
        n_pictures += path.suffix in PICTURE_SUFFIXES
        n_text += path.suffix == ".txt"
    return n_pictures > 2 * n_text


def _fetch(fs: Any, path: str, files: Mapping[str, RemoteFile], copy: FetchedCopy) -> None:
    """Fetch a file, or all files of a folder by their names.

    Raises:
        OptionError: the folder is too large.
    """
    target = Path(copy.place.path)
    if not files:
        room = _Room(shutil.disk_usage(copy.folder).free, copy.place.url)
        fs.get_file(path, str(target), callback=room.callback())
        return
    room = _Room(MAX_FOLDER_BYTES, copy.place.url)
    room.check(sum(file.size or 0 for file in files.values()))

    def fetch_one(name: str) -> None:
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        fs.get_file(files[name].path, str(place), callback=room.callback())

    with ThreadPoolExecutor(N_FETCHING) as pool:
        try:
            for _ in pool.map(fetch_one, files):
                pass
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


class _Room:
    """Bytes that may be fetched, by any thread."""

    def __init__(self, n_bytes: int, url: str) -> None:
        self._n_bytes, self._url = n_bytes, url
        self._n_fetched = 0
        self._lock = Lock()

    def check(self, n_bytes: int) -> None:
        """Refuse to fetch so much.

        Raises:
            OptionError: it is more than may be.
        """
        if n_bytes > self._n_bytes:
            raise OptionError(
                f"{self._url}: expected at most {self._n_bytes / 1e9:,.1f} GB to fetch, got "
                f"{n_bytes / 1e9:,.1f} GB. Copy it to a disk of your own, and give that path."
            )

    def add(self, n_bytes: int) -> None:
        """Count what came.

        Raises:
            OptionError: it is more than may be.
        """
        with self._lock:
            self._n_fetched += n_bytes
            self.check(self._n_fetched)

    def callback(self) -> Any:
        """What fsspec calls with the bytes that came."""
        from fsspec.callbacks import Callback  # type: ignore[import-untyped]

        class Counting(Callback):  # type: ignore[misc]  # fsspec is not typed
            def relative_update(counting, inc: int = 1) -> None:  # noqa: N805
                self.add(inc)

        return Counting()


def _local_name(path: str) -> str:
    """The name of a file or folder for its copy."""
    name = unquote(PurePosixPath(path.partition("?")[0].rstrip("/")).name)
    return name if name not in ("", ".", "..") and "/" not in name else "data"


@contextmanager
def _reaching(shown: str) -> Iterator[None]:
    """Errors of any file system as errors of the data.

    Raises:
        DataError: whatever came.
        MissingLibraryError: a library is not there.
    """
    try:
        yield
    except BalancekitError:
        raise
    except ImportError as error:
        raise MissingLibraryError(
            f"{shown}: needs a library that is not installed ({error}). For http and https, "
            "from a clone: pip install '.[remote]'; for others, see fsspec's own message."
        ) from None
    except Exception as error:  # every driver has exceptions of its own
        cause = error.__cause__ or error
        raise DataError(f"{shown}: expected data there, got {_in_words(cause)}") from None


def _in_words(error: BaseException) -> str:
    status = getattr(error, "status", None)
    if isinstance(error, FileNotFoundError) or status == 404:
        return "nothing. Check the URL"
    if status is not None:
        return f"HTTP status {status} ({getattr(error, 'message', '')}). Check the URL"
    if isinstance(error, PermissionError):
        return "no permission. Check the credentials that its driver finds"
    if isinstance(error, TimeoutError):
        return "no answer in time. Check the URL and the connection"
    return f"{type(error).__name__}: {str(error) or 'no more is said'}"

"""A folder far away as the list of its files: enough to count pictures by class."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

__all__ = ["ListedFolder"]


@dataclass(frozen=True)
class ListedEntry:
    """A file or folder of a listing, as `os.DirEntry` is one of a folder."""

    name: str
    path: str
    is_folder: bool

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a file."""
        return not self.is_folder

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a folder."""
        return self.is_folder

    def is_symlink(self) -> bool:
        """Whether it is a link: listings do not tell, so no."""
        return False


class ListedFolder:
    """All files below a folder.

    Args:
        root: path or URL of the folder, without a slash at its end.
        names: of the files, relative to it.
    """

    def __init__(self, root: str, names: Sequence[str]) -> None:
        self.root = root
        self._folders: dict[str, dict[str, bool]] = {root: {}}
        for name in names:
            parent, _, file = f"{root}/{name}".rpartition("/")
            self._made(parent)[file] = False

    @contextmanager
    def scan(self, path: str) -> Iterator[Iterable[ListedEntry]]:
        """Entries of a folder in it, as `os.scandir` gives them.

        Raises:
            FileNotFoundError: it is not in the listing.
        """
        if path not in self._folders:
            raise FileNotFoundError(2, "No such folder", path)
        yield (
            ListedEntry(name, f"{path}/{name}", is_folder)
            for name, is_folder in self._folders[path].items()
        )

    def _made(self, path: str) -> dict[str, bool]:
        """The entries of a folder, which is put into those above it if it is new."""
        if path not in self._folders:
            self._folders[path] = {}
            parent, _, name = path.rpartition("/")
            self._made(parent)[name] = True
        return self._folders[path]

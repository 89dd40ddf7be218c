"""In which line of a TOML file each of its values stands."""

import re
from bisect import bisect_right

__all__ = ["line_of", "lines_of_places"]

BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
SPACES = re.compile(r"[ \t]*")
BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
BASIC = re.compile(r'"((?:[^"\\]|\\.)*)"')
LITERAL = re.compile(r"'([^']*)'")
LONG_BASIC = re.compile(r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}', re.DOTALL)
LONG_LITERAL = re.compile(r"'''(?:[^']|'(?!''))*'{3,5}", re.DOTALL)
SCALAR = re.compile(r"[^,\]}\n#]+")


def lines_of_places(text: str) -> dict[str, int]:
    r"""Line, from 1 on, of every table, array and value: by its place, such as "loss.gamma".

    Items of arrays have their number: "reasons[0].part". Keys stand as they are, whatever is
    in them. The text must be right TOML, of which nothing else is checked here.

    Args:
        text: what `tomllib` has read.

    >>> lines_of_places("seed = 3\n[loss]\nkind = 'focal'")
    {'seed': 1, 'loss': 2, 'loss.kind': 3}
    """
    return _Scan(text).run()


def line_of(place: str, lines: dict[str, int]) -> int | None:
    """The line of a place, or of the nearest around it that has one; None if nothing has.

    >>> line_of("loss.gamma", {"loss": 2}), line_of("seed", {"loss": 2})
    (2, None)
    """
    while place and place not in lines:
        place = place[: max(place.rfind("."), place.rfind("["), 0)]
    return lines.get(place)


class _Scan:
    """One walk over a text, from key to key."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.line_starts = [0, *(found.end() for found in re.finditer("\n", text))]
        self.lines: dict[str, int] = {}
        self.n_tables: dict[str, int] = {}  # of each array of tables

    def run(self) -> dict[str, int]:
        table = ""
        self._skip(BLANK)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(BLANK)
        return self.lines

    def _header(self) -> str:
        """The place of the table that begins here."""
        is_item = self.text.startswith("[[", self.at)
        start = self.at
        self.at += 2 if is_item else 1
        parts = self._key()
        self.at += 2 if is_item else 1
        place = ""
        for number, part in enumerate(parts, 1):
            place = _join(place, part)
            self._note(place, start)
            if number == len(parts) and is_item:
                self.n_tables[place] = self.n_tables.get(place, 0) + 1
            if place in self.n_tables:
                place = f"{place}[{self.n_tables[place] - 1}]"
                self._note(place, start)
        return place

    def _pair(self, table: str) -> None:
        start, place = self.at, table
        for part in self._key():
            place = _join(place, part)
            self._note(place, start)
        self._skip(SPACES)
        self.at += 1  # the "="
        self._skip(SPACES)
        self._value(place)

    def _key(self) -> list[str]:
        parts = []
        while True:
            self._skip(SPACES)
            parts.append(self._key_part())
            self._skip(SPACES)
            if self.text[self.at] != ".":
                return parts
            self.at += 1

    def _key_part(self) -> str:
        for pattern in (BASIC, LITERAL, BARE_KEY):
            if found := pattern.match(self.text, self.at):
                self.at = found.end()
                if pattern is BASIC and "\\" in found[0]:
                    import tomllib

                    return str(tomllib.loads(f"key = {found[0]}")["key"])
                return found[1] if pattern is not BARE_KEY else found[0]
        raise ValueError("no key")  # not of right TOML

    def _value(self, place: str) -> None:
        match self.text[self.at]:
            case "[":
                self._items(place)
            case "{":
                self._inline_table(place)
            case '"' | "'":
                for pattern in (LONG_BASIC, LONG_LITERAL, BASIC, LITERAL):
                    if self._skip(pattern):
                        return
            case _:
                self._skip(SCALAR)

    def _items(self, place: str) -> None:
        self.at += 1
        number = 0
        self._skip(BLANK)
        while self.text[self.at] != "]":
            item = f"{place}[{number}]"
            self._note(item, self.at)
            self._value(item)
            number += 1
            self._skip_comma()
        self.at += 1

    def _inline_table(self, place: str) -> None:
        self.at += 1
        self._skip(BLANK)
        while self.text[self.at] != "}":
            self._pair(place)
            self._skip_comma()
        self.at += 1

    def _skip_comma(self) -> None:
        self._skip(BLANK)
        if self.text[self.at] == ",":
            self.at += 1
            self._skip(BLANK)

    def _skip(self, pattern: re.Pattern[str]) -> bool:
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
        return found is not None

    def _note(self, place: str, at: int) -> None:
        # The first that stands for it: of an array of tables, its first table.
        self.lines.setdefault(place, bisect_right(self.line_starts, at))


def _join(table: str, key: str) -> str:
    return f"{table}.{key}" if table else key

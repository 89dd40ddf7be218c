"""Each value of a TOML file is found in its line, however it is written."""

import pytest

from balancekit.plan.places import line_of, lines_of_places

TEXTS = {
    "comments and blank lines": ("# x = 1\n\n a = 1 # [b]\nb=2", {"a": 3, "b": 4}),
    "tables": ("[a]\nx = 1\n[ a . b ]\nx = 2", {"a": 1, "a.x": 2, "a.b": 3, "a.b.x": 4}),
    "a table whose parent comes later": ("[a.b]\nx = 1\n[a]\ny = 2", {"a": 1, "a.b": 1, "a.y": 4}),
    "arrays of tables": (
        "[[a]]\nx = 1\n[[a]]\nx = 2\n[a.b]\ny = 3",
        {"a": 1, "a[0]": 1, "a[0].x": 2, "a[1]": 3, "a[1].x": 4, "a[1].b": 5, "a[1].b.y": 6},
    ),
    "arrays of tables in arrays of tables": (
        "[[a]]\n[[a.b]]\nx = 1\n[[a]]\n[[a.b]]\nx = 2\n[[a.b]]",
        {"a[0].b[0].x": 3, "a[1].b[0].x": 6, "a[1].b[1]": 7},
    ),
    "dotted keys": ("a.b.c = 1\na.b.d = 2", {"a": 1, "a.b": 1, "a.b.c": 1, "a.b.d": 2}),
    "quoted keys": (
        """"a b" = 1\n'c.d' = 2\n"e\\"f" = 3\n"\\u00e9".x = 4""",
        {"a b": 1, "c.d": 2, 'e"f': 3, "é.x": 4},
    ),
    "a heading in quotes": ("""['a'."b c"]\nx = 1""", {"a": 1, "a.b c": 1, "a.b c.x": 2}),
    "inline tables": (
        "a = { x = 1, y = { z = 'b = 2' } }\nb = {}\nc = 3",
        {"a.x": 1, "a.y.z": 1, "b": 2, "c": 3},
    ),
    "arrays over several lines": (
        "a = [ # first\n  1, # one, [two]\n  2,\n]\nb = [[1, 2],\n  [3]]\nc = []",
        {"a": 1, "a[0]": 2, "a[1]": 3, "b[0][1]": 5, "b[1]": 6, "b[1][0]": 6, "c": 7},
    ),
    "inline tables in arrays": (
        "a = [\n  { x = 1 },\n  { x = 2 },\n]",
        {"a[0].x": 2, "a[1].x": 3},
    ),
    "texts with quotes and marks": (
        'a = "x = \\" [b]"\nb = \'y # \\\'\nc = ["]", "}", "#"]\nd = 4',
        {"a": 1, "b": 2, "c": 3, "c[2]": 3, "d": 4},
    ),
    "texts over several lines": (
        'a = """\nb = 1\n\\"""\n"""\nc = 2\nd = \'\'\'\n[e]\n\'\'\'\nf = """""x"""""\ng = 3',
        {"a": 1, "c": 5, "d": 6, "f": 9, "g": 10},
    ),
    "numbers, dates and words": (
        "a = -1.5e+3\nb = 2024-01-02 03:04:05Z\nc = [inf, nan, true]\nd = 0x1F",
        {"a": 1, "b": 2, "c[2]": 3, "d": 4},
    ),
    "no line break at the end": ("a = 1", {"a": 1}),
    "nothing": ("", {}),
}


@pytest.mark.parametrize(("text", "lines"), TEXTS.values(), ids=TEXTS.keys())
def test_values_are_found_in_their_lines(text, lines):
    found = lines_of_places(text)
    assert {place: found.get(place) for place in lines} == lines


def test_no_place_is_found_that_is_not_there():
    assert set(lines_of_places('a = """\nb = 1\n"""\n# c = 2')) == {"a"}


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("a.b", 2),
        ("a.b.c", 2),
        ("a.x", 1),
        ("a.x[3].y", 1),
        ("r[1].z", 9),
        ("r[7]", 5),
        ("z", None),
        ("", None),
        ("operations, forbid", None),
    ],
)
def test_a_place_without_a_line_has_that_of_what_is_around_it(place, line):
    assert line_of(place, {"a": 1, "a.b": 2, "r": 5, "r[1]": 9}) == line


def test_a_long_file_is_walked_through_once():
    n = 20_000
    lines = lines_of_places("x = [\n" + "  1,\n" * n + "]\ny = 2")
    assert lines[f"x[{n - 1}]"] == n + 1
    assert lines["y"] == n + 3

"""Tables: labels and counts of every way in which people write them, and what is told."""

import csv
import gzip
import io
from contextlib import nullcontext

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from balancekit import analyze, read
from balancekit.errors import BalancekitWarning, DataError
from balancekit.labels import UNLABELLED
from balancekit.sources import open_source


def write(tmp_path, content, name="table.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def issues_of(stats):
    return {issue.code: issue.count for issue in stats.issues if issue.code >= "BK2"}


def assert_counts(path, by_class, *, missing=0, issues=None, **options):
    """Reading and analysing agree on classes, counts and missing labels."""
    stats = analyze(path, **options)
    assert dict(zip(stats.class_names, stats.class_counts, strict=True)) == by_class
    assert stats.n_unlabelled == missing
    assert stats.n_samples == sum(by_class.values()) + missing
    assert issues_of(stats) == (issues or {})
    left_out = "BK203" in issues_of(stats)
    with pytest.warns(BalancekitWarning, match="left out") if left_out else nullcontext():
        labels = read(path, **options)
    assert labels.class_names == stats.class_names
    assert tuple(labels.class_counts().tolist()) == stats.class_counts
    assert labels.class_ids.tolist().count(UNLABELLED) == missing
    assert labels.n_samples == stats.n_samples


AB = {"a": 1, "b": 1}
TABLES = {
    "plain": ("x,label\n1,a\n2,b\n", AB),
    "without a last line break": ("x,label\n1,a\n2,b", AB),
    "line breaks of Windows": ("x,label\r\n1,a\r\n2,b\r\n", AB),
    "line breaks of old Macs": ("x,label\r1,a\r2,b\r", AB),
    "line breaks of two kinds": ("x,label\n1,a\r\n2,b\n", AB),
    "byte order mark": ("\ufefflabel,x\na,1\nb,2\n", AB),
    "byte order mark before a quote": ('\ufeff"label",x\na,1\nb,2\n', AB),
    "semicolons": ("x;label\n1,5;a\n2,5;b\n", AB),
    "bars": ("x|label\n1|a\n2|b\n", AB),
    "tabs": ("x\tlabel\n1,5\ta\n2,5\tb\n", AB),
    "one column": ("label\na\nb\n", AB),
    "one column that holds delimiters": ('label\n"a,b"\n"c;d"\n', {"a,b": 1, "c;d": 1}),
    "delimiters in a quoted name": ('"a,b,c";label\n1;a\n2;b\n', AB),
    "quoted commas and line breaks": (
        'x,label\n"1, 2","a, b"\n"line\nbreak","c\nd"\n"say ""hi""",e\n',
        {"a, b": 1, "c\nd": 1, "e": 1},
    ),
    "a quote inside of text": ('x,label\n5" pipe,a\n6,b\n', AB),
    "a name of spaces around": ("x, label \n1,a\n2,b\n", AB),
    "blank lines first": ("\n\nx,label\n1,a\n2,b\n", AB),
    "blank lines of Windows first": ("\r\nx,label\r\n1,a\r\n2,b\r\n", AB),
    "blank lines between": ("x,label\n1,a\n\n2,b\n\n", AB),
    "a column without a name": (",label\n0,a\n1,b\n", AB),
    "a tab for a name": ("\tlabel\n0\ta\n1\tb\n", AB),
    "a column twice": ("label,label,x\na,z,1\nb,z,2\n", AB),
    "names that the reader itself gives": ("c0,c1,label\n1,z,a\n2,z,b\n", AB),
    "names that SQL knows": ("rows,select,from,label\n1,2,3,a\n4,5,6,b\n", AB),
    "numbers as they are written": (
        "x,label\n1,1\n2,1.0\n3,007\n4,1\n",
        {"1": 2, "007": 1, "1.0": 1},
    ),
    "integers in their order": ("x,label\n1,10\n2,9\n3,-1\n", {"-1": 1, "9": 1, "10": 1}),
    "words that other readers drop": (
        "x,label\n1,NA\n2,null\n3,None\n",
        {"NA": 1, "None": 1, "null": 1},
    ),
    "letters of all kinds": ("x,label\n1,\N{CAT}\n2,e\u0301\n", {"\N{CAT}": 1, "e\u0301": 1}),
    "one class": ("x,label\n1,a\n2,a\n", {"a": 2}),
    "one row": ("x,label\n1,a\n", {"a": 1}),
}


@pytest.mark.parametrize(("content", "by_class"), TABLES.values(), ids=TABLES.keys())
def test_tables_are_counted(tmp_path, content, by_class):
    assert_counts(write(tmp_path, content), by_class)


def test_a_tsv_file_is_split_at_tabs_alone(tmp_path):
    path = write(tmp_path, "a,b,c,d\tlabel\n1,2\tx\n3\ty\n", "table.tsv")
    assert_counts(path, {"x": 1, "y": 1})


def test_the_order_of_labels_is_that_of_the_rows(tmp_path):
    names = [f"class {i % 7}" for i in range(5000)]
    path = write(tmp_path, "x,label\n" + "".join(f"{i},{n}\n" for i, n in enumerate(names)))
    labels = read(path)
    assert [labels.class_names[i] for i in labels.class_ids] == names


def test_a_type_that_changes_late_is_no_surprise(tmp_path):
    rows = "".join(f"{i},{i % 2}\n" for i in range(60_000))
    assert_counts(write(tmp_path, f"x,label\n{rows}1,cat\n"), {"0": 30_000, "1": 30_000, "cat": 1})


# A name of a column that comes back in it speaks against a line of names; Hypothesis tries
# the strings of the source code as well, so "x" and "label" would come.
cells = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5
).filter(lambda cell: cell.strip() not in ("x", "label"))


@given(rows=st.lists(st.tuples(cells, cells), min_size=1, max_size=8))
@settings(max_examples=40)
def test_what_the_csv_module_writes_is_read_back(tmp_path_factory, rows):
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([("x", "label"), *rows])
    names = [name for _, name in rows]
    missing = [name.strip().lower() in ("", "nan") for name in names]
    path = write(tmp_path_factory.mktemp("csv"), text.getvalue())
    if all(missing):
        with pytest.raises(DataError, match="column 'label' holds no label"):
            read(path)
        return
    labels = read(path)
    expected = [None if gone else name for name, gone in zip(names, missing, strict=True)]
    assert [labels.class_names[i] if i >= 0 else None for i in labels.class_ids] == expected


# --- missing, broken, foreign -------------------------------------------------------------------


def test_missing_labels_keep_their_place(tmp_path):
    path = write(tmp_path, "x,label\n1,\n2,a\n3,  \n4,NaN\n5,b\n6,nan\n7\n")
    assert_counts(path, AB, missing=5)
    assert read(path).class_ids.tolist() == [-1, 0, -1, -1, 1, -1, -1]
    assert {i.code for i in analyze(path).issues} >= {"BK105"}


def test_rows_that_are_too_short_lack_a_label_and_those_too_long_are_told(tmp_path):
    path = write(tmp_path, "x,label\n1,a\n2\n3,b,c\n4,b\n")
    assert_counts(path, AB, missing=1, issues={"BK203": 1})
    (issue,) = [issue for issue in analyze(path).issues if issue.code == "BK203"]
    assert issue.examples == ("line 4: Expected Number of Columns: 2 Found: 3",)


def test_a_column_called_name_is_not_taken_for_the_label(tmp_path):
    assert_counts(write(tmp_path, "name,label\nx,a\ny,b\n"), AB)


def test_pictures_beside_the_table_are_found_from_anywhere(tmp_path):
    path = write(tmp_path, "file,label\none.jpg,a\ntwo.jpg,b\n")
    assert list(read(path).sample_ids) == ["one.jpg", "two.jpg"]
    (tmp_path / "one.jpg").touch()
    expected = [str(tmp_path / "one.jpg"), str(tmp_path / "two.jpg")]
    assert list(read(path).sample_ids) == expected


def test_short_rows_and_quoted_line_breaks_go_together(tmp_path):
    assert_counts(write(tmp_path, 'x,y,label\n"1\n2",3,a\n4\n5,6,b\n'), AB, missing=1)


def test_a_quote_that_is_never_closed_is_told_where_quotes_quote(tmp_path):
    path = write(tmp_path, 'x,label\n"1,5",a\n2,b\n3,"c\n4,d\n')
    assert_counts(path, AB, issues={"BK203": 1})


def test_quotes_are_letters_where_one_that_opens_a_cell_does_not_close_it(tmp_path):
    path = write(tmp_path, 'label\ttext\nham\t"Hi there\nspam\tbuy "now"\nham\tok\n', "sms.tsv")
    assert_counts(path, {"ham": 2, "spam": 1})
    path = write(tmp_path, 'x,label\n1,a\n2,"b\n')
    assert_counts(path, {'"b': 1, "a": 1})


def test_quotes_around_some_cells_are_taken_off(tmp_path):
    assert_counts(write(tmp_path, 'x,label\n"1",a\n2,"b"\n"3",a\n'), {"a": 2, "b": 1})


def test_latin_1_is_read_and_told(tmp_path):
    path = write(tmp_path, "x,label\n1,café\n2,b\n".encode("latin-1"))
    assert_counts(path, {"b": 1, "café": 1}, issues={"BK206": 1})


def test_line_breaks_may_change_late_in_a_file(tmp_path):
    path = write(tmp_path, "x,label\n" + "1234567,aaaa\n" * 300_000 + "1,b\r\n")
    assert_counts(path, {"aaaa": 300_000, "b": 1})


def test_short_rows_and_quoted_line_breaks_may_come_late_in_a_file(tmp_path):
    rows = "1234567,1234567,aaaa\n" * 200_000
    path = write(tmp_path, f'x,y,label\n{rows}4\n"1\n2",3,b\n')
    assert_counts(path, {"aaaa": 200_000, "b": 1}, missing=1)


def test_bytes_that_are_not_utf_8_late_in_a_file_are_told(tmp_path):
    path = write(tmp_path, b"x,label\n" + b"1234567,aaaa\n" * 90_000 + "1,café\n".encode("latin-1"))
    assert_counts(path, {"aaaa": 90_000}, issues={"BK203": 1})


# --- the label column ---------------------------------------------------------------------------

FOUND = {
    "in another case": ("x,LABEL\n1,a\n2,b\n", "LABEL"),
    "y last of all": ("x,y\n1,a\n2,b\n", "y"),
}


@pytest.mark.parametrize(("content", "column"), FOUND.values(), ids=FOUND.keys())
def test_a_label_column_is_found_by_its_name_and_told(tmp_path, content, column):
    source = open_source(write(tmp_path, content))
    assert f"label column {column!r} (found by its name)" in source.description


def test_other_columns_that_would_fit_are_told(tmp_path):
    source = open_source(write(tmp_path, "y,species,class\n1,a,c\n1,b,d\n"))
    assert "'class' (found by its name; species, y would fit too)" in source.description


# --- with and without a header ------------------------------------------------------------------

HEADLESS = {
    "numbers, and the class last": ("5.1,3.5,a\n4.9,3.0,b\n4.7,3.2,a\n", "column_2"),
    "numbers, and the class first": (
        "1,14.2,106.5\n2,12.3,99.5\n1,13.1,87.5\n2,12.0,55.5\n",
        "column_0",
    ),
    "text, and a class that comes again": ("good one,x\nbad one,y\nfine one,x\n", "column_1"),
    "quoted text": ('"so, so",x\n"bad",y\n"fine",x\n', "column_1"),
    "a constant last": ("x,1,0\ny,2,0\nx,3,0\n", "column_0"),
    "a column alone": ("7\n5\n7\n", "column_0"),
    "the only one": ("1.5,x,2.5\n1.6,y,3.5\n1.7,x,4.5\n", "column_1"),
}


@pytest.mark.parametrize(("content", "column"), HEADLESS.values(), ids=HEADLESS.keys())
def test_a_table_without_a_header_is_read_and_its_class_found(tmp_path, content, column):
    path = write(tmp_path, content)
    stats = analyze(path)
    assert f"label column {column!r} (" in stats.source
    assert stats.n_samples == content.count("\n")
    assert stats.balance.n_classes == 2
    assert issues_of(stats) == {}
    assert read(path).n_samples == stats.n_samples


HEADED = {
    "names above numbers": "a,b,label\n1,2,3\n4,5,3\n",
    "numbers of columns": "0,1,2,label\n.5,.2,.1,a\n.1,.2,.3,b\n",
    "an index without a name": ",0,1,label\n0,.5,.2,a\n1,.1,.2,b\n",
    "names above text": "text,label\nfoo,x\nbar,y\n",
    "names alone": "text,label\n",
}


@pytest.mark.parametrize("content", HEADED.values(), ids=HEADED.keys())
def test_a_header_is_told_from_data(tmp_path, content):
    stats = analyze(write(tmp_path, content))
    assert "label column 'label'" in stats.source
    assert stats.n_samples == content.count("\n") - 1
    assert issues_of(stats) == {}


def test_a_table_without_a_header_and_a_plain_class_is_refused_with_examples(tmp_path):
    path = write(tmp_path, "0.5,0.1\n0.7,0.2\n0.1,0.3\n")
    words = r"column_0: 0\.5, 0\.7, 0\.1; column_1: .* Name it with --label column_N"
    with pytest.raises(DataError, match=words):
        analyze(path)
    assert analyze(path, label="column_1", task="classification").n_samples == 3


def test_a_header_is_what_the_user_says_and_told_if_it_looks_like_data(tmp_path):
    path = write(tmp_path, "1,2,3\n4,5,6\n1,2,6\n")
    assert_counts(path, {"6": 2}, issues={"BK207": 1}, header=True, label="3")
    assert_counts(path, {"3": 1, "6": 2}, header=False, label="column_2")


def test_a_label_that_the_first_line_holds_makes_it_a_header(tmp_path):
    path = write(tmp_path, "0.49,0.29,cp\n0.07,0.40,im\n0.1,0.2,cp\n")
    assert_counts(path, {"cp": 2, "im": 1})
    assert_counts(path, {"cp": 1, "im": 1}, issues={"BK207": 1}, label="cp")


def test_names_that_all_stand_in_single_quotes_lose_them(tmp_path):
    assert_counts(write(tmp_path, "1.5,'-1'\n1.6,'1'\n1.7,'-1'\n"), {"-1": 2, "1": 1})
    assert_counts(write(tmp_path, "x,label\n1,'a'\n2,b\n"), {"'a'": 1, "b": 1})


def test_a_space_behind_every_delimiter_belongs_to_no_name(tmp_path):
    rows = "39, State-gov, <=50K\n50, Self-emp, >50K\n38, Private, <=50K\n53, Private, <=50K\n"
    assert_counts(write(tmp_path, rows), {"<=50K": 3, ">50K": 1})


# --- other suffixes -----------------------------------------------------------------------------

PLAIN = {
    "tabs": "".join(f"{name}\tsome words, and more\n" for name in "abababab"),
    "paths and numbers": "".join(f"train/x/{i}.jpg {i % 2}\n" for i in range(8)),
    "semicolons": "x;label\n" + "".join(f"{i};{'ab'[i % 2]}\n" for i in range(8)),
    "numbers": "".join(f"{i / 8},{i / 7},{i % 2}\n" for i in range(8)),
}


@pytest.mark.parametrize("content", PLAIN.values(), ids=PLAIN.keys())
def test_a_text_that_is_plainly_a_table_is_one(tmp_path, content):
    stats = analyze(write(tmp_path, content, "list.txt"))
    assert (stats.format, stats.class_counts) == ("csv", (4, 4))


TEXTS = {
    "sentences": "Once, a king\nlived, as kings\ndo, in a\ncastle, and\nwas, by all\n",
    "a name a line": "Smith\nJones\nMiller\nMeyer\nBrown\nGreen\n",
    "two words a line": "John Smith\nMary Jones\nAnn Miller\nTom Meyer\nSue Brown\nBob Green\n",
    "few lines": "a\tb\nc\td\n",
}


@pytest.mark.parametrize("content", TEXTS.values(), ids=TEXTS.keys())
def test_a_text_of_words_is_no_table(tmp_path, content):
    with pytest.raises(DataError, match=r"got a \.txt file. Say --format csv"):
        read(write(tmp_path, content, "story.txt"))


def test_compressed_tables_are_read(tmp_path):
    assert_counts(write(tmp_path, gzip.compress(b"x,label\n1,a\n2,b\n"), "t.csv.gz"), AB)
    cut = gzip.compress(b"x,label\n" + bytes(range(48, 122)) * 999)[:60]
    with pytest.raises(DataError, match=r"cannot be decompressed .*Fetch it anew"):
        read(write(tmp_path, cut, "cut.csv.gz"))


def test_utf_16_is_read_and_told(tmp_path):
    path = write(tmp_path, "x,label\n1,é\n2,b\n".encode("utf-16"))
    assert_counts(path, {"b": 1, "é": 1}, issues={"BK206": 1})


# --- the label column, named --------------------------------------------------------------------


def test_a_label_column_is_named(tmp_path):
    path = write(tmp_path, "label,kind\nz,a\nz,b\n")
    assert_counts(path, AB, label="kind")
    assert "label column 'kind' (named by you)" in analyze(path, label="kind").source


def test_a_column_that_is_not_there_is_refused_with_the_nearest(tmp_path):
    path = write(tmp_path, "Filename,Species\n1,a\n")
    with pytest.raises(DataError, match=r"'Specis', got .*'Species'\]\. Did you mean 'Species'\?"):
        read(path, label="Specis")
    with pytest.raises(DataError, match=r"got the columns \['Filename', 'Species'\]\. Name one"):
        read(path, label="zzz")


def test_a_table_without_a_likely_column_is_refused_with_its_columns(tmp_path):
    path = write(tmp_path, "a,b,cp\n0.07,0.40,im\n")
    with pytest.raises(DataError, match=r"got the columns \['a', 'b', 'cp'\].*--label COLUMN"):
        analyze(path)


HOSTILE = ["la\"b'el; DROP TABLE rows;--", "a'b", "a,b", 'quote "', "$1", "{x}", "*", "a\nb", "\\"]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_column_name_is_taken_for_sql(tmp_path, name):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("x", name), (1, "a"), (2, "b")])
    assert_counts(write(tmp_path, text.getvalue()), AB, label=name)


PATHS = [
    "[a]*?.csv",
    "quo'te.csv",
    'dou"ble.csv',
    "line\nbreak.csv",
    "{a,b}.csv",
    "back\\slash.csv",
    "**.csv",
]


@pytest.mark.parametrize("name", PATHS)
def test_no_path_is_taken_for_a_pattern(tmp_path, name):
    write(tmp_path, "x,label\n1,z\n", "a.csv")
    write(tmp_path, "x,label\n1,z\n", "b.csv")
    assert_counts(write(tmp_path, "x,label\n1,a\n2,b\n", name), AB)


def test_a_table_of_another_suffix_is_read_when_told(tmp_path):
    path = write(tmp_path, "x,label\n1,a\n2,b\n", "table.data")
    with pytest.raises(DataError, match=r"got a \.data file. Say --format csv"):
        read(path)
    assert_counts(path, AB, format="csv")


# --- pictures named in a table ------------------------------------------------------------------


def test_a_column_of_pictures_gives_the_ids(tmp_path):
    path = write(tmp_path, "n,image,label\n1,b.jpg,x\n2,a.PNG,y\n3,,x\n")
    labels = read(path)
    assert labels.media == analyze(path).media == "pictures"
    assert list(labels.sample_ids) == ["b.jpg", "a.PNG", ""]


def test_other_tables_are_rows_without_ids(tmp_path):
    labels = read(write(tmp_path, "image,label\nb.jpg,x\nno picture,y\n"))
    assert (labels.media, labels.sample_ids) == ("rows", None)


# --- refusals -----------------------------------------------------------------------------------

REFUSED = {
    "empty": ("", "expected a table with a header, got an empty file"),
    "blank": ("\n \n\n", "expected a table with a header, got an empty file"),
    "header alone": ("x,label\n", "column 'label' holds no label"),
    "no label at all": ("x,label\n1,\n2,nan\n", "column 'label' holds no label"),
}


@pytest.mark.parametrize(("content", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_a_table_without_labels_is_refused(tmp_path, content, words):
    with pytest.raises(DataError, match=words):
        read(write(tmp_path, content))


def test_a_table_without_rows_is_an_error_in_the_analysis(tmp_path):
    stats = analyze(write(tmp_path, "x,label\n"))
    assert (stats.n_samples, stats.class_names) == (0, ())
    assert [(issue.code, issue.severity) for issue in stats.issues] == [("BK101", "error")]


def test_a_folder_without_tables_is_refused(tmp_path):
    with pytest.raises(DataError, match="expected tables in the folder, got none"):
        read(tmp_path, format="csv")

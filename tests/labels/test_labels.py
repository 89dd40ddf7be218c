"""Labels are checked once, survive a file, and can be taken apart."""

import os
import zipfile

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from numpy.testing import assert_array_equal

from balancekit.errors import DataError, OptionError
from balancekit.labels import UNLABELLED, Labels, SampleIds, sort_class_names

# File names as Linux has them: any bytes but 0 and "/".
file_names = st.binary(max_size=12).map(os.fsdecode)


def assert_same(one: Labels, other: Labels) -> None:
    assert one.class_names == other.class_names
    assert one.media == other.media
    for name in ("class_ids", "offsets", "sizes", "values"):
        first, second = getattr(one, name), getattr(other, name)
        assert (first is None) == (second is None), name
        if first is not None:
            assert first.dtype == second.dtype
            assert_array_equal(first, second, name)
    ids = [
        None if labels.sample_ids is None else list(labels.sample_ids) for labels in (one, other)
    ]
    assert ids[0] == ids[1]


@st.composite
def any_labels(draw):
    names = draw(st.lists(st.text(max_size=6), min_size=1, max_size=5, unique=True))
    n_samples = draw(st.integers(0, 8))
    several = draw(st.booleans())
    lengths = draw(st.lists(st.integers(0, 3), min_size=n_samples, max_size=n_samples))
    n_entries = sum(lengths) if several else n_samples
    ids = st.integers(0 if several else UNLABELLED, len(names) - 1)

    def some(strategy, length):
        return draw(st.none() | st.lists(strategy, min_size=length, max_size=length))

    return Labels(
        class_ids=np.array(draw(st.lists(ids, min_size=n_entries, max_size=n_entries)), np.int32),
        class_names=tuple(names),
        offsets=np.cumsum([0, *lengths]) if several else None,
        sizes=some(st.floats(0, 1e6), n_entries),
        values=None if several else some(st.floats(), n_samples),
        sample_ids=some(file_names, n_samples),
        media=draw(st.sampled_from(["pictures", "rows", "unknown"])),
    )


# --- making -------------------------------------------------------------------------------------

CONTRADICTIONS = {
    "an id beyond the names": ({"class_ids": [0, 2]}, "class ids from -1 to 1, got 0 to 2"),
    "an id below -1": ({"class_ids": [-2, 0]}, "class ids from -1 to 1, got -2 to 0"),
    "a name twice": ({"class_names": ("a", "a")}, r"different class names, got \['a'\]"),
    "names alike as text": ({"class_names": (1, "1")}, r"different class names, got \['1'\]"),
    "ids that are floats": ({"class_ids": [0.5, 1.0]}, "expected integer class ids, got float64"),
    "ids that are names": ({"class_ids": ["a", "b"]}, "use Labels.from_names"),
    "ids of two axes": ({"class_ids": [[0], [1]]}, r"shape \[m\], got shape \(2, 1\)"),
    "an id above 31 bits": ({"class_ids": [0, 2**31]}, "class id 2147483648 does not fit"),
    "an id that would wrap to 0": ({"class_ids": [0, -(2**32)]}, "class id -4294967296 does not"),
    "offsets that fall": ({"offsets": [0, 2, 1, 2]}, "offsets rising from 0 to 2"),
    "offsets that start late": ({"offsets": [1, 2]}, "offsets rising from 0 to 2"),
    "offsets that end early": ({"offsets": [0, 1]}, "offsets rising from 0 to 2"),
    "no offsets at all": ({"offsets": []}, "offsets rising from 0 to 2"),
    "a missing label among several": (
        {"class_ids": [-1, 0], "offsets": [0, 2]},
        "class ids from 0 to 1",
    ),
    "too few sizes": ({"sizes": [1.0]}, "expected 2 sizes, got 1"),
    "too many values": ({"values": [1.0] * 3}, "expected 2 values, got 3"),
    "values an entry, not a sample": (
        {"offsets": [0, 2], "values": [1.0, 2.0]},
        "expected 1 values, got 2",
    ),
    "too few sample ids": ({"sample_ids": ["x"]}, "expected 2 sample_ids, got 1"),
}


@pytest.mark.parametrize(("fields", "words"), CONTRADICTIONS.values(), ids=CONTRADICTIONS.keys())
def test_contradicting_fields_are_refused(fields, words):
    with pytest.raises(DataError, match=words):
        Labels(**{"class_ids": [0, 1], "class_names": ("a", "b")} | fields)


def test_all_contradictions_are_told_at_once():
    with pytest.raises(DataError) as caught:
        Labels(class_ids=[5], class_names=("a", "a"), sizes=[1.0, 2.0], sample_ids=[])
    assert str(caught.value).count(";") == 3


def test_nothing_of_labels_can_be_replaced():
    labels = Labels.from_names("ab")
    with pytest.raises(AttributeError):
        labels.class_names = ("x", "y")


def test_names_can_always_be_written_as_utf_8_and_stay_apart():
    labels = Labels.from_names(["caf\udce9", "caf\udce8", "caf\udce9"])
    assert labels.class_names == ("caf\\udce8", "caf\\udce9")
    assert labels.class_ids.tolist() == [1, 0, 1]
    "".join(labels.class_names).encode("utf-8")


def test_names_that_are_bytes_lose_their_quotes():
    assert Labels.from_names([b"cat", b"dog"]).class_names == ("cat", "dog")


MISSING = {"None": None, "NaN": float("nan"), "numpy NaN": np.float32("nan"), "empty text": ""}


@pytest.mark.parametrize("missing", MISSING.values(), ids=MISSING.keys())
def test_a_missing_name_keeps_its_place_and_counts_nowhere(missing):
    labels = Labels.from_names(["b", missing, "a"])
    assert labels.class_names == ("a", "b")
    assert labels.class_ids.tolist() == [1, UNLABELLED, 0]
    assert labels.class_counts().tolist() == [1, 1]
    assert len(labels) == labels.n_samples == 3


def test_whole_floats_and_integers_are_one_class():
    assert Labels.from_names([1, 1.0, "1", np.int8(1)]).class_names == ("1",)


@pytest.mark.parametrize("names", [[1, 2, None], [1.0, 2.0, float("nan")], [1, np.float32(2), ""]])
def test_numbers_are_class_ids_as_they_are(names):
    labels = Labels.from_names(names, media="rows")
    assert labels.class_names == ("0", "1", "2")
    assert labels.class_ids.tolist() == [1, 2, UNLABELLED]
    assert labels.media == "rows"


@pytest.mark.parametrize("names", [[], [None], [-1, -100]])
def test_without_any_label_there_are_no_classes(names):
    labels = Labels.from_names(names)
    assert (labels.class_names, labels.class_ids.tolist()) == ((), [UNLABELLED] * len(names))


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([0.5, 2], "the targets of a regression. Read them with task="),
        ([1, float("inf")], "got inf"),
        ([-3, 2], "got -3"),
    ],
)
def test_numbers_that_are_no_class_ids_are_refused(names, words):
    with pytest.raises(DataError, match=words):
        Labels.from_names(names)


ORDERS = {
    "integers by number": ({"10", "9", "-1"}, ("-1", "9", "10")),
    "names by text": ({"10", "9", "a"}, ("10", "9", "a")),
    "equal numbers by text": ({"7", "007"}, ("007", "7")),
    "none": (set(), ()),
}


@pytest.mark.parametrize(("names", "expected"), ORDERS.values(), ids=ORDERS.keys())
def test_classes_are_ordered(names, expected):
    assert sort_class_names(names) == expected


# --- asking -------------------------------------------------------------------------------------


def test_one_class_a_sample_is_classification_and_several_are_multilabel():
    single = Labels(class_ids=[0, 1], class_names=("a", "b", "c"))
    several = Labels(class_ids=[0, 1], class_names=("a", "b"), offsets=[0, 2, 2])
    assert (single.task, several.task) == ("classification", "multilabel")
    assert (single.n_samples, several.n_samples) == (2, 2)
    assert (single.n_classes, several.n_classes) == (3, 2)
    assert single.class_counts().tolist() == [1, 1, 0]
    assert_array_equal(single.class_id_per_sample(), [0, 1])
    with pytest.raises(DataError, match="one class a sample"):
        several.class_id_per_sample()


# --- taking -------------------------------------------------------------------------------------


@given(labels=any_labels(), data=st.data())
def test_taking_samples_carries_along_all_that_belongs_to_each(labels, data):
    n = labels.n_samples
    indices = data.draw(st.lists(st.integers(0, n - 1), max_size=6)) if n else []
    part = labels.take(indices)

    def of_sample(whole, i):
        start, stop = (i, i + 1) if whole.offsets is None else whole.offsets[i : i + 2]
        return (
            whole.class_ids[start:stop].tolist(),
            None if whole.sizes is None else whole.sizes[start:stop].tolist(),
            None if whole.values is None else str(whole.values[i]),
            None if whole.sample_ids is None else whole.sample_ids[i],
        )

    assert part.class_names == labels.class_names
    assert part.media == labels.media
    assert part.n_samples == len(indices)
    for position, index in enumerate(indices):
        assert of_sample(part, position) == of_sample(labels, index)


WRONG_INDICES = {"a mask": np.array([True, False]), "floats": [0.5, 1.0], "text": ["0"]}


@pytest.mark.parametrize("indices", WRONG_INDICES.values(), ids=WRONG_INDICES.keys())
def test_taking_by_anything_but_integers_is_refused(indices):
    with pytest.raises(OptionError, match="expected integers"):
        Labels.from_names("ab").take(indices)


def test_taking_a_sample_that_is_not_there_is_refused():
    with pytest.raises(IndexError):
        Labels.from_names("ab").take([2])


# --- files --------------------------------------------------------------------------------------


@given(labels=any_labels())
def test_labels_survive_a_file(tmp_path_factory, labels):
    path = tmp_path_factory.mktemp("labels") / "labels.npz"
    labels.save(path)
    assert_same(labels, Labels.load(path))
    assert [file.name for file in path.parent.iterdir()] == ["labels.npz"]


def test_names_with_line_breaks_and_paths_that_are_not_utf_8_survive_a_file(tmp_path):
    labels = Labels(
        class_ids=[0, 1],
        class_names=("two\nlines", "nul\0 \N{CAT}"),
        sample_ids=SampleIds.from_names(["a\n.jpg", "caf\udce9.jpg"], "pr\udcffefix/"),
    )
    labels.save(tmp_path / "a file without suffix")
    loaded = Labels.load(tmp_path / "a file without suffix")
    assert_same(labels, loaded)
    assert os.fsencode(loaded.sample_ids[1]) == b"pr\xffefix/caf\xe9.jpg"


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "labels.npz"
    Labels.from_names("ab").save(path)
    monkeypatch.setattr(np, "savez", lambda *_, **__: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        Labels.from_names("xyz").save(path)
    assert [file.name for file in tmp_path.iterdir()] == ["labels.npz"]
    assert Labels.load(path).class_names == ("a", "b")


def damaged(content: bytes) -> bytes:
    return content[:120] + bytes([content[120] ^ 0xFF]) + content[121:]


BROKEN = {
    "empty": lambda good: b"",
    "cut off": lambda good: good[: len(good) // 2],
    "changed in one byte": damaged,
    "text": lambda good: b"cat,dog\n",
    "one array": lambda good: b"\x93NUMPY\x01\x00" + bytes(200),
}


@pytest.mark.parametrize("spoil", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_is_refused_with_its_name(tmp_path, spoil):
    path = tmp_path / "labels.npz"
    Labels.from_names("ab").save(path)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(DataError, match=r"labels\.npz: expected labels written by Labels\.save"):
        Labels.load(path)


def test_a_file_of_other_arrays_or_none_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", x=np.arange(3))
    np.savez(tmp_path / "pickled.npz", class_ids=np.array([{}], object))
    for name in ("other.npz", "pickled.npz", "missing.npz", "."):
        with pytest.raises(DataError, match="expected labels written"):
            Labels.load(tmp_path / name)


def test_nothing_in_a_file_is_pickled(tmp_path):
    labels = Labels(class_ids=[0], class_names=("a",), sample_ids=["x"], values=[1.0])
    labels.save(tmp_path / "labels.npz")
    with zipfile.ZipFile(tmp_path / "labels.npz") as file:
        for name in file.namelist():
            assert np.load(file.open(name), allow_pickle=False) is not None


# --- sample ids ---------------------------------------------------------------------------------


@given(names=st.lists(file_names, max_size=8), prefix=file_names, data=st.data())
def test_sample_ids_act_as_the_list_of_names(names, prefix, data):
    ids = SampleIds.from_names(names, prefix)
    expected = [os.fsdecode(os.fsencode(prefix) + os.fsencode(n)) for n in names]
    whole = [os.fsdecode(os.fsencode(name)) for name in ids]
    assert whole == expected
    assert len(ids) == len(names)
    cut = data.draw(st.slices(len(names)))
    assert [os.fsencode(name) for name in ids[cut]] == [os.fsencode(n) for n in expected[cut]]
    if names:
        assert ids[-1] == ids[len(names) - 1]


@given(names=st.lists(file_names, max_size=8), prefix=file_names)
def test_sample_ids_survive_their_arrays(names, prefix):
    arrays = SampleIds.from_names(names, prefix).to_arrays()
    again = SampleIds.from_arrays(arrays["id_block"], arrays["id_ends"], arrays["id_prefix"])
    assert list(again) == list(SampleIds.from_names(names, prefix))


@pytest.mark.parametrize("position", [2, -3])
def test_a_position_beyond_the_ids_is_refused(position):
    with pytest.raises(IndexError):
        SampleIds.from_names(["a", "b"])[position]

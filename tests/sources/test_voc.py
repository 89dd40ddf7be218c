"""Pascal VOC: objects, splits and pictures, and files that are wrong or hostile."""

import pickle
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from balancekit import Labels, analyze, read
from balancekit.errors import BalancekitError, BalancekitWarning, DataError, OptionError
from balancekit.sources import ReadOptions, open_source, voc
from balancekit.stats import Counts


def obj(name="cat", box=(10, 20, 30, 60), extra=""):
    corners = zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    inner = "".join(f"<{corner}>{value}</{corner}>" for corner, value in corners)
    return f"<object><name>{name}</name>{extra}<bndbox>{inner}</bndbox></object>"


def xml(*objects, filename="a.jpg"):
    return (
        f"<annotation><folder>x</folder><filename>{filename}</filename>"
        "<path>/home/me/somewhere/else.jpg</path>"
        "<size><width>100</width><height>80</height><depth>3</depth></size>"
        f"{''.join(objects)}</annotation>"
    )


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (4, 4)).save(path)
    return path


def data_set(root, annotations, pictures=True):
    """A folder with Annotations/ and JPEGImages/."""
    for name, content in annotations.items():
        write(root / f"Annotations/{name}.xml", content)
        if pictures:
            picture(root / f"JPEGImages/{name}.jpg")
    return root


def counted(data, **options):
    source = open_source(data, ReadOptions(**options), format="voc")
    return sum((shard.count() for shard in source.shards()), Counts())


def problems(counts):
    return {kind: problem.count for kind, problem in counts.problems.items()}


def read_quietly(data, **options):
    """Labels of data that hold problems, of which reading warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BalancekitWarning)
        return read(data, format="voc", **options)


def assert_same_counts(data, **options):
    """Counting by shards gives what reading gives; a class that a part lacks has none there."""
    counts = counted(data, **options)
    of_labels = Counts.from_labels(read_quietly(data, **options))
    for name in Counts.__struct_fields__:
        if name != "problems":
            assert getattr(counts, name) == getattr(of_labels, name), name
    return counts


def test_objects_are_counted_with_the_area_of_their_box(tmp_path):
    data_set(
        tmp_path, {"a": xml(obj("dog"), obj("cat", (0, 0, 1.5, 2))), "b": xml(), "c": xml(obj())}
    )
    labels = read(tmp_path)
    assert (labels.task, labels.media) == ("detection", "pictures")
    assert labels.class_names == ("cat", "dog")
    assert labels.class_ids.tolist() == [1, 0, 0]
    assert labels.offsets.tolist() == [0, 2, 2, 3]
    assert labels.sizes.tolist() == [800, 3, 800]
    counts = assert_same_counts(tmp_path)
    assert (counts.n_samples, counts.n_unlabelled) == (3, 1)


def test_any_number_of_parts_counts_the_same(tmp_path, monkeypatch):
    names = ["cat", "dog", "10", "9", "ö"]
    files = {f"{i:02}": xml(*(obj(names[(i + j) % 5]) for j in range(i % 4))) for i in range(30)}
    data_set(tmp_path, files)
    whole = assert_same_counts(tmp_path)
    monkeypatch.setattr(voc, "FILES_A_PART", 4)
    shards = list(open_source(tmp_path).shards())
    assert len(shards) > 8
    for shard in shards:
        assert pickle.loads(pickle.dumps(shard)).count() == shard.count()
    assert assert_same_counts(tmp_path) == whole


KEPT = {
    "difficult": obj(extra="<difficult>1</difficult>"),
    "truncated": obj(extra="<truncated>1</truncated><occluded>1</occluded>"),
    "with spaces around": obj(" cat\n", (" 10 ", "20\n", 30, 60)),
    "floats": obj(box=("10.0", "2e1", 30, 60)),
    "below zero": obj(box=(-10, 20, 10, 60)),
    "parts of its own": obj(extra="<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part>"),
    "a comment": obj(extra="<!-- a note -->"),
}


@pytest.mark.parametrize("content", KEPT.values(), ids=KEPT.keys())
def test_an_object_is_one_instance(tmp_path, content):
    data_set(tmp_path, {"a": xml(content)})
    labels = read(tmp_path)
    assert (labels.class_names, labels.class_counts().tolist()) == (("cat",), [1])
    assert labels.sizes.tolist() == [800]
    assert problems(assert_same_counts(tmp_path)) == {}


WRONG = {
    "no name": ("<object><bndbox/></object>", "annotation-without-class", "object 1"),
    "an empty name": (obj(" "), "annotation-without-class", "object 1"),
    "no box": ("<object><name>cat</name></object>", "annotation-malformed", "box none"),
    "a reversed box": (obj(box=(30, 20, 10, 60)), "annotation-malformed", "box 30, 20, 10, 60"),
    "text for a corner": (obj(box=("a", 20, 10, 60)), "annotation-malformed", "box nan, 20"),
    "a missing corner": (
        "<object><name>cat</name><bndbox><xmin>1</xmin></bndbox></object>",
        "annotation-malformed",
        "box 1, nan, nan, nan",
    ),
    "an infinite corner": (obj(box=(0, 0, "inf", 5)), "annotation-malformed", "box 0, 0, nan, 5"),
}


@pytest.mark.parametrize(("wrong", "kind", "told"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_object_is_told_and_spoils_no_other(tmp_path, wrong, kind, told):
    data_set(tmp_path, {"a": xml(wrong, obj(), obj("dog")), "b": xml(obj())})
    counts = assert_same_counts(tmp_path)
    assert problems(counts) == {kind: 1}
    assert counts.problems[kind].examples[0].startswith("Annotations/a.xml: object 1")
    assert told in counts.problems[kind].examples[0]
    assert counts.instances_per_class == {"cat": 2, "dog": 1}


BOMB = (
    '<!DOCTYPE annotation [<!ENTITY a "xxxxxxxxxx">'
    + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + f"]>{xml(obj('&i;'))}"
)
OUTER = f'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>{xml(obj("&x;"))}'

UNREADABLE = {
    "an entity bomb": (BOMB, "EntitiesForbidden"),
    "an outer entity": (OUTER, "EntitiesForbidden"),
    "an entity bomb in UTF-16": (BOMB.encode("utf-16"), "EntitiesForbidden"),
    "empty": ("", "no element found"),
    "cut off": (xml(obj())[:-30], "ParseError"),
    "no XML": ("{}", "ParseError"),
    "another XML": ("<svg/>", "expected <annotation>, got <svg>"),
    "bytes": (b"\xff\x00\xfe" * 9, "ParseError"),
    "an unknown encoding": ('<?xml version="1.0" encoding="x-y"?>' + xml(), "unknown encoding"),
    "a page of a web server": ("<!DOCTYPE html><html><br></html>", "ParseError"),
}


@pytest.mark.parametrize(("content", "told"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_file_that_cannot_be_read_is_told_and_ends_nothing(tmp_path, content, told):
    data_set(tmp_path, {"a": xml(obj()), "b": content})
    counts = assert_same_counts(tmp_path)
    assert problems(counts) == {"file-unreadable": 1}
    assert counts.problems["file-unreadable"].examples[0].startswith("Annotations/b.xml (")
    assert told in counts.problems["file-unreadable"].examples[0]
    assert (counts.n_samples, counts.instances_per_class) == (1, {"cat": 1})
    with pytest.warns(BalancekitWarning, match="1 × file unreadable"):
        read(tmp_path)


def test_deep_nesting_is_read_or_told(tmp_path):
    deep = "<a>" * 50_000 + "</a>" * 50_000
    data_set(tmp_path, {"a": xml(obj()), "b": xml(deep, obj())})
    counts = assert_same_counts(tmp_path)
    assert counts.instances_per_class["cat"] + counts.problems.get("file-unreadable", 0) == 2


ENCODED = {"utf-8": "é", "latin-1": "é", "utf-16": "猫"}


@pytest.mark.parametrize(("encoding", "name"), ENCODED.items(), ids=ENCODED.keys())
def test_names_are_read_in_the_encoding_that_a_file_declares(tmp_path, encoding, name):
    head = f'<?xml version="1.0" encoding="{encoding}"?>'
    data_set(tmp_path, {"a": (head + xml(obj(name))).encode(encoding)})
    assert open_source(tmp_path, format="voc").read_labels().class_names == (name,)


# --- splits -------------------------------------------------------------------------------------


def lists(root, **names_of):
    for split, names in names_of.items():
        write(root / f"ImageSets/Main/{split}.txt", "\n".join(names))


def test_splits_come_from_their_lists(tmp_path):
    data_set(tmp_path, {name: xml(obj(name)) for name in "abcd"})
    lists(tmp_path, train=["a", "b", "", "a"], val=["c "], trainval=["a", "b", "c"], test=["d"])
    write(tmp_path / "ImageSets/Main/cat_train.txt", "d -1")
    source = open_source(tmp_path)
    assert (source.format, source.split, [*source.other_splits()]) == (
        "voc",
        "train",
        ["val", "test"],
    )
    assert source.read_labels().class_names == ("a", "b")
    assert read(tmp_path, split="trainval").class_names == ("a", "b", "c")
    assert [*open_source(tmp_path, ReadOptions(split="trainval")).other_splits()] == ["test"]
    with pytest.raises(
        DataError, match=r"one of the splits \['train', 'val', 'trainval', 'test'\]"
    ):
        read(tmp_path, split="x")
    assert len(set(read(tmp_path / "Annotations").class_names)) == 4


def test_flags_and_suffixes_in_lists_are_left_out(tmp_path):
    data_set(tmp_path, {name: xml(obj()) for name in ("a", "b b", "c.d", "e")})
    lists(tmp_path, train=["a  1", "b b -1", "c.d", "e.jpg"])
    assert read(tmp_path).class_counts().tolist() == [4]


def test_without_a_training_list_training_and_validation_are_taken(tmp_path):
    data_set(tmp_path, {name: xml(obj(name)) for name in "ab"})
    lists(tmp_path, trainval=["a"], test=["b"])
    source = open_source(tmp_path)
    assert (source.split, [*source.other_splits()]) == ("trainval", ["test"])


def test_a_listed_sample_without_annotations_is_background(tmp_path):
    data_set(tmp_path, {"a": xml(obj())})
    picture(tmp_path / "JPEGImages/b.jpg")
    lists(tmp_path, train=["a", "b", "gone"])
    counts = assert_same_counts(tmp_path)
    assert problems(counts) == {"picture-without-annotation": 1, "file-unreadable": 1}
    assert (counts.n_samples, counts.n_unlabelled) == (2, 1)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "x\0y"])
def test_a_listed_sample_outside_is_not_followed(tmp_path, name):
    root = data_set(tmp_path / "data", {"a": xml(obj())})
    write(root / "secret.xml", xml(obj("secret")))
    lists(root, train=["a", name])
    counts = assert_same_counts(root)
    assert problems(counts) == {"path-outside": 1}
    assert counts.instances_per_class == {"cat": 1}


FOLDERS = {
    "Pascal VOC": ("Annotations/{}.xml", "JPEGImages/{}.jpg"),
    "within VOCdevkit": ("VOC2007/Annotations/{}.xml", "VOC2007/JPEGImages/{}.jpg"),
    "side by side": ("{}.xml", "{}.jpg"),
    "Roboflow": ("train/{}.xml", "train/{}.jpg"),
    "small letters": ("annotations/{}.xml", "images/{}.png"),
}


@pytest.mark.parametrize(("annotations", "pictures"), FOLDERS.values(), ids=FOLDERS.keys())
def test_files_and_their_pictures_are_found(tmp_path, annotations, pictures):
    for name in ("a", "b"):
        write(tmp_path / annotations.format(name), xml(obj(), filename=f"{name}.jpg"))
        picture(tmp_path / pictures.format(name))
    source = open_source(tmp_path)
    assert source.format == "voc"
    assert [*source.read_labels().sample_ids] == [
        str(tmp_path / pictures.format(name)) for name in ("a", "b")
    ]
    assert analyze(tmp_path, verify="decode").n_checked == 2
    assert problems(assert_same_counts(tmp_path)) == {}


def test_years_of_a_vocdevkit_are_read_together(tmp_path):
    for year in ("VOC2007", "VOC2012"):
        data_set(tmp_path / year, {"a": xml(obj(year)), "b": xml(obj(year))})
        lists(tmp_path / year, train=["a"], val=["b"])
    assert read(tmp_path).class_names == ("VOC2007", "VOC2012")
    assert read(tmp_path, split="val").n_samples == 2


def test_split_folders_are_splits(tmp_path):
    for split in ("train", "valid", "test"):
        write(tmp_path / split / "a.xml", xml(obj(split)))
    source = open_source(tmp_path)
    assert (source.split, sorted(source.other_splits())) == ("train", ["test", "val"])
    assert read(tmp_path, split="valid").class_names == ("valid",)


# --- pictures -----------------------------------------------------------------------------------


def test_the_picture_is_found_by_the_stem_where_the_name_is_an_old_one(tmp_path):
    data_set(tmp_path, {"a": xml(obj(), filename="before.png")})
    assert [*read(tmp_path).sample_ids] == [f"{tmp_path}/JPEGImages/a.jpg"]
    assert problems(counted(tmp_path)) == {}


def test_a_picture_that_is_missing_is_told_where_others_lie(tmp_path):
    data_set(tmp_path, {"a": xml(obj())})
    write(tmp_path / "Annotations/b.xml", xml(obj(), filename="b.jpg"))
    counts = assert_same_counts(tmp_path)
    assert counts.problems["picture-missing"].examples == ("Annotations/b.xml: b.jpg",)
    assert (counts.n_samples, problems(counts)) == (2, {"picture-missing": 1})
    bare = data_set(tmp_path / "bare", {"a": xml(obj())}, pictures=False)
    assert problems(counted(bare)) == {}


@pytest.mark.parametrize(
    "name", ["../secret.jpg", "/etc/passwd", "C:\\x.jpg", "a/../../secret.jpg"]
)
def test_a_picture_outside_is_not_followed(tmp_path, name):
    data_set(tmp_path, {"a": xml(obj(), filename=name)})
    (tmp_path / "JPEGImages/a.jpg").rename(tmp_path / "secret.jpg")
    labels = read_quietly(tmp_path)
    assert [*labels.sample_ids] == [f"{tmp_path}/Annotations/a"]
    assert problems(counted(tmp_path)) == {"path-outside": 1, "picture-missing": 1}


@pytest.mark.parametrize("name", ["a\nb", "[x] *?", "é", "a b", "x.y"])
def test_odd_names_are_kept(tmp_path, name):
    data_set(tmp_path, {name: xml(obj())})
    assert [*read(tmp_path).sample_ids] == [f"{tmp_path}/JPEGImages/{name}.jpg"]


# --- recognising --------------------------------------------------------------------------------

NOT_VOC = {
    "class folders": {"cat/a.png": None},
    "an XML file of another kind": {"a.xml": "<labels><label name='x'/></labels>"},
    "no XML within": {"Annotations/a.json": "{}"},
    "empty files": {"Annotations/a.xml": ""},
}


@pytest.mark.parametrize("files", NOT_VOC.values(), ids=NOT_VOC.keys())
def test_other_folders_are_not_taken(tmp_path, files):
    for name, text in files.items():
        picture(tmp_path / name) if text is None else write(tmp_path / name, text)
    assert voc.recognise(tmp_path) is None
    assert voc.recognise(tmp_path / "missing") is None


def test_a_folder_without_annotations_is_refused(tmp_path):
    with pytest.raises(DataError, match="expected a folder of XML files, or with Annotations/"):
        read(tmp_path, format="voc")
    data_set(tmp_path, {"a": "<svg/>"})
    with (
        pytest.warns(BalancekitWarning, match="file unreadable"),
        pytest.raises(DataError, match="expected at least one sample, got none"),
    ):
        read(tmp_path, format="voc")
    with pytest.raises(OptionError, match="label: expected only with a table"):
        read(tmp_path, format="voc", label="x")


# --- anything at all ----------------------------------------------------------------------------

FUZZ = settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
VALUES = st.sampled_from(["1", "-5", "1e400", "nan", "", "x", "1_0", "../a", "é", "٣"])
OBJECTS = st.tuples(VALUES, VALUES, VALUES, VALUES, VALUES).map(lambda v: obj(v[0], v[1:]))
GOOD = xml(obj()).encode()
MUTATED = st.tuples(st.integers(0, len(GOOD)), st.binary(max_size=6)).map(
    lambda cut: GOOD[: cut[0]] + cut[1] + GOOD[cut[0] + len(cut[1]) :]
)


@FUZZ
@given(
    content=st.binary(max_size=80) | MUTATED | st.lists(OBJECTS, max_size=3).map(lambda o: xml(*o)),
    listed=st.binary(max_size=12),
)
def test_any_bytes_are_read_or_refused(tmp_path, content, listed):
    data_set(tmp_path, {"a": content, "b": GOOD})
    write(tmp_path / "ImageSets/Main/train.txt", b"a\nb\n" + listed)
    voc.recognise(tmp_path)
    for path in (tmp_path, tmp_path / "Annotations"):
        try:
            labels = read_quietly(path)
        except BalancekitError:
            continue
        assert isinstance(labels, Labels)
        assert not np.isnan(labels.sizes).any()
        stats = analyze(path, format="voc", verify="none")
        assert (stats.n_samples, stats.class_names) == (labels.n_samples, labels.class_names)


@pytest.mark.parametrize("split", ["", "train/"])
def test_pictures_in_folders_of_the_classes_that_xml_files_name_are_an_image_folder(
    tmp_path, split
):
    for name in ("n01", "n02", "n03"):
        picture(tmp_path / f"{split}{name}/1.jpg")
    write(tmp_path / "Annotations/n01_1.xml", xml(obj("n01")))

    assert voc.recognise(tmp_path) is None
    assert open_source(tmp_path).format == "image-folder"


def test_pictures_in_folders_of_other_names_than_the_classes_stay_voc(tmp_path):
    for name in ("camera1", "camera2"):
        picture(tmp_path / f"{name}/1.jpg")
    write(tmp_path / "Annotations/1.xml", xml(obj("cat")))

    assert open_source(tmp_path).format == "voc"


def test_an_xml_file_of_cvat_is_not_taken_for_voc(tmp_path):
    write(tmp_path / "annotations.xml", "<annotations><version>1.1</version></annotations>")

    assert voc.recognise(tmp_path) is None


def test_pictures_are_found_from_a_folder_of_xml_files_within_annotations(tmp_path):
    write(tmp_path / "annotations/xmls/a.xml", xml(obj()))
    picture(tmp_path / "images/a.jpg")

    assert problems(counted(tmp_path)) == {}
    assert read(tmp_path).sample_ids[0] == str(tmp_path / "images/a.jpg")


def test_entities_are_refused_whatever_encoding_hides_them(tmp_path):
    """In UTF-7 and EBCDIC, `<!` is written in other bytes; a parser that is told so sees it."""
    for i, encoding in enumerate(("cp037", "utf-7", "utf-16-le", "utf-32")):
        head = f"<?xml version='1.0' encoding='{encoding}'?>".encode()
        data_set(tmp_path, {f"a{i}": head + BOMB.encode(encoding)})
    data_set(tmp_path, {"good": xml(obj())})

    counts = counted(tmp_path)

    assert (counts.samples_per_class, problems(counts)) == ({"cat": 1}, {"file-unreadable": 4})

"""Arrays, ARFF, tar files, text and masks as people publish them have the known counts."""

import subprocess
import sys

import numpy as np
import pytest

from balancekit import analyze, read

KEEL_FLIPPED = ("abalone19",)  # in this one file of keel_npz the classes are numbered otherwise


def counts_of(stats):
    return dict(zip(stats.class_names, stats.class_counts, strict=True))


def assert_counts(data, counts, n_samples=None, **options):
    """Reading and analysing give the expected counts, by class name."""
    stats = analyze(data, verify="none", **options)
    assert counts_of(stats) == counts
    labels = read(data, **options)
    assert labels.class_names == stats.class_names
    assert labels.n_samples == stats.n_samples
    if n_samples is not None:
        assert stats.n_samples == n_samples
    assert not [issue for issue in stats.issues if issue.code.startswith("BK2")]
    return stats


# --- ARFF and KEEL ------------------------------------------------------------------------------

MULAN = {"emotions": 593, "flags": 194, "foodtruck": 407, "yeast": 2417}
KEEL = [
    "abalone-17_vs_7-8-9-10",
    "abalone19",
    "dermatology-6",
    "ecoli-0-1_vs_2-3-5",
    "ecoli-0-3-4-7_vs_5-6",
    "ecoli-0_vs_1",
    "flare-F",
    "glass-0-1-6_vs_5",
    "glass2",
    "iris0",
    "kddcup-rootkit-imap_vs_back",
    "kr-vs-k-zero_vs_fifteen",
    "page-blocks-1-3_vs_4",
    "poker-8_vs_6",
    "shuttle-c0-vs-c4",
    "vehicle3",
    "winequality-red-8_vs_6",
    "yeast-0-2-5-6_vs_3-7-8-9",
    "yeast-1-4-5-8_vs_7",
    "yeast3",
]


@pytest.mark.parametrize(("name", "n_samples"), MULAN.items(), ids=MULAN)
@pytest.mark.parametrize("as_folder", [True, False], ids=["folder", "file"])
def test_mulans_sets_are_multilabel_by_their_xml(data_root, truth, name, n_samples, as_folder):
    path = data_root / "mulan" / name
    path = path if as_folder else path / f"{name}.arff"
    expected = truth[f"mulan_{name}"]
    stats = assert_counts(path, expected["counts"], n_samples)
    assert stats.task == "multilabel"
    assert f"labels of {name}.xml" in stats.source
    cardinality = sum(stats.class_counts) / stats.n_samples
    assert f"{n_samples} rows" in expected["note"]
    assert f"cardinality {cardinality:.3f}" in expected["note"]


@pytest.mark.parametrize("name", KEEL)
def test_tables_of_keel_have_their_class_last(data_root, truth, name):
    stats = assert_counts(data_root / "keel" / f"{name}.dat", truth[f"keel_{name}"]["counts"])
    assert stats.task == "classification"


@pytest.mark.parametrize("name", KEEL)
def test_folds_of_keel_are_one_set(data_root, truth, name):
    counts = truth[f"keel_{name}"]["counts"]
    in_order = [counts["negative"], counts["positive"]]
    if name in KEEL_FLIPPED:
        in_order.reverse()
    path = data_root / "keel_npz" / f"{name}.npz"
    assert_counts(path, dict(zip("01", in_order, strict=True)))
    train = read(path, split="fold0-train")
    test = read(path, split="fold0-test")
    assert train.n_samples + test.n_samples == sum(in_order)


# --- tar files, arrays, text --------------------------------------------------------------------


def test_a_webdataset_is_counted_and_its_pictures_decode(data_root, truth):
    path = data_root / "webdataset" / "sample.tgz"
    assert_counts(path, truth["webdataset_sample_tgz"]["counts"], 90)
    stats = analyze(path, verify="decode")
    assert (stats.n_checked, stats.media) == (90, "pictures")


@pytest.fixture(scope="module")
def unpack_cifar(data_root, tmp_path_factory):
    """A function that unpacks the long-tailed CIFAR-10 of an imbalance ratio in a form."""
    tool = data_root.parent / "tools" / "unpack_cifar.py"
    if not tool.is_file():
        pytest.skip(f"no tool at {tool}")

    def unpack(ir, form):
        out = tmp_path_factory.mktemp("cifar") / ("cifar.npz" if form == "npz" else "tree")
        base = data_root / "cifar10_lt_base"
        command = [sys.executable, tool, base, out, "--ir", str(ir), "--as", form]
        subprocess.run(list(map(str, command)), check=True, capture_output=True)
        return out

    return unpack


def test_a_long_tailed_cifar_in_npz_has_splits_and_the_stored_names(unpack_cifar, truth):
    path = unpack_cifar(100, "npz")
    names = np.load(path)["classes"].tolist()
    expected = truth["cifar10_lt_ir100"]
    by_name = {names[int(key)]: n for key, n in expected["counts"].items()}
    stats = assert_counts(path, by_name, expected["total"])
    assert stats.balance.imbalance_ratio == expected["IR"]
    assert read(path, split="test").class_counts().tolist() == [1000] * 10


def test_a_long_tailed_cifar_as_a_tree_has_the_same_counts(unpack_cifar, truth):
    path = unpack_cifar(200, "tree")
    counts = truth["cifar10_lt_ir200"]["counts"]
    assert sorted(analyze(path, verify="none").class_counts) == sorted(counts.values())


def test_names_in_text_files_are_counted_by_language(data_root, truth):
    path = data_root / "text_names" / "names"
    expected = truth["text_names"]
    stats = assert_counts(path, expected["counts"], 20050)
    assert stats.balance.imbalance_ratio == pytest.approx(expected["IR"], abs=5e-4)


def test_names_that_repeat_are_found_within_and_between_languages(data_root, truth):
    stats = analyze(data_root / "text_names" / "names", duplicates=True)
    issues = {issue.code: issue for issue in stats.issues}
    # 20,050 names, of which 18,012 are left without repetitions within a language.
    repeated = {code: issues[code].count for code in ("BK405", "BK406")}
    assert repeated == {"BK405": 20050 - truth["text_names_unique"]["total"], "BK406": 465}


# --- masks --------------------------------------------------------------------------------------

CAMVID = [
    "Sky",
    "Building",
    "Pole",
    "Road",
    "Pavement",
    "Tree",
    "SignSymbol",
    "Fence",
    "Car",
    "Pedestrian",
    "Bicyclist",
    "Unlabelled(11)",
]
CAMVID_SPLITS = {"train": (367, 337), "val": (101, 91)}


@pytest.mark.parametrize("split", CAMVID_SPLITS)
def test_camvid_is_counted_in_pixels_and_in_images(data_root, truth, split):
    n_masks, n_lacking = CAMVID_SPLITS[split]
    stats = analyze(data_root / "camvid", split=split, verify="none")
    by_name = {CAMVID[int(index)]: n for index, n in counts_of(stats).items()}
    assert by_name == truth[f"camvid_pixels_{split}"]["counts"]
    assert (stats.n_samples, stats.task) == (n_masks, "segmentation")
    labels = read(data_root / "camvid", split=split)
    assert labels.n_samples == n_masks
    images = dict(zip(CAMVID, labels.class_counts().tolist(), strict=True))  # an entry an image
    assert images == truth[f"camvid_images_{split}"]["counts"]
    issues = {issue.code: issue.count for issue in stats.issues}
    assert issues["BK219"] == n_lacking  # most pictures are not there


def test_what_camvid_calls_unlabelled_can_be_left_out(data_root, truth):
    stats = analyze(data_root / "camvid", void_index=11, verify="none")
    expected = dict(truth["camvid_pixels_train"]["counts"])
    del expected["Unlabelled(11)"]
    assert {CAMVID[int(i)]: n for i, n in counts_of(stats).items()} == expected


def test_masks_of_magnetic_tiles_tell_the_defect_from_its_ground(data_root, truth):
    stats = analyze(data_root / "magnetic_tile", format="masks", verify="none")
    expected = truth["magnetic_tile_mask_pixels"]["counts"]
    assert counts_of(stats) == expected
    assert {issue.code for issue in stats.issues if issue.code < "BK4"} == {"BK102"}
    assert stats.n_samples == 1344

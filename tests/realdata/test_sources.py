"""Data sets as people publish them have the counts that others found in them."""

import csv
import json
import shutil
from collections import Counter

import numpy as np
import pytest

from balancekit import PictureDataset, analyze, read
from balancekit.errors import DataError
from balancekit.sources import load_picture
from balancekit.sources.pictures import PICTURE_SUFFIXES, picture_problem


def issues_of(stats):
    return {issue.code: issue for issue in stats.issues}


def assert_counts(data, expected, **options):
    """Reading and analysing give the expected counts, by class name."""
    stats = analyze(data, verify="none", **options)
    assert dict(zip(stats.class_names, stats.class_counts, strict=True)) == expected["counts"]
    assert stats.n_samples == expected["total"]
    assert stats.n_unlabelled == 0
    assert stats.balance.n_classes == expected["n_classes"]
    # The truth is rounded to 3 digits behind the point.
    assert stats.balance.imbalance_ratio == pytest.approx(expected["IR"], abs=5e-4)
    labels = read(data, **options)
    assert labels.class_names == stats.class_names
    assert tuple(labels.class_counts().tolist()) == stats.class_counts
    return stats


# --- image folders ------------------------------------------------------------------------------


def test_masks_of_magnetic_tiles_are_no_samples(data_root, truth):
    stats = assert_counts(data_root / "magnetic_tile", truth["magnetic_tile_jpg"])
    issues = issues_of(stats)
    assert (issues["BK301"].count, issues["BK301"].severity) == (1344, "info")
    assert issues["BK303"].count == 1  # the read-me
    assert set(issues) == {"BK301", "BK303"}


def test_every_magnetic_tile_decodes(data_root):
    stats = analyze(data_root / "magnetic_tile", verify="decode")
    assert stats.n_checked == 1344
    assert "BK201" not in issues_of(stats)


def test_magnetic_tiles_are_loaded_by_their_class(data_root):
    labels = read(data_root / "magnetic_tile")
    dataset = PictureDataset(labels, mode="L", size_px=(32, 32))
    for index in np.linspace(0, len(dataset) - 1, 12).astype(int):
        picture, class_id = dataset[index]
        assert (picture.shape, picture.dtype) == ((32, 32), np.uint8)
        path = labels.sample_ids[index]
        assert f"/{labels.class_names[class_id]}/" in path
        assert path.endswith(".jpg")


# --- tables -------------------------------------------------------------------------------------


def test_deep_weeds_are_counted_by_species(data_root, truth):
    table = data_root / "lists" / "deepweeds_labels.csv"
    stats = assert_counts(table, truth["deepweeds"], label="Species")
    assert stats.media == "pictures"
    assert "BK106" not in issues_of(stats)


def test_the_label_column_of_deep_weeds_is_found(data_root, truth):
    table = data_root / "lists" / "deepweeds_labels.csv"
    stats = analyze(table)
    assert "label column 'Label' (found by its name; Species would fit too)" in stats.source
    assert stats.class_names == tuple("012345678")  # the same classes, numbered
    assert sorted(stats.class_counts) == sorted(truth["deepweeds"]["counts"].values())
    assert read(table).sample_ids[0] == "20160928-140314-0.jpg"


AGES = {"all": ("agedb_age_all", None), "training": ("agedb_age_train", "train")}


@pytest.mark.parametrize(("name", "split"), AGES.values(), ids=AGES.keys())
def test_ages_are_counted_as_classes(data_root, truth, tmp_path, name, split):
    table = data_root / "regression_agedb" / "agedb.csv"
    if split:
        with (
            table.open(newline="") as source,
            (tmp_path / "part.csv").open("w", newline="") as part,
        ):
            rows = list(csv.reader(source))
            csv.writer(part).writerows([rows[0], *(row for row in rows if row[2] == split)])
        table = tmp_path / "part.csv"
    stats = assert_counts(table, truth[name], label="age")
    ages = [int(age) for age in stats.class_names]
    assert ages == sorted(ages)  # by number, not by text


HEADLESS = ["ecoli", "glass", "haberman", "mammography", "new-thyroid", "oil-spill"]


@pytest.mark.parametrize("name", HEADLESS)
def test_a_table_without_a_header_is_refused_and_not_guessed_at(data_root, name):
    with pytest.raises(DataError, match=r"looks like data: .*Put a line of names on top"):
        analyze(data_root / "tabular_csv" / f"{name}.csv")


@pytest.mark.parametrize("name", HEADLESS)
def test_a_table_is_counted_once_it_has_a_header(data_root, truth, tmp_path, name):
    text = (data_root / "tabular_csv" / f"{name}.csv").read_text()
    n_columns = text.partition("\n")[0].count(",") + 1
    header = ",".join([*(f"x{i}" for i in range(n_columns - 1)), "class"])
    (tmp_path / "table.csv").write_text(f"{header}\n{text}")
    expected = truth[f"jb_{name}.csv"]
    if name == "mammography":  # the file quotes its labels with ', which stays
        expected = expected | {"counts": {f"'{k}'": n for k, n in expected["counts"].items()}}
    assert_counts(tmp_path / "table.csv", expected)


def test_messages_with_quotes_in_them_are_counted(data_root, truth, tmp_path):
    # The messages hold quotes that no one closes; csv without quoting gives the truth.
    with (data_root / "text_sms" / "sms.tsv").open(newline="", encoding="utf-8") as source:
        rows = list(csv.reader(source, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert Counter(row[0] for row in rows) == truth["sms"]["counts"]
    with (tmp_path / "sms.csv").open("w", newline="", encoding="utf-8") as table:
        csv.writer(table).writerows([("label", "text"), *rows])
    assert_counts(tmp_path / "sms.csv", truth["sms"])


# --- pictures that Pillow refuses, and odd ones that it reads -----------------------------------


@pytest.fixture(scope="module")
def pillow_truth(data_root):
    return json.loads((data_root / "broken_pillow" / "TRUTH.json").read_text(encoding="utf-8"))


def paths_of(data_root, pillow_truth, folder):
    names = sorted(name for name in pillow_truth if name.startswith(f"{folder}/"))
    assert len(names) > 30
    return [str(data_root / "broken_pillow" / name) for name in names]


def test_every_broken_picture_has_a_problem_and_is_refused(data_root, pillow_truth):
    for path in paths_of(data_root, pillow_truth, "bad"):
        assert picture_problem(path, "decode"), path
        with pytest.raises(DataError, match="cannot be decoded as a picture"):
            load_picture(path)


@pytest.mark.filterwarnings("default")
def test_every_odd_picture_decodes(data_root, pillow_truth):
    for path in paths_of(data_root, pillow_truth, "odd_but_ok"):
        assert picture_problem(path, "decode") is None, path
        assert load_picture(path).ndim == 3
        assert load_picture(path, mode="L", size_px=(8, 8)).shape == (8, 8)


def test_broken_pictures_do_not_end_an_analysis(data_root, pillow_truth, tmp_path):
    known = {}
    for folder in ("bad", "odd_but_ok"):
        (tmp_path / folder).mkdir()
        for i, path in enumerate(paths_of(data_root, pillow_truth, folder)):
            if path.lower().endswith(PICTURE_SUFFIXES):
                known[folder] = known.get(folder, 0) + 1
            name = f"{i:02}-{path.rpartition('/')[2]}"
            shutil.copyfile(path, tmp_path / folder / name)
    stats = analyze(tmp_path, verify="decode")
    assert dict(zip(stats.class_names, stats.class_counts, strict=True)) == known
    assert stats.n_checked == sum(known.values())
    assert issues_of(stats)["BK201"].count == known["bad"]
    assert all("/bad/" in example for example in issues_of(stats)["BK201"].examples)
    # .dds, .psd and .ico are no formats of data sets: told, not counted.
    assert issues_of(stats)["BK303"].count == len(pillow_truth) - sum(known.values())

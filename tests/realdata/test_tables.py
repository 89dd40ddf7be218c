"""Tables as people publish them have the counts that others found in them."""

import csv

import pandas as pd
import pytest

from balancekit import analyze, read


def issues_of(stats):
    return {issue.code: issue for issue in stats.issues}


def assert_counts(data, expected, **options):
    """Reading and analysing give the expected counts, by class name."""
    stats = analyze(data, verify="none", **options)
    counts = dict(zip(stats.class_names, stats.class_counts, strict=True))
    assert {name: n for name, n in counts.items() if n} == expected["counts"]
    assert stats.n_unlabelled == 0 or stats.task == "multilabel"
    # The truth is rounded to 3 digits behind the point.
    assert stats.balance.imbalance_ratio == pytest.approx(expected["IR"], abs=5e-4)
    labels = read(data, **options)
    assert labels.class_names == stats.class_names
    assert tuple(labels.class_counts().tolist()) == stats.class_counts
    assert labels.n_samples == stats.n_samples
    return stats


# --- without a header ---------------------------------------------------------------------------

HEADLESS = ["ecoli", "glass", "haberman", "mammography", "new-thyroid", "oil-spill"]


@pytest.mark.parametrize("name", HEADLESS)
def test_a_table_without_a_header_is_counted_as_it_is(data_root, truth, name):
    stats = assert_counts(data_root / "tabular_csv" / f"{name}.csv", truth[f"jb_{name}.csv"])
    assert stats.n_samples == truth[f"jb_{name}.csv"]["total"]
    assert "the last column with few different values" in stats.source
    assert not any(code.startswith("BK2") for code in issues_of(stats))


@pytest.mark.parametrize("name", HEADLESS)
def test_a_table_is_counted_alike_once_it_has_a_header(data_root, truth, tmp_path, name):
    text = (data_root / "tabular_csv" / f"{name}.csv").read_text()
    n_columns = text.partition("\n")[0].count(",") + 1
    header = ",".join([*(f"x{i}" for i in range(n_columns - 1)), "class"])
    (tmp_path / "table.csv").write_text(f"{header}\n{text}")
    assert_counts(tmp_path / "table.csv", truth[f"jb_{name}.csv"])


def test_messages_whose_quotes_no_one_closes_are_counted(data_root, truth):
    for path in ("text_sms/sms.tsv", "text_sms"):
        stats = assert_counts(data_root / path, truth["sms"])
        assert stats.n_samples == 5574
        assert not any(code.startswith("BK2") for code in issues_of(stats))


def test_messages_are_counted_alike_by_all_formats(data_root, truth, tmp_path):
    with (data_root / "text_sms" / "sms.tsv").open(newline="", encoding="utf-8") as source:
        rows = list(csv.reader(source, delimiter="\t", quoting=csv.QUOTE_NONE))
    frame = pd.DataFrame(rows, columns=["label", "text"])
    frame.to_csv(tmp_path / "sms.csv", index=False)
    frame.to_json(tmp_path / "sms.jsonl", orient="records", lines=True)
    frame.to_parquet(tmp_path / "sms.parquet")
    for suffix in ("csv", "jsonl", "parquet"):
        stats = assert_counts(tmp_path / f"sms.{suffix}", truth["sms"])
        assert stats.format == suffix


def test_messages_that_repeat_are_found(data_root):
    stats = analyze(data_root / "text_sms" / "sms.tsv", duplicates=True)
    assert stats.duplicates.n_compared == 5574
    assert stats.duplicates.n_exact == 5574 - 5171  # the truth knows 5171 unique texts
    assert stats.duplicates.n_conflicts == 0


@pytest.mark.parametrize("split", ["train", "test"])
def test_news_are_counted_by_split(data_root, truth, split):
    expected = truth[f"r8_{split}"]
    assert_counts(data_root / "text_r8" / f"{split}.txt", expected)
    stats = assert_counts(data_root / "text_r8", expected, split=split)
    assert (stats.split, stats.n_samples) == (split, expected["total"])
    assert len(stats.splits) == 1


def test_a_list_of_paths_and_classes_is_counted(data_root, truth):
    stats = assert_counts(data_root / "lists" / "Places_LT_train.txt", truth["places_lt_train"])
    assert (stats.media, stats.n_samples) == ("pictures", 62500)


# --- with a header ------------------------------------------------------------------------------


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


SETS = {
    "all of 2012": ("voc2012_all.csv", "voc2012_all_multilabel", 11540),
    "long-tailed": ("voc_mlt_1142.csv", "voc_mlt", 1142),
}


@pytest.mark.parametrize(("name", "key", "n_rows"), SETS.values(), ids=SETS.keys())
def test_columns_of_0_and_1_are_the_classes_of_voc(data_root, truth, name, key, n_rows):
    stats = assert_counts(data_root / "voc2012_lt_multilabel" / name, truth[key])
    assert (stats.task, stats.n_samples) == ("multilabel", n_rows)
    assert "20 columns of 0 and 1 from 'aeroplane' to 'tvmonitor'" in stats.source


# --- ages ---------------------------------------------------------------------------------------


def test_ages_are_a_regression_over_the_training_split(data_root, truth):
    table = data_root / "regression_agedb" / "agedb.csv"
    stats = assert_counts(table, truth["agedb_age_train"])
    assert (stats.task, stats.split, stats.n_samples) == ("regression", "train", 12208)
    assert stats.class_names == tuple(map(str, range(1, 102)))  # no one is 2 years old
    assert {split.name for split in stats.splits} == {"val", "test"}
    assert read(table).values[:2].tolist() == [31.0, 44.0]  # the second row is of val


def test_ages_of_all_splits_are_counted_when_asked_for(data_root, truth):
    table = data_root / "regression_agedb" / "agedb.csv"
    stats = assert_counts(table, truth["agedb_age_all"], split="all")
    assert (stats.split, stats.n_samples) == (None, 16488)


@pytest.mark.parametrize(("key", "split"), [("agedb_age_all", "all"), ("agedb_age_train", None)])
def test_ages_are_counted_as_classes_when_asked_for(data_root, truth, key, split):
    table = data_root / "regression_agedb" / "agedb.csv"
    options = {"label": "age", "task": "classification", "split": split}
    stats = assert_counts(table, truth[key], **options)
    assert stats.balance.n_classes == 100
    ages = [int(age) for age in stats.class_names]
    assert ages == sorted(ages)  # by number, not by text


# --- Hugging Face -------------------------------------------------------------------------------


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_intents_are_counted_by_the_names_that_the_features_declare(data_root, truth, split):
    expected = truth[f"clinc_oos_imbalanced_{split}"]
    folder = data_root / "hf_clinc_oos_imbalanced"
    stats = analyze(folder, split=split)
    assert (stats.format, stats.split, stats.n_samples) == ("huggingface", split, expected["total"])
    by_number = {str(i): n for i, n in enumerate(stats.class_counts) if n}
    assert by_number == expected["counts"]
    assert (stats.class_names[0], stats.class_names[42]) == ("restaurant_reviews", "oos")
    assert len(stats.splits) == 2
    labels = read(folder, split=split)
    assert labels.class_names == stats.class_names
    assert tuple(labels.class_counts().tolist()) == stats.class_counts

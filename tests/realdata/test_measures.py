"""Measures of multi-label sets equal the figures that the R package mldr publishes of them."""

import csv
import re
from collections import Counter
from xml.etree import ElementTree

import pytest

from balancekit.analysis import stats_from_counts
from balancekit.stats import Counts

# emotions: the example output of mldr's documentation, in full. yeast: Charte & Charte, The R
# Journal 7 (2015), to three digits; the number of label sets from Read et al., MLJ 85 (2011).
PUBLISHED = {
    "emotions": {
        "n_samples": 593,
        "n_label_sets": 27,
        "n_single_sets": 4,
        "cardinality": (1.868465, 1e-6),
        "density": (0.3114109, 1e-6),
        "mean_ir": (1.478068, 1e-6),
        "scumble": (0.01095238, 1e-6),
    },
    "yeast": {
        "n_samples": 2417,
        "n_label_sets": 198,
        "cardinality": (4.237, 5e-4),
        "density": (0.303, 5e-4),
        "mean_ir": (7.197, 5e-4),
        "scumble": (0.104, 5e-4),
    },
}
EMOTIONS_IRLBL = {
    "amazed-suprised": 1.526012,
    "happy-pleased": 1.590361,
    "relaxing-calm": 1.0,
    "quiet-still": 1.783784,
    "sad-lonely": 1.571429,
    "angry-aggresive": 1.396825,
}


def mulan_counts(folder):
    """Counts of a set of Mulan, read with no part of balancekit."""
    tree = ElementTree.parse(next(folder.glob("*.xml")))
    labels = [node.get("name") for node in tree.getroot()]
    text = next(folder.glob("*.arff")).read_text(encoding="utf-8")
    head, data = re.split(r"(?im)^@data\s*$", text, maxsplit=1)
    columns = [
        name.strip("'\"")
        for name in re.findall(r"(?im)^@attribute\s+('[^']*'|\"[^\"]*\"|\S+)", head)
    ]
    places = [(columns.index(name), name) for name in sorted(labels)]
    sets, classes = Counter(), Counter(dict.fromkeys(labels, 0))
    for row in csv.reader(line for line in data.splitlines() if line.strip()):
        carried = tuple(name for place, name in places if row[place].strip() == "1")
        sets[carried] += 1
        classes.update(carried)
    return Counts(
        task="multilabel",
        n_samples=sets.total(),
        n_unlabelled=sets[()],
        label_sets={key: n for key, n in sets.items() if n},
        samples_per_class=dict(classes),
    )


@pytest.mark.parametrize("name", PUBLISHED)
def test_measures_are_those_of_mldr(data_root, name):
    counts = mulan_counts(data_root / "mulan" / name)
    stats = stats_from_counts(counts, name, tuple(sorted(counts.samples_per_class)))
    found = stats.multilabel
    expected = dict(PUBLISHED[name])
    assert stats.n_samples == expected.pop("n_samples")
    for measure, value in expected.items():
        digits = {"abs": value[1]} if isinstance(value, tuple) else {"abs": 0}
        exact = value[0] if isinstance(value, tuple) else value
        assert getattr(found, measure) == pytest.approx(exact, **digits), measure


def test_the_ratio_of_each_label_is_that_of_mldr(data_root):
    counts = mulan_counts(data_root / "mulan" / "emotions")
    stats = stats_from_counts(counts, "emotions", tuple(EMOTIONS_IRLBL))
    assert stats.per_class.irlbl == pytest.approx(tuple(EMOTIONS_IRLBL.values()), abs=1e-6)


@pytest.mark.parametrize(("name", "told"), [("emotions", False), ("yeast", True)])
def test_labels_that_come_with_common_ones_are_an_issue_above_a_tenth(data_root, name, told):
    counts = mulan_counts(data_root / "mulan" / name)
    stats = stats_from_counts(counts, name, tuple(sorted(counts.samples_per_class)))
    issues = {issue.code: issue for issue in stats.issues}
    assert ("BK110" in issues) == told
    if told:
        assert issues["BK110"].examples[0] == "Class14 (IRLbl 53.4)"
        assert "SCUMBLE 0.10" in issues["BK110"].what_to_do

"""The merge law: however data are cut, counted and put together, the same bytes come out."""

import itertools
from dataclasses import dataclass, replace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from balancekit import Counts, Labels
from balancekit.analysis import stats_from_counts
from balancekit.engines import (
    ProcessEngine,
    RayEngine,
    SerialEngine,
    ThreadEngine,
    merge_results,
)
from balancekit.flow import count_shard
from balancekit.sources.parts import CountedShard
from balancekit.stats import Problem, Sighting

NAMES = ("fox", "lynx", "Wolf", "7", "été", "a b", "", "never seen")
KINDS = ("picture-unreadable", "hidden-file", "row-malformed")
MEASURES = ("blur", "brightness")
TASKS = ("classification", "multilabel", "detection", "segmentation", "keypoints", "regression")
N_EXAMPLES = 5

# Areas on both sides of COCO's limits of size, and on them.
AREAS_PX2 = st.sampled_from([0.0, 0.25, 1023.75, 1024.0, 9215.5, 9216.0, 1e6, float("nan")])
PIXELS = st.floats(0.1, 1e5)
TARGETS = st.one_of(st.floats(-3, 3), st.sampled_from([-0.0, 0.0, float("nan")]))


@st.composite
def labels_of(draw, task):
    """Labels of a task; what no label can be is left to the tests of Labels."""
    n_samples = draw(st.integers(1, 24))
    n_classes = draw(st.integers(1, len(NAMES)))
    media = draw(st.sampled_from(["pictures", "rows", "unknown"]))
    if task == "regression":
        targets = draw(st.lists(TARGETS, min_size=n_samples, max_size=n_samples))
        if np.isnan(targets).all():
            targets[0] = 1.5
        return replace(Labels.from_values(targets), media=media)
    ids = st.integers(-1 if task == "classification" else 0, n_classes - 1)
    if task == "classification":
        chosen = draw(st.lists(ids, min_size=n_samples, max_size=n_samples))
        return Labels(class_ids=np.array(chosen), class_names=NAMES[:n_classes], media=media)
    per_sample = st.lists(ids, max_size=5, unique=task == "multilabel")
    rows = draw(st.lists(per_sample, min_size=n_samples, max_size=n_samples))
    entries = [class_id for row in rows for class_id in row]
    sizes = None
    if task != "multilabel" and draw(st.booleans()):
        size = PIXELS if task == "segmentation" else AREAS_PX2
        sizes = np.array(draw(st.lists(size, min_size=len(entries), max_size=len(entries))))
    return Labels(
        class_ids=np.array(entries, np.int32),
        class_names=NAMES[:n_classes],
        offsets=np.cumsum([0, *map(len, rows)]),
        sizes=sizes,
        media=media,
        task=task,
    )


@dataclass(frozen=True)
class Piece:
    """A shard: some samples, what was wrong with them, and what checks of them gave."""

    labels: Labels
    samples: tuple[int, ...]
    notes: tuple["Note", ...]

    def count(self):
        notes = [self.notes[i] for i in self.samples]
        by_kind = {
            kind: Problem.of([f"{note.name}: {kind}" for note in notes if kind in note.problems])
            for kind in KINDS
        }
        found = Counts(
            n_checked=len(notes),
            problems={kind: problem for kind, problem in by_kind.items() if problem.count},
        )
        for note in notes:
            found += Counts(
                quality={note.class_name: {note.measure: {note.bin: 1}}},
                sightings={note.content: (Sighting(note.split, note.class_name, note.name),)},
                seen_once={note.class_name: note.bin % 2},
            )
        return Counts.from_labels(self.labels.take(list(self.samples))) + found


@dataclass(frozen=True)
class Note:
    """What is known of one sample besides its labels."""

    name: str
    class_name: str
    problems: frozenset[str]
    measure: str
    bin: int
    content: str
    split: str = "train"


@st.composite
def notes_of(draw, labels):
    return tuple(
        Note(
            name=f"{i:02}.jpg",
            class_name=draw(st.sampled_from(labels.class_names)),
            problems=draw(st.frozensets(st.sampled_from(KINDS), max_size=2)),
            measure=draw(st.sampled_from(MEASURES)),
            bin=draw(st.integers(0, 3)),
            content=draw(st.sampled_from(["blake2b:aa", "blake2b:bb"])),
        )
        for i in range(labels.n_samples)
    )


@st.composite
def cut_data(draw, task):
    """A whole data set as one piece, and the same cut into pieces, in any order."""
    labels = draw(labels_of(task))
    notes = draw(notes_of(labels))
    order = draw(st.permutations(range(labels.n_samples)))
    cuts = sorted(draw(st.lists(st.integers(0, labels.n_samples), max_size=6)))
    bounds = [0, *cuts, labels.n_samples]  # two cuts at one place give an empty piece
    pieces = [
        Piece(labels, tuple(order[start:end]), notes) for start, end in itertools.pairwise(bounds)
    ]
    return Piece(labels, tuple(range(labels.n_samples)), notes), pieces


def count_piece(piece):
    return piece.count()


def merged_anyhow(counts, choices):
    """All counts added up, two that `choices` picks at a time, until one is left."""
    left = list(counts)
    while len(left) > 1:
        one = left.pop(choices.randrange(len(left)))
        other = left.pop(choices.randrange(len(left)))
        left.append(one + other)
    return left[0]


def assert_same(counts, whole, class_names):
    assert counts == whole
    one, other = (
        stats_from_counts(part, "a data set", class_names, split="train").to_json()
        for part in (counts, whole)
    )
    assert one == other


tasks = pytest.mark.parametrize("task", TASKS)


@tasks
@given(data=st.data(), choices=st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_any_cut_order_and_grouping_gives_the_count_of_the_whole(task, data, choices):
    whole, pieces = data.draw(cut_data(task))
    parts = [piece.count() for piece in pieces]
    names = whole.labels.class_names
    assert_same(merged_anyhow(parts, choices), whole.count(), names)
    assert_same(merge_results(parts, Counts()), whole.count(), names)


@tasks
@given(data=st.data())
@settings(max_examples=15)
def test_the_whole_is_counted_as_its_labels_say(task, data):
    """The law alone would hold for counts that are always 0."""
    whole, pieces = data.draw(cut_data(task))
    counts = merge_results(map(count_piece, pieces), Counts())
    labels, notes = whole.labels, whole.notes
    assert counts.n_samples == counts.n_checked == labels.n_samples
    per_entry = dict(zip(labels.class_names, labels.class_counts().tolist(), strict=True))
    if task in ("classification", "regression", "multilabel"):
        assert counts.samples_per_class == per_entry
    else:
        assert counts.instances_per_class == per_entry
    for kind in KINDS:
        named = sorted(f"{note.name}: {kind}" for note in notes if kind in note.problems)
        problem = counts.problems.get(kind, Problem(count=0))
        assert (problem.count, problem.examples) == (len(named), tuple(named[:N_EXAMPLES]))
    seen = [sighting.sample for sightings in counts.sightings.values() for sighting in sightings]
    assert sorted(seen) == [note.name for note in notes]
    in_bins = [n for by in counts.quality.values() for bins in by.values() for n in bins.values()]
    assert sum(in_bins) == labels.n_samples


@pytest.mark.parametrize("engine", [SerialEngine(), ThreadEngine(3)], ids=["one by one", "threads"])
@tasks
@given(data=st.data())
@settings(max_examples=15)
def test_engines_of_this_process_give_the_count_of_the_whole(engine, task, data):
    whole, pieces = data.draw(cut_data(task))
    counts = merge_results(engine.map_shards(count_piece, pieces), Counts())
    assert_same(counts, whole.count(), whole.labels.class_names)


def large_cut(task, n_samples=400, n_pieces=40):
    """One data set large enough for several tasks, cut into pieces."""
    random = np.random.default_rng(5)
    n_classes = len(NAMES) - 1
    if task == "regression":
        labels = Labels.from_values(random.normal(size=n_samples).round(2))
    elif task == "classification":
        ids = random.integers(-1, n_classes, n_samples)
        labels = Labels(class_ids=ids, class_names=NAMES)
    else:
        lengths = random.integers(0, 4, n_samples)
        areas = random.integers(1, 20_000, lengths.sum()).astype(float)
        labels = Labels(
            class_ids=random.integers(0, n_classes, lengths.sum()),
            class_names=NAMES,
            offsets=np.concatenate([[0], np.cumsum(lengths)]),
            sizes=None if task == "multilabel" else areas,
            task=task,
        )
    notes = tuple(
        Note(
            name=f"{i:03}.jpg",
            class_name=NAMES[i % n_classes],
            problems=frozenset(KINDS[: i % 4]),
            measure=MEASURES[i % 2],
            bin=i % 5,
            content=f"blake2b:{i // 3}",
        )
        for i in range(n_samples)
    )
    parts = np.array_split(random.permutation(n_samples), n_pieces)
    pieces = [Piece(labels, tuple(part.tolist()), notes) for part in parts]
    return Piece(labels, tuple(range(n_samples)), notes), pieces


@pytest.fixture(scope="module")
def local_ray():
    pytest.importorskip("ray", reason="Ray is not installed: pip install '.[ray]'")
    with RayEngine("local") as engine:
        yield engine


@tasks
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_processes_and_ray_give_the_count_of_the_whole(task, local_ray):
    whole, pieces = large_cut(task)
    # Counted here: a worker cannot import a test, and counts are what has to survive the way.
    shards = [CountedShard(piece.count()) for piece in pieces]
    for engine in (ProcessEngine(2), local_ray):
        counts = merge_results(engine.map_shards(count_shard, shards), Counts())
        assert_same(counts, whole.count(), whole.labels.class_names)

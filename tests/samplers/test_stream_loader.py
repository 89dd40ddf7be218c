"""BalancedStream in real loaders, over real streams, resumed for real."""

import itertools
import pickle
from collections import Counter

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info
from torchdata.stateful_dataloader import StatefulDataLoader

from balancekit import BalancedStream, BalancekitWarning, Fixed, Natural
from balancekit.errors import DataError, OptionError

P = np.array([0.8, 0.15, 0.05])
LABELS = np.random.default_rng(0).choice(3, 40_000, p=P).tolist()
BOUNDS = {"max_repeats": 10, "max_read_amplification": 5}

# Small parts of a stream are learned from few samples; what is short of its share is told of.
pytestmark = [
    pytest.mark.filterwarnings("ignore::balancekit.errors.BalancekitWarning"),
    pytest.mark.filterwarnings("ignore:'set_vital' is deprecated"),  # torchdata calls it
]


def label_of(sample):
    return sample[1]


class Plain(IterableDataset):
    """The same samples for every worker; the order is another in each epoch."""

    def __init__(self, labels=LABELS):
        self.labels, self.epoch = labels, 0

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __iter__(self):
        order = np.random.default_rng(self.epoch).permutation(len(self.labels)).tolist()
        return ((number, self.labels[number]) for number in order)


class SplitByItself(Plain):
    """A part for each worker, as WebDataset and Hugging Face data sets do."""

    def __iter__(self):
        info = get_worker_info()
        return itertools.islice(super().__iter__(), info.id, None, info.num_workers)


def drawn_of(loader):
    return [tuple(pair) for batch in loader for pair in torch.stack(batch, 1).tolist()]


def stream_of(iterable=None, **options):
    return BalancedStream(iterable or Plain(), label_of, **BOUNDS | options)


# --- loaders ------------------------------------------------------------------------------------


def test_batches_of_a_loader_hold_the_classes_equally():
    loader = DataLoader(stream_of(), batch_size=60)
    for batch in list(itertools.islice(loader, 5, 100)):
        counts = torch.bincount(batch[1], minlength=3)
        assert (counts - 20).abs().max() <= 3


@pytest.mark.parametrize("kind", [Plain, SplitByItself])
def test_workers_read_parts_that_do_not_overlap(kind):
    split = "every-nth" if kind is Plain else "upstream"
    stream = stream_of(kind(), targets=Natural(), split=split)
    drawn = drawn_of(DataLoader(stream, batch_size=50, num_workers=2))
    uses = Counter(drawn)
    # Each worker has 20,000 samples of its own. Were they the same, most would occur twice.
    assert len(uses) > 0.96 * 40_000
    assert uses.total() < 1.03 * len(uses)


def test_ranks_and_workers_together_share_a_plain_stream():
    read = []
    for rank in range(2):
        stream = stream_of(targets=Natural(), split="every-nth", rank=rank, world_size=2)
        read.append(set(drawn_of(DataLoader(stream, batch_size=50, num_workers=2))))
    assert not read[0] & read[1]
    assert len(read[0] | read[1]) > 0.95 * 40_000


def test_several_readers_must_say_how_the_stream_is_split():
    with pytest.raises(OptionError, match='split: expected "upstream" or "every-nth" for 2 ranks'):
        iter(stream_of(rank=0, world_size=2))
    with pytest.raises(OptionError, match="for 1 ranks of 2 workers, got None"):
        next(iter(DataLoader(stream_of(), batch_size=4, num_workers=2)))


def test_the_rank_is_that_of_torch_distributed(tmp_path):
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/meeting", rank=0, world_size=1
    )
    try:
        stream = stream_of()
        next(iter(stream))
        assert (stream.state_dict()["part"], stream.state_dict()["n_parts"]) == (0, 1)
        assert pickle.loads(pickle.dumps(stream)).world_size == 1
    finally:
        torch.distributed.destroy_process_group()


def test_the_length_is_that_of_n_draws_or_unknown():
    stream = stream_of(n_draws=1000)
    assert len(stream) == len(list(stream)) == 1000
    with pytest.raises(TypeError, match="give n_draws"):
        len(stream_of())
    loader = DataLoader(stream_of(n_draws=101, split="every-nth"), num_workers=2, batch_size=None)
    assert len(list(loader)) == len(loader) == 101


def test_a_stream_that_ends_before_n_draws_warns():
    with pytest.warns(BalancekitWarning, match="of the 10,000,000 draws asked for"):
        list(stream_of(n_draws=10_000_000))


@pytest.mark.parametrize("persistent", [False, True])
def test_set_epoch_reaches_workers_and_the_stream(persistent):
    stream = stream_of(split="every-nth", n_draws=200)
    loader = DataLoader(stream, batch_size=50, num_workers=2, persistent_workers=persistent)
    orders = []
    for epoch in (0, 1, 0):
        stream.set_epoch(epoch)
        orders.append(drawn_of(loader))
    assert orders[0] == orders[2]
    assert len(set(orders[0]) & set(orders[1])) < 60
    with pytest.raises(OptionError, match="expected epoch ≥ 0"):
        stream.set_epoch(-1)


def test_only_what_is_given_out_is_transformed():
    decoded = []

    def decode(sample):
        decoded.append(sample)
        return sample[0]

    stream = stream_of(transform=decode)
    numbers = list(itertools.islice(stream, 500))
    assert numbers == [number for number, _ in decoded]
    assert stream.report().n_read > 550


def test_a_stream_can_be_pickled_in_mid_pass():
    stream = stream_of()
    next(iter(stream))
    copy = pickle.loads(pickle.dumps(stream))
    assert list(itertools.islice(copy, 50)) == list(itertools.islice(stream_of(), 50))


# --- reports --------------------------------------------------------------------------------------


def test_workers_report_through_a_folder(tmp_path):
    stream = stream_of(split="every-nth", report_folder=tmp_path)
    drawn = drawn_of(DataLoader(stream, batch_size=50, num_workers=2))
    report = stream.report()
    assert report.n_given == len(drawn)
    assert report.n_read == 40_000
    assert {row.name for row in report.classes()} == {"0", "1", "2"}
    stream.set_epoch(1)
    with pytest.raises(DataError, match="expected reports of epoch 1, got none"):
        stream.report()


def test_reports_of_several_runs_are_not_added_up(tmp_path):
    for n_workers in (0, 2):
        stream = stream_of(split="every-nth", n_draws=200, report_folder=tmp_path)
        list(DataLoader(stream, None, num_workers=n_workers))
    with pytest.raises(DataError, match="of one run, got those of runs with 1 and 2 parts"):
        stream.report()


def test_a_report_needs_a_pass():
    with pytest.raises(OptionError, match="give a report_folder"):
        stream_of().report()


def test_what_is_short_is_warned_of_in_one_line():
    with pytest.warns(BalancekitWarning) as caught:
        list(stream_of(max_repeats=1, max_read_amplification=2))
    (warning,) = caught
    text = str(warning.message)
    assert "1 short of their share: '2' has 9." in text
    assert "held by repeats and reads; needs reads x repeats of 6." in text
    assert "\n" not in text


# --- resuming ---------------------------------------------------------------------------------


@pytest.mark.parametrize("n_before", [0, 1, 37, 5000, 15_000])
def test_replay_goes_on_exactly(n_before):
    stream = stream_of(seed=3)
    stream.set_epoch(2)
    whole = list(stream)
    passing = iter(stream)
    assert list(itertools.islice(passing, n_before)) == whole[:n_before]
    state = pickle.loads(pickle.dumps(stream.state_dict()))
    other = stream_of(seed=3)
    other.load_state_dict(state)
    assert list(other) == whole[n_before:]
    assert other.epoch == 2
    assert list(other) == whole


@pytest.mark.parametrize(("n_workers", "n_batches"), [(0, 1), (0, 40), (2, 7)])
def test_a_stateful_loader_resumes_exactly(n_workers, n_batches):
    def loader():
        split = "every-nth" if n_workers else None
        return StatefulDataLoader(
            stream_of(Plain(LABELS[:8000]), split=split, seed=1),
            batch_size=32,
            num_workers=n_workers,
        )

    whole = drawn_of(loader())
    first = loader()
    before = drawn_of(itertools.islice(first, n_batches))
    state = pickle.loads(pickle.dumps(first.state_dict()))
    second = loader()
    second.load_state_dict(state)
    assert before + drawn_of(second) == whole


def test_a_stream_that_is_not_the_same_again_is_told():
    stream = stream_of()
    list(itertools.islice(stream, 3000))
    state = stream.state_dict()
    for other in (Plain(LABELS[::-1]), Plain(LABELS[:1000])):
        changed = stream_of(other)
        changed.load_state_dict(state)
        with pytest.raises(DataError, match="Give a stream that is the same each"):
            next(iter(changed))


class Infinite(IterableDataset):
    """A stream that knows where it stands."""

    def __init__(self):
        self.place = 0

    def __iter__(self):
        while True:
            self.place += 1
            yield self.place - 1, LABELS[(self.place - 1) % 40_000]

    def state_dict(self):
        return {"place": self.place}

    def load_state_dict(self, state):
        self.place = state["place"]


def test_continue_goes_on_where_the_stream_is_and_keeps_what_was_learned():
    stream = stream_of(Infinite(), resume="continue", n_draws=9000)
    drawn = list(itertools.islice(stream, 6000))
    state = stream.state_dict()
    assert state["class_counts"].keys() == {"0", "1", "2"}
    other = stream_of(Infinite(), resume="continue", n_draws=9000)
    other.load_state_dict(state)
    rest = list(other)
    assert len(rest) == 3000
    assert min(number for number, _ in rest) > max(number for number, _ in drawn) - 1
    shares = np.bincount([label for _, label in rest[500:]]) / 2500
    assert np.abs(shares - 1 / 3).max() < 0.01
    assert other.state_dict()["n_given"] == 9000


WRONG_STATES = {
    "nothing": ({}, r"expected one of state_dict\(\), got none of \['epoch', 'seed'\]"),
    "seed": ({"seed": 7, "epoch": 0}, "expected the seed 0 of this stream, got 7"),
    "no dict": (5, r"state: expected one of state_dict\(\), got 5"),
    "epoch": ({"seed": 0, "epoch": "x"}, "set_epoch: expected epoch ≥ 0, got 'x'"),
    "place": ({"seed": 0, "epoch": 0, "n_given": -4}, "state: expected n_given ≥ 0, got -4"),
}


@pytest.mark.parametrize(("state", "message"), WRONG_STATES.values(), ids=WRONG_STATES.keys())
def test_a_state_of_another_stream_is_refused(state, message):
    with pytest.raises(OptionError, match=message):
        stream_of().load_state_dict(state)


def test_a_state_of_another_part_is_refused():
    stream = stream_of(split="every-nth", rank=0, world_size=2)
    next(iter(stream))
    other = stream_of(split="every-nth", rank=0, world_size=4)
    other.load_state_dict(stream.state_dict())
    with pytest.raises(OptionError, match="expected that of part 0 of 4, got part 0 of 2"):
        iter(other)


WRONG_OPTIONS = {
    "split": ({"split": "shards"}, "split: expected 'upstream' or 'every-nth', got 'shards'"),
    "rank": ({"rank": 2, "world_size": 2}, r"rank: expected an integer in \[0, 2\), got 2"),
    "rank in text": ({"rank": "a", "world_size": 2}, r"rank: expected an integer .*, got 'a'"),
    "no ranks": ({"rank": 0, "world_size": 0.5}, "world_size: expected an integer ≥ 1, got 0.5"),
    "half a place": ({"rank": 1}, "rank, world_size: expected both or neither, got 1 and 'auto'"),
    "draws": ({"n_draws": 0}, "n_draws: expected an integer ≥ 1, got 0"),
    "part of a draw": ({"n_draws": 2.5}, "n_draws: expected an integer ≥ 1, got 2.5"),
    "resume": ({"resume": "skip"}, "resume: expected 'replay' or 'continue', got 'skip'"),
}


@pytest.mark.parametrize(("given", "message"), WRONG_OPTIONS.values(), ids=WRONG_OPTIONS.keys())
def test_options_that_cannot_be_are_refused(given, message):
    with pytest.raises(OptionError, match=message):
        stream_of(**given)


def test_objects_that_cannot_be_used_are_refused_together(tmp_path):
    with pytest.raises(OptionError, match=r"(?s)iterable: .* 5; label_fn: .*; transform: .*; rep"):
        BalancedStream(5, "label", transform=3, report_folder=tmp_path / "none", **BOUNDS)


def test_all_wrong_arguments_are_told_at_once():
    with pytest.raises(OptionError, match=r"(?s)label_fn: .*; split: .*; max_repeats: .*; seed: "):
        BalancedStream(
            [], "label", max_repeats=0, max_read_amplification=2, split="shards", seed=-1
        )


def test_a_generator_that_is_used_up_is_told():
    stream = BalancedStream(iter(["a"] * 50), str, **BOUNDS)
    assert len(list(stream)) == 50
    with pytest.warns(BalancekitWarning, match="expected samples, got none. A generator can be"):
        assert list(stream) == []


def test_a_second_epoch_of_a_generator_is_empty_and_told_in_a_loader():
    stream = BalancedStream((one for one in ["a", "b"] * 50), str, **BOUNDS)
    loader = DataLoader(stream, batch_size=10)
    n_batches = len(list(loader))
    stream.set_epoch(1)
    with pytest.warns(BalancekitWarning, match="A generator can be read once: give an object"):
        assert (n_batches, list(loader)) == (10, [])


def test_a_misspelt_class_is_asked_about_in_one_warning():
    targets = Fixed(shares={"cat": 0.5, "dgo": 0.5})
    with pytest.warns(BalancekitWarning, match=r"never seen.*'dgo' \(Did you mean 'dog'\?\)"):
        list(BalancedStream(["cat", "dog"] * 50, str, targets, **BOUNDS))


# --- libraries of streams -------------------------------------------------------------------------


N_ROWS = 20_000
"""Half of the labels: datasets takes its time for each row."""


def hugging_face(n_shards):
    from datasets import IterableDataset as HuggingFaceStream

    def shards(parts):
        for part in parts:
            for number in range(part, N_ROWS, 4):
                yield {"number": number, "label": LABELS[number]}

    return HuggingFaceStream.from_generator(
        shards, gen_kwargs={"parts": [*range(n_shards)]}
    ).shuffle(seed=0, buffer_size=50)


def row_label(row):
    return row["label"]


def rows_of(loader):
    return [
        pair
        for batch in loader
        for pair in zip(*map(torch.Tensor.tolist, batch.values()), strict=True)
    ]


@pytest.mark.parametrize("n_workers", [0, 2])
def test_hugging_face_streams_are_balanced_split_and_resumed(n_workers):
    def loader():
        stream = BalancedStream(hugging_face(4), row_label, split="upstream", **BOUNDS)
        return StatefulDataLoader(stream, batch_size=30, num_workers=n_workers)

    whole = rows_of(loader())
    shares = np.bincount([label for _, label in whole[1000:-1000]]) / (len(whole) - 2000)
    assert np.abs(shares - 1 / 3).max() < 0.01
    assert max(Counter(number for number, _ in whole).values()) <= 10
    first = loader()
    before = rows_of(itertools.islice(first, 21))
    second = loader()
    second.load_state_dict(first.state_dict())
    assert before + rows_of(second) == whole


def test_hugging_face_epochs_follow_set_epoch():
    stream = BalancedStream(hugging_face(4), row_label, n_draws=100, **BOUNDS)
    orders = []
    for epoch in (0, 1, 0):
        stream.set_epoch(epoch)
        orders.append([row["number"] for row in stream])
    assert orders[0] == orders[2] != orders[1]


def test_hugging_face_streams_continue_from_their_own_state():
    stream = BalancedStream(hugging_face(4), row_label, resume="continue", **BOUNDS)
    list(itertools.islice(stream, 3000))
    n_read = stream.report().n_read
    other = BalancedStream(hugging_face(4), row_label, resume="continue", **BOUNDS)
    other.load_state_dict(stream.state_dict())
    list(other)
    # Its own shuffle buffer is refilled from where it stood: datasets loses what that held.
    assert N_ROWS - n_read - 60 <= other.report().n_read <= N_ROWS - n_read

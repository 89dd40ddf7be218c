"""Sets balanced on disk: counts, names, manifest, bad files, refusals, any number of workers."""

import errno
import os
import re
import resource
import subprocess
import sys
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

from balancekit.augment import AugmentationPolicy
from balancekit.errors import OptionError
from balancekit.labels import SampleKey
from balancekit.materialize.augmented import DiskOptions, augment_to_disk, copying
from balancekit.materialize.augmented.copy_names import copy_name, policy_digest
from balancekit.materialize.augmented.examples import augmented_examples
from balancekit.materialize.augmented.manifest import read_manifest, read_quarantine
from balancekit.plan.operations import HorizontalFlip, name_of
from balancekit.sources import read
from tests.materialize.augmented.cases import (
    COUNTS,
    content_of,
    picture,
    write_classes,
    write_coco,
    write_voc,
)


def counts_of(folder, **options):
    labels = read(folder, **options)
    return dict(zip(labels.class_names, labels.class_counts().tolist(), strict=True))


TARGETS = {
    "max": ("max", {"rare": 12, "some": 12, "many": 12}),
    "median": ("median", {"rare": 6, "some": 6, "many": 12}),
    "a number": (9, {"rare": 9, "some": 9, "many": 12}),
    "less than all have": (2, COUNTS),
}


@pytest.mark.parametrize(("target", "wanted"), TARGETS.values(), ids=TARGETS.keys())
def test_the_written_set_has_what_is_wanted(target, wanted, data, tmp_path):
    told = augment_to_disk(data, tmp_path / "new", target=target, task="natural")
    assert counts_of(tmp_path / "new") == wanted
    assert {row.name: row.n_after for row in told.classes} == wanted
    assert told.n_new == sum(wanted.values()) - sum(COUNTS.values())


def test_originals_are_hard_links_and_nothing_else_is_left(data, tmp_path):
    augment_to_disk(data, tmp_path / "new")
    for path in data.rglob("*.png"):
        assert path.samefile(tmp_path / "new" / path.relative_to(data))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "new"]


def test_originals_are_copied_where_no_link_can_be(data, tmp_path, monkeypatch):
    def refuse(source, target):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    told = augment_to_disk(data, tmp_path / "new")
    assert (told.n_linked, told.n_copied) == (0, 21)
    original = data / "rare" / "0.png"
    copied = tmp_path / "new" / "rare" / "0.png"
    assert copied.read_bytes() == original.read_bytes()
    assert not copied.samefile(original)


def test_only_new_samples_are_written_if_asked_for(data, tmp_path):
    augment_to_disk(data, tmp_path / "new", target="max", options=DiskOptions(only_new=True))
    assert counts_of(tmp_path / "new") == {"rare": 9, "some": 6, "many": 0}


def test_each_new_sample_has_its_own_name_and_a_line_in_the_manifest(data, tmp_path):
    augment_to_disk(data, tmp_path / "new", target="max", task="natural", seed=5)
    head, copies = read_manifest(tmp_path / "new")
    policy = AugmentationPolicy.for_task("natural", ["many", "rare", "some"], seed=5)
    assert head.policy_digest == policy_digest(policy)
    assert (head.seed, head.target, head.policy["task"]) == (5, "max", "natural")
    written = {p.name for p in (tmp_path / "new").rglob("*__aug-*")}
    assert written == {Path(place).name for copy in copies for place in copy.files}
    assert len({copy.name for copy in copies}) == len(copies) == 15
    for copy in copies:
        assert copy.name == copy_name(copy.parent, copy.key[2], head.policy_digest, 5)
        assert re.fullmatch(r"\d+__aug-[0-9a-f]{12}", copy.name)
        assert copy.classes == {copy.parent.partition("/")[0]: 1}


def test_a_copy_is_what_the_policy_makes_of_its_parent_under_its_key(data, tmp_path):
    policy = AugmentationPolicy.for_task("natural", seed=2)
    augment_to_disk(data, tmp_path / "new", target="max", policy=policy)
    _, copies = read_manifest(tmp_path / "new")
    for copy in copies:
        (place,) = copy.files
        parent = np.asarray(Image.open(data / copy.parent))
        made = np.asarray(Image.open(tmp_path / "new" / place))
        assert np.array_equal(made, policy(parent, SampleKey(*copy.key)))


def test_no_copy_is_its_parent_once_more_where_a_policy_seldom_changes_anything(data, tmp_path):
    flip = HorizontalFlip(probability=0.3)
    policy = AugmentationPolicy(task="natural", operations=(flip,), seed=1)
    augment_to_disk(data, tmp_path / "new", target="max", policy=policy)
    _, copies = read_manifest(tmp_path / "new")
    assert {copy.key[0] for copy in copies} > {0}, "some were drawn again"
    for copy in copies:
        (place,) = copy.files
        parent = np.asarray(Image.open(data / copy.parent))
        made = np.asarray(Image.open(tmp_path / "new" / place))
        assert np.array_equal(made, parent[:, ::-1])


def test_a_policy_that_changes_nothing_gives_repeats(data, tmp_path):
    told = augment_to_disk(data, tmp_path / "new", target="max", policy=AugmentationPolicy())
    assert told.n_new == 15


def test_the_bytes_do_not_depend_on_where_the_data_lie(tmp_path):
    for place in ("here", "over/there"):
        root = tmp_path / place
        (root / "images" / "train").mkdir(parents=True)
        (root / "yolo" / "labels" / "train").mkdir(parents=True)
        # As git leaves a link where the system has none: the pictures lie outside of the folder.
        (root / "yolo" / "images").write_text("../images")
        (root / "yolo" / "data.yaml").write_text("train: images/train\nnames: [a, b]\n")
        for number in range(6):
            picture(number).save(root / "images" / "train" / f"{number}.png")
            line = f"{int(number < 2)} 0.5 0.5 0.4 0.4\n"
            (root / "yolo" / "labels" / "train" / f"{number}.txt").write_text(line)
        augment_to_disk(root / "yolo", root / "new", target="max")
    _, copies = read_manifest(tmp_path / "here" / "new")
    assert {copy.parent for copy in copies} == {f"../images/train/{n}.png" for n in (0, 1)}
    here, there = content_of(tmp_path / "here" / "new"), content_of(tmp_path / "over/there/new")
    assert here == there


def test_classes_without_pictures_keep_their_folders_and_so_others_their_ids(data, tmp_path):
    (data / "nothing").mkdir()
    augment_to_disk(data, tmp_path / "new")
    assert read(tmp_path / "new").class_names == read(data).class_names


def test_a_written_set_has_no_files_that_look_left_behind(data, tmp_path):
    told = augment_to_disk(data, tmp_path / "new")
    assert told.problems == {}
    again = augment_to_disk(tmp_path / "new", None)
    assert again.problems == {}


def test_what_was_met_when_the_data_were_listed_is_told(data, tmp_path):
    picture(0).save(data / "loose.png")
    (data / "rare" / "notes.txt").touch()
    for out in (None, tmp_path / "new"):
        told = augment_to_disk(data, out)
        assert told.problems == {"file-not-picture": 1, "picture-outside-class": 1}


def test_pictures_of_a_class_are_used_evenly(data, tmp_path):
    told = augment_to_disk(data, tmp_path / "new", target="max")
    _, copies = read_manifest(tmp_path / "new")
    assert sorted(Counter(copy.parent for copy in copies).values()) == [1] * 6 + [3] * 3
    assert told.most_copies == 3


def test_boxes_move_along_and_the_frequent_class_grows_least(tmp_path):
    data = write_coco(tmp_path / "data")
    told = augment_to_disk(data, tmp_path / "new", target=6, task="detection")
    assert {row.name: (row.n_before, row.n_new) for row in told.classes} == {
        "circle": (14, 4),
        "square": (2, 4),
    }
    assert counts_of(tmp_path / "new") == {"circle": 18, "square": 6}


def test_elastic_is_left_out_where_pictures_carry_boxes_with_the_reason(tmp_path):
    pytest.importorskip("albumentations")
    data = write_coco(tmp_path / "data")
    assert "elastic" not in augment_to_disk(data, None, task="microscopy").operations
    own = AugmentationPolicy.for_task("microscopy")
    assert "elastic" in [name_of(operation) for operation in own.operations]
    assert "elastic" not in augment_to_disk(data, None, policy=own).operations
    decisions = augmented_examples(data, task="microscopy").decisions
    (elastic,) = [one for one in decisions if one.operation == "elastic"]
    assert (elastic.used, elastic.decided_by) == (False, "data")
    assert "a box does not stay a box" in elastic.reason
    with pytest.raises(OptionError, match="got elastic, which is allowed"):
        augment_to_disk(data, None, options=DiskOptions(allow=("elastic",)))


GREY = {"one channel": "L", "three alike": "RGB"}


@pytest.mark.parametrize("mode", GREY.values(), ids=GREY.keys())
def test_operations_on_colours_are_left_out_of_grey_pictures_unless_one_has_colours(mode, data):
    def used(**options):
        told = augment_to_disk(data, None, task="natural", options=DiskOptions(**options))
        return {"hue", "saturation"} & set(told.operations)

    assert "saturation" in used()
    for path in data.rglob("*.png"):
        Image.open(path).convert("L").convert(mode).save(path)
    assert used() == set()
    assert used(allow=("saturation",)) == {"saturation"}, "the user has the last word"
    decisions = augmented_examples(data, task="natural").decisions
    (saturation,) = [one for one in decisions if one.operation == "saturation"]
    assert "the pictures are grey" in saturation.reason
    first = min(data.rglob("*.png"))
    first.write_bytes(b"")
    assert used() == set(), "what cannot be read tells nothing"
    picture(0).save(first)
    assert "saturation" in used()


def test_where_copies_hardly_balance_several_classes_a_hint_says_what_does(tmp_path):
    data = write_coco(tmp_path / "data")
    for out in (None, tmp_path / "new"):
        told = augment_to_disk(data, out, target=3, task="detection")
        assert (told.ratio_before, told.ratio_after) == (7.0, 5.0)
        assert "its frequent neighbours too. Paste rare objects" in told.hint
    assert augment_to_disk(data, None, target="max").hint == ""
    assert augment_to_disk(data, None, target=1).hint == "", "nothing was asked for"


def test_where_samples_have_one_class_no_hint_is_needed(data):
    told = augment_to_disk(data, None, target=4)
    assert (told.ratio_before, told.ratio_after) == (4.0, 3.0)
    assert told.hint == ""


@pytest.mark.parametrize("width", [0, 5])
def test_boxes_without_area_are_counted(width, tmp_path):
    data = write_voc(tmp_path / "data", [(9, 3, 9 + width, 8), (1, 1, 6, 6)])
    for out in (None, tmp_path / "new"):
        told = augment_to_disk(data, out, target=2)
        assert told.n_without_area == (width == 0)
        assert told.problems == {}


def test_elastic_stays_where_no_boxes_are(data):
    pytest.importorskip("albumentations")
    assert "elastic" in augment_to_disk(data, None, task="microscopy").operations


SAME = {
    "two processes": {"workers": 2},
    "three processes": {"workers": 3},
}


@pytest.mark.parametrize("where", SAME.values(), ids=SAME.keys())
def test_the_bytes_do_not_depend_on_the_workers(where, data, tmp_path):
    options = {"target": "max", "task": "natural", "seed": 3}
    augment_to_disk(data, tmp_path / "one", **options)
    augment_to_disk(data, tmp_path / "several", **options, **where)
    assert content_of(tmp_path / "one") == content_of(tmp_path / "several")


def test_the_bytes_do_not_depend_on_ray(data, tmp_path):
    pytest.importorskip("ray")
    options = {"target": "max", "task": "natural"}
    augment_to_disk(data, tmp_path / "one", **options)
    augment_to_disk(data, tmp_path / "cluster", **options, engine="ray", workers=2)
    assert content_of(tmp_path / "one") == content_of(tmp_path / "cluster")


def test_another_seed_gives_other_pictures_and_names(data, tmp_path):
    for seed in (0, 1):
        augment_to_disk(
            data,
            tmp_path / str(seed),
            task="natural",
            seed=seed,
            options=DiskOptions(only_new=True),
        )
    first, second = (
        {path.name for path in (tmp_path / name).rglob("*.png")} for name in ("0", "1")
    )
    assert first
    assert not first & second


def test_without_a_folder_it_only_plans(data, tmp_path):
    told = augment_to_disk(data, None, target="max")
    assert (told.folder, told.n_new, told.most_copies) == (None, 15, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


# --- bad files ------------------------------------------------------------------------------


def test_a_bad_picture_is_listed_and_others_of_its_class_get_its_copies(data, tmp_path):
    broken = data / "rare" / "1.png"
    broken.write_bytes(broken.read_bytes()[:60])
    (data / "some" / "2.png").write_bytes(b"<html>404</html>")
    told = augment_to_disk(data, tmp_path / "new", target="max")
    assert [file.path for file in told.bad] == ["rare/1.png", "some/2.png"]
    assert read_quarantine(tmp_path / "new") == list(told.bad)
    assert all("expected a picture that decodes whole" in file.reason for file in told.bad)
    assert {row.name: row.n_after for row in told.classes} == dict.fromkeys(COUNTS, 12)
    assert told.n_new == 15


def test_a_link_that_leads_nowhere_is_listed_once(data, tmp_path):
    (data / "rare" / "gone.png").symlink_to("nowhere.png")
    told = augment_to_disk(data, tmp_path / "new", target="max")
    assert [file.path for file in told.bad] == ["rare/gone.png"]


def test_a_class_of_bad_pictures_alone_is_told_as_short(data, tmp_path):
    for path in (data / "rare").iterdir():
        path.write_bytes(b"")
    told = augment_to_disk(data, tmp_path / "new", target="max")
    assert {row.name: row.n_short for row in told.classes} == {"rare": 9, "some": 0, "many": 0}
    assert len(told.bad) == 3


def fails_on_dark(image):
    if image.mean() < 100:
        raise ZeroDivisionError("too dark")
    return image[::-1].copy()


def test_an_augmenter_that_fails_on_a_picture_does_not_end_the_run(data, tmp_path):
    Image.new("RGB", (24, 20)).save(data / "rare" / "0.png")
    policy = AugmentationPolicy.from_augmenter(fails_on_dark)
    told = augment_to_disk(data, tmp_path / "new", target="max", policy=policy)
    assert "rare/0.png" in [file.path for file in told.bad]
    assert "too dark" in told.bad[0].reason
    assert counts_of(tmp_path / "new")["some"] == 12


def test_most_copies_of_a_picture_can_be_limited(data, tmp_path):
    told = augment_to_disk(data, tmp_path / "new", target="max", options=DiskOptions(max_copies=2))
    assert told.most_copies == 2
    assert {row.name: row.n_short for row in told.classes} == {"rare": 3, "some": 0, "many": 0}


# --- refusals -------------------------------------------------------------------------------

REFUSED = {
    "no target": ({"target": "mean"}, "expected max, median or a number"),
    "no task": ({"task": "cats"}, "task: expected"),
    "no engine": ({"engine": "dask"}, "engine: expected"),
    "no workers": ({"workers": 0}, "workers: expected a whole number from 1, got 0"),
    "no operation": ({"options": DiskOptions(allow=("flip",))}, "operation: expected"),
    "growth beyond reason": ({"target": 999}, r"one of the 3 of 'rare' would be copied 332 times"),
    "a negative seed": ({"seed": -1}, "seed: expected an integer"),
}


@pytest.mark.parametrize(("options", "told"), REFUSED.values(), ids=REFUSED.keys())
def test_options_that_cannot_be_are_refused_before_anything_is_written(
    options, told, data, tmp_path
):
    with pytest.raises(OptionError, match=told):
        augment_to_disk(data, tmp_path / "new", **options)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_less_than_one_copy_is_refused():
    with pytest.raises(OptionError, match="max_copies: expected a whole number from 1, got 0"):
        DiskOptions(max_copies=0)


def test_a_folder_with_other_files_is_refused(data, tmp_path):
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "mine.txt").touch()
    with pytest.raises(OptionError, match="holds other files"):
        augment_to_disk(data, tmp_path / "new")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("place", ["data/new", "data", "."])
def test_a_folder_within_the_data_or_around_them_is_refused(place, data, tmp_path):
    with pytest.raises(OptionError, match="shares files with"):
        augment_to_disk(data, tmp_path / place)


def test_the_finished_set_is_not_written_again(data, tmp_path):
    augment_to_disk(data, tmp_path / "new")
    with pytest.raises(OptionError, match="the finished set of the same data"):
        augment_to_disk(data, tmp_path / "new")
    with pytest.raises(OptionError, match=r"got one of others \(target median, task unknown"):
        augment_to_disk(data, tmp_path / "new", target="max")


# --- a disk that is full --------------------------------------------------------------------


def test_a_full_disk_is_a_clean_stop_and_the_run_goes_on_later(data, tmp_path, monkeypatch):
    options = {"target": "max", "task": "natural"}
    augment_to_disk(data, tmp_path / "whole", **options)
    n_written = 0
    write = copying._write

    def fill_up(content, place, aside):
        nonlocal n_written
        n_written += 1
        if n_written > 7:
            raise OSError(errno.ENOSPC, "No space left on device", str(place))
        write(content, place, aside)

    monkeypatch.setattr(copying, "_write", fill_up)
    with pytest.raises(OSError, match=r"No space left on device\. The run stopped, and nothing"):
        augment_to_disk(data, tmp_path / "new", **options)
    assert not (tmp_path / "new").exists()
    monkeypatch.undo()
    told = augment_to_disk(data, tmp_path / "new", **options, resume=True)
    assert 0 < told.n_found < told.n_new
    assert content_of(tmp_path / "new") == content_of(tmp_path / "whole")


def test_a_copy_of_the_data_that_finds_no_room_is_not_left_half(data, tmp_path, monkeypatch):
    def refuse(source, target):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    def fill_up(source, target, **options):
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr("shutil.copystat", fill_up)
    with pytest.raises(OSError, match="nothing half-written is left"):
        augment_to_disk(data, tmp_path / "new")
    assert [p for p in (tmp_path / ".new.unfinished").rglob("*.png") if p.is_file()] == []
    assert list((tmp_path / ".new.unfinished" / "aside").iterdir()) == []


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
from balancekit.cli import main
main(["augment", sys.argv[1], "-o", sys.argv[2], "--target", "max", "--workers", "1"])
"""


def test_a_file_that_cannot_be_written_whole_is_not_left_half(tmp_path):
    data = write_classes(tmp_path / "data", {"a": 1, "b": 3})
    limit = (data / "a" / "0.png").stat().st_size // 2
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(data), str(tmp_path / "new"), str(limit)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)),
    )
    assert done.returncode == 2
    assert "File too large" in done.stderr
    assert "--resume goes on" in done.stderr
    assert not (tmp_path / "new").exists()
    left = [p for p in (tmp_path / ".new.unfinished").rglob("*__aug-*") if p.is_file()]
    assert left == []


# --- examples for the page ------------------------------------------------------------------


def test_examples_are_the_first_copies_that_are_written(data, tmp_path):
    shown = augmented_examples(data, task="natural", seed=4, per_class=2, n_copies=2)
    assert [shown.class_names[one.class_id] for one in shown.classes] == ["rare", "some", "many"]
    assert all(len(one.examples) == 2 for one in shown.classes)
    augment_to_disk(data, tmp_path / "new", target="max", task="natural", seed=4)
    _, copies = read_manifest(tmp_path / "new")
    place_of = {(c.parent, c.key[2]): next(iter(c.files)) for c in copies}
    example = shown.classes[0].examples[0]
    made = np.asarray(Image.open(tmp_path / "new" / place_of[example.parent, 1]))
    assert np.array_equal(made, example.copies[0].picture)


def test_examples_leave_out_what_cannot_be_read_and_list_it(data):
    (data / "rare" / "0.png").write_bytes(b"no")
    shown = augmented_examples(data, per_class=3, n_copies=1)
    assert len(shown.classes[0].examples) == 2
    assert [file.path for file in shown.bad] == ["rare/0.png"]


def test_the_manifest_is_lines_of_json(data, tmp_path):
    told = augment_to_disk(data, tmp_path / "new")
    lines = Path(told.manifest).read_bytes().splitlines()
    assert [sorted(msgspec.json.decode(line)) for line in lines[1:]] == [
        ["classes", "files", "key", "name", "parent"]
    ] * told.n_new

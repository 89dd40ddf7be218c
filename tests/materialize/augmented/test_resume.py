"""Runs that are killed, and go on: the same bytes as one that was left alone."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from balancekit.errors import OptionError
from balancekit.materialize.augmented import augment_to_disk
from tests.materialize.augmented.cases import content_of, write_classes

COMMAND = (
    "import sys; from balancekit.cli import main; "
    "main(['augment', *sys.argv[1:], '--target', 'max', '--task', 'natural', '--resume'])"
)
"""`--resume` from the first: there is nothing to go on with, so it begins."""

MOST_STARTS = 40


def start(data, out, workers):
    words = [sys.executable, "-c", COMMAND, str(data), "-o", str(out), "--workers", str(workers)]
    return subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )


def kill(process):
    """Kill it without a word, and see its workers end by themselves."""
    process.kill()
    process.wait()
    process.stderr.close()
    deadline = time.monotonic() + 20
    while is_alive(process.pid):
        assert time.monotonic() < deadline, "workers outlive the run that they work for"
        time.sleep(0.01)


def is_alive(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for_work(out, process, *, n_files):
    """Let it run until so many files are there, or it is done."""
    work = out.with_name(f".{out.name}.unfinished")
    while process.poll() is None and not out.exists():
        # Unlike a glob, a walk does not mind that the set is moved into place meanwhile.
        names = (name for _, _, files in os.walk(work / "set") for name in files)
        if sum("__aug-" in name for name in names) >= n_files:
            return
        time.sleep(0.002)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_that_is_killed_again_and_again_gives_the_bytes_of_one_that_is_not(workers, tmp_path):
    data = write_classes(tmp_path / "data", {"a": 4, "b": 60})
    out, whole = tmp_path / "killed", tmp_path / "whole"
    augment_to_disk(data, whole, target="max", task="natural")
    moments = random.Random(workers)
    n_killed, n_files = 0, 0
    for _ in range(MOST_STARTS):
        process = start(data, out, workers)
        n_files += moments.randint(5, 25)
        wait_for_work(out, process, n_files=n_files)
        if process.poll() is None and not out.exists():
            time.sleep(moments.random() / 100)
            kill(process)
            n_killed += 1
        else:
            assert process.wait() == 0, process.stderr.read()
            process.stderr.close()
            break
    assert n_killed >= 2, "it was too fast to be killed"
    assert content_of(out) == content_of(whole)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "killed", "whole"]


def test_an_interrupt_leaves_with_130_and_the_run_goes_on(tmp_path):
    data = write_classes(tmp_path / "data", {"a": 3, "b": 80})
    out, whole = tmp_path / "new", tmp_path / "whole"
    augment_to_disk(data, whole, target="max", task="natural")
    process = start(data, out, 1)
    wait_for_work(out, process, n_files=5)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    assert b"interrupted" in process.stderr.read()
    process.stderr.close()
    assert not out.exists()
    augment_to_disk(data, out, target="max", task="natural", resume=True)
    assert content_of(out) == content_of(whole)


class StopError(Exception):
    """Ends a run from within."""


def stopped(data, out, *, after=4, **options):
    """A run that ends after some copies, and leaves what it has done."""
    n_calls = 0

    def tell(what, n_done, n_of):
        nonlocal n_calls
        n_calls += what == "copies"
        if n_calls > after:
            raise StopError

    with pytest.raises(StopError):
        augment_to_disk(data, out, on_progress=tell, **options)


def test_what_was_made_is_not_made_again(data, tmp_path):
    out = tmp_path / "new"
    stopped(data, out, target="max")
    times = {p: p.stat().st_mtime_ns for p in tmp_path.glob(".new.unfinished/set/**/*__aug-*")}
    assert times
    told = augment_to_disk(data, out, target="max", resume=True)
    assert told.n_found >= len(times)
    written = {path.name: path.stat().st_mtime_ns for path in out.rglob("*__aug-*")}
    assert {path.name: when for path, when in times.items()}.items() <= written.items()


def test_a_file_that_was_cut_off_as_the_power_went_is_made_again(data, tmp_path):
    out = tmp_path / "new"
    augment_to_disk(data, tmp_path / "whole", target="max")
    stopped(data, out, target="max")
    cut = next(tmp_path.glob(".new.unfinished/set/**/*__aug-*"))
    cut.write_bytes(cut.read_bytes()[:10])
    record = sorted(tmp_path.glob(".new.unfinished/records/*/*.json"))[-1]
    record.write_bytes(b"")
    augment_to_disk(data, out, target="max", resume=True)
    assert content_of(out) == content_of(tmp_path / "whole")


@pytest.mark.parametrize("list_", ["manifest.jsonl", "quarantine.jsonl", ".balancekit.json"])
def test_a_run_killed_while_it_writes_a_list_leaves_nothing_of_it_in_the_set(
    list_, data, tmp_path, monkeypatch
):
    out, replace = tmp_path / "new", Path.replace

    def end(path, target):
        if target.name == list_ and "set" in target.parts:
            raise StopError
        return replace(path, target)

    augment_to_disk(data, tmp_path / "whole", target="max")
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", end)
        patched.setattr(Path, "unlink", lambda *_, **__: None)  # as nobody does when it is killed
        patched.setattr(os, "getpid", lambda: 1)  # the next run has another
        with pytest.raises(StopError):
            augment_to_disk(data, out, target="max")
    augment_to_disk(data, out, target="max", resume=True)
    assert content_of(out) == content_of(tmp_path / "whole")


def test_bad_pictures_are_the_same_after_an_interruption(data, tmp_path):
    (data / "rare" / "0.png").write_bytes(b"no picture")
    (data / "some" / "4.png").write_bytes(b"")
    augment_to_disk(data, tmp_path / "whole", target="max")
    stopped(data, tmp_path / "new", after=2, target="max")
    augment_to_disk(data, tmp_path / "new", target="max", resume=True)
    assert content_of(tmp_path / "new") == content_of(tmp_path / "whole")


def test_leftovers_are_not_taken_up_unless_asked_for(data, tmp_path):
    stopped(data, tmp_path / "new", target="max")
    with pytest.raises(OptionError, match=r"an interrupted run \(target max.* has left .*unfinish"):
        augment_to_disk(data, tmp_path / "new", target="max")
    assert list(tmp_path.glob(".new.unfinished/set/**/*__aug-*"))


@pytest.mark.parametrize("resume", [False, True])
def test_a_second_run_is_kept_out_while_the_first_is_at_work(resume, data, tmp_path):
    out, refused = tmp_path / "new", []

    def start_another(what, n_done, n_of):
        if what == "copies" and not refused:
            with pytest.raises(OptionError, match=r"another is at work\. Wait until it is done"):
                augment_to_disk(data, out, target="max", resume=resume)
            refused.append(what)

    augment_to_disk(data, tmp_path / "whole", target="max")
    augment_to_disk(data, out, target="max", on_progress=start_another)
    assert refused
    assert content_of(out) == content_of(tmp_path / "whole")


def test_leftovers_of_other_settings_are_not_gone_on_with(data, tmp_path):
    stopped(data, tmp_path / "new", target="max")
    with pytest.raises(OptionError, match="the same data, settings and versions"):
        augment_to_disk(data, tmp_path / "new", target=8, resume=True)


def test_a_finished_run_that_is_started_again_has_nothing_to_do(data, tmp_path):
    first = augment_to_disk(data, tmp_path / "new", target="max")
    before = content_of(tmp_path / "new")
    again = augment_to_disk(data, tmp_path / "new", target="max", resume=True)
    assert (again.n_new, again.n_found) == (first.n_new, first.n_new)
    assert again.classes == first.classes
    assert content_of(tmp_path / "new") == before


def test_a_run_killed_after_its_set_was_in_place_is_tidied_up(data, tmp_path):
    augment_to_disk(data, tmp_path / "new")
    work = tmp_path / ".new.unfinished"
    (work / "records").mkdir(parents=True)
    (work / ".balancekit.json").write_bytes((tmp_path / "new" / ".balancekit.json").read_bytes())
    augment_to_disk(data, tmp_path / "new", resume=True)
    assert not work.exists()

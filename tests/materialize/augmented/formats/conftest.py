"""Writing a set with mirror images of its samples, as the engine does, and reading it back."""

import shutil

import numpy as np
import pytest


def mirrored(scene):
    """A scene seen in a mirror: x goes to width - x."""
    width = scene.image.shape[1]
    parts = {"image": np.ascontiguousarray(scene.image[:, ::-1])}
    if scene.mask is not None:
        parts["mask"] = np.ascontiguousarray(scene.mask[:, ::-1])
    if scene.boxes is not None:
        parts["boxes"] = scene.boxes * [-1, 1, -1, 1] + [width, 0, width, 0]
        parts["boxes"] = parts["boxes"][:, [2, 1, 0, 3]]
    if scene.polygons is not None:
        parts["polygons"] = tuple(
            tuple(part * [-1, 1] + [width, 0] for part in row) for row in scene.polygons
        )
    if scene.keypoints is not None:
        parts["keypoints"] = scene.keypoints * [-1, 1] + [width, 0]
    return scene.with_parts(**parts)


@pytest.fixture
def mirror():
    return mirrored


@pytest.fixture
def written(tmp_path):
    """Write all originals and a changed copy of some samples to a folder."""

    def write(annotated, copied=None, move=mirrored, folder="out"):
        out = tmp_path / folder
        for index in range(len(annotated.ids)):
            for place, path in annotated.originals(index):
                assert not place.startswith("/")
                assert ".." not in place.split("/")
                (out / place).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, out / place)
        names = []
        for index in range(len(annotated.ids)) if copied is None else copied:
            sample = annotated.read(index)
            moved = sample.moved_to(move(sample.scene))
            names.append(f"new-{index:03}")
            files = annotated.encode(names[-1], moved)
            assert annotated.encode(names[-1], moved) == files, "the same sample, other bytes"
            for place, content in files.items():
                assert not (out / place).exists(), "a new sample stands on another"
                (out / place).parent.mkdir(parents=True, exist_ok=True)
                (out / place).write_bytes(content)
        annotated.finish(out, names, out)
        before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
        annotated.finish(out, names, out)
        after = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
        assert before == after, "finishing again changed something"
        return out

    return write

"""Every engine gives the same Stats, byte for byte, for every kind of data."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from PIL import Image

from balancekit import analyze
from balancekit.engines import ProcessEngine, SerialEngine, ThreadEngine

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    # Data with splits or faults warn, which is tested where they are.
    pytest.mark.filterwarnings("ignore::balancekit.errors.BalancekitWarning"),
]

CLASSES = {"fox": 9, "lynx": 4, "été": 2}
N_PICTURES = sum(CLASSES.values())


def jpeg(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (32, 24), (shade, 90, 200 - shade)).save(buffer, "jpeg")
    return buffer.getvalue()


def image_tree(root: Path) -> Path:
    """Splits of class folders, with a truncated picture, a copy in the other split, and junk."""
    for split in ("train", "val"):
        for shade, (name, n) in enumerate(CLASSES.items()):
            folder = root / split / name / "below"
            folder.mkdir(parents=True)
            for i in range(n):
                (folder / f"{i}.jpg").write_bytes(jpeg(20 * i + shade))
    (root / "train" / "fox" / "cut.jpg").write_bytes(jpeg(3)[:-40])
    (root / "train" / "fox" / ".hidden.jpg").touch()
    return root


def csv_folder(root: Path) -> Path:
    root.mkdir()
    for i in range(3):
        rows = [f"{n},{name}" for n, name in enumerate(CLASSES) for _ in range(5 * i + n)]
        (root / f"{i}.csv").write_text("\n".join(["id,label", *rows, "7,", ""]))
    return root


def parquet_folder(root: Path) -> Path:
    """Files of several row groups; DuckDB's groups hold 2,048 rows at least."""
    root.mkdir()
    for i in range(2):
        duckdb.sql("SELECT setseed(0.25)")
        duckdb.sql(
            f"COPY (SELECT 'class ' || (range * range % 17 + {i}) AS label FROM range(9000)) "
            f"TO '{root / f'{i}.parquet'}' (FORMAT parquet, ROW_GROUP_SIZE 2048)"
        )
    return root


def tars(root: Path) -> Path:
    root.mkdir()
    for shard in range(3):
        with tarfile.open(root / f"train-{shard:04}.tar", "w") as tar:
            for i in range(8):
                members = {"jpg": jpeg(10 * i + shard), "cls": str((i * i + shard) % 5).encode()}
                for suffix, content in members.items():
                    info = tarfile.TarInfo(f"{shard}{i:03}.{suffix}")
                    info.size = len(content)
                    tar.addfile(info, io.BytesIO(content))
    return root


def yolo(root: Path) -> Path:
    """More pictures than a part takes, one of them without boxes, one with a line that is bad."""
    for folder in ("images/train", "labels/train"):
        (root / folder).mkdir(parents=True)
    picture = jpeg(5)
    for i in range(1100):
        (root / "images/train" / f"{i:04}.jpg").write_bytes(picture)
        boxes = [f"{(i * k) % 7} 0.5 0.5 0.{k + 1} 0.25" for k in range(i % 4)]
        text = "\n".join([*boxes, *(["0 0.5"] if i == 7 else [])])
        (root / "labels/train" / f"{i:04}.txt").write_text(text)
    names = "".join(f"  {i}: thing {i}\n" for i in range(8))
    (root / "data.yaml").write_text(f"path: .\ntrain: images/train\nnames:\n{names}")
    return root


def text_folder(root: Path) -> Path:
    root.mkdir()
    for name, n in CLASSES.items():
        (root / f"{name}.txt").write_text("".join(f"a line of {name} {i}\n" for i in range(n)))
    return root


DATA: dict[str, tuple[Callable[[Path], Path], dict[str, object]]] = {
    "image tree": (image_tree, {"duplicates": True, "quality": True}),
    "CSV folder": (csv_folder, {}),
    "Parquet folder": (parquet_folder, {}),
    "tars": (tars, {"format": "webdataset"}),
    "YOLO": (yolo, {"verify": "header"}),
    "text folder": (text_folder, {}),
}


@pytest.mark.parametrize(("make", "options"), DATA.values(), ids=DATA.keys())
def test_all_engines_give_the_same_bytes(make, options, tmp_path, ray_engine):
    path = make(tmp_path / "data")
    one_by_one = analyze(path, engine=SerialEngine(), **options)
    assert one_by_one.n_samples > 0
    assert sum(one_by_one.class_counts) > 0
    for engine in (ThreadEngine(3), ProcessEngine(2), ray_engine):
        assert analyze(path, engine=engine, **options).to_json() == one_by_one.to_json()

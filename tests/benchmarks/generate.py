"""The data of the benchmarks: long-tailed, the same at every run, quick to make."""

import io
import json
import os
import random
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path

import duckdb
import numpy as np
from PIL import Image

__all__ = [
    "coco_json",
    "csv_rows",
    "image_tree",
    "parquet_labels",
    "picture_tree",
    "yolo_set",
]

LONG_TAIL = "floor(1000 * power(random(), 3))::INTEGER"
"""A class id in SQL: 1,000 classes, the largest 300 times as frequent as the smallest."""


def made_once(path: Path, make: Callable[[Path], None]) -> Path:
    """The path of data made under another name and then moved, so that none are half made."""
    if not path.exists():
        unfinished = path.with_name(f"unfinished-{path.name}")
        make(unfinished)
        unfinished.rename(path)
    return path


def image_tree(folder: Path, n_files: int, n_classes: int) -> Path:
    """`folder/CLASS/N.jpg`, long-tailed: empty files, as nobody looks into them."""

    def make(root: Path) -> None:
        shares = np.arange(1, min(n_classes, max(2, n_files // 10)) + 1) ** -0.75
        sizes = np.maximum(1, n_files * shares / shares.sum()).astype(int)
        sizes[0] += max(0, n_files - sizes.sum())
        for i, size in enumerate(sizes.tolist()):
            (root / f"class {i:04}").mkdir(parents=True)
            for number in range(size):
                os.close(os.open(root / f"class {i:04}" / f"{number:07}.jpg", os.O_CREAT))

    return made_once(folder, make)


def parquet_labels(folder: Path, n_rows: int, n_files: int) -> Path:
    """Parquet of one column of integers, in groups of a million rows: a file, or a folder."""

    def make(root: Path) -> None:
        root.mkdir(parents=True)
        for i in range(n_files):
            connection = duckdb.connect(config={"threads": 1})  # random() is the same then
            connection.execute(f"SELECT setseed({i / n_files})")
            connection.execute(
                f"COPY (SELECT {LONG_TAIL} AS label FROM range({n_rows // n_files})) "
                f"TO '{root / f'{i:02}.parquet'}' (FORMAT parquet, ROW_GROUP_SIZE 1000000)"
            )

    made = made_once(folder, make)
    return made if n_files > 1 else made / "00.parquet"


def csv_rows(path: Path, n_rows: int) -> Path:
    """A CSV file of four columns: an id, a path, a number and a label."""

    def make(file: Path) -> None:
        connection = duckdb.connect(config={"threads": 1})
        connection.execute("SELECT setseed(0.5)")
        connection.execute(
            f"COPY (SELECT range AS id, 'pictures/' || range || '.bin' AS file, "
            f"round(random() * 100, 3) AS area, 'class ' || {LONG_TAIL} AS label "
            f"FROM range({n_rows})) TO '{file}' (HEADER)"
        )

    return made_once(path, make)


def coco_json(path: Path, n_bytes: int) -> Path:
    """COCO instances of 80 classes with polygons, seven a picture, up to a size of the file."""

    def make(file: Path) -> None:
        rng = random.Random(7)
        polygons = [polygon_of(rng, 16 + i % 40) for i in range(1009)]
        class_ids = islice(cycle([min(80, int(rng.paretovariate(0.7))) for _ in range(9973)]), None)
        n_pictures = max(2, n_bytes // 4100)
        with file.open("w") as out:
            out.write('{"info": {"year": 2026}, "licenses": [], "images": [\n')
            out.writelines(
                f'{"," if i else ""}{{"license": 3, "file_name": "{i:012}.jpg", "height": 480, '
                f'"width": 640, "date_captured": "2013-11-14 17:02:52", "id": {i}}}\n'
                for i in range(n_pictures)
            )
            out.write('], "annotations": [\n')
            written, number = out.tell(), 0
            while written < n_bytes - 6_000:
                lines = []
                for _ in range(200):
                    lines.append(
                        f'{"," if number else ""}{{"segmentation": [{polygons[number % 1009]}], '
                        f'"area": {50 + number % 30011 + 0.25}, "iscrowd": 0, '
                        f'"image_id": {number // 7 % n_pictures}, '
                        f'"bbox": [{number % 500}.5, {number % 300}.25, 91.5, 60.75], '
                        f'"category_id": {next(class_ids)}, "id": {number}}}\n'
                    )
                    number += 1
                written += out.write("".join(lines))
            categories = [{"id": i, "name": f"thing {i}"} for i in range(1, 81)]
            out.write(f'], "categories": {json.dumps(categories)}}}\n')

    return made_once(path, make)


def polygon_of(rng: random.Random, n_points: int) -> str:
    points = (f"{rng.uniform(0, 640):.2f}" for _ in range(2 * n_points))
    return f"[{', '.join(points)}]"


def yolo_set(folder: Path, n_pictures: int) -> Path:
    """`images/train`, `labels/train` and a data.yaml; one small picture under many names."""

    def make(root: Path) -> None:
        pictures, texts = root / "images" / "train", root / "labels" / "train"
        pictures.mkdir(parents=True)
        texts.mkdir(parents=True)
        Image.new("RGB", (64, 48), "teal").save(pictures / "0000000.jpg")
        rng = np.random.default_rng(11)
        for i in range(n_pictures):
            if i:
                os.link(pictures / "0000000.jpg", pictures / f"{i:07}.jpg")
            n_boxes = int(rng.integers(0, 15))
            class_ids = np.minimum(79, rng.pareto(0.7, n_boxes)).astype(int)
            centres = rng.uniform(0.3, 0.7, (n_boxes, 2))
            sizes = rng.uniform(0.02, 0.5, (n_boxes, 2))
            (texts / f"{i:07}.txt").write_text(
                "".join(
                    f"{c} {x:.6f} {y:.6f} {w:.6f} {h:.6f}\n"
                    for c, (x, y), (w, h) in zip(class_ids, centres, sizes, strict=True)
                )
            )
        names = "\n".join(f"  {i}: thing {i}" for i in range(80))
        (root / "data.yaml").write_text(f"path: .\ntrain: images/train\nnames:\n{names}\n")

    return made_once(folder, make)


def picture_tree(folder: Path, n_pictures: int) -> Path:
    """JPEG pictures of 500 × 375 in 10 class folders; 40 of them differ, the rest are links."""

    def make(root: Path) -> None:
        rng = np.random.default_rng(3)
        originals = []
        for i in range(n_pictures):
            place = root / f"class {i % 10}" / f"{i:06}.jpg"
            place.parent.mkdir(parents=True, exist_ok=True)
            if i < 40:
                coarse = rng.integers(0, 256, (47, 63, 3), np.uint8)
                picture = Image.fromarray(coarse).resize((500, 375), Image.Resampling.BICUBIC)
                buffer = io.BytesIO()
                picture.save(buffer, "jpeg", quality=90)
                place.write_bytes(buffer.getvalue())
                originals.append(place)
            else:
                os.link(originals[i % 40], place)

    return made_once(folder, make)

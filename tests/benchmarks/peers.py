"""What a user would run instead: `python peers.py NAME PATH` prints what it counted as JSON.

Each peer is one function, which imports its library itself, so that a run pays for its own
library and for no other.
"""

import json
import sys
import time
from collections import Counter
from pathlib import Path


def duckdb_parquet(path: str) -> tuple[dict[str, int], float]:
    import duckdb

    files = path if path.endswith(".parquet") else f"{path}/*.parquet"
    began = time.perf_counter()
    rows = duckdb.sql(f"SELECT label, count(*) FROM '{files}' GROUP BY 1").fetchall()
    return {str(label): n for label, n in rows}, time.perf_counter() - began


def duckdb_csv(path: str) -> dict[str, int]:
    import duckdb

    return dict(duckdb.sql(f"SELECT label, count(*) FROM '{path}' GROUP BY 1").fetchall())


def pycocotools_count(path: str) -> dict[str, int]:
    import contextlib

    from pycocotools.coco import COCO

    with contextlib.redirect_stdout(sys.stderr):
        coco = COCO(path)
    return {
        coco.cats[number]["name"]: len(coco.getAnnIds(catIds=[number]))
        for number in coco.getCatIds()
    }


def supervision_count(path: str) -> dict[str, int]:
    import supervision

    found = supervision.DetectionDataset.from_yolo(
        images_directory_path=f"{path}/images/train",
        annotations_directory_path=f"{path}/labels/train",
        data_yaml_path=f"{path}/data.yaml",
    )
    counts: Counter[int] = Counter()
    for detections in found.annotations.values():
        counts.update(detections.class_id.tolist())
    return {found.classes[number]: n for number, n in counts.items()}


def pillow_load(path: str) -> dict[str, int]:
    from PIL import Image

    counts: Counter[str] = Counter()
    for file in sorted(Path(path).rglob("*.jpg")):
        with Image.open(file) as picture:
            picture.load()
        counts[file.parent.name] += 1
    return dict(counts)


def local_engine(path: str) -> tuple[dict[str, int], float]:
    # Loaded when the clock starts, as DuckDB is for its own count.
    import duckdb  # noqa: F401

    import balancekit.sources.tables  # noqa: F401
    from balancekit.engines import ThreadEngine

    return analyzed(path, ThreadEngine())


def ray_engine(path: str) -> tuple[dict[str, int], float]:
    from balancekit.engines import RayEngine

    with RayEngine("local") as engine:
        # Nodes and workers are up, and have imported balancekit, when the clock starts.
        sleeps = [0.2] * 2 * engine_cores()
        list(engine.map_shards(import_and_sleep, sleeps))
        return analyzed(path, engine)


def engine_cores() -> int:
    from balancekit.engines import available_cpus

    return available_cpus()


def import_and_sleep(seconds: float) -> int:
    import balancekit.flow  # noqa: F401

    time.sleep(seconds)
    return 0


def analyzed(path: str, engine: object) -> tuple[dict[str, int], float]:
    import balancekit.flow

    began = time.perf_counter()
    stats = balancekit.flow.analyze(path, engine=engine)  # type: ignore[arg-type]
    seconds = time.perf_counter() - began
    return dict(zip(stats.class_names, stats.class_counts, strict=True)), seconds


if __name__ == "__main__":
    _, name, place = sys.argv
    result = globals()[name](place)
    counts, seconds = result if isinstance(result, tuple) else (result, None)
    print(json.dumps({"counts": counts, "seconds": seconds}))

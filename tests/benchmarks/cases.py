"""The benchmarks: data, our command, what it is compared with, and the floor of each."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import generate

__all__ = ["CASES", "Case", "Command", "Floor"]

PEERS = str(Path(__file__).parent / "peers.py")
BALANCEKIT = str(Path(sys.executable).parent / "balancekit")
MB = 10**6


@dataclass(frozen=True)
class Command:
    """A whole process.

    Attributes:
        arguments: of the command; "{json}" stands for a file that it writes its counts to.
        library: that it needs beyond what balancekit needs; it then runs in the peers'
            environment, if there is one.
        tells_seconds: the time is what it says itself, start-up left out.
    """

    arguments: tuple[str, ...]
    library: str | None = None
    tells_seconds: bool = False


@dataclass(frozen=True)
class Floor:
    """What must hold: a ratio of times, or a peak of memory.

    Attributes:
        most_ratio: our time over the peer's.
        most_mb: our peak of memory, in 10**6 bytes.
        per_core: the time is that of all cores together, so that two that are busy count twice.
    """

    most_ratio: float | None = None
    most_mb: float | None = None
    per_core: bool = False


@dataclass(frozen=True)
class Case:
    """One benchmark."""

    name: str
    what: str
    make: Callable[[Path, float], Path]
    ours: Callable[[Path], Command]
    peer: Callable[[Path], Command]
    floor: Floor
    peer_name: str


def analyze(path: Path, *options: str) -> Command:
    return Command((BALANCEKIT, "analyze", str(path), *options, "--json", "{json}"))


def peer(name: str, path: Path, library: str | None = None, *, told: bool = False) -> Command:
    return Command((sys.executable, PEERS, name, str(path)), library, told)


def of(full: int, scale: float) -> int:
    return max(1, int(full * scale))


CASES: tuple[Case, ...] = (
    Case(
        "help",
        "`balancekit --help`",
        lambda data, scale: data,
        lambda path: Command((BALANCEKIT, "--help")),
        lambda path: Command((sys.executable, "-c", "import cyclopts, rich")),
        Floor(most_ratio=2),
        '`python -c "import cyclopts, rich"`',
    ),
    Case(
        "tree",
        "image folder of 200,000 files in 100 classes",
        lambda data, scale: generate.image_tree(data / "tree", of(200_000, scale), 100),
        lambda path: analyze(path, "--verify", "none"),
        lambda path: Command(("sh", "-c", f"find '{path}' -type f | wc -l")),
        Floor(most_ratio=4),
        "`find DIR -type f \\| wc -l`",
    ),
    Case(
        "tree-long-tail",
        "image folder of 200,000 files in 8,142 classes, as many as iNaturalist 2018 has",
        lambda data, scale: generate.image_tree(data / "tree-8142", of(200_000, scale), 8142),
        lambda path: analyze(path, "--verify", "none"),
        lambda path: Command(("sh", "-c", f"find '{path}' -type f | wc -l")),
        Floor(most_ratio=4),
        "`find DIR -type f \\| wc -l`",
    ),
    Case(
        "parquet",
        "1e8 integer labels in Parquet",
        lambda data, scale: generate.parquet_labels(data / "parquet", of(10**8, scale), 1),
        analyze,
        lambda path: peer("duckdb_parquet", path),
        Floor(),
        "DuckDB's own count",
    ),
    Case(
        "parquet-work",
        "1e8 integer labels in Parquet, after start-up",
        lambda data, scale: generate.parquet_labels(data / "parquet", of(10**8, scale), 1),
        lambda path: peer("local_engine", path, told=True),
        lambda path: peer("duckdb_parquet", path, told=True),
        Floor(most_ratio=1.3),
        "DuckDB's own count",
    ),
    Case(
        "parquet-memory",
        "1e9 integer labels in Parquet",
        lambda data, scale: generate.parquet_labels(data / "parquet-1e9", of(10**9, scale), 10),
        analyze,
        lambda path: peer("duckdb_parquet", path),
        Floor(most_mb=400),
        "DuckDB's own count",
    ),
    Case(
        "ray",
        "1e9 integer labels on a local Ray cluster, after start-up",
        lambda data, scale: generate.parquet_labels(data / "parquet-1e9", of(10**9, scale), 10),
        lambda path: peer("ray_engine", path, told=True),
        lambda path: peer("local_engine", path, told=True),
        Floor(most_ratio=1.5),
        "balancekit's threads",
    ),
    Case(
        "csv",
        "CSV of 2e7 rows",
        lambda data, scale: generate.csv_rows(data / "rows.csv", of(2 * 10**7, scale)),
        analyze,
        lambda path: peer("duckdb_csv", path),
        Floor(most_ratio=1.5),
        "DuckDB's own scan",
    ),
    Case(
        "coco",
        "COCO instances, 494 MB",
        lambda data, scale: generate.coco_json(data / "instances.json", of(494 * MB, scale)),
        lambda path: analyze(path, "--verify", "none"),
        lambda path: peer("pycocotools_count", path, "pycocotools"),
        Floor(most_ratio=1 / 5, most_mb=1500),
        "pycocotools",
    ),
    Case(
        "yolo",
        "YOLO boxes of 20,000 pictures",
        lambda data, scale: generate.yolo_set(data / "yolo", of(20_000, scale)),
        lambda path: analyze(path, "--verify", "none"),
        lambda path: peer("supervision_count", path, "supervision"),
        Floor(most_ratio=1 / 2),
        "supervision",
    ),
    Case(
        "decode",
        "decoding 20,000 JPEG pictures of 500 × 375 on one core",
        lambda data, scale: generate.picture_tree(data / "pictures", of(20_000, scale)),
        lambda path: analyze(path, "--verify", "decode", "--workers", "1"),
        lambda path: peer("pillow_load", path),
        Floor(most_ratio=1 / 1.5),
        "Pillow's full load, one thread",
    ),
    Case(
        "decode-cores",
        "decoding 20,000 JPEG pictures of 500 × 375 on all cores, processor time of all together",
        lambda data, scale: generate.picture_tree(data / "pictures", of(20_000, scale)),
        lambda path: analyze(path, "--verify", "decode"),
        lambda path: peer("pillow_load", path),
        Floor(most_ratio=1 / 1.5, per_core=True),
        "Pillow's full load, one thread",
    ),
)

"""The losses against what a user would train with instead, as a table of ratios.

    python tests/benchmarks/losses.py --peers FOLDER         # all, on the CPU, one thread
    python tests/benchmarks/losses.py 8192x1000 --runs 5
    python tests/benchmarks/losses.py --scale small --markdown
    python tests/benchmarks/losses.py --device cuda          # a GPU's tests, and its own table

All losses of a case take turns in one process. Leaves with 1 if a floor is missed.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

import loss_device as gpu
import torch
from loss_cases import CASES, HEADINGS
from loss_peers import PEERS
from rows import install_peers, print_table

SCALES = {"tiny": 1e-3, "small": 1e-1, "full": 1.0}
ROOT = Path(__file__).parents[2]
TESTS = ("-m", "pytest", "-q", "tests/losses")


def main() -> int:
    """Run what was asked for; 1 if a floor is missed."""
    asked = parsed()
    if asked.peers:
        install_peers(asked.peers, PEERS)
    return on_device(asked) if asked.device else on_cpu(asked)


def on_cpu(asked: argparse.Namespace) -> int:
    torch.set_num_threads(1)
    rows = []
    for name in asked.names or CASES:
        rows += told(CASES[name](SCALES[asked.scale], asked.runs))
    print_table(HEADINGS, [row.cells() for row in rows], markdown=asked.markdown)
    return int(any(row.is_missed for row in rows))


def on_device(asked: argparse.Namespace) -> int:
    device = gpu.Device(asked.device, asked.runs)
    if device.is_trial:
        torch.set_num_threads(1)
    tests_failed = 0
    if not asked.skip_tests:
        tests_failed = subprocess.run([sys.executable, *TESTS], cwd=ROOT, check=False).returncode
        print(f"tests/losses: exit {tests_failed}", file=sys.stderr, flush=True)
    copied_per_s = device.copied_per_s()
    rows = []
    for shape in asked.names or gpu.SHAPES:
        for dtype in asked.dtypes:
            rows += told(gpu.device_rows(shape, dtype, copied_per_s, device))
    print(device.describe(copied_per_s) + "\n")
    print_table(gpu.HEADINGS, [row.cells() for row in rows], markdown=asked.markdown)
    return int(tests_failed != 0 or any(row.missed for row in rows))


def told(rows: Any) -> list[Any]:
    """The rows, each of which is said on stderr as soon as it is there."""
    kept = []
    for row in rows:
        print(" · ".join(row.cells()), file=sys.stderr, flush=True)
        kept.append(row)
    return kept


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CASES)}; or all")
    parser.add_argument("--scale", choices=SCALES, default="full", help="of the batch on the CPU")
    parser.add_argument("--runs", type=int, default=15, help="of each loss (default: 15)")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_argument("--peers", type=Path, metavar="FOLDER", help=f"has {' and '.join(PEERS)}")
    parser.add_argument(
        "--device",
        choices=("cuda", "cpu"),
        help=f"print the table of a GPU, of {', '.join(gpu.SHAPES)}; cpu tries it out",
    )
    parser.add_argument("--dtypes", nargs="+", choices=gpu.DTYPES, default=list(gpu.DTYPES))
    parser.add_argument("--skip-tests", action="store_true", help="of the losses, with --device")
    asked = parser.parse_args()
    known = gpu.SHAPES if asked.device else CASES
    if unknown := set(asked.names) - set(known):
        parser.error(f"expected names of {', '.join(known)}, got {', '.join(sorted(unknown))}")
    return asked


if __name__ == "__main__":
    sys.exit(main())

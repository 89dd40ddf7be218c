"""Augmentation against what a user would run instead, as a table of ratios.

    python tests/benchmarks/augment.py                       # all, on one thread: some minutes
    python tests/benchmarks/augment.py operations --runs 20
    python tests/benchmarks/augment.py --scale tiny --markdown
    python tests/benchmarks/augment.py device --device cuda  # pictures a second on a GPU

Both sides take turns in one process. Leaves with 1 if a floor is missed.
"""

import argparse
import sys

import cv2
import torch
from augment_cases import CASES, EVERYWHERE
from rows import print_table
from sampler_rows import HEADINGS

SCALES = {"tiny": 0.02, "small": 0.2, "full": 1.0}


def main() -> int:
    """Run what was asked for; 1 if a floor is missed."""
    asked = parsed()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    rows = []
    for name in asked.names or EVERYWHERE:
        for row in CASES[name](SCALES[asked.scale], asked.runs, asked.device):
            print(" · ".join(row.cells()), file=sys.stderr, flush=True)
            rows.append(row)
    print_table(HEADINGS, [row.cells() for row in rows], markdown=asked.markdown)
    return int(any(row.is_missed for row in rows))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CASES)}; or all")
    parser.add_argument("--scale", choices=SCALES, default="full", help="number of pictures")
    parser.add_argument("--runs", type=int, default=15, help="of each side (default: 15)")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_argument("--device", default="cpu", help="of the case device, such as cuda")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(CASES):
        parser.error(f"expected names of {', '.join(CASES)}, got {', '.join(sorted(unknown))}")
    return asked


if __name__ == "__main__":
    sys.exit(main())

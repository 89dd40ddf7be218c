"""The samplers against what a user would run instead, as a table of ratios.

    python tests/benchmarks/samplers.py --peers FOLDER       # all, at full scale
    python tests/benchmarks/samplers.py epoch index --runs 5
    python tests/benchmarks/samplers.py --scale small --markdown

Both sides take turns in one process; memory is measured in processes of its own. Leaves with
1 if a floor is missed.
"""

import argparse
import sys
from pathlib import Path

from rows import install_peers, print_table
from sampler_cases import CASES, print_memory
from sampler_rows import HEADINGS

SCALES = {"tiny": 1e-3, "small": 1e-2, "full": 1.0}
# Without what they need: torch, pandas and scikit-learn are there, and torchsampler would
# bring torchvision, which may replace torch.
PEERS = ("torchsampler>=0.1.2", "pytorch-metric-learning>=2.9", "tqdm")


def main() -> int:
    """Run what was asked for; 1 if a floor is missed."""
    asked = parsed()
    if asked.memory:
        print_memory(asked.memory[0], int(asked.memory[1]))
        return 0
    if asked.peers:
        install_peers(asked.peers, PEERS)
    rows = []
    for name in asked.names or CASES:
        for row in CASES[name](SCALES[asked.scale], asked.runs):
            print(" · ".join(row.cells()), file=sys.stderr, flush=True)
            rows.append(row)
    print_table(HEADINGS, [row.cells() for row in rows], markdown=asked.markdown)
    return int(any(row.is_missed for row in rows))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CASES)}; or all")
    parser.add_argument("--scale", choices=SCALES, default="full")
    parser.add_argument("--runs", type=int, default=3, help="of each side (default: 3)")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_argument("--peers", type=Path, metavar="FOLDER", help=f"has {' and '.join(PEERS)}")
    parser.add_argument("--memory", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(CASES):
        parser.error(f"expected names of {', '.join(CASES)}, got {', '.join(sorted(unknown))}")
    return asked


if __name__ == "__main__":
    sys.exit(main())

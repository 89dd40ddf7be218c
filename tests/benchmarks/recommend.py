"""The recommended plan against plain cross-entropy and every fixed strategy, as a table.

    python tests/benchmarks/recommend.py ../shared/data --kept results.jsonl --minutes 60
    python tests/benchmarks/recommend.py my_data.csv other_folder --seeds 5
    python tests/benchmarks/recommend.py --only digits --objective macro_f1

Each PATH is a data set, or a folder that holds those of `recommend_sets.GIVEN`; generated sets
follow. Results are kept plan by plan: the same call goes on where an earlier one was stopped,
and runs anew what other rules, seeds or epochs have changed.
"""

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from fnmatch import fnmatch
from pathlib import Path
from zlib import crc32

import torch
from recommend_outcomes import Kept, Outcome, Trial
from recommend_sets import DataSet, all_sets
from recommend_tables import page_of

WORDS = __doc__.partition("\n")[0]


def main() -> int:
    """Run what is not kept yet, and print the tables of all; 1 if there is nothing to print."""
    asked = parsed()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # of classes too small to evaluate; the tables show them
    kept = Kept(asked.kept, say)
    wanted = [one for one in all_sets(asked.paths) if is_asked(one.name, asked.only)]
    wanted.sort(key=lambda one: crc32(one.name.encode()))  # stopped early, there are some of each
    until = time.monotonic() + 60 * asked.minutes
    shown = outcomes_of(wanted, kept, asked, lambda: time.monotonic() < until)
    if len(shown) < len(wanted):
        say(f"{len(wanted) - len(shown)} of {len(wanted)} sets: no result, or no time left")
    if not shown:
        return 1
    for task in dict.fromkeys(one.stats.task for one in shown):
        some = [one for one in shown if one.stats.task == task]
        print(f"\n## {task}: {some[0].found.objective}\n")
        print(page_of(sorted(some, key=lambda one: (one.origin, one.name))))
    return 0


def outcomes_of(
    sets: Sequence[DataSet], kept: Kept, asked: argparse.Namespace, has_time: Callable[[], bool]
) -> list[Outcome]:
    """Those of the sets whose plans are all kept, or that there is time for."""
    found = []
    for data_set in sets:
        began = time.monotonic()
        try:
            trial = Trial(data_set, asked.objective, asked.seeds, asked.epochs)
            outcome = trial.outcome(kept, has_time)
        except Exception as error:  # one bad set is told, and does not end the others
            say(f"{data_set.name}: {type(error).__name__}: {str(error).partition(chr(10))[0]}")
            continue
        if outcome is not None:
            say(f"{data_set.name}: {time.monotonic() - began:.0f} s")
            found.append(outcome)
    return found


def say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def is_asked(name: str, only: list[str] | None) -> bool:
    return only is None or any(fnmatch(name, f"*{pattern}*") for pattern in only)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=WORDS)
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="data to try it on")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="sets whose names hold one")
    parser.add_argument("--objective", help="(default: that of each task)")
    parser.add_argument("--seeds", type=int, default=3, help="splits a set (default: 3)")
    parser.add_argument("--epochs", type=int, help="of every plan, if not as many as usual")
    parser.add_argument("--kept", type=Path, metavar="FILE", help="JSON lines, one a plan of a set")
    parser.add_argument("--minutes", type=float, default=1e6, help="no plan is begun after them")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

"""CIFAR-10-LT by the recipe of the literature: last-epoch errors beside published ones.

    python tests/benchmarks/cifar10_lt.py cifar10_lt_ir100.npz --device cuda --minutes 9
    python tests/benchmarks/cifar10_lt.py cifar10_lt_ir100.npz cross-entropy plan --seeds 1
    python tests/benchmarks/cifar10_lt.py --trial                # a few steps on noise, on the CPU

ResNet-32, 200 epochs, batches of 128, SGD with Nesterov momentum .9, learning rate .1 after
5 epochs of warm-up, divided by 100 at epochs 160 and 180, weight decay 2e-4, crops out of a
padding of 4 and flips; all pictures lie on the device, in bfloat16 there. What is recommended
trains in the same way, under its own sampling, loss and augmentation, the last after the crops
and flips of all. The npz holds x_train uint8 [n, 32, 32, 3], y_train, x_test, y_test.

Runs go side by side, each a process of its own. A call that reaches its minutes, or is stopped by
Ctrl-C, finishes the epoch and writes where each run stands; the same call again goes on, so that
three of 9 minutes are one of 27. So does one that was killed, from the last ten epochs on.

How long it takes is an estimate, as it has not been run on a GPU yet: a step starts about 500
kernels, 7 ms for the host, so that a run of 19,400 steps takes 2 to 3 minutes alone; the kernels
themselves take 2 to 3 ms, and those of several processes take turns, so that the 24 runs of three
seeds take 20 to 25 minutes however many go side by side. `--compile` should halve that, after a
minute in which each process compiles; try it on one run first.

Published figures and constants: Zhang et al., Bag of Tricks for Long-Tailed Visual Recognition
(AAAI 2021), its trick gallery and configuration files; they may be of the best epoch, as its code
tells that one. That of logit adjustment: the README of its authors' code (Menon et al. 2021),
1,241 epochs under another schedule.
"""

import argparse
import json
import signal
import sys
import time
from pathlib import Path

import numpy as np
from cifar10_lt_methods import FIRST_STAGE, METHODS, PLAN
from cifar10_lt_side_by_side import Job, Run, Until, how_many, train_all
from rows import print_table

from balancekit.files import write_whole

BATCH, BATCH_IN_TRIAL = 128, 16
HEADS = ("method", "error %", "published %", "difference", "seeds", "seconds a run")


def told(records: list[dict[str, object]]) -> None:
    rows = []
    for name in dict.fromkeys(str(record["method"]) for record in records):
        errors = [float(str(r["error"])) for r in records if r["method"] == name]
        published = METHODS[name].published if name in METHODS else None
        mean = np.mean(errors)
        spread = f"{np.std(errors, ddof=1):.2f}" if len(errors) > 1 else "–"
        seconds = np.mean([float(str(r["seconds"])) for r in records if r["method"] == name])
        rows.append(
            [
                name,
                f"{mean:.2f} ± {spread}",
                "–" if published is None else f"{published:.2f}",
                "–" if published is None else f"{mean - published:+.2f}",
                f"{len(errors)}",
                f"{seconds:.0f}",
            ]
        )
    print_table(HEADS, rows, markdown=True)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("npz", type=Path, nargs="?")
    parser.add_argument("methods", nargs="*", help=f"of {', '.join((*METHODS, PLAN))}; all")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seeds", type=int, help="default: 3, 1 in a trial")
    parser.add_argument("--epochs", type=int, help="default: 200, 2 in a trial")
    parser.add_argument("--side-by-side", type=int, help="runs; default: by the cores, 1 on a CPU")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="of all runs together")
    parser.add_argument("--checkpoint-epochs", type=int, default=10)
    parser.add_argument("--compile", action="store_true", help="the network, as a CUDA graph")
    parser.add_argument("--out", type=Path, default=Path("cifar10_lt_runs"))
    parser.add_argument("--trial", action="store_true", help="noise in place of the npz")
    asked = parser.parse_args()
    if asked.trial and asked.npz is not None:  # all that is not named is a method
        asked.methods, asked.npz = [str(asked.npz), *asked.methods], None
    if asked.npz is None and not asked.trial:
        parser.error("expected the npz, or --trial without it")
    if asked.npz is not None and not asked.npz.is_file():
        parser.error(f"expected an npz, got no file {asked.npz}")
    if unknown := set(asked.methods) - {*METHODS, PLAN}:
        parser.error(f"expected methods of {[*METHODS, PLAN]}, got {sorted(unknown)}")
    asked.seeds = (1 if asked.trial else 3) if asked.seeds is None else asked.seeds
    asked.epochs = (
        (2 if asked.trial else FIRST_STAGE.epochs) if asked.epochs is None else asked.epochs
    )
    if asked.side_by_side is None:
        asked.side_by_side = how_many(asked.device)
    for name in ("seeds", "epochs", "side_by_side", "checkpoint_epochs"):
        if getattr(asked, name) < 1:
            parser.error(
                f"--{name.replace('_', '-')}: expected at least 1, got {getattr(asked, name)}"
            )
    return asked


def main() -> int:
    """Run what was asked for, tell the errors; 1 if a run failed, 130 if it was stopped."""
    began = time.time()
    asked = parsed()
    until = Until(began + 60 * asked.minutes)

    def stop(*_: object) -> None:
        until.ask()
        signal.signal(signal.SIGINT, signal.default_int_handler)  # the second one does not wait
        print("stopping after the epoch; once more to stop now", file=sys.stderr, flush=True)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    asked.out.mkdir(parents=True, exist_ok=True)
    data = "trial" if asked.trial else asked.npz.stem.replace(".", "-")
    runs = [
        Run(name, seed, asked.out / f"{data}-{name.replace(' ', '-')}-{asked.epochs}-{seed}")
        for seed in range(asked.seeds)  # all methods of a seed first: cut short they compare still
        for name in asked.methods or (*METHODS, PLAN)
    ]
    job = Job(
        npz=asked.npz,
        device=asked.device,
        epochs=asked.epochs,
        batch=BATCH_IN_TRIAL if asked.trial else BATCH,
        checkpoint_epochs=asked.checkpoint_epochs,
        is_compiled=asked.compile,
    )
    missing = [run for run in runs if not run.record.is_file()]
    failed = train_all(missing, asked.side_by_side, job, until) if missing else []
    done = [run.record.read_bytes() for run in runs if run.record.is_file()]
    write_whole(b"\n".join([*done, b""]), asked.out / f"{data}-{asked.epochs}.jsonl")
    if done:
        told([json.loads(record) for record in done])
    print(f"{len(done)} of {len(runs)} runs are finished", file=sys.stderr)
    for problem in failed:
        print(f"failed: {problem}", file=sys.stderr)
    return 1 if failed else 130 if until.is_asked else 0


if __name__ == "__main__":
    sys.exit(main())

"""What a balanced stream is asked for, checked once."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from balancekit.errors import OptionError
from balancekit.labels.class_ids import class_name_of
from balancekit.plan import Targets, Uniform
from balancekit.plan.tagged import is_number, is_seed, is_whole
from balancekit.samplers.streams.shares import refuse_targets

__all__ = ["StreamOptions"]


@dataclass(frozen=True, kw_only=True)
class StreamOptions:
    """What a balanced stream is asked for.

    Args:
        targets: shares of the classes; `Fixed` by class name. Not `Capped`, which counts the
            samples of an epoch.
        max_repeats: most uses of a sample, an integer ≥ 1.
        max_read_amplification: most samples read per sample given out, ≥ 1.
        buffer_per_class: most samples held of a class, ≥ 1.
        buffer_total: most samples held in all; with many classes each gets an equal part.
        warm_up: most samples read before the first is given out, ≥ 1.
        half_life: reads after which what was learned about the class frequencies counts half.
        class_counts: known counts or frequencies by class; learned if not given.
        at_end: "drain" gives out what is held when the stream ends, but for what would put a
            class far above its share; "stop" does not.
        seed: of every draw.

    Raises:
        OptionError: an option cannot be; all problems together.
    """

    targets: Targets = field(default_factory=Uniform)
    max_repeats: int
    max_read_amplification: float
    buffer_per_class: int = 100
    buffer_total: int = 10_000
    warm_up: int = 1000
    half_life: int = 100_000
    class_counts: Mapping[str, float] | None = None
    at_end: Literal["drain", "stop"] = "drain"
    seed: int = 0

    def __post_init__(self) -> None:
        problems = []
        for name in ("max_repeats", "buffer_per_class", "buffer_total", "warm_up", "half_life"):
            value = getattr(self, name)
            if not (is_whole(value) and value >= 1):
                problems.append(f"{name}: expected a whole number ≥ 1, got {value!r}")
        reads = self.max_read_amplification
        if not (is_number(reads) and 1 <= reads < float("inf")):
            problems.append(
                f"max_read_amplification: expected a finite number ≥ 1, got {reads!r}. "
                "1 reads no more samples than it gives out"
            )
        if self.at_end not in ("drain", "stop"):
            problems.append(f"at_end: expected 'drain' or 'stop', got {self.at_end!r}")
        if not is_seed(self.seed):
            problems.append(f"seed: expected an integer from 0 to 2**63 - 1, got {self.seed!r}")
        if (problem := refuse_targets(self.targets)) is not None:
            problems.append(problem)
        problems += _count_problems(self.class_counts)
        if problems:
            raise OptionError("; ".join(problems))


def _count_problems(class_counts: object) -> list[str]:
    if class_counts is None:
        return []
    if not isinstance(class_counts, Mapping):
        return [f"class_counts: expected a dict from class to count, got {class_counts!r}"]
    wrong = {
        name: count
        for name, count in class_counts.items()
        if not (is_number(count) and 0 <= count < float("inf"))
    }
    if wrong:
        shown = dict(list(wrong.items())[:5])
        return [f"class_counts: expected finite numbers ≥ 0, got {shown}"]
    if not sum(class_counts.values()):
        return ["class_counts: expected a count above 0, got none"]
    name, n_counts = Counter(map(class_name_of, class_counts)).most_common(1)[0]
    if n_counts > 1:
        return [f"class_counts: expected one count a class, got {n_counts} for {name!r}"]
    return []

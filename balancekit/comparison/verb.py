"""The verb `compare`."""

import os
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from balancekit.comparison.asked import Asked
from balancekit.comparison.contest import Progress
from balancekit.comparison.results import Comparison
from balancekit.plan import Plan

__all__ = ["ComparisonInterrupted", "compare"]


class ComparisonInterrupted(KeyboardInterrupt):
    """Ctrl-C while plans were compared.

    Attributes:
        comparison: the runs that were finished.
    """

    def __init__(self, comparison: Comparison) -> None:
        super().__init__("compare: interrupted")
        self.comparison = comparison


def compare(
    dataset: Any,
    plans: Mapping[str, Plan] | None = None,
    *,
    budget_s: float | None = None,
    seeds: int = 3,
    model: Callable[..., nn.Module] | None = None,
    objective: str | None = None,
    deployed_prior: Any = None,
    validation: Any = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    picture_task: str | None = None,
    transform: Callable[[Any], Any] | None = None,
    folder: str | os.PathLike[str] | None = None,
    fresh: bool = False,
    on_step: Callable[[float], object] | None = None,
    on_progress: Progress | None = None,
    **loader_options: Any,
) -> Comparison:
    """Results of plans trained for as many steps from the same starts, on the same held-out parts.

    Logits are corrected before they decide. A plan that fails does not end the others.

    Args:
        dataset: as for `build`, or of `open_dataset`.
        plans: by name, the baseline first; those of the recommender if not given.
        budget_s: seconds for all of it; hopeless plans are given up on the way.
        seeds: splits and starts of each plan.
        model: makes one, of `n_outputs` and `sample_shape` if it takes them.
        objective: what plans are judged by; theirs, or the recommender's, if not given.
        deployed_prior: for the recommender.
        validation: held-out samples; each seed holds out its own if not given.
        epochs: of every plan; as many as usual, or as fit, if not given.
        batch_size: draws a batch.
        learning_rate: at its peak.
        picture_task: for the recommender.
        transform: of each input, as for `build`.
        folder: where finished runs are kept, from which the same call goes on, with another
            budget_s or other seeds too.
        fresh: True begins anew there.
        on_step: told the loss of every step.
        on_progress: told the share of the work done, and what is being done.
        **loader_options: for `torch.utils.data.DataLoader`.

    Raises:
        OptionError: an argument cannot be, or the folder is of another comparison, or of
            another model of the same name.
        DataError: the task is none that is trained here, or every plan failed.
        PlanError: a plan is for other classes.
        ComparisonInterrupted: Ctrl-C; it has the results so far.
    """
    comparison = Asked(**locals()).comparison()  # a field each
    if comparison.interrupted:
        raise ComparisonInterrupted(comparison)
    return comparison

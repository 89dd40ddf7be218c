"""What is known of each loss of `balancekit.losses`: one row a loss, for rules and for readers.

`docs/make.py` prints the table as docs/reference/losses.md. The rows are data: this room
does not know the losses, so that a plan is made without torch.
"""

from balancekit.recommender.loss_facts.classes import CLASS_LOSSES
from balancekit.recommender.loss_facts.facts import (
    Cost,
    LossFacts,
    LossTask,
    Need,
    PriorShift,
    Properness,
)
from balancekit.recommender.loss_facts.labels import LABEL_LOSSES
from balancekit.recommender.loss_facts.overlap import OVERLAP_LOSSES
from balancekit.recommender.loss_facts.regression import REGRESSION_LOSSES

__all__ = ["LOSS_FACTS", "Cost", "LossFacts", "LossTask", "Need", "PriorShift", "Properness"]

LOSS_FACTS = {
    facts.loss: facts
    for facts in (*CLASS_LOSSES, *LABEL_LOSSES, *OVERLAP_LOSSES, *REGRESSION_LOSSES)
}
"""The rows by the name of the loss, in the order of the reference page."""

"""Class weights for who changes nothing but the weights of the loss."""

import numpy as np
from numpy.typing import NDArray

from balancekit.plan import DataRef, Plan
from balancekit.weights import effective_number_weights, power_weights

__all__ = ["wants_weights", "weights_alone"]


def wants_weights(plan: Plan) -> bool:
    """Whether weights alone would go the way of the plan: rare classes count more than they occur.

    Not where decisions are for the classes as they occur, nor where there are no such classes.

    Args:
        plan: of any task.
    """
    as_they_occur = plan.data.task == "classification" and plan.wanted_prior == "training"
    return plan.prior_of == "classes" and not as_they_occur


def weights_alone(data: DataRef) -> NDArray[np.float64]:
    """Weights of each class for plain draws and no correction afterwards: float64 [n_classes].

    Of the effective number of samples; for pixels, which are so many that those would all be 1,
    of the square root of the inverse counts.

    Args:
        data: what the plan is for.
    """
    if data.task == "segmentation":
        return power_weights(data.class_counts, 0.5)
    return effective_number_weights(data.class_counts)

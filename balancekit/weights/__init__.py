"""Class counts → class weights, without torch.

Weights are normalised so that Σ π_c·w_c = 1, where π_c is the share of class c: the
mean weight of a sample is 1, and the learning rate keeps its meaning.

An empty class is weighted as if it had one sample. It has no share, so it does not
change the weights of the others.
"""

from balancekit.weights.class_weights import (
    as_class_counts,
    effective_number_weights,
    effective_sample_size,
    pos_weight,
    power_weights,
    repeat_factors,
)

__all__ = [
    "as_class_counts",
    "effective_number_weights",
    "effective_sample_size",
    "pos_weight",
    "power_weights",
    "repeat_factors",
]

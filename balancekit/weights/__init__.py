"""Class counts → class weights, without torch.

Weights are normalised so that Σ π_c·w_c = 1, where π_c is the share of class c, unless asked
otherwise: the mean weight of a sample is 1, and the learning rate keeps its meaning.

An empty class is weighted as if it had one sample. It has no share, so it does not
change the weights of the others.
"""

from balancekit.weights.class_weights import (
    as_class_counts,
    effective_sample_size,
    median_frequency_weights,
    pos_weight,
    power_weights,
    repeat_factors,
)
from balancekit.weights.density import dense_weights, lds_weights
from balancekit.weights.effective_number import choose_beta, effective_number_weights
from balancekit.weights.normalize import Normalize, normalize_weights

__all__ = [
    "Normalize",
    "as_class_counts",
    "choose_beta",
    "dense_weights",
    "effective_number_weights",
    "effective_sample_size",
    "lds_weights",
    "median_frequency_weights",
    "normalize_weights",
    "pos_weight",
    "power_weights",
    "repeat_factors",
]

"""Vector scaling: logits that are multiplied and shifted by class in training. CDT is a case."""

from typing import Self, Unpack

import numpy as np
import torch  # noqa: F401 the examples use it
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from balancekit.losses.arguments import (
    check_class_values,
    check_finite,
    check_range,
    check_softmax,
)
from balancekit.losses.criterion import (
    ClassCriterion,
    Options,
    as_array,
    as_class_values,
    as_class_weights,
)
from balancekit.losses.kernels.modulations import Plain
from balancekit.losses.kernels.softmax import SoftmaxShift
from balancekit.losses.ranks import Sync
from balancekit.losses.reduction import Normalizer, Reduction
from balancekit.losses.softmax_family import softmax_loss
from balancekit.priors import class_shares
from balancekit.weights import as_class_counts

__all__ = ["VSLoss", "vs_loss", "vs_scale_and_bias"]


def vs_scale_and_bias(
    class_counts: ArrayLike, gamma: float = 0.3, tau: float = 1.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scales Δ_c = (n_c / n_max)^γ and biases ι_c = τ·log π_c: float64 [n_classes] each.

    Args:
        class_counts: draws of each class, [n_classes]; 0 counts as 1.
        gamma: strength of the scale, at least 0; 0 scales nothing.
        tau: strength of the bias; 0 leaves none.

    Raises:
        OptionError: counts are none, or an option is out of range.

    Source: Kini et al. 2021 (arXiv 2103.01550); γ and τ as in the authors' code.

    >>> scale, bias = vs_scale_and_bias([75, 25], gamma=0.5)
    >>> scale.round(4).tolist(), bias.round(4).tolist()
    ([1.0, 0.5774], [-0.2877, -1.3863])
    """
    check_finite("gamma", gamma, advice="0.3 is usual.")
    check_range("gamma", gamma, 0, advice="0 leaves logit adjustment, 0.3 is usual.")
    check_finite("tau", tau, advice="1 is usual; 0 leaves CDT.")
    shares = class_shares(as_class_counts(class_counts))
    return (shares / float(shares.max())) ** gamma, tau * np.log(shares)


def vs_loss(
    logits: Tensor,
    targets: Tensor,
    scale: Tensor,
    bias: Tensor,
    class_weights: Tensor | None = None,
    *,
    label_smoothing: float = 0.0,
    reduction: Reduction = "mean",
    ignore_index: int = -100,
    sample_weight: Tensor | None = None,
    normalizer: Normalizer | Tensor = "count",
    sync: Sync = "none",
) -> Tensor:
    """Cross-entropy of Δ·z + ι, weighted by w_y: float [], or [N, d1, …] without reduction.

    Train with it, predict from the plain logits.

    Args:
        logits: float [N, C] or [N, C, d1, …], before softmax.
        targets: int64 [N, d1, …], or float of the shape of `logits`.
        scale: float [C], Δ; see `vs_scale_and_bias`.
        bias: float [C], ι.
        class_weights: float [C], the paper's ω.
        label_smoothing: share ε in [0, 1] of each target that is spread over all classes.
        reduction: "mean", "sum" or "none".
        ignore_index: hard target that does not count.
        sample_weight: float [N], [N, d1] and so on.
        normalizer: what "mean" divides by.
        sync: processes over which to sum what "mean" divides by.

    Raises:
        OptionError: shapes, dtypes or options that do not fit.

    Source: Kini et al. 2021 (arXiv 2103.01550), the VS-loss.

    >>> logits, targets = torch.tensor([[2.0, 2.0]]), torch.tensor([1])
    >>> vs_loss(logits, targets, torch.tensor([1.0, 0.5]), torch.zeros(2))
    tensor(1.3133)
    """
    check_softmax(logits, targets)
    check_class_values("bias", bias, logits)
    return softmax_loss(
        logits,
        targets,
        Plain(),
        class_weights,
        SoftmaxShift(scale=scale, bias=bias),
        label_smoothing=label_smoothing,
        reduction=reduction,
        ignore_index=ignore_index,
        sample_weight=sample_weight,
        normalizer=normalizer,
        sync=sync,
    )


class VSLoss(ClassCriterion):
    """Cross-entropy of Δ·z + ι; predict from the plain logits z.

    The bias speeds up the start of training, the scale moves the margins of a model that
    already fits all its data, where a bias no longer does. With γ = 0 it is logit adjustment,
    with τ = 0 it is CDT, class-dependent temperatures z_c / a_c with a_c = (n_max / n_c)^γ.

    Args:
        scale: [C], Δ; see `vs_scale_and_bias`.
        bias: [C], ι.
        class_weights: [C], the paper's ω; none if not given.
        label_smoothing: share ε in [0, 1] of each target that is spread over all classes.
        **options: see `Criterion`.

    Raises:
        OptionError: an option has a value that it cannot have.

    Source: Kini et al. 2021 (arXiv 2103.01550); CDT: Ye et al. 2020 (arXiv 2001.01385). The
    authors' code for VS divides by 1/Δ, which is the same, and fails for an empty class.

    >>> VSLoss.from_counts([75, 25], gamma=0.5)(torch.zeros(1, 2), torch.tensor([1]))
    tensor(1.3863)
    >>> VSLoss.from_counts([75, 25], gamma=0.5, tau=0.0).scale  # CDT
    tensor([1.0000, 0.5774])
    """

    scale: Tensor
    bias: Tensor
    class_weights: Tensor | None

    def __init__(
        self,
        scale: Tensor | ArrayLike,
        bias: Tensor | ArrayLike,
        class_weights: Tensor | ArrayLike | None = None,
        *,
        label_smoothing: float = 0.0,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(**options)
        check_range("label_smoothing", label_smoothing, 0, 1, advice="Use a share such as 0.1.")
        self.label_smoothing = label_smoothing
        self.register_buffer("scale", as_class_values("scale", scale))
        self.register_buffer("bias", as_class_values("bias", bias))
        self.register_buffer("class_weights", as_class_weights("class_weights", class_weights))

    @classmethod
    def from_counts(
        cls,
        class_counts: Tensor | ArrayLike,
        *,
        gamma: float = 0.3,
        tau: float = 1.0,
        class_weights: Tensor | ArrayLike | None = None,
        label_smoothing: float = 0.0,
        **options: Unpack[Options],
    ) -> Self:
        """A loss with Δ_c = (n_c / n_max)^γ and ι_c = τ·log π_c, an empty class as one sample.

        Args:
            class_counts: draws of each class, [C].
            gamma: strength of the scale, at least 0; 0 leaves logit adjustment.
            tau: strength of the bias; 0 leaves CDT.
            class_weights: see the class.
            label_smoothing: see the class.
            **options: see `Criterion`.

        Raises:
            OptionError: counts or options that do not fit.
        """
        scale, bias = vs_scale_and_bias(as_array(class_counts), gamma, tau)
        return cls(scale, bias, class_weights, label_smoothing=label_smoothing, **options)

    def forward(
        self,
        logits: Tensor,
        targets: Tensor,
        *,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | None = None,
    ) -> Tensor:
        """The loss of [N, C, …] logits: float [], or [N, …] without reduction."""
        return vs_loss(
            logits,
            targets,
            self.scale,
            self.bias,
            self.class_weights,
            label_smoothing=self.label_smoothing,
            **self.options(sample_weight, normalizer),
        )

"""Asymmetric loss: labels on their own, with more focus on label 0 than on label 1."""

from typing import Self, Unpack

import torch  # noqa: F401 the examples use it
from numpy.typing import ArrayLike
from torch import Tensor

from balancekit.errors import OptionError
from balancekit.losses.arguments import check_finite, check_range, label_values
from balancekit.losses.criterion import LabelCriterion, Options, as_array, as_label_weights
from balancekit.losses.kernels.modulations import Asymmetric
from balancekit.losses.ranks import Sync
from balancekit.losses.reduction import Normalizer, Reduction
from balancekit.losses.sigmoid_family import sigmoid_loss
from balancekit.weights import pos_weight as positive_weights

__all__ = ["AsymmetricLoss", "asymmetric_loss"]


def asymmetric_loss(
    logits: Tensor,
    targets: Tensor,
    pos_weight: Tensor | None = None,
    *,
    gamma_positive: float = 0.0,
    gamma_negative: float = 4.0,
    margin: float = 0.05,
    reduction: Reduction = "mean",
    ignore_index: int = -100,
    sample_weight: Tensor | None = None,
    normalizer: Normalizer | Tensor = "count",
    sync: Sync = "none",
) -> Tensor:
    """Asymmetric loss of each label's own sigmoid: float [], or that of each label.

    Label 1 costs w·(1 - p)^γ⁺·(-log p). Label 0 costs s^γ⁻·(-log(1 - s)) with
    s = max(p - margin, 0). A soft label t costs t of the first and 1 - t of the second.

    Args:
        logits: float [N, L] or any shape, before sigmoid.
        targets: 0, 1 or between, any dtype, of the shape of `logits`.
        pos_weight: w, float [L], labels on axis 1, or [1] for all labels.
        gamma_positive: γ⁺, at least 0.
        gamma_negative: γ⁻, at least 0.
        margin: probability in [0, 1) up to which label 0 costs nothing; 0 leaves it out.
        reduction: "mean", "sum" or "none".
        ignore_index: target that does not count.
        sample_weight: float [N], [N, L], [1, L] and so on.
        normalizer: what "mean" divides by; the authors' code takes the sum.
        sync: processes over which to sum what "mean" divides by.

    Raises:
        OptionError: shapes, dtypes or options that do not fit.

    Source: Ridnik et al. 2021 (arXiv 2009.14119), eq. 7, and its gradient in full, eq. 8. The
    authors' code may leave out the gradient of the powers, and clamps at 1e-8, so that
    positives below a logit of -18.4 get no gradient. Its loss for single labels is left out:
    without its label smoothing it is `focal_loss` with γ⁺.

    >>> logits, targets = torch.tensor([[0.0, 0.0, -3.0]]), torch.tensor([[1, 0, 0]])
    >>> asymmetric_loss(logits, targets, reduction="none")
    tensor([[0.6931, 0.0245, 0.0000]])
    """
    return sigmoid_loss(
        logits,
        targets,
        _checked(gamma_positive, gamma_negative, margin),
        label_values("pos_weight", pos_weight, logits),
        reduction=reduction,
        ignore_index=ignore_index,
        sample_weight=sample_weight,
        normalizer=normalizer,
        sync=sync,
    )


class AsymmetricLoss(LabelCriterion):
    """Asymmetric loss of each label's own sigmoid.

    Args:
        gamma_positive: γ⁺, at least 0.
        gamma_negative: γ⁻, at least 0.
        margin: probability in [0, 1) up to which label 0 costs nothing.
        pos_weight: of label 1, [L], or one for all labels; none if not given.
        **options: see `Criterion`.

    Raises:
        OptionError: an option has a value that it cannot have.

    Source: Ridnik et al. 2021 (arXiv 2009.14119), eq. 7; see `asymmetric_loss`.

    >>> AsymmetricLoss()(torch.zeros(1, 2), torch.tensor([[1, 0]]))
    tensor(0.3588)
    >>> AsymmetricLoss.from_counts([100, 10], n_samples=1000, power=0.5).pos_weight
    tensor([3.0000, 9.9499])
    """

    pos_weight: Tensor | None

    def __init__(
        self,
        gamma_positive: float = 0.0,
        gamma_negative: float = 4.0,
        margin: float = 0.05,
        *,
        pos_weight: float | Tensor | ArrayLike | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(**options)
        checked = _checked(gamma_positive, gamma_negative, margin)
        self.gamma_positive = checked.gamma_positive
        self.gamma_negative = checked.gamma_negative
        self.margin = checked.margin
        self.register_buffer("pos_weight", as_label_weights("pos_weight", pos_weight))

    @classmethod
    def from_counts(
        cls,
        class_counts: Tensor | ArrayLike,
        n_samples: int,
        *,
        gamma_positive: float = 0.0,
        gamma_negative: float = 4.0,
        margin: float = 0.05,
        power: float = 0.0,
        cap: float | None = None,
        **options: Unpack[Options],
    ) -> Self:
        """A loss with label 1 weighted by ((N - n_c) / n_c)^power.

        Args:
            class_counts: positives of each label, [L].
            n_samples: N, all samples.
            gamma_positive: see the class.
            gamma_negative: see the class.
            margin: see the class.
            power: 0 is the paper, which takes nothing from the counts.
            cap: largest weight allowed.
            **options: see `Criterion`.

        Raises:
            OptionError: counts or options that do not fit.
        """
        weights = positive_weights(as_array(class_counts), n_samples, power=power, cap=cap)
        return cls(
            gamma_positive,
            gamma_negative,
            margin,
            pos_weight=None if (weights == 1).all() else weights,
            **options,
        )

    def forward(
        self,
        logits: Tensor,
        targets: Tensor,
        *,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | None = None,
    ) -> Tensor:
        """The loss of logits of any shape: float [], or that shape without reduction."""
        return asymmetric_loss(
            logits,
            targets,
            self.pos_weight,
            gamma_positive=self.gamma_positive,
            gamma_negative=self.gamma_negative,
            margin=self.margin,
            **self.options(sample_weight, normalizer),
        )


def _checked(gamma_positive: float, gamma_negative: float, margin: float) -> Asymmetric:
    for name, gamma, usual in (
        ("gamma_positive", gamma_positive, "0"),
        ("gamma_negative", gamma_negative, "4"),
    ):
        check_finite(name, gamma, advice=f"The paper has {usual}.")
        check_range(name, gamma, 0, advice=f"The paper has {usual}.")
    if not 0 <= margin < 1:
        raise OptionError(
            f"margin: expected a probability in [0, 1), got {margin}. The paper has 0.05."
        )
    return Asymmetric(gamma_positive, gamma_negative, margin)

"""Losses of the overlap between prediction and target: Dice, Tversky and their kin.

Each class has one loss, a ratio of sums over pixels, in [0, 1]. A rare class weighs as much
as a common one, whatever its size. All share these arguments:

logits: float [N, C] or [N, C, d1, …], before softmax, C at least 2; or before sigmoid,
    [N, L, d1, …].
targets: for softmax hard, int64 [N, d1, …], or soft, float of the shape of the logits; for
    sigmoid 0, 1 or between, of the shape of the logits.
class_weights: float [C], the background's too; the mean over classes divides by their sum.
    Every class weighs the same without them.
activation: "softmax" for one class a pixel, "sigmoid" for labels that may overlap.
over: what the sums run over. "sample": the pixels of one sample, so that each sample has a
    ratio of its own. "batch": those of all samples, steadier where samples lack classes.
absent: what becomes of a class that no target has, in the sample or batch. "count": its
    false positives are errors, and its loss is α·FP / (α·FP + smooth): 0 if nothing is
    predicted, near 1 if more than `smooth` pixels are. "skip": it is left out of the mean.
include_background: False leaves class 0 out of the mean, not out of the softmax.
smooth: pixels added above and below the ratio. A small number makes the loss of an absent
    class jump between 0 and 1; one of the size of a small object makes it gentle and lets
    small objects count less. 0 is safe too: nothing there and nothing predicted costs 0.
ignore_index: hard or sigmoid target that does not count, whatever its logits are, even
    infinite or NaN. What has no other targets is left out of the mean; if nothing has, loss
    and gradient are 0.
reduction: "none" gives one loss a sample and class, [N, C], or a class, [C], over the batch,
    times its weights; without the background one class less.
sample_weight: float [N]; multiplies the losses of a sample, or over the batch what it adds
    to the sums.
normalizer: what "mean" divides by. "count": the ratios that count, each by the weight of its
    class. "weight": by that of its sample too; over the batch, the same. "positives": those
    of classes that a target has, so that what is predicted of absent classes adds to the loss
    and divides nothing; refused where one ratio is of all classes. A tensor, by call: a number
    of ratios. Where samples have ratios of their own, losses of micro-batches that divide by
    the number of them all add up to that of one large batch. Over the batch they do not, as
    ratios of sums are no sums: on several processes take `sync`, on one a larger batch.
sync: processes that share the sums over the batch, and what "mean" divides by. Give each
    process's loss to DDP, which takes the mean of gradients: what comes out is the gradient
    of one large batch.

float16 and bfloat16 logits are computed, and the loss returned, in float32: a sum over
pixels would overflow float16. No function looks at the values of a tensor.
"""

from typing import Self, Unpack

from numpy.typing import ArrayLike
from torch import Tensor

from balancekit.errors import OptionError
from balancekit.losses.arguments import check_class_values
from balancekit.losses.criterion import as_array
from balancekit.losses.overlap_options import (
    Absent,
    Activation,
    Over,
    OverlapLoss,
    OverlapOptions,
    check_exponent,
    check_tversky,
)
from balancekit.losses.overlap_sums import (
    OverlapSums,
    class_shares_of_mean,
    overlap_sums,
    power,
    reduce_ratios,
    tversky_errors,
    volumes,
)
from balancekit.losses.ranks import Sync
from balancekit.losses.reduction import Normalizer, Reduction
from balancekit.weights import power_weights

__all__ = [
    "DiceLoss",
    "FocalTverskyLoss",
    "TverskyLoss",
    "dice_loss",
    "focal_tversky_loss",
    "tversky_loss",
]


def dice_loss(
    logits: Tensor,
    targets: Tensor,
    class_weights: Tensor | None = None,
    *,
    activation: Activation = "softmax",
    over: Over = "sample",
    absent: Absent = "count",
    include_background: bool = True,
    smooth: float = 1e-5,
    reduction: Reduction = "mean",
    ignore_index: int = -100,
    sample_weight: Tensor | None = None,
    normalizer: Normalizer | Tensor = "count",
    sync: Sync = "none",
) -> Tensor:
    """Dice loss 1 - 2·TP / (2·TP + FP + FN), mean over classes and samples: float [].

    [N, C], or [C] over the batch, without reduction. Arguments as in the module.

    Raises:
        OptionError: shapes, dtypes or options that do not fit.

    Source: Milletari et al. 2016 (arXiv 1606.04797), there with squares in the denominator,
    here without, as is usual since. `smooth` is half that of a ratio written with 2·TP.

    >>> import torch
    >>> logits = torch.tensor([[[9.0, 9.0, 0.0], [0.0, 0.0, 0.0]]])  # two right, one undecided
    >>> targets = torch.tensor([[0, 0, 1]])
    >>> dice_loss(logits, targets, reduction="none")
    tensor([[0.1112, 0.3334]])
    """
    return focal_tversky_loss(
        logits,
        targets,
        class_weights,
        alpha=0.5,
        beta=0.5,
        gamma=1.0,
        activation=activation,
        over=over,
        absent=absent,
        include_background=include_background,
        smooth=smooth,
        ignore_index=ignore_index,
        reduction=reduction,
        sample_weight=sample_weight,
        normalizer=normalizer,
        sync=sync,
    )


def tversky_loss(
    logits: Tensor,
    targets: Tensor,
    class_weights: Tensor | None = None,
    *,
    alpha: float = 0.3,
    beta: float = 0.7,
    activation: Activation = "softmax",
    over: Over = "sample",
    absent: Absent = "count",
    include_background: bool = True,
    smooth: float = 1e-5,
    reduction: Reduction = "mean",
    ignore_index: int = -100,
    sample_weight: Tensor | None = None,
    normalizer: Normalizer | Tensor = "count",
    sync: Sync = "none",
) -> Tensor:
    """Tversky loss 1 - TP / (TP + α·FP + β·FN), mean over classes and samples: float [].

    [N, C], or [C] over the batch, without reduction. Above `alpha`, the weight α of false
    positives, `beta`, the weight β of false negatives, favours recall; some papers swap the
    letters. ½ and ½ are Dice, 1 and 1 Jaccard. Other arguments as in the module.

    Raises:
        OptionError: shapes, dtypes or options that do not fit.

    Source: Salehi et al. 2017 (arXiv 1706.05721), eq. 4: α on false positives, β on false
    negatives, best at .3 and .7.

    >>> import torch
    >>> logits = torch.tensor([[[9.0, 9.0, 0.0], [0.0, 0.0, 0.0]]])  # two right, one undecided
    >>> targets = torch.tensor([[0, 0, 1]])
    >>> tversky_loss(logits, targets, reduction="none")
    tensor([[0.0698, 0.4118]])
    """
    return focal_tversky_loss(
        logits,
        targets,
        class_weights,
        alpha=alpha,
        beta=beta,
        gamma=1.0,
        activation=activation,
        over=over,
        absent=absent,
        include_background=include_background,
        smooth=smooth,
        ignore_index=ignore_index,
        reduction=reduction,
        sample_weight=sample_weight,
        normalizer=normalizer,
        sync=sync,
    )


def focal_tversky_loss(
    logits: Tensor,
    targets: Tensor,
    class_weights: Tensor | None = None,
    *,
    alpha: float = 0.3,
    beta: float = 0.7,
    gamma: float = 0.75,
    activation: Activation = "softmax",
    over: Over = "sample",
    absent: Absent = "count",
    include_background: bool = True,
    smooth: float = 1e-5,
    reduction: Reduction = "mean",
    ignore_index: int = -100,
    sample_weight: Tensor | None = None,
    normalizer: Normalizer | Tensor = "count",
    sync: Sync = "none",
) -> Tensor:
    """Focal Tversky loss (1 - TI)^γ of the Tversky index TI of each class: float [].

    [N, C], or [C] over the batch, without reduction. A `gamma` below 1 steepens the loss of
    classes that are nearly right, one above 1 flattens it; 1 is the Tversky loss. Other
    arguments as in `tversky_loss` and the module.

    Raises:
        OptionError: shapes, dtypes or options that do not fit.

    Source: Abraham and Khan 2018 (arXiv 1810.07842), eq. 4, who write the exponent 1/γ with
    γ = 4/3: ¾ here. They weigh false negatives by α = .7 and false positives by β = .3.

    >>> import torch
    >>> logits = torch.tensor([[[9.0, 9.0, 0.0], [0.0, 0.0, 0.0]]])  # two right, one undecided
    >>> targets = torch.tensor([[0, 0, 1]])
    >>> focal_tversky_loss(logits, targets, reduction="none")
    tensor([[0.1359, 0.5141]])
    """
    check_exponent(gamma)
    sums = overlap_sums(
        logits,
        targets,
        activation=activation,
        over=over,
        ignore_index=ignore_index,
        sample_weight=sample_weight,
        sync=sync,
    )
    check_class_values("class_weights", class_weights, logits)
    sums, class_weights = _counted(sums, class_weights, include_background)
    return reduce_ratios(
        power(tversky_errors(sums, alpha, beta, smooth), gamma),
        class_shares_of_mean(sums, class_weights, absent),
        n_valid=sums.n_valid,
        over=over,
        reduction=reduction,
        sample_weight=sample_weight,
        normalizer=normalizer,
        sync=sync,
        present=volumes(sums) > 0,
    )


def _counted(
    sums: OverlapSums, class_weights: Tensor | None, include_background: bool
) -> tuple[OverlapSums, Tensor | None]:
    """Sums and weights of the classes that count: without class 0, if so asked."""
    if include_background:
        return sums, class_weights
    if sums.n_valid.shape[-1] < 2:
        raise OptionError(
            "include_background: expected True for one label, got False. "
            "Nothing would be left; class 0 is the background."
        )
    weights = None if class_weights is None else class_weights[1:]
    return OverlapSums(*(part[..., 1:] for part in sums)), weights


class DiceLoss(OverlapLoss):
    """Dice loss 1 - 2·TP / (2·TP + FP + FN) of each class.

    Args:
        class_weights: [C]; none if not given.
        **options: see the module.

    Raises:
        OptionError: an option has a value that it cannot have.

    Source: Milletari et al. 2016 (arXiv 1606.04797); see `balancekit.losses.dice_loss`.

    >>> import torch
    >>> loss = DiceLoss(include_background=False)
    >>> loss(torch.zeros(1, 2, 4), torch.tensor([[0, 0, 0, 1]]))
    tensor(0.6667)
    """

    def __init__(
        self,
        class_weights: Tensor | ArrayLike | None = None,
        **options: Unpack[OverlapOptions],
    ) -> None:
        super().__init__(class_weights, options, OverlapOptions)

    @classmethod
    def from_counts(
        cls,
        class_counts: Tensor | ArrayLike,
        *,
        exponent: float = 0.0,
        **options: Unpack[OverlapOptions],
    ) -> Self:
        """A loss with weights ∝ n_c^-exponent.

        Args:
            class_counts: samples or pixels of each class, [C].
            exponent: 0 no weighting: the ratios make up for the sizes of the classes.
            **options: see the module.

        Raises:
            OptionError: counts or options that do not fit.
        """
        return cls(power_weights(as_array(class_counts), exponent), **options)

    def forward(
        self,
        logits: Tensor,
        targets: Tensor,
        *,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | None = None,
    ) -> Tensor:
        """The loss of [N, C, …] logits: float [], or [N, C] or [C] without reduction."""
        options = self.call_options(sample_weight, normalizer)
        return dice_loss(logits, targets, self.class_weights, **options)


class TverskyLoss(OverlapLoss):
    """Tversky loss 1 - TP / (TP + α·FP + β·FN) of each class.

    Args:
        class_weights: [C]; none if not given.
        alpha: weight of false positives.
        beta: weight of false negatives.
        **options: see the module.

    Raises:
        OptionError: an option has a value that it cannot have.

    Source: Salehi et al. 2017 (arXiv 1706.05721); see `balancekit.losses.tversky_loss`.

    >>> import torch
    >>> loss = TverskyLoss(include_background=False)
    >>> loss(torch.zeros(1, 2, 4), torch.tensor([[0, 0, 0, 1]]))
    tensor(0.6154)
    """

    def __init__(
        self,
        class_weights: Tensor | ArrayLike | None = None,
        *,
        alpha: float = 0.3,
        beta: float = 0.7,
        **options: Unpack[OverlapOptions],
    ) -> None:
        super().__init__(class_weights, options, OverlapOptions)
        check_tversky(alpha, beta, 0.0)
        self.alpha, self.beta = alpha, beta

    @classmethod
    def from_counts(
        cls,
        class_counts: Tensor | ArrayLike,
        *,
        exponent: float = 0.0,
        alpha: float = 0.3,
        beta: float = 0.7,
        **options: Unpack[OverlapOptions],
    ) -> Self:
        """A loss with weights ∝ n_c^-exponent; arguments as in `DiceLoss.from_counts`."""
        weights = power_weights(as_array(class_counts), exponent)
        return cls(weights, alpha=alpha, beta=beta, **options)

    def forward(
        self,
        logits: Tensor,
        targets: Tensor,
        *,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | None = None,
    ) -> Tensor:
        """The loss of [N, C, …] logits: float [], or [N, C] or [C] without reduction."""
        return tversky_loss(
            logits,
            targets,
            self.class_weights,
            alpha=self.alpha,
            beta=self.beta,
            **self.call_options(sample_weight, normalizer),
        )


class FocalTverskyLoss(OverlapLoss):
    """Focal Tversky loss (1 - TI)^γ of the Tversky index TI of each class.

    Args:
        class_weights: [C]; none if not given.
        alpha: weight of false positives.
        beta: weight of false negatives.
        gamma: exponent above 0.
        **options: see the module.

    Raises:
        OptionError: an option has a value that it cannot have.

    Source: Abraham and Khan 2018 (arXiv 1810.07842); see
    `balancekit.losses.focal_tversky_loss`.

    >>> import torch
    >>> loss = FocalTverskyLoss(include_background=False)
    >>> loss(torch.zeros(1, 2, 4), torch.tensor([[0, 0, 0, 1]]))
    tensor(0.6948)
    """

    def __init__(
        self,
        class_weights: Tensor | ArrayLike | None = None,
        *,
        alpha: float = 0.3,
        beta: float = 0.7,
        gamma: float = 0.75,
        **options: Unpack[OverlapOptions],
    ) -> None:
        super().__init__(class_weights, options, OverlapOptions)
        check_tversky(alpha, beta, 0.0)
        check_exponent(gamma)
        self.alpha, self.beta, self.gamma = alpha, beta, gamma

    @classmethod
    def from_counts(
        cls,
        class_counts: Tensor | ArrayLike,
        *,
        exponent: float = 0.0,
        alpha: float = 0.3,
        beta: float = 0.7,
        gamma: float = 0.75,
        **options: Unpack[OverlapOptions],
    ) -> Self:
        """A loss with weights ∝ n_c^-exponent; arguments as in `DiceLoss.from_counts`."""
        weights = power_weights(as_array(class_counts), exponent)
        return cls(weights, alpha=alpha, beta=beta, gamma=gamma, **options)

    def forward(
        self,
        logits: Tensor,
        targets: Tensor,
        *,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | None = None,
    ) -> Tensor:
        """The loss of [N, C, …] logits: float [], or [N, C] or [C] without reduction."""
        return focal_tversky_loss(
            logits,
            targets,
            self.class_weights,
            alpha=self.alpha,
            beta=self.beta,
            gamma=self.gamma,
            **self.call_options(sample_weight, normalizer),
        )

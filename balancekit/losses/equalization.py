"""Equalization loss v2: positive and negative gradients of each class brought into balance."""

from typing import NamedTuple, Self, Unpack

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from balancekit.errors import OptionError
from balancekit.losses.arguments import (
    check_finite,
    check_range,
    full_precision,
    sigmoid_arguments,
)
from balancekit.losses.criterion import ClassCriterion, Options, as_array
from balancekit.losses.kernels.choice import check_classes, way_for
from balancekit.losses.kernels.modulations import Asymmetric
from balancekit.losses.ranks import sum_over_ranks
from balancekit.losses.reduction import weigh_samples
from balancekit.losses.sigmoid_family import sigmoid_loss
from balancekit.plan.tagged import is_whole
from balancekit.weights import as_class_counts

__all__ = ["EQLv2Loss", "EqualizationWeights", "equalization_weights"]


class EqualizationWeights(NamedTuple):
    """Weights of label 1 and of label 0 of each class: float [C]."""

    positive: Tensor
    negative: Tensor


def equalization_weights(
    positive_gradients: Tensor,
    negative_gradients: Tensor,
    *,
    gamma: float = 12.0,
    mu: float = 0.8,
    alpha: float = 4.0,
) -> EqualizationWeights:
    """Label 0 weighs f = sigmoid(γ·(r - μ)), label 1 weighs 1 + α·(1 - f): float [C] each.

    r is the ratio of the gradients that label 1 and label 0 of a class have had in sum. While
    a class has had none at label 0, both weights are 1.

    Args:
        positive_gradients: float [C], at least 0.
        negative_gradients: float [C], at least 0.
        gamma: γ, at least 0.
        mu: μ, the ratio at which label 0 weighs ½.
        alpha: α, at least 0.

    Raises:
        OptionError: an option is out of range.

    Source: Tan et al. 2021 (arXiv 2012.08548), section 3.

    >>> weights = equalization_weights(torch.tensor([8.0, 0.0]), torch.tensor([10.0, 10.0]))
    >>> weights.positive, weights.negative.round(decimals=4)
    (tensor([3.0000, 4.9997]), tensor([5.0000e-01, 1.0000e-04]))
    """
    _check_options(gamma, mu, alpha)
    unknown = negative_gradients == 0
    ratio = full_precision(positive_gradients) / negative_gradients.masked_fill(unknown, 1.0)
    share = (gamma * (ratio.clamp(max=1e30) - mu)).sigmoid().masked_fill(unknown, 1.0)
    return EqualizationWeights(1 + alpha * (1 - share), share)


class EQLv2Loss(ClassCriterion):
    """Cross-entropy of a sigmoid a class, weighted by `equalization_weights`.

    In training each call takes its weights from the gradients that earlier calls have summed,
    so that the first is plain cross-entropy, and then adds its own: w⁺·t·(1 - p) at label 1,
    w⁻·(1 - t)·p at label 0, times the sample's weight. `eval()` and `torch.no_grad` hold the
    sums still. Under `sync` the gradients of all processes are summed. Where a step is made of
    several batches, those after the first have newer weights than in one large batch.

    Targets are labels of the shape of the logits, or class indices int [N, d1, …], which are
    short for one-hot rows. The index n_classes stands for background: none of the labels is 1.

    Args:
        n_classes: C, logits on axis 1; background has none.
        gamma: γ, at least 0.
        mu: μ, the ratio at which label 0 weighs ½.
        alpha: α, at least 0.
        **options: see `Criterion`; the authors divide by the samples, C times as few.

    Raises:
        OptionError: an option has a value that it cannot have.

    Source: Tan et al. 2021 (arXiv 2012.08548). The authors' code has an objectness logit too,
    a part of the detector: give it to a loss of its own.

    >>> loss = EQLv2Loss(n_classes=2)
    >>> loss(torch.zeros(1, 2), torch.tensor([0]))
    tensor(0.6931)
    >>> loss(torch.zeros(1, 2), torch.tensor([0]))  # class 1 has had gradients at label 0 only
    tensor(0.3466)
    """

    positive_gradients: Tensor
    negative_gradients: Tensor

    def __init__(
        self,
        n_classes: int,
        gamma: float = 12.0,
        mu: float = 0.8,
        alpha: float = 4.0,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(**options)
        if not is_whole(n_classes) or n_classes < 1:
            raise OptionError(
                f"n_classes: expected a whole number of at least 1, got {n_classes!r}. "
                "It is the number of logits of a sample."
            )
        _check_options(gamma, mu, alpha)
        self.gamma, self.mu, self.alpha = gamma, mu, alpha
        self.register_buffer("positive_gradients", torch.zeros(n_classes, dtype=torch.float32))
        self.register_buffer("negative_gradients", torch.zeros(n_classes, dtype=torch.float32))

    @classmethod
    def from_counts(
        cls,
        class_counts: Tensor | ArrayLike,
        *,
        gamma: float = 12.0,
        mu: float = 0.8,
        alpha: float = 4.0,
        **options: Unpack[Options],
    ) -> Self:
        """A loss for as many classes as there are counts; it learns all else from gradients.

        Args:
            class_counts: samples of each class, [C].
            gamma: see the class.
            mu: see the class.
            alpha: see the class.
            **options: see `Criterion`.

        Raises:
            OptionError: counts or options that do not fit.
        """
        return cls(len(as_class_counts(as_array(class_counts))), gamma, mu, alpha, **options)

    def forward(
        self,
        logits: Tensor,
        targets: Tensor,
        *,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | None = None,
    ) -> Tensor:
        """The loss of [N, C, …] logits: float [], or that shape without reduction."""
        labels, ignore_index = self._labels(logits, targets)
        weights = equalization_weights(
            self.positive_gradients,
            self.negative_gradients,
            gamma=self.gamma,
            mu=self.mu,
            alpha=self.alpha,
        )
        options = self.options(sample_weight, normalizer)
        options["ignore_index"] = ignore_index
        loss = sigmoid_loss(logits, labels, Asymmetric(), *weights, **options)
        # Last: what the loss has refused does not count.
        if self.training and torch.is_grad_enabled():
            arguments = sigmoid_arguments(logits.detach(), labels, ignore_index)
            self._collect(*arguments, weights, sample_weight)
        return loss

    def _labels(self, logits: Tensor, targets: Tensor) -> tuple[Tensor, int]:
        """Targets of the shape of the logits, and which of their values is ignored."""
        n_classes = len(self.positive_gradients)
        if logits.ndim < 2 or logits.shape[1] != n_classes:
            raise OptionError(
                f"logits: expected [N, {n_classes}] or [N, {n_classes}, d1, …], got "
                f"{list(logits.shape)}. Give n_classes as many as there are logits."
            )
        if targets.shape != (logits.shape[0], *logits.shape[2:]) or targets.is_floating_point():
            return targets, self.ignore_index
        # long first: torch compares uint8 with -100 as if it were 156.
        index = targets.long().unsqueeze(1)
        valid = index != self.ignore_index
        classes = torch.where(valid, index, n_classes)
        if way_for(logits) == "cpu":
            check_classes(classes, n_classes + 1, self.ignore_index)
        rows = torch.zeros(logits.shape[0], n_classes + 1, *logits.shape[2:], device=logits.device)
        rows = rows.scatter(1, classes, 1.0)[:, :n_classes]
        # Not ignore_index, which may be a class.
        return torch.where(valid, rows, -1.0), -1

    @torch.no_grad()
    def _collect(
        self,
        logits: Tensor,
        shares: Tensor,
        valid: Tensor,
        weights: EqualizationWeights,
        sample_weight: Tensor | None,
    ) -> None:
        counted = valid.to(logits.dtype)
        if sample_weight is not None:
            counted = weigh_samples(counted, valid, sample_weight)
        gradients = torch.stack(
            [
                weights.positive * _per_class(counted * shares * (-logits).sigmoid()),
                weights.negative * _per_class(counted * (1 - shares) * logits.sigmoid()),
            ]
        )
        # A step that a gradient scaler skips for its NaN must not stay in the sums.
        positive, negative = sum_over_ranks(gradients.nan_to_num(0.0), self.sync)
        # Not in place: a compiled backward computes the weights again, from the old sums. A
        # module of 16 bits gets sums of 32: its own would soon stand still.
        old = full_precision(self.positive_gradients)
        self.positive_gradients = old + positive.to(old.dtype)
        self.negative_gradients = full_precision(self.negative_gradients) + negative.to(old.dtype)


def _per_class(values: Tensor) -> Tensor:
    """Sums over all but axis 1: [C]."""
    return values.movedim(1, 0).flatten(1).sum(1)


def _check_options(gamma: float, mu: float, alpha: float) -> None:
    check_finite("mu", mu, advice="The paper has 0.8.")
    for name, value, usual in (("gamma", gamma, 12), ("alpha", alpha, 4)):
        check_finite(name, value, advice=f"The paper has {usual}.")
        check_range(name, value, 0, advice=f"The paper has {usual}.")

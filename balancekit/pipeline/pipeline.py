"""Pipeline: a plan and a data set made into ordinary torch objects."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.utils.data import DataLoader

from balancekit.augment.mixing.mixer import Mixer
from balancekit.augment.mixing.rows import RowMixer
from balancekit.errors import OptionError
from balancekit.losses.heads import init_bias_
from balancekit.losses.prior_correction import correct_label_prior, correct_prior
from balancekit.pipeline.keyed_dataset import InOrder, KeyedDataset
from balancekit.pipeline.posterior import posterior_logits
from balancekit.pipeline.prior_in_use import prior_in_use
from balancekit.pipeline.telling_loader import tell_epoch
from balancekit.plan import (
    EqlV2,
    Focal,
    Plan,
    SigmoidFocal,
    TwoStage,
)
from balancekit.samplers import State
from balancekit.samplers.loader import ResumableLoader
from balancekit.samplers.loader.faces import EpochBatchSampler
from balancekit.samplers.planned_order import second_stage_of

__all__ = ["Pipeline"]

DETECTION_PRIOR = 0.01
"""Probability of an object that a detector starts with: Lin et al. 2017, section 4.1."""


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Pipeline:
    """What training needs, as torch knows it.

    Attributes:
        plan: what all of it was built from.
        loader: a `DataLoader` of the plan's batches, which knows those it has handed out.
        sampler: its batch sampler.
        criterion: the loss, on logits [N, n_classes] and targets [N], or as `criterion_of`
            says. Give the optimizer its parameters too, if it has some.
        dataset: the data set of the loader, asked by `SampleKey`.
        batch_mix: mixes the pictures of a batch, on any device, where the plan says so:
            `inputs, targets = batch_mix(inputs, targets, step=step)`. The criterion takes the
            mixed targets, float [N, n_classes]; it warns once where it is to learn from
            class indices although batches are to be mixed.
        notes: what the plan asks of the code around it, such as a head of cosines.
        rebuild: makes the same of another plan; see `second_stage`.
    """

    plan: Plan
    loader: ResumableLoader
    sampler: EpochBatchSampler
    criterion: nn.Module
    dataset: KeyedDataset
    batch_mix: Mixer | RowMixer | None = None
    notes: tuple[str, ...] = ()
    rebuild: "Callable[[Plan, int], Pipeline] | None" = field(default=None, repr=False)

    def __repr__(self) -> str:
        """A line, not the whole plan."""
        drawn = f"{len(self.loader):,} batches of {self.sampler.batch_size:,} an epoch"
        mixed = "" if self.batch_mix is None else ", mixed by batch_mix"
        return f"Pipeline({drawn}{mixed}; {type(self.criterion).__name__}; {len(self.notes)} notes)"

    def set_epoch(self, epoch: int, first_batch: int | None = None) -> None:
        """Choose the epoch of the next pass over the loader, and the batch it starts with.

        A pass of this epoch that was resumed goes on, if no batch is given. A criterion that
        changes by epoch is told, such as a `DeferredReweighting` that stands for the plan's.
        """
        self.loader.set_epoch(epoch)
        self.sampler.set_epoch(epoch, first_batch)
        # The loader tells it too, unless a framework has put one of its own in its place, or the
        # criterion is not the one that the pipeline was built with.
        tell_epoch(self.criterion, self.batch_mix, self.plan, epoch)

    def correct(
        self,
        logits: Tensor,
        prior: ArrayLike | Mapping[str, float] | None = None,
        *,
        class_dim: int | None = None,
    ) -> Tensor:
        """Logits for the prior that decisions should assume, from those of the model.

        float32 or float64. Those of a focal loss are made those of the posterior that they
        stand for too, which changes probabilities and not the order of classes. Those of LDAM
        and vector scaling as well, which changes the order too: so only where they are moved,
        by a prior given or under correction after training. Gaussian weighting bends the
        posterior as well; its logits are moved as they are.

        Args:
            logits: float [..., n_classes], or [N, n_classes, H, W] of segmentation, of a model
                trained with this pipeline.
            prior: how frequent the classes are in use: "training", "uniform", shares
                [n_classes], or shares or whole counts by class name; the plan's wanted prior if
                not given. For multi-label data the prior of each label, in (0, 1); "uniform" is
                one half.
            class_dim: the axis of the classes: 1 in segmentation and else the last, if not given.

        Raises:
            OptionError: logits or prior are not of these classes, or nothing tells which prior
                the model believes in, as of detection, keypoints and regression.
        """
        if class_dim is None:
            class_dim = 1 if self.plan.data.task == "segmentation" else -1
        self._check_correctable(logits, class_dim)
        wanted = None if prior is None else prior_in_use(self.plan, prior)
        shift = torch.as_tensor(self.plan.correction_shift(wanted)).to(logits.device)
        if self.plan.prior_of == "labels":
            of_focal = self.plan.loss.gamma if isinstance(self.plan.loss, SigmoidFocal) else None
            return correct_label_prior(logits, shift, gamma=of_focal, class_dim=class_dim)
        if wanted is not None or self.plan.is_corrected_after:
            logits = posterior_logits(self.plan, logits, class_dim)
        gamma = self.plan.loss.gamma if isinstance(self.plan.loss, Focal) else None
        return correct_prior(logits, shift, gamma=gamma, class_dim=class_dim)

    def _check_correctable(self, logits: Tensor, class_dim: int) -> None:
        n_classes = len(self.plan.data.class_names)
        if self.plan.prior_of == "none":
            raise OptionError(
                f"correct: expected data with a class prior, got {self.plan.data.task} data. "
                "Use the model's outputs as they are"
            )
        has_dim = -logits.ndim <= class_dim < logits.ndim
        if not (logits.is_floating_point() and has_dim and logits.shape[class_dim] == n_classes):
            where = "last" if class_dim == -1 else f"axis {class_dim}"
            raise OptionError(
                f"logits: expected float, {n_classes} classes, the class dimension {where}, got "
                f"{logits.dtype} {tuple(logits.shape)}. class_dim= names another axis"
            )

    def test_loader(self, dataset: Any, **loader_options: Any) -> DataLoader[Any]:
        """Batches of held-out samples: in order, not augmented, transformed as in training.

        Args:
            dataset: map-style, giving `(input, target, …)` like the one trained on.
            **loader_options: for `torch.utils.data.DataLoader`; the batch size is that of
                training if not given.
        """
        keyed = replace(self.dataset, dataset=dataset, policy=None)
        options = {"batch_size": self.sampler.batch_size, **loader_options}
        options.setdefault("generator", torch.Generator())  # not from the global one
        return DataLoader(InOrder(keyed), **options)  # type: ignore[arg-type]  # by shape

    def init_bias_(self, last_layer: nn.Module) -> None:
        """Start the bias of a model's last layer as the plan says, in place.

        Raises:
            OptionError: the layer has no bias of one entry a class, or the data have no prior that
                the plan could have it start at.
        """
        if self.plan.bias_init == "log-prior" and self.plan.prior_of == "none":
            self._init_detector_(last_layer)
            return
        if self.plan.prior_of != "none":
            # A head that is mended later starts with the rest, under the first stage's draws.
            prior = np.clip(self.plan.first_stage().believed_prior(), 1e-6, 1 - 1e-6)
            is_multilabel = self.plan.prior_of == "labels"
            init_bias_(last_layer, prior, "sigmoid" if is_multilabel else "softmax")
        bias = getattr(last_layer, "bias", None)
        if self.plan.bias_init == "zeros" and isinstance(bias, Tensor):
            nn.init.zeros_(bias)

    def _init_detector_(self, last_layer: nn.Module) -> None:
        if isinstance(self.plan.loss, SigmoidFocal | EqlV2):
            init_bias_(last_layer, DETECTION_PRIOR, "sigmoid")
        elif self.plan.data.task == "detection":
            init_bias_(last_layer, self.plan.believed_prior())
        else:
            raise OptionError(
                f'bias_init: expected "zeros" for {self.plan.data.task} data, got "log-prior". '
                "There are no classes whose prior a bias could start at"
            )

    def second_stage(self) -> "Pipeline":
        """The pipeline of a two-stage plan's second stage, in which the head learns anew.

        It draws as `plan.stages.sampling` says, in an order of its own, for
        `plan.stages.epochs` epochs from epoch 0 on; data set, loss and loader options are those
        of the first. See `balancekit.losses.two_stage` for the heads.

        Raises:
            OptionError: the plan has no second stage, or none that trains.
        """
        stages, plan = self.plan.stages, second_stage_of(self.plan)
        if not isinstance(stages, TwoStage) or self.rebuild is None:
            raise OptionError(
                "second_stage: expected a plan whose stages are of kind two-stage, got "
                f"{stages.__struct_config__.tag}"
            )
        if plan is None:
            raise OptionError(
                f'second_stage: expected a head that learns, "crt" or "lws", got "{stages.head}", '
                "which trains nothing. Call balancekit.losses.tau_normalize_(last_layer, "
                f"{stages.tau:g})"
            )
        return self.rebuild(plan, stages.epochs)

    def state_dict(self) -> dict[str, Any]:
        """Where the pass over the loader stands, exact with workers too."""
        return {**self.loader.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` stood, with as many ranks and workers as there are now."""
        self.loader.load_state_dict(cast(State, state))

"""The policy of a data set: of its task, with what the user allows and forbids."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np

from balancekit.augment import AugmentationPolicy
from balancekit.augment.native import Picture
from balancekit.errors import MissingLibraryError, OptionError
from balancekit.materialize.augmented.formats import AnnotatedSet
from balancekit.plan.operations import Elastic, Hue, Saturation, name_of

__all__ = ["WITH_BOXES", "fitted", "policy_for", "policy_of"]

WITH_BOXES = ("coco", "yolo", "voc")
"""Formats whose pictures carry boxes, and polygons and key points beside them."""

BENT = "It bends pictures, and on these lie boxes: a box does not stay a box."

OF_COLOURS = (name_of(Hue()), name_of(Saturation()))

N_LOOKED_AT = 8
"""Pictures that say whether all are grey. Where one is not, after all, it keeps its colours."""


def policy_of(
    class_names: Sequence[str],
    task: str,
    *,
    allow: Sequence[str] = (),
    forbid: Sequence[str] = (),
    seed: int = 0,
) -> AugmentationPolicy:
    """The policy for a task, changed as the user says.

    Args:
        class_names: of the data, which may forbid mirror images.
        task: of the rules.
        allow: names of operations that are used whatever the rules say.
        forbid: names of operations that are left out.
        seed: of the policy.

    Raises:
        OptionError: no task or operation has this name.

    >>> policy = policy_of(["cat", "dog"], "xray", forbid=["brightness"])
    >>> "brightness" in [record.operation for record in policy.explain() if record.used]
    False
    """
    policy = AugmentationPolicy.for_task(task, class_names, seed=seed)
    for name in allow:
        policy = policy.allow(name, because="the user asks for it")
    for name in forbid:
        policy = policy.forbid(name, because="the user leaves it out")
    return policy


def fitted(policy: AugmentationPolicy, format: str) -> AugmentationPolicy:  # noqa: A002
    """The policy without the operations that cannot move what lies on the pictures.

    Elastic deformation moves masks alone. The policy would pass it over, picture by picture.

    Args:
        policy: of a task, or the user's own.
        format: of the data, which tells what lies on their pictures.

    Raises:
        OptionError: the user has allowed such an operation.

    >>> policy = policy_of(["cell"], "microscopy").forbid("hue")
    >>> "elastic" in map(name_of, fitted(policy, "voc").operations)
    False
    """
    if format not in WITH_BOXES:
        return policy
    name = name_of(Elastic())
    decisions = policy.decisions or ()
    if name not in map(name_of, policy.operations):
        return policy
    if any(one.decided_by == "user" for one in decisions if one.operation == name):
        raise OptionError(
            f"operations: expected none that bends pictures with boxes, got {name}, which is "
            f"allowed. {BENT} Do not allow it for {format} data."
        )
    return _without(policy, {name}, BENT)


def policy_for(
    annotated: AnnotatedSet,
    task: str,
    *,
    allow: Sequence[str] = (),
    forbid: Sequence[str] = (),
    seed: int = 0,
) -> AugmentationPolicy:
    """The policy of data for a task, as `policy_of` makes it.

    Where a few of the pictures are all grey, it is without operations on colours, which would
    change nothing; those that the user allows stay.
    """
    policy = policy_of(annotated.class_names, task, allow=allow, forbid=forbid, seed=seed)
    decided = {one.operation: one.decided_by for one in policy.decisions or ()}
    idle = {
        name
        for name in map(name_of, policy.operations)
        if name in OF_COLOURS and decided.get(name) != "user"
    }
    if not idle or not _look_grey(annotated):
        return policy
    return _without(policy, idle, "Left out: the pictures are grey, and it would change nothing.")


def _without(policy: AugmentationPolicy, names: set[str], because: str) -> AugmentationPolicy:
    """The policy without operations that the data leave no use for."""
    decisions = tuple(
        msgspec.structs.replace(
            one, used=False, decided_by="data", reason=f"{one.reason} {because}"
        )
        if one.operation in names
        else one
        for one in policy.decisions or ()
    )
    kept = tuple(one for one in policy.operations if name_of(one) not in names)
    return replace(policy, operations=kept, decisions=decisions)


def _look_grey(annotated: AnnotatedSet) -> bool:
    """Whether a few pictures can be read, and all of them are grey."""
    last = annotated.labels.n_samples - 1
    n_seen = 0
    for index in np.unique(np.linspace(0, last, N_LOOKED_AT).astype(np.int64)).tolist():
        try:
            image = annotated.read(index).scene.image
        except (MissingLibraryError, MemoryError):
            raise
        except Exception:  # noqa: S112 - what cannot be read is told where it is copied
            continue
        if not _is_grey(image):
            return False
        n_seen += 1
    return n_seen > 0


def _is_grey(image: Picture) -> bool:
    if image.ndim == 2 or image.shape[2] < 3:
        return True
    return image.shape[2] <= 4 and bool((image[..., 1:3] == image[..., :1]).all())

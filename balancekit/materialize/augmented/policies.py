"""The policy of a data set: of its task, with what the user allows and forbids."""

from collections.abc import Sequence

from balancekit.augment import AugmentationPolicy

__all__ = ["policy_of"]


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

"""What the losses cost: one differentiable formula, and faster ways to its numbers.

`softmax` and `sigmoid` choose: Triton on a GPU, one autograd node on the CPU, and the plain
formula where torch must see every operation (torch.compile, torch.func, export).
"""

from balancekit.losses.kernels.choice import reference_only

__all__ = ["reference_only"]

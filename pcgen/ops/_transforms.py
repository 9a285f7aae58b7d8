"""How operators meet ``torch.func`` and forward-mode differentiation.

An operator with a registered derivative is differentiated by reverse-mode autograd alone: ``torch.func.grad`` refuses
it, and forward mode takes its derivative for zero. Under a transform the wrappers therefore call the operator for its
indices only and compute the values again from torch operations, which every transform understands.
"""

from __future__ import annotations

__all__ = ["in_transform", "register_vmap_by_folding"]

from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad


def in_transform(*tensors: Tensor) -> bool:
    """Whether a ``torch.func`` transform is active, or one of the tensors carries a forward-mode tangent."""
    if torch._C._are_functorch_transforms_active():  # torch offers no public question for this
        return True
    if torch.compiler.is_compiling():  # which knows forward mode as a transform only
        return False
    return any(forward_ad.unpack_dual(tensor).tangent is not None for tensor in tensors)


def register_vmap_by_folding(name: str) -> None:
    """Let ``vmap`` run an operator whose tensors all begin with the batch dimension once, on a larger batch."""
    operator = getattr(torch.ops.pcgen, name)

    def folded(info: Any, in_dims: tuple[int | None, ...], *arguments: Any) -> tuple[Any, Any]:
        def fold(argument: Any, dim: int | None) -> Any:
            if not isinstance(argument, Tensor):
                return argument
            if dim is None:
                return argument.expand(info.batch_size, *argument.shape).flatten(0, 1)
            return argument.movedim(dim, 0).flatten(0, 1)

        results = operator(*(fold(argument, dim) for argument, dim in zip(arguments, in_dims, strict=True)))
        unfolded = tuple(result.unflatten(0, (info.batch_size, -1)) for result in results)
        return unfolded, (0,) * len(unfolded)

    torch.library.register_vmap(f"pcgen::{name}", folded)

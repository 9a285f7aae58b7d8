"""The processes of one run: alone, or the ranks that torchrun started."""

from __future__ import annotations

__all__ = ["Team"]

import os
from dataclasses import dataclass

from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from pcgen.errors import InputError


@dataclass(frozen=True)
class Team:
    """Who this process is among those that train together; a run of one is the case ``size == 1``.

    Attributes:
        rank: number of this process, from 0; rank 0 writes the files.
        size: number of processes.

    Example:
        >>> Team(rank=1, size=2).share(8)
        range(4, 8)
    """

    rank: int = 0
    size: int = 1

    @classmethod
    def join(cls) -> Team:
        """The team that torchrun describes in the environment, connected by gloo; otherwise this process alone."""
        if int(os.environ.get("WORLD_SIZE", 1)) < 2:
            return cls()
        if not distributed.is_initialized():
            distributed.init_process_group("gloo")
        return cls(distributed.get_rank(), distributed.get_world_size())

    @property
    def leads(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def share(self, batch_size: int) -> range:
        """Which items of the global batch this process computes.

        Raises:
            InputError: the batch cannot be split evenly, so the mean of the shares would not be the batch's mean.
        """
        if batch_size % self.size:
            raise InputError(f"batch_size {batch_size} cannot be split among {self.size} processes; take a multiple")
        mine = batch_size // self.size
        return range(self.rank * mine, (self.rank + 1) * mine)

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model whose backward pass leaves the mean gradient of all processes."""
        return model if self.size == 1 else DistributedDataParallel(model)

    def mean(self, values: Tensor) -> Tensor:
        """The mean over processes of a tensor that each has."""
        if self.size == 1:
            return values
        total = values.detach().clone()
        distributed.all_reduce(total)
        return total / self.size

    def wait(self) -> None:
        """Until all are here."""
        if self.size > 1:
            distributed.barrier()

    def leave(self) -> None:
        """Disconnect; the process may join again."""
        if self.size > 1:
            distributed.destroy_process_group()

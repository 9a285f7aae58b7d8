"""A flow-matching density over latent codes, conditional on a class where there are several."""

from __future__ import annotations

__all__ = ["FlowMatchingPrior", "load_prior"]

import copy
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pcgen.checkpoint import load_checkpoint, save_checkpoint
from pcgen.errors import InputError, unknown_name
from pcgen.models.prior import GaussianMixturePrior, Prior, Whitening, seeded_normals

FREQUENCIES = 8
ODE_STEPS = 20


class VelocityField(nn.Module):
    """Residual MLP from a whitened code, a time and a class to a velocity.

    Args:
        dim: length of the whitened code.
        classes: number of classes.
        width: channels.
        blocks: residual blocks.
    """

    def __init__(self, dim: int, classes: int, width: int, blocks: int) -> None:
        super().__init__()
        self.into = nn.Linear(dim, width)
        self.time = nn.Linear(2 * FREQUENCIES, width)
        self.label = nn.Embedding(classes, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
            for _ in range(blocks)
        )
        self.out = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, dim))

    def forward(self, codes: Tensor, time: Tensor, label: Tensor) -> Tensor:
        """Velocities ``[B, K]`` at codes ``[B, K]``, times ``[B]`` and labels ``[B]``."""
        angles = time[:, None] * torch.pi * 2.0 ** torch.arange(FREQUENCIES).sub(1)
        condition = self.time(torch.cat([angles.sin(), angles.cos()], 1)) + self.label(label)
        h = self.into(codes) + condition
        for block in self.blocks:
            h = h + block(h + condition)
        return self.out(h)


class FlowMatchingPrior:
    """Carries Gaussian noise to whitened codes along the velocity field that flow matching learns.

    The path from noise ``e`` to a code ``w`` is straight, ``(1 - t) e + t w``; the network regresses its velocity
    ``w - e``. Samples integrate the field from t = 0 to 1 by Heun's method.

    Args:
        whitening: from codes to whitened components and back.
        classes: names of the classes.
        field: the trained velocity field.

    Source: Lipman et al., "Flow Matching for Generative Modeling", ICLR 2023 (the optimal-transport path).
    """

    def __init__(self, whitening: Whitening, classes: tuple[str, ...], field: VelocityField) -> None:
        self.whitening, self.classes, self.field = whitening, classes, field.eval().requires_grad_(False)

    @classmethod
    def fit(
        cls,
        latents: Tensor,
        labels: Tensor | None = None,
        classes: tuple[str, ...] = ("shape",),
        *,
        steps: int = 4000,
        batch_size: int = 256,
        width: int = 256,
        blocks: int = 3,
        seed: int = 0,
    ) -> FlowMatchingPrior:
        """Train the field on codes.

        Args:
            latents: ``[S, D]`` codes of the training shapes.
            labels: ``[S]`` int64, index of each code's class; all of the first class if not given.
            classes: names of the classes.
            steps: optimiser steps, with a cosine schedule.
            batch_size: codes per step.
            width: channels of the field.
            blocks: residual blocks of the field.
            seed: initial weights and batches.

        Raises:
            InputError: no codes, or labels that do not fit.

        Example:
            >>> codes = torch.randn(200, 4, generator=torch.manual_seed(0))
            >>> FlowMatchingPrior.fit(codes, steps=10, width=16, blocks=1).sample(5, seed=1).shape
            torch.Size([5, 4])
        """
        labels = torch.zeros(len(latents), dtype=torch.int64) if labels is None else labels
        if (
            len(latents) < 2
            or labels.shape != latents.shape[:1]
            or not 0 <= labels.min() <= labels.max() < len(classes)
        ):
            raise InputError(
                f"a prior needs at least 2 codes and a label below {len(classes)} for each, "
                f"got {list(latents.shape)} codes and {list(labels.shape)} labels"
            )
        whitening = Whitening.fit(latents)
        white = whitening.apply(latents)
        with torch.random.fork_rng(devices=[]):  # initial weights have no generator argument
            torch.manual_seed(seed)
            field = VelocityField(white.shape[1], len(classes), width, blocks)
        averaged = copy.deepcopy(field).requires_grad_(False)
        decay = 1 - 1 / (1 + min(1000, steps / 10))
        optimizer = torch.optim.AdamW(field.parameters(), lr=2e-3, weight_decay=1e-4, fused=True)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        generator = torch.Generator().manual_seed(seed)
        for _ in range(steps):
            chosen = torch.randint(len(white), (batch_size,), generator=generator)
            code, noise = white[chosen], torch.randn(batch_size, white.shape[1], generator=generator)
            time = torch.rand(batch_size, 1, generator=generator)
            velocity = field((1 - time) * noise + time * code, time[:, 0], labels[chosen])
            loss = (velocity - (code - noise)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            with torch.no_grad():
                for average, value in zip(averaged.parameters(), field.parameters(), strict=True):
                    average.lerp_(value, 1 - decay)
        return cls(whitening, classes, averaged)

    @torch.no_grad()
    def sample(self, count: int, *, seed: int = 0, temperature: float = 1.0, category: str | None = None) -> Tensor:
        """New codes ``[count, D]``; row i depends on ``(seed, i)`` alone, up to rounding.

        Args:
            count: how many.
            seed: which.
            temperature: scale of the noise; below 1 for safer, less varied shapes.
            category: their class; the first if not given.

        Raises:
            InputError: no such class.
        """
        label = self._label(category).expand(count)
        white = seeded_normals(count, self.whitening.kept, seed) * temperature
        for step in range(ODE_STEPS):
            white = white + self._heun(white, step / ODE_STEPS, 1 / ODE_STEPS, label)
        return self.whitening.invert(white)

    @torch.no_grad()
    def log_prob(self, latents: Tensor, category: str | None = None) -> Tensor:
        """Log-density of the codes' whitened components, ``[B, D] -> [B]``.

        The instantaneous change of variables (Chen et al., "Neural Ordinary Differential Equations", 2018) with the
        exact divergence, integrated backwards by the midpoint rule.
        """
        white = self.whitening.apply(latents)
        label, change = self._label(category).expand(len(white)), white.new_zeros(len(white))
        h = 1 / ODE_STEPS
        for step in range(ODE_STEPS):
            time = 1 - (step + 0.5) * h
            middle = white - h / 2 * self._velocity(white, time + h / 2, label)
            change += h * self._divergence(middle, time, label)
            white = white - h * self._velocity(middle, time, label)
        return -(white.square().sum(1) + white.shape[1] * math.log(2 * math.pi)) / 2 - change

    def _velocity(self, white: Tensor, time: float, label: Tensor) -> Tensor:
        return self.field(white, white.new_full((len(white),), time), label)

    def _heun(self, white: Tensor, time: float, h: float, label: Tensor) -> Tensor:
        """The step of Heun's method."""
        first = self._velocity(white, time, label)
        return h / 2 * (first + self._velocity(white + h * first, time + h, label))

    def _divergence(self, white: Tensor, time: float, label: Tensor) -> Tensor:
        def velocity(code: Tensor, one_label: Tensor) -> Tensor:
            return self._velocity(code[None], time, one_label[None])[0]

        jacobian = torch.func.vmap(torch.func.jacrev(velocity))(white, label)
        return jacobian.diagonal(dim1=1, dim2=2).sum(1)

    def _label(self, category: str | None) -> Tensor:
        if category is not None and category not in self.classes:
            raise unknown_name("class", category, self.classes)
        return torch.tensor(self.classes.index(category) if category else 0)

    def save(self, path: str | Path, facts: Mapping[str, Any]) -> None:
        """Write the prior as a checkpoint."""
        field = {f"field.{name}": value for name, value in self.field.state_dict().items()}
        shape = {"width": self.field.into.out_features, "blocks": len(self.field.blocks), "classes": self.classes}
        document = {"method": "flow_matching", "field": shape, **facts}
        save_checkpoint(path, "prior", {"mean": self.whitening.mean, "axes": self.whitening.axes, **field}, document)

    @classmethod
    def from_state(cls, tensors: Mapping[str, Tensor], shape: Mapping[str, Any]) -> FlowMatchingPrior:
        """The prior of the tensors and the ``field`` facts that :meth:`save` wrote."""
        tensors = dict(tensors)
        whitening = Whitening(tensors.pop("mean"), tensors.pop("axes"))
        field = VelocityField(whitening.kept, len(shape["classes"]), shape["width"], shape["blocks"])
        field.load_state_dict({name.removeprefix("field."): value for name, value in tensors.items()})
        return cls(whitening, tuple(shape["classes"]), field)


def load_prior(path: str | Path) -> Prior:
    """The prior of a checkpoint, whatever its method.

    Raises:
        FileError: it is missing, damaged, or no prior.
        InputError: its method is unknown to this version.
    """
    tensors, facts = load_checkpoint(path, "prior")
    method = facts["method"]
    if method == "gaussian_mixture":
        return GaussianMixturePrior.from_state(tensors)
    if method == "flow_matching":
        return FlowMatchingPrior.from_state(tensors, facts["field"])
    raise unknown_name("prior method", method, ("flow_matching", "gaussian_mixture"))

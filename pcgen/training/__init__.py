"""Training a backbone, and fitting a prior and a plugin on its latents: visible loops, resumable, seeded."""

from __future__ import annotations

__all__ = ["DataConfig", "ShapeSet", "TrainConfig", "train"]

from pcgen.training.data import DataConfig, ShapeSet
from pcgen.training.loop import TrainConfig, train

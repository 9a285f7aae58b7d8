"""From a trained backbone to a generator: a prior and a plugin on its latents, saved beside it."""

from __future__ import annotations

__all__ = ["labelled_latents", "save_generator"]

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pcgen import attributes
from pcgen.models.autoencoder import Autoencoder, save_autoencoder
from pcgen.models.prior import GaussianMixturePrior
from pcgen.plugins import RidgePlugin
from pcgen.training.data import ShapeSet

REAL_DRAWS = 2000


@torch.no_grad()
def labelled_latents(backbone: Autoencoder, shapes: ShapeSet) -> tuple[Tensor, Tensor, int]:
    """Codes with attribute values: exact ones of procedural shapes, then measured ones of augmented real shapes.

    Returns:
        Codes ``[S, D]``, values ``[S, K]`` (NaN where not measurable), and how many of them are procedural.
    """
    latents, values = [], []
    for first in range(0, len(shapes.points), 256):
        latents.append(backbone.encode(torch.from_numpy(shapes.points[first : first + 256, :2048]).float()))
    values.append(torch.from_numpy(shapes.values))
    if shapes.real:
        measure = attributes.get(backbone.category).measure
        rng = np.random.default_rng((shapes.seed, 0))
        for _ in range(0, REAL_DRAWS, 100):
            clouds = torch.from_numpy(np.stack([shapes.draw_real(rng) for _ in range(100)]))
            latents.append(backbone.encode(clouds[:, :2048]))
            values.append(measure(clouds)[0])
    return torch.cat(latents), torch.cat(values), len(shapes.points)


def save_generator(out: Path, backbone: Autoencoder, shapes: ShapeSet, metrics: dict[str, float], config: str) -> None:
    """Fit the prior and the plugin, and write the three checkpoints that :func:`pcgen.load` reads from a folder."""
    facts: dict[str, Any] = {
        "data_fingerprint": shapes.fingerprint(),
        "frame": "+Y up, -Z front",
        "metrics": metrics,
        "training": config,
        "credits": sorted({f"{record.author} ({record.source}, {record.licence})" for record in shapes.records}),
    }
    latents, values, procedural = labelled_latents(backbone, shapes)
    specs = attributes.get(backbone.category).specs
    save_autoencoder(out / "backbone.safetensors", backbone, facts)
    components = min(64, procedural // 20)
    GaussianMixturePrior.fit(latents[:procedural], components, seed=shapes.seed).save(out / "prior.safetensors", facts)
    RidgePlugin(specs).fit(latents, values).save(out / "plugin.safetensors", facts)

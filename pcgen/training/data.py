"""The shapes a backbone is trained on: procedural ones with exact attributes, real ones with augmentation."""

from __future__ import annotations

__all__ = ["DataConfig", "ShapeSet", "augment"]

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from pcgen.data.layouts import realshapes
from pcgen.data.procedural import FAMILIES, sample_chairs
from pcgen.errors import InputError, unknown_name
from pcgen.normalize import NORMALIZATIONS

GENERATORS: dict[str, Callable[..., Any]] = {
    "chair": sample_chairs,
    **{name: family.sample for name, family in FAMILIES.items()},
}
POINTS = 4096  # kept per procedural shape: two disjoint draws of 2048
OWN_SHARE = 0.5  # of the real draws, at least; the other categories teach the encoder shapes in general


@dataclass(frozen=True)
class DataConfig:
    """Which shapes.

    Attributes:
        procedural: number of procedural training shapes.
        real_share: share of real shapes in each batch.
        real_categories: their categories; only permissively licensed training shapes are used.
        realshapes: their folder; the environment variable ``PCGEN_REALSHAPES`` where it is not given.
    """

    procedural: int = 16000
    real_share: float = 0.3
    real_categories: tuple[str, ...] = ("chair",)
    realshapes: str | None = None


def augment(points: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """A real shape made different but still plausible, ``[N, 3]`` in and out.

    Stretched along each axis, tapered, leaned, mirrored, and its middle (a seat, a table's shelf) moved up or down.
    """
    x, y, z = (points * np.exp(rng.normal(0, 0.2, 3))).T
    height = np.ptp(y) + 1e-6
    level = (y - y.min()) / height
    taper_x, taper_z, lean = rng.normal(0, 0.15, 3)
    bulge = np.clip(rng.normal(0, 0.25), -0.8, 0.8)  # below 1, so that what is higher stays higher
    mirror = rng.choice([-1, 1])
    warped = np.stack(
        [
            mirror * x * (1 + taper_x * (level - 0.5)),
            height * (level + bulge * level * (1 - level)),
            z * (1 + taper_z * (level - 0.5)) + lean * (level - 0.5),
        ],
        axis=1,
    )
    return warped.astype(np.float32)


class ShapeSet:
    """Procedural and real shapes of one category, and batches of them that depend on the step number alone.

    Attributes:
        points: ``[S, 4096, 3]`` float16 procedural clouds, normalised.
        values: ``[S, K]`` their exact attribute values.
        real: the real training clouds, ``[8192, 3]`` each, in their own scale.
        records: their manifest rows, for attribution.
        own: those of the real clouds that are of the category.
    """

    def __init__(self, category: str, normalization: str, config: DataConfig, seed: int) -> None:
        if category not in GENERATORS:
            raise unknown_name("procedural category", category, GENERATORS)
        if not 0 <= config.real_share <= 1:
            raise InputError(f"data.real_share must be between 0 and 1, got {config.real_share}")
        self.normalization, self.real_share, self.seed = NORMALIZATIONS[normalization], config.real_share, seed
        self.points, self.values = self._procedural(category, config.procedural)
        self.records, self.real = self._real(config)
        self.own = [cloud for record, cloud in zip(self.records, self.real, strict=True) if record.category == category]

    def _procedural(self, category: str, count: int) -> tuple[NDArray[np.float16], NDArray[np.float32]]:
        points = np.empty((count, POINTS, 3), dtype=np.float16)
        values = []
        for first in tqdm(range(0, count, 100), desc="procedural shapes", unit="00", leave=False):
            size = min(100, count - first)
            batch = GENERATORS[category](size, POINTS, self.seed, first)
            points[first : first + size] = self._normalised(batch.points).numpy()
            values.append(batch.values)
        return points, np.concatenate(values)

    def _real(self, config: DataConfig) -> tuple[list[realshapes.ShapeRecord], list[NDArray[np.float32]]]:
        if config.real_share == 0:
            return [], []
        root = config.realshapes or os.environ.get("PCGEN_REALSHAPES")
        if not root:
            raise InputError(
                "data.real_share asks for real shapes, but their folder is not known; "
                "set PCGEN_REALSHAPES or data.realshapes, or train with data.real_share=0"
            )
        records = [
            record
            for category in config.real_categories
            for record in realshapes.list_shapes(root, category, split="train", permissive=True)
        ]
        return records, [realshapes.load(root, record).points for record in records]

    def _normalised(self, points: NDArray[np.float32]) -> Tensor:
        tensor = torch.from_numpy(points)
        return self.normalization(tensor).apply(tensor)

    def batch(self, step: int, items: range, target_points: int) -> tuple[Tensor, Tensor]:
        """Two independent draws of the same shapes: what the encoder sees, and what the decoder must match.

        Args:
            step: number of the batch.
            items: which shapes of it; each depends on the seed, the step and its own number alone.
            target_points: points of the second draw, at most 2048.

        Returns:
            ``[len(items), 2048, 3]`` and ``[len(items), target_points, 3]``, normalised.
        """
        batch = torch.from_numpy(np.stack([self._draw(np.random.default_rng((self.seed, step, i))) for i in items]))
        return batch[:, :2048], batch[:, 2048 : 2048 + target_points]

    def _draw(self, rng: np.random.Generator) -> NDArray[np.float32]:
        return self._draw_real(rng) if self.real and rng.random() < self.real_share else self._draw_procedural(rng)

    def _draw_procedural(self, rng: np.random.Generator) -> NDArray[np.float32]:
        cloud = self.points[rng.integers(len(self.points))].astype(np.float32)
        cloud[:, 0] *= rng.choice([-1, 1])
        return np.roll(cloud, rng.integers(POINTS), axis=0)

    def _draw_real(self, rng: np.random.Generator) -> NDArray[np.float32]:
        return self.draw(self.own if self.own and rng.random() < OWN_SHARE else self.real, rng)

    def draw(self, clouds: Sequence[NDArray[np.float32]], rng: np.random.Generator) -> NDArray[np.float32]:
        """A random one of some real clouds, augmented and normalised, ``[4096, 3]``."""
        cloud = clouds[int(rng.integers(len(clouds)))]
        cloud = augment(cloud[rng.permutation(len(cloud))[:POINTS]], rng)
        return self._normalised(cloud).numpy()

    def fingerprint(self) -> str:
        """A hash of every point, so that a checkpoint says which data it saw."""
        digest = hashlib.sha256(self.points.tobytes())
        for cloud in self.real:
            digest.update(cloud.tobytes())
        return digest.hexdigest()[:16]

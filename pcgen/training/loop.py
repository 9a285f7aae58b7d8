"""The training loop of the autoencoder, readable from top to bottom."""

from __future__ import annotations

__all__ = ["TrainConfig", "learning_rate", "train"]

import copy
import json
import math
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch
from tqdm import tqdm

from pcgen.config import to_yaml
from pcgen.errors import FileError, PcgenError
from pcgen.files import atomic_writer
from pcgen.models.autoencoder import Autoencoder, AutoencoderConfig
from pcgen.ops import chamfer_distance
from pcgen.training.data import DataConfig, ShapeSet
from pcgen.training.fit import save_generator
from pcgen.training.losses import sliced_wasserstein2
from pcgen.training.validate import validate

CHECKPOINT_SECONDS = 120
LOG_EVERY = 50
EMA_DECAY = 0.999
WARMUP_STEPS = 200
PROJECTIONS = 16


@dataclass(frozen=True)
class TrainConfig:
    """One training run.

    Attributes:
        seed: initial weights, batches, data.
        steps: optimiser steps.
        batch_size: shapes per step.
        learning_rate: peak of the cosine schedule.
        density_weight: weight of the sliced Wasserstein distance, which evens out density, beside Chamfer.
        model: the autoencoder.
        data: the shapes.
    """

    seed: int = 0
    steps: int = 16000
    batch_size: int = 32
    learning_rate: float = 2e-3
    density_weight: float = 0.5
    model: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    data: DataConfig = field(default_factory=DataConfig)


def learning_rate(step: int, config: TrainConfig) -> float:
    """Linear warm-up, then a cosine to zero."""
    warm = min(1.0, (step + 1) / WARMUP_STEPS)
    return config.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * step / config.steps))


def train(config: TrainConfig, out: Path) -> dict[str, float]:
    """Train an autoencoder, then fit a prior and a plugin on its latents.

    Interrupted, it goes on from its last checkpoint when called again with the same configuration and folder: every
    batch depends on the seed and the step number alone.

    Args:
        config: the run.
        out: folder for ``config.yaml``, ``metrics.jsonl``, ``resume.pt`` and the three checkpoints of a generator.

    Returns:
        The validation metrics (see :func:`~pcgen.training.validate.validate`).

    Raises:
        FileError: the folder holds a run with another configuration.
        PcgenError: the loss became NaN or inf; the last good checkpoint stays.
    """
    out.mkdir(parents=True, exist_ok=True)
    _claim(out, config)
    shapes = ShapeSet(config.model.category, config.model.normalization, config.data, config.seed)

    torch.manual_seed(config.seed)  # initial weights have no generator argument; a run owns its process
    model = Autoencoder(config.model)
    averaged = copy.deepcopy(model).freeze()
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=1e-4, fused=True)
    first = _resume(out, model, averaged, optimizer)

    saved = time.monotonic()
    bar = tqdm(range(first, config.steps), initial=first, total=config.steps, desc="training", unit="step")
    for step in bar:
        seen, target = shapes.batch(step, config.batch_size, config.model.patches * config.model.degree**2)
        generator = torch.Generator().manual_seed(step)
        decoded = model.decoder.sample(model.encode(seen), model.decoder.jittered(generator))
        chamfer = chamfer_distance(decoded, target).mean()
        density = sliced_wasserstein2(decoded, target, PROJECTIONS, generator).mean()
        loss = chamfer + config.density_weight * density
        if not loss.isfinite():
            raise PcgenError(
                f"the loss became {loss.item()} at step {step}; {out / 'resume.pt'} holds the last good state. "
                f"Lower learning_rate (now {config.learning_rate:g}) and train into another folder."
            )
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, config)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        decay = min(EMA_DECAY, (step + 1) / (step + 10))
        with torch.no_grad():
            for average, value in zip(averaged.parameters(), model.parameters(), strict=True):
                average.lerp_(value, 1 - decay)

        if step % LOG_EVERY == 0:
            record = {"chamfer": chamfer.item(), "sliced_wasserstein2": density.item()}
            bar.set_postfix({name: f"{value:.2e}" for name, value in record.items()})
            _log(out, {"step": step, **record, "learning_rate": learning_rate(step, config)})
        if time.monotonic() - saved > CHECKPOINT_SECONDS:
            _checkpoint(out, step + 1, model, averaged, optimizer)
            saved = time.monotonic()

    _checkpoint(out, config.steps, model, averaged, optimizer)
    metrics = validate(averaged, shapes, config.data)
    _log(out, {"step": config.steps, **metrics})
    save_generator(out, averaged, shapes, metrics, to_yaml(config))
    return metrics


def _claim(out: Path, config: TrainConfig) -> None:
    """Write the resolved configuration, or refuse a folder that belongs to another run."""
    path = out / "config.yaml"
    if path.is_file() and path.read_text() != to_yaml(config):
        raise FileError(f"{out} holds a run with another configuration; choose another folder or delete it")
    with atomic_writer(path) as file:
        file.write(to_yaml(config).encode())


def _log(out: Path, record: dict[str, float]) -> None:
    with (out / "metrics.jsonl").open("a") as file:
        file.write(json.dumps(record) + "\n")


def _checkpoint(out: Path, step: int, model: Autoencoder, averaged: Autoencoder, optimizer: torch.optim.AdamW) -> None:
    state = {
        "step": step,
        "model": model.state_dict(),
        "averaged": averaged.state_dict(),
        "optimizer": optimizer.state_dict(),
    }
    with atomic_writer(out / "resume.pt") as file:
        torch.save(state, file)


def _resume(out: Path, model: Autoencoder, averaged: Autoencoder, optimizer: torch.optim.AdamW) -> int:
    """Load the last checkpoint, if there is one; returns the step to go on from."""
    path = out / "resume.pt"
    if not path.is_file():
        return 0
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    averaged.load_state_dict(state["averaged"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])

"""The training loop of the autoencoder, readable from top to bottom."""

from __future__ import annotations

__all__ = ["TrainConfig", "learning_rate", "train"]

import copy
import math
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from pcgen import weights
from pcgen.config import to_yaml
from pcgen.errors import FileError, InputError, PcgenError
from pcgen.files import atomic_writer
from pcgen.models.autoencoder import Autoencoder, AutoencoderConfig, load_autoencoder
from pcgen.ops import chamfer_distance
from pcgen.training.data import DataConfig, ShapeSet
from pcgen.training.fit import save_generator
from pcgen.training.losses import emd_of_some, sliced_wasserstein2
from pcgen.training.team import Team
from pcgen.training.tracking import Tracker
from pcgen.training.validate import held_out_ratio, validate

CHECKPOINT_SECONDS = 120
LOG_EVERY = 50
HOLD_OUT_EVERY = 1000
EMA_DECAY = 0.999
WARMUP_STEPS = 200


@dataclass(frozen=True)
class TrainConfig:
    """One training run.

    Attributes:
        seed: initial weights, batches, data.
        steps: optimiser steps.
        batch_size: shapes per step, over all processes.
        learning_rate: peak of the cosine schedule.
        density_weight: weight of the sliced Wasserstein distance, which evens out density, beside Chamfer.
        emd_weight: weight of the Earth Mover's Distance in the last steps; early it destroys detail.
        emd_share: the share of the steps, at the end, that have it.
        start: generator (a shipped name or a folder), of this or another category, whose backbone is trained on,
            instead of random weights.
        tensorboard: write TensorBoard events beside ``metrics.jsonl``.
        model: the autoencoder.
        data: the shapes.
    """

    seed: int = 0
    steps: int = 16000
    batch_size: int = 32
    learning_rate: float = 2e-3
    density_weight: float = 0.5
    emd_weight: float = 0.0
    emd_share: float = 0.2
    start: str | None = None
    tensorboard: bool = False
    model: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    data: DataConfig = field(default_factory=DataConfig)


def learning_rate(step: int, config: TrainConfig) -> float:
    """Linear warm-up, then a cosine to zero."""
    warm = min(1.0, (step + 1) / WARMUP_STEPS)
    return config.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * step / config.steps))


def train(config: TrainConfig, out: Path, finish: bool = False) -> dict[str, float]:
    """Train an autoencoder, then fit a prior and a plugin on its latents.

    Interrupted, it goes on from its last checkpoint when called again with the same configuration and folder: every
    batch depends on the seed and the step number alone. Under torchrun each process computes its share of every batch.

    Args:
        config: the run.
        out: folder for ``config.yaml``, ``metrics.jsonl``, ``resume.pt`` and the three checkpoints of a generator.
        finish: train no further, and make a generator of the last checkpoint.

    Returns:
        The validation metrics (see :func:`~pcgen.training.validate.validate`).

    Raises:
        FileError: the folder holds a run with another configuration, or nothing to finish.
        InputError: the batch cannot be split among the processes, or real shapes are wanted and not found.
        PcgenError: the loss or its gradient became NaN or inf; the last good checkpoint stays.
    """
    team = Team.join()
    items = team.share(config.batch_size)
    out.mkdir(parents=True, exist_ok=True)
    if team.leads:
        _claim(out, config)
    shapes = ShapeSet(config.model.category, config.model.normalization, config.data, config.seed)

    torch.manual_seed(config.seed)  # initial weights have no generator argument; a run owns its process
    model = Autoencoder(config.model)
    if config.start is not None:
        model.load_state_dict(_start(config).state_dict())
    averaged = copy.deepcopy(model).freeze()
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=1e-4, fused=True)
    first = _resume(out, model, averaged, optimizer)
    last = first if finish else config.steps
    if last == 0:
        raise FileError(f"{out} holds no checkpoint that could be finished; train first")
    reconstruct = team.wrap(model)
    tracker = Tracker(out, first, config.tensorboard) if team.leads else None

    saved = time.monotonic()
    bar = tqdm(range(first, last), initial=first, total=last, desc="training", unit="step", disable=not team.leads)
    for step in bar:
        seen, target = shapes.batch(step, items, model.decoder.train_points)
        generator = torch.Generator().manual_seed(step)
        question, truth = model.decoder.question(target, generator)
        terms = _losses(reconstruct(seen, *question), truth, step, items, config, generator)
        optimizer.zero_grad()
        terms["loss"].backward()
        slope = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        record = dict(zip(terms, team.mean(torch.stack([*terms.values()])).tolist(), strict=True))
        if not (math.isfinite(record["loss"]) and slope.isfinite()):
            raise PcgenError(_explain_divergence(step, record["loss"], slope.item(), out, config))
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, config)
        optimizer.step()
        decay = min(EMA_DECAY, (step + 1) / (step + 10))
        with torch.no_grad():
            for average, value in zip(averaged.parameters(), model.parameters(), strict=True):
                average.lerp_(value, 1 - decay)

        if tracker is None:
            continue
        if step % LOG_EVERY == 0:
            bar.set_postfix({name: f"{value:.2e}" for name, value in record.items()})
            tracker.log(step, record | {"learning_rate": learning_rate(step, config)})
        if (step + 1) % HOLD_OUT_EVERY == 0:
            tracker.log(step, {"held_out_ratio": held_out_ratio(averaged)})
        if time.monotonic() - saved > CHECKPOINT_SECONDS:
            _checkpoint(out, step + 1, model, averaged, optimizer)
            saved = time.monotonic()

    metrics = validate(averaged, shapes, config.data)
    if tracker is not None:
        _checkpoint(out, last, model, averaged, optimizer)
        tracker.log(last, metrics)
        tracker.close()
        save_generator(out, averaged, shapes, metrics, to_yaml(config), last)
    team.leave()
    return metrics


def _losses(
    decoded: Tensor, target: Tensor, step: int, items: range, config: TrainConfig, generator: torch.Generator
) -> dict[str, Tensor]:
    """The terms of the loss, and the loss first; each the mean over this process's items."""
    if config.model.decoder == "flow":
        return {"loss": (decoded - target).square().sum(-1).mean()}  # they are velocities, and correspond
    terms = {"chamfer": chamfer_distance(decoded, target).mean()}
    loss = terms["chamfer"]
    if config.density_weight:
        terms["sliced_wasserstein2"] = sliced_wasserstein2(decoded, target, generator=generator).mean()
        loss = loss + config.density_weight * terms["sliced_wasserstein2"]
    if config.emd_weight and step >= (1 - config.emd_share) * config.steps:
        terms["emd"] = emd_of_some(decoded, target, step, items)
        loss = loss + config.emd_weight * terms["emd"]
    return {"loss": loss, **terms}


def _start(config: TrainConfig) -> Autoencoder:
    """The backbone that is trained on."""
    folder = weights.folders().get(str(config.start), Path(str(config.start)).expanduser())
    model = load_autoencoder(folder / "backbone.safetensors")
    if replace(model.config, category=config.model.category) != config.model:
        raise InputError(f"start: {config.start} holds a model of another form ({model.config}); copy it into model:")
    return model


def _explain_divergence(step: int, loss: float, slope: float, out: Path, config: TrainConfig) -> str:
    what = f"loss became {loss}" if not math.isfinite(loss) else f"gradient's norm became {slope}"
    kept = f"{out / 'resume.pt'} holds the last good state. " if (out / "resume.pt").is_file() else ""
    advice = f"Lower learning_rate (now {config.learning_rate:g}) and train into another folder."
    return f"the {what} at step {step}. {kept}{advice}"


def _claim(out: Path, config: TrainConfig) -> None:
    """Write the resolved configuration, or refuse a folder that belongs to another run."""
    path = out / "config.yaml"
    if path.is_file() and path.read_text() != to_yaml(config):
        raise FileError(f"{out} holds a run with another configuration; choose another folder or delete it")
    with atomic_writer(path) as file:
        file.write(to_yaml(config).encode())


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

"""The point-cloud autoencoder: trained once, then frozen."""

from __future__ import annotations

__all__ = ["Autoencoder", "AutoencoderConfig", "load_autoencoder", "save_autoencoder"]

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from pcgen.checkpoint import load_checkpoint, save_checkpoint
from pcgen.errors import unknown_name
from pcgen.models.decoders import PatchDecoder
from pcgen.models.encoders import PointNetEncoder
from pcgen.models.flow_decoder import FlowDecoder
from pcgen.ops import farthest_point_sample, gather_points


@dataclass(frozen=True)
class AutoencoderConfig:
    """What an :class:`Autoencoder` is made of.

    Attributes:
        category: what it draws.
        normalization: name of the normalisation its points live in.
        latent_dim: length of the code.
        input_points: points the encoder looks at; more are reduced by farthest-point sampling.
        decoder: ``patch`` (fastest, index-consistent) or ``flow`` (evenly spread points).
        width: channels of the decoder's residual blocks.
        blocks: number of residual blocks.
        patches: surface patches of the patch decoder.
        degree: cosines per patch axis.
        flow_steps: Euler steps of the flow decoder.
    """

    category: str = "chair"
    normalization: str = "unit_diagonal"
    latent_dim: int = 128
    input_points: int = 1024
    decoder: str = "patch"
    width: int = 512
    blocks: int = 2
    patches: int = 128
    degree: int = 4
    flow_steps: int = 8


DECODERS: dict[str, Callable[[AutoencoderConfig], PatchDecoder | FlowDecoder]] = {
    "patch": lambda c: PatchDecoder(c.latent_dim, c.width, c.blocks, c.patches, c.degree),
    "flow": lambda c: FlowDecoder(c.latent_dim, c.width, c.blocks, c.flow_steps),
}


class Autoencoder(nn.Module):
    """Vector-latent autoencoder; a :class:`~pcgen.models.backbone.Backbone`.

    Args:
        config: what it is made of.

    Raises:
        InputError: an unknown decoder.

    Example:
        >>> import torch
        >>> model = Autoencoder(AutoencoderConfig(latent_dim=16, width=32, patches=8))
        >>> model.decode(model.encode(torch.rand(2, 500, 3)), num_points=100).shape
        torch.Size([2, 100, 3])
    """

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        self.category, self.normalization = config.category, config.normalization
        self.latent_dim = config.latent_dim
        self.encoder = PointNetEncoder(config.latent_dim)
        if config.decoder not in DECODERS:
            raise unknown_name("decoder", config.decoder, DECODERS)
        self.decoder = DECODERS[config.decoder](config)

    def encode(self, points: Tensor) -> Tensor:
        """Latent codes ``[B, D]`` of normalised clouds ``[B, N, 3]``, any N."""
        if points.shape[1] > self.config.input_points:
            points = gather_points(points, farthest_point_sample(points, self.config.input_points))
        return self.encoder(points)

    def decode(self, latents: Tensor, num_points: int = 2048) -> Tensor:
        """Normalised clouds ``[B, num_points, 3]`` of latent codes ``[B, D]``; equal indices correspond."""
        return self.decoder(latents, num_points)

    def forward(self, points: Tensor, *question: Tensor) -> Tensor:
        """The training pass: what the decoder answers to its ``question`` about the codes of ``[B, N, 3]`` clouds."""
        return self.decoder.answer(self.encode(points), *question)

    def freeze(self) -> Autoencoder:
        """Evaluation mode, and no parameter takes a gradient; returns itself."""
        return self.eval().requires_grad_(False)

    def extra_repr(self) -> str:
        """The configuration, as printed by torch."""
        return ", ".join(f"{name}={value!r}" for name, value in asdict(self.config).items())


def save_autoencoder(path: str | Path, model: Autoencoder, facts: Mapping[str, Any]) -> None:
    """Write a model in float16, with its configuration and any further facts (data, metrics, licence)."""
    save_checkpoint(path, "autoencoder", model.state_dict(), {"config": asdict(model.config), **facts}, half=True)


def load_autoencoder(path: str | Path) -> Autoencoder:
    """The frozen model of a checkpoint.

    Raises:
        FileError: it is missing, damaged, or no autoencoder.
    """
    state, facts = load_checkpoint(path, "autoencoder")
    model = Autoencoder(AutoencoderConfig(**facts["config"]))
    model.load_state_dict(state)
    return model.freeze()

"""Frozen backbones: autoencoders, priors over their latents, and checkpoints that explain themselves."""

from __future__ import annotations

__all__ = [
    "Autoencoder",
    "AutoencoderConfig",
    "Backbone",
    "GaussianMixturePrior",
    "load_autoencoder",
    "save_autoencoder",
]

from pcgen.models.autoencoder import Autoencoder, AutoencoderConfig, load_autoencoder, save_autoencoder
from pcgen.models.backbone import Backbone
from pcgen.models.prior import GaussianMixturePrior

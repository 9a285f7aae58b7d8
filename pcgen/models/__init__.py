"""Frozen backbones: autoencoders, priors over their latents, and checkpoints that explain themselves."""

from __future__ import annotations

__all__ = [
    "Autoencoder",
    "AutoencoderConfig",
    "Backbone",
    "FlowMatchingPrior",
    "GaussianMixturePrior",
    "Prior",
    "load_autoencoder",
    "load_prior",
    "refine_latents",
    "save_autoencoder",
]

from pcgen.models.autoencoder import Autoencoder, AutoencoderConfig, load_autoencoder, save_autoencoder
from pcgen.models.backbone import Backbone
from pcgen.models.flow_prior import FlowMatchingPrior, load_prior
from pcgen.models.prior import GaussianMixturePrior, Prior
from pcgen.models.refine import refine_latents

"""From a trained backbone to a generator: a prior and a plugin on its latents, saved beside it."""

from __future__ import annotations

__all__ = ["labelled_latents", "save_generator", "write_card"]

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pcgen import attributes
from pcgen.checkpoint import load_checkpoint
from pcgen.files import atomic_writer
from pcgen.models.autoencoder import Autoencoder, save_autoencoder
from pcgen.models.prior import GaussianMixturePrior
from pcgen.plugins import Calibrated, RidgePlugin, load_plugin
from pcgen.training.data import ShapeSet

REAL_DRAWS = 2000

CARD = """\
# Generator: {category}

- Backbone: an autoencoder of {parameters:.2f} M parameters, stored as float16; latent codes of length {latent}.
- Prior: a Gaussian mixture over the codes.
- Plugin: {method}, {plugin:.0f} k numbers, {share:.1%} of the backbone; edits {attributes}.
- Error bounds of edits of given shapes: calibrated on {bounds}.
- Frame: +Y up, -Z front. Trained by pcgen {version}; data fingerprint `{fingerprint}`.

## Measured

Chamfer distance of reconstructions over that of a second sampling of the same shapes, both against the same independent
2048 points, on shapes not trained on. 1 would be perfect.

| metric | value |
|---|---|
{metrics}

## Limits

It draws what its training shapes show: others come out poorly, thin parts get few points, and gaps between slats or
bars are filled in part. Edits that move the given points keep such detail, decodes do not. Points are unoriented.

## Training shapes

{sources}

## Configuration

Trained for {steps} steps of:

```yaml
{training}
```
"""


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
    if shapes.own:
        measure = attributes.get(backbone.category).measure
        rng = np.random.default_rng((shapes.seed, 0))
        for _ in range(0, REAL_DRAWS, 100):
            clouds = torch.from_numpy(np.stack([shapes.draw(shapes.own, rng) for _ in range(100)]))
            latents.append(backbone.encode(clouds[:, :2048]))
            values.append(measure(clouds)[0])
    return torch.cat(latents), torch.cat(values), len(shapes.points)


def save_generator(
    out: Path, backbone: Autoencoder, shapes: ShapeSet, metrics: dict[str, float], config: str, steps: int
) -> None:
    """Fit the prior and the plugin, and write the three checkpoints that :func:`pcgen.load` reads from a folder.

    Args:
        out: the folder.
        backbone: frozen.
        shapes: what it was trained on.
        metrics: of :func:`~pcgen.training.validate.validate`.
        config: the run's configuration, as YAML.
        steps: how many it was trained.
    """
    facts: dict[str, Any] = {
        "data_fingerprint": shapes.fingerprint(),
        "frame": "+Y up, -Z front",
        "metrics": metrics,
        "training": config,
        "steps": steps,
        "credits": sorted({f"{record.author} ({record.source}, {record.licence})" for record in shapes.records}),
    }
    latents, values, procedural = labelled_latents(backbone, shapes)
    specs = attributes.get(backbone.category).specs
    save_autoencoder(out / "backbone.safetensors", backbone, facts)
    components = min(64, procedural // 20)
    GaussianMixturePrior.fit(latents[:procedural], components, seed=shapes.seed).save(out / "prior.safetensors", facts)
    RidgePlugin(specs).fit(latents, values).save(out / "plugin.safetensors", facts)
    write_card(out)


def _sources(credits: list[str]) -> str:
    if not credits:
        return "Procedural shapes of this package alone."
    makers = "\n".join(f"- {credit}" for credit in credits)
    return f"Procedural shapes of this package, and augmented real ones, with thanks to their makers:\n\n{makers}"


def write_card(folder: Path) -> None:
    """The model card ``README.md`` of a generator's folder, from the facts in its checkpoints."""
    state, facts = load_checkpoint(folder / "backbone.safetensors", "autoencoder")
    plugin = load_plugin(folder / "plugin.safetensors")
    _, fitted = load_checkpoint(folder / "plugin.safetensors", "plugin")
    parameters = sum(value.numel() for value in state.values())
    card = CARD.format(
        category=facts["config"]["category"],
        parameters=parameters / 1e6,
        latent=facts["config"]["latent_dim"],
        method=(plugin.inner if isinstance(plugin, Calibrated) else plugin).method.replace("_", " "),
        plugin=plugin.num_parameters / 1e3,
        share=plugin.num_parameters / parameters,
        attributes=", ".join(f"`{spec.name}`" for spec in plugin.specs),
        bounds=fitted.get("bounds", "none"),
        version=facts["pcgen_version"],
        fingerprint=facts["data_fingerprint"],
        metrics="\n".join(f"| {name.replace('_', ' ')} | {value:.2f} |" for name, value in facts["metrics"].items()),
        sources=_sources(facts["credits"]),
        training=facts["training"].rstrip(),
        steps=facts.get("steps", "all"),
    )
    with atomic_writer(folder / "README.md") as file:
        file.write(card.encode())

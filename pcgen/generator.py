"""Generator: a frozen backbone, a prior and a plugin behind sample, edit, reconstruct and interpolate."""

from __future__ import annotations

__all__ = ["Edit", "Generator", "load"]

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pcgen import attributes, weights
from pcgen.displacement import DisplacementField, align_to
from pcgen.errors import InputError, unknown_name
from pcgen.models import Backbone, Prior, load_autoencoder, load_prior, refine_latents
from pcgen.normalize import NORMALIZATIONS
from pcgen.ops import chamfer_distance, nearest
from pcgen.plugins import Plugin, load_plugin
from pcgen.spec import AttributeSpec, values_to_tensor

Value = str | float | bool
FILES = ("backbone.safetensors", "prior.safetensors", "plugin.safetensors")
MIN_POINTS = 256
# Rounds of decode, measure, correct. More than six change nothing: the rest is the measurer's own noise.
ROUNDS = 6


@dataclass(frozen=True, eq=False)
class Edit:
    """An edited shape and what came of the request.

    Attributes:
        points: the edited cloud, in the coordinates of the one that was given.
        moved: how far each point moved, ``[N]``, in heights of the given shape; for a decode, its distance from the
            nearest given point.
        decoded: whether the points are a decode instead of the given points, moved.
        requested: requested values by attribute name.
        before: measured values of the given cloud; NaN where not measurable.
        after: measured values of the edited cloud, on points that did not steer the edit.
    """

    points: Tensor
    moved: Tensor
    decoded: bool
    requested: dict[str, float]
    before: dict[str, float]
    after: dict[str, float]


class Generator:
    """Draws and edits shapes of one category by attribute.

    Args:
        backbone: the frozen autoencoder.
        prior: density of its latents.
        plugin: attribute plugin fitted on them.

    Example:
        >>> import pcgen
        >>> generator = pcgen.load("chair")
        >>> generator.sample(2, seed=1, seat_height=0.5).shape
        torch.Size([2, 2048, 3])
    """

    def __init__(self, backbone: Backbone, prior: Prior, plugin: Plugin) -> None:
        self.backbone, self.prior, self.plugin = backbone, prior, plugin
        # The plugin's attributes alone: measurers learn new ones after a plugin was fitted.
        self.measure = attributes.get(backbone.category).only(self._names).measure

    @property
    def specs(self) -> tuple[AttributeSpec, ...]:
        """The attributes that can be requested."""
        return self.plugin.specs

    @torch.no_grad()
    def sample(self, count: int, *, seed: int = 0, num_points: int = 2048, **requests: Value) -> Tensor:
        """New shapes, with the requested attributes if there are any.

        Args:
            count: how many.
            seed: which; shape i depends on ``(seed, i)`` alone.
            num_points: points of each.
            requests: attribute values by name.

        Returns:
            ``[count, num_points, 3]`` in the backbone's normalised coordinates.

        Raises:
            InputError: an attribute is unknown or its value out of range.
        """
        values, mask = values_to_tensor(self.specs, requests, count)
        latents = self.prior.sample(count, seed=seed)
        if mask.any():
            held, _ = self.measure(self.backbone.decode(latents, 2048))
            target = torch.where(mask, values, held)
            latents = self._steer(latents, target, mask, lambda z: self.backbone.decode(z, 2048))
        return self.backbone.decode(latents, num_points)

    @torch.no_grad()
    def edit(self, points: Tensor, *, decoded: bool = False, **requests: Value) -> Edit:
        """The same shape with some attributes changed and the rest kept.

        The given points themselves are moved, by the field of displacements between the decodes of the old and of the
        new latent, so that detail the backbone cannot draw survives. A change of a yes/no attribute or a count adds or
        removes parts, which moving cannot do: then, as with ``decoded=True``, the result is the new decode.

        Half of the points steer the correction loop; values are reported on the other half.

        Args:
            points: ``[N, 3]``, +Y up, -Z front, any position and unit.
            decoded: return the decode of the new latent, with as many points.
            requests: attribute values by name.

        Raises:
            InputError: too few points, an unknown attribute, a value out of range, or one that cannot be measured on
                this shape.

        Example:
            >>> import pcgen
            >>> from pcgen import assets
            >>> chair = assets.load("chair_dining").tensor()
            >>> edit = pcgen.load("chair").edit(chair, seat_height=0.5)
            >>> abs(edit.after["seat_height"] - 0.5) < 0.02
            True
        """
        points = _require_cloud(points)
        values, mask = values_to_tensor(self.specs, requests)
        if not mask.any():
            raise InputError(f"nothing was requested; known attributes: {', '.join(self._names)}")
        normalization = NORMALIZATIONS[self.backbone.normalization](points)
        given = normalization.apply(points)
        steering, reporting = _halves(given)
        before, measurable = self.measure(steering[None])
        for spec, wanted, known in zip(self.specs, mask[0], measurable[0], strict=True):
            if wanted and not known:
                raise InputError(f"{spec.name} cannot be measured on this shape, so it cannot be edited")

        latent = self.backbone.encode(given[None])
        decoded = decoded or bool((mask[0] & self._discrete & (values[0] != before[0])).any())
        target = torch.where(mask, values, before)
        if decoded:
            new = self._steer(latent, target, mask, lambda z: self.backbone.decode(z, 2048))
            edited = align_to(*self.backbone.decode(torch.cat([latent, new]), len(given)))
        else:
            field = DisplacementField(given, self.backbone.decode(latent)[0])
            new = self._steer(latent, target, mask, lambda z: _halves(field.apply(self.backbone.decode(z)[0]))[0][None])
            edited = align_to(given, field.apply(self.backbone.decode(new)[0]))

        after = edited if decoded else _halves(edited)[1]
        distance = nearest(edited, given).dist2.sqrt() if decoded else (edited - given).norm(dim=1)
        return Edit(
            points=normalization.invert(edited),
            moved=distance / (given[:, 1].max() - given[:, 1].min()),
            decoded=decoded,
            requested={name: values[0, self._names.index(name)].item() for name in requests},
            before=self._named(self.measure(reporting[None])[0]),
            after=self._named(self.measure(after[None])[0]),
        )

    @torch.no_grad()
    def reconstruct(self, points: Tensor, *, num_points: int = 2048, refine: int = 0) -> Tensor:
        """Encode and decode a cloud ``[N, 3]``; returns ``[num_points, 3]`` in the same coordinates.

        Args:
            points: the cloud.
            num_points: points of the decode.
            refine: steps in which the code is fitted to the points (see :func:`~pcgen.models.refine_latents`), about
                10 ms each; 40 are enough.

        Raises:
            InputError: too few points, or a wrong shape.
        """
        points = _require_cloud(points)
        normalization = NORMALIZATIONS[self.backbone.normalization](points)
        given = normalization.apply(points)[None]
        latent = self.backbone.encode(given)
        if refine:
            latent = refine_latents(self.backbone, latent, given, refine)
        return normalization.invert(self.backbone.decode(latent, num_points)[0])

    @torch.no_grad()
    def interpolate(self, start: Tensor, end: Tensor, steps: int = 8, *, num_points: int = 2048) -> Tensor:
        """Shapes on the straight line between the codes of two clouds; ``[steps, num_points, 3]``, normalised."""
        latents = [
            self.backbone.encode(NORMALIZATIONS[self.backbone.normalization](cloud).apply(cloud)[None])
            for cloud in (_require_cloud(start), _require_cloud(end))
        ]
        mix = torch.linspace(0, 1, steps)[:, None]
        return self.backbone.decode(latents[0] * (1 - mix) + latents[1] * mix, num_points)

    @torch.no_grad()
    def quarter_turns(self, points: Tensor) -> int:
        """How many quarter turns about +Y bring the cloud's front to -Z: the one the backbone reconstructs best."""
        points = _require_cloud(points)
        turned = torch.stack([turn(points, quarters) for quarters in range(4)])
        turned = NORMALIZATIONS[self.backbone.normalization](turned).apply(turned)
        error = chamfer_distance(self.backbone.decode(self.backbone.encode(turned)), turned)
        return int(error.argmin())

    def _steer(self, latents: Tensor, target: Tensor, mask: Tensor, realise: Callable[[Tensor], Tensor]) -> Tensor:
        """New codes whose realised clouds measure ``target``: the plugin's edit, corrected by what was measured.

        The requested attributes and all other continuous ones are corrected at once, each by its own secant.

        Args:
            latents: ``[B, D]`` codes to start from.
            target: ``[B, K]`` wanted values; NaN where there is nothing to hold.
            mask: ``[B, K]``, True for the requested ones.
            realise: from codes to the clouds that are measured.
        """
        active = mask | (~self._discrete & ~target.isnan())
        target = torch.where(active, target, 0)
        scale = torch.tensor([spec.high - spec.low for spec in self.specs])
        start = self.plugin.predict(latents)
        command, slope = torch.where(active, target, start), torch.ones_like(target)
        best, best_error = latents, torch.full((len(latents),), torch.inf)
        previous: tuple[Tensor, Tensor] | None = None
        for _ in range(ROUNDS):
            candidate = self.plugin.edit(latents, command, active)
            value, measurable = self.measure(realise(candidate))
            error = torch.where(active & measurable, target - value, 0)
            # A value that can no longer be measured counts as wrong by its whole range.
            total = torch.where(active & ~measurable, 1.0, error.abs() / scale).sum(1)
            better = total < best_error
            best = torch.where(better[:, None], candidate, best)
            best_error = torch.where(better, total, best_error)
            if previous is not None:
                step = command - previous[0]
                secant = (value - previous[1]) / torch.where(step.abs() > 1e-4, step, torch.nan)
                slope = torch.where(secant.isnan(), slope, secant.clamp(0.3, 4))
            previous = command, value
            command = command + torch.where(self._discrete, 0, error / slope)
        return best

    @property
    def _names(self) -> list[str]:
        return [spec.name for spec in self.specs]

    @property
    def _discrete(self) -> Tensor:
        return torch.tensor([spec.kind != "continuous" for spec in self.specs])

    def _named(self, values: Tensor) -> dict[str, float]:
        return dict(zip(self._names, values[0].tolist(), strict=True))


def turn(points: Tensor, quarters: int) -> Tensor:
    """Clouds ``[..., 3]`` turned about +Y by quarter turns (x to -z to -x)."""
    x, y, z = points.unbind(-1)
    for _ in range(quarters % 4):
        x, z = z, -x
    return torch.stack([x, y, z], dim=-1)


def load(name: str | Path) -> Generator:
    """A generator by the name of shipped weights, or from a folder that training wrote.

    Raises:
        InputError: neither a shipped name nor a folder.
        FileError: one of the folder's three checkpoints is missing or damaged.

    Example:
        >>> import pcgen
        >>> [spec.name for spec in pcgen.load("chair").specs]
        ['seat_height', 'back_height', 'width', 'armrests']
    """
    shipped = weights.folders()
    folder = shipped.get(str(name), Path(name).expanduser())
    if not folder.is_dir():
        raise unknown_name("generator", str(name), shipped)
    backbone, prior, plugin = (folder / file for file in FILES)
    return Generator(load_autoencoder(backbone), load_prior(prior), load_plugin(plugin))


def _require_cloud(points: Tensor) -> Tensor:
    if points.dim() != 2 or points.shape[1] != 3:
        raise InputError(f"points must have shape [N, 3], got {list(points.shape)}")
    if len(points) < MIN_POINTS:
        raise InputError(f"at least {MIN_POINTS} points are needed to tell a shape, got {len(points)}")
    return points.float()


def _halves(points: Tensor) -> tuple[Tensor, Tensor]:
    """Two interleaved halves of a cloud; the whole cloud twice if it is too small to be split."""
    return (points, points) if len(points) < 2 * MIN_POINTS * 4 else (points[::2], points[1::2])

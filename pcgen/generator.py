"""Generator: a frozen backbone, a prior and a plugin behind sample, edit, reconstruct and interpolate."""

from __future__ import annotations

__all__ = ["Edit", "Generator", "load"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from pcgen import attributes, weights
from pcgen.displacement import DisplacementField, align_to
from pcgen.errors import InputError, unknown_name
from pcgen.models import Backbone, Prior, load_autoencoder, load_prior, refine_latents
from pcgen.normalize import NORMALIZATIONS
from pcgen.ops import chamfer_distance, nearest
from pcgen.parts import exchange_parts
from pcgen.plugins import Calibrated, Measure, Plugin, closed_loop, load_plugin
from pcgen.spec import AttributeSpec, values_to_tensor

Value = str | float | bool
FILES = ("backbone.safetensors", "prior.safetensors", "plugin.safetensors")
MIN_POINTS = 256
MIN_HALVED = 2048  # clouds of fewer points are measured whole
NOISE = 0.05
"""What half the points of a cloud leave uncertain about an attribute, in its standard deviations."""
POPULATIONS = ("real", "procedural")
"""Populations of calibration errors on given shapes: the first that a plugin has is the one its bounds are from."""
_SPREAD = 0.02  # of an attribute's range: what is uncertain in every edit, by choice


@dataclass(frozen=True, eq=False)
class Edit:
    """An edited shape and what came of the request.

    Attributes:
        points: the edited cloud, in the coordinates of the one that was given.
        source: which given point each came from, ``[N]``; −1 for points that the backbone drew.
        moved: how far each point moved, ``[N]``, in heights of the given shape; for one that the backbone drew, its
            distance from the nearest given point.
        removed: how many of the given points are gone with a part that vanished.
        requested: requested values by attribute name.
        before: measured values of the given cloud; NaN where not measurable.
        after: measured values of the edited cloud, on points that did not steer the edit.
        spread: what the errors are taken to be in proportion to, by name: how far apart two halves of the given points
            measure, and how far from the request the half that steered ends. Calibration decides the factor.
        bound: how far the value after may lie from the request, by name, with the asked-for probability; inf where the
            plugin is not calibrated for given shapes, or the bound would be as wide as the attribute's range.
        population: which shapes the bound was calibrated on (``real``, ``procedural``); None if there are none.
        doubt: why there is no bound: what was asked for is outside what the training shapes show. None if it is not.
    """

    points: Tensor
    source: Tensor
    moved: Tensor
    removed: int
    requested: dict[str, float]
    before: dict[str, float]
    after: dict[str, float]
    spread: dict[str, float]
    bound: dict[str, float]
    population: str | None
    doubt: str | None

    @property
    def added(self) -> int:
        """How many points the backbone drew."""
        return int((self.source < 0).sum())

    @property
    def decoded(self) -> bool:
        """Whether every point is the backbone's, and none a given one."""
        return self.added == len(self.points)


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
        measurer = attributes.get(backbone.category)
        # The plugin's attributes alone, for measurers learn new ones after a plugin was fitted. Attributes that no
        # measurer knows, fitted to somebody's labels, are read off the code.
        measurable = set(self._names) <= {spec.name for spec in measurer.specs}
        self.measure = measurer.only(self._names).measure if measurable else self._read

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
            before, _ = self._measure_decoded(latents)
            latents = self._steer(latents, before, values, mask, self._measure_decoded)
        return self.backbone.decode(latents, num_points)

    @torch.no_grad()
    def edit(
        self, points: Tensor, *, decoded: bool = False, lock: Sequence[str] = (), level: float = 0.9, **requests: Value
    ) -> Edit:
        """The same shape with some attributes changed and the rest kept.

        The given points themselves are moved, by the field of displacements between the decodes of the old and of the
        new latent, so that detail the backbone cannot draw survives. Where a yes/no attribute or a count changes, the
        points of parts that vanish are removed and decoded points of parts that appear are added. If that does not give
        what was asked for, or with ``decoded=True``, the result is the plain decode.

        Half of the points steer the correction loop; values are reported on the other half.

        Args:
            points: ``[N, 3]``, +Y up, -Z front, any position and unit.
            decoded: return the decode of the new latent, with as many points.
            lock: attributes that must stay as they are. The others are held too, as well as it goes; a locked one
                counts as much as a request, and has a bound.
            level: probability with which the bound holds.
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
        (before, reported), (measurable, _) = (part.chunk(2) for part in self.measure(torch.stack(_halves(given))))
        self._lock(lock, requests, before, values, mask)
        for spec, wanted, known in zip(self.specs, mask[0], measurable[0], strict=True):
            if wanted and not known:
                raise InputError(f"{spec.name} cannot be measured on this shape, so it cannot be edited")

        latent = self.backbone.encode(given[None])
        result = None if decoded else self._move(given, latent, before, values, mask)
        if result is None:
            new = self._steer_decode(latent, before, values, mask)
            edited = align_to(*self.backbone.decode(torch.cat([latent, new]), len(given)))
            result = new, edited, torch.full((len(given),), -1), 0
        new, edited, source, removed = result

        kept = source >= 0
        moved = (edited - given[source]).norm(dim=1)
        steered, after = self.measure(torch.stack(_halves(edited)))[0].chunk(2)
        if not kept.all():
            moved[~kept] = nearest(edited[~kept], given).dist2.sqrt()
            after, _ = self.measure(edited[None])
        spread = self._spread((before - reported).abs() + (steered - values).abs())
        doubt = self._doubt(new, before, values, mask, len(given))
        population = self._population
        return Edit(
            points=normalization.invert(edited),
            source=source,
            moved=moved / (given[:, 1].max() - given[:, 1].min()),
            removed=removed,
            requested={name: values[0, self._names.index(name)].item() for name in [*requests, *lock]},
            before=self._named(reported),
            after=self._named(after),
            spread=self._named(spread, mask),
            bound=self._named(self._bound(spread, population, level, doubt), mask),
            population=population,
            doubt=doubt,
        )

    def _move(
        self, given: Tensor, latent: Tensor, before: Tensor, values: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, int] | None:
        """New code, moved points, which given point each is, and how many are gone; None if moving cannot do it."""
        parts = mask & self._whole & (values != before)
        moves = mask & ~parts
        new, edited = latent, given
        if (moves & ~self._whole).any():
            field = DisplacementField(given, self.backbone.decode(latent)[0])
            tried = [(latent, given)]

            def measure(codes: Tensor) -> tuple[Tensor, Tensor]:
                cloud = field.apply(self.backbone.decode(codes)[0])
                tried.append((codes, cloud))
                return self.measure(_halves(cloud)[0][None])

            new = self._steer(latent, before, values, moves, measure)
            edited = align_to(given, next(cloud for code, cloud in tried if torch.equal(code, new)))
        if not parts.any():
            return new, edited, torch.arange(len(given)), 0
        whole = self._steer_decode(latent, before, values, mask)
        drawn = self.backbone.decode(torch.cat([new, whole]), len(given))
        edited, source, removed = exchange_parts(edited, drawn[0], align_to(drawn[0], drawn[1]))
        reached = self.measure(edited[None])[0][parts] == values[parts]
        return (whole, edited, source, removed) if reached.all() else None

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

    def _measure_decoded(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """What codes ``[B, D]`` decode to, measured."""
        return self.measure(self.backbone.decode(latents, 2048))

    def _steer(
        self,
        latents: Tensor,
        before: Tensor,
        values: Tensor,
        mask: Tensor,
        measure: Measure,
        start: Tensor | None = None,
    ) -> Tensor:
        """The plugin's edit, corrected in a closed loop by what it measures; see :func:`~pcgen.plugins.closed_loop`."""
        steer = self.plugin.steer if isinstance(self.plugin, Calibrated) else partial(closed_loop, self.plugin)
        return steer(latents, before, values, mask, measure, enough=NOISE, start=start)

    def _steer_decode(self, latent: Tensor, before: Tensor, values: Tensor, mask: Tensor) -> Tensor:
        """The edit steered by what it decodes to, towards a given shape of which ``before`` was measured."""
        start, _ = self._measure_decoded(latent)
        return self._steer(latent, before, values, mask, self._measure_decoded, start)

    def _lock(
        self, lock: Sequence[str], requests: Mapping[str, Value], before: Tensor, values: Tensor, mask: Tensor
    ) -> None:
        """Ask locked attributes, in place, for what they are."""
        for name in lock:
            if name in requests:
                raise InputError(f"{name} is both locked and requested")
            if name not in self._names:
                raise unknown_name("attribute", name, self._names)
            column = self._names.index(name)
            values[:, column], mask[:, column] = before[:, column], True

    def _doubt(self, new: Tensor, before: Tensor, values: Tensor, mask: Tensor, num_points: int) -> str | None:
        """Why the request is outside what the plugin is calibrated for."""
        if num_points < MIN_HALVED:
            return f"with fewer than {MIN_HALVED} points none is left that did not steer it"
        if not isinstance(self.plugin, Calibrated):
            return None
        return self.plugin.doubts(new, torch.where(mask, values, before))[0]

    def _spread(self, unsteady: Tensor) -> Tensor:
        """What errors are in proportion to ``[1, K]``, of values so unsteady; inf where that is unknown.

        A wrong level of a yes/no attribute or a count is one, whatever was measured.
        """
        return torch.where(self._whole, 1.0, (_SPREAD * self._span + unsteady).nan_to_num(torch.inf))

    @property
    def _population(self) -> str | None:
        """Which given shapes the plugin's bounds are calibrated on."""
        known = self.plugin.errors if isinstance(self.plugin, Calibrated) else {}
        return next((population for population in POPULATIONS if population in known), None)

    def _bound(self, spread: Tensor, population: str | None, level: float, doubt: str | None) -> Tensor:
        """Error bounds ``[1, K]`` of edits with such spreads; inf where there is none, or none within the range."""
        if doubt is not None or population is None or not isinstance(self.plugin, Calibrated):
            return torch.full_like(spread, torch.inf)
        bound = (spread * self.plugin.bound(population, level)).nan_to_num(torch.inf, torch.inf)
        return bound.where(bound < self._span, torch.inf)

    def _read(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """The plugin's reading of normalised clouds ``[B, N, 3]``, in place of a measurer."""
        values = self.plugin.predict(self.backbone.encode(points))
        return values, torch.ones_like(values, dtype=torch.bool)

    @property
    def _names(self) -> list[str]:
        return [spec.name for spec in self.specs]

    @property
    def _span(self) -> Tensor:
        return torch.tensor([spec.high - spec.low for spec in self.specs])

    @property
    def _whole(self) -> Tensor:
        return torch.tensor([spec.kind != "continuous" for spec in self.specs])

    def _named(self, values: Tensor, mask: Tensor | None = None) -> dict[str, float]:
        named = dict(zip(self._names, values[0].tolist(), strict=True))
        return named if mask is None else {name: named[name] for k, name in enumerate(self._names) if mask[0, k]}


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
        >>> [spec.name for spec in pcgen.load("chair").specs][:3]
        ['seat_height', 'back_height', 'width']
    """
    backbone, prior, plugin = (folder_of(name) / file for file in FILES)
    return Generator(load_autoencoder(backbone), load_prior(prior), load_plugin(plugin))


def folder_of(name: str | Path) -> Path:
    """Where the checkpoints of a shipped generator, or of a folder, are.

    Raises:
        InputError: neither a shipped name nor a folder.
    """
    shipped = weights.folders()
    folder = shipped.get(str(name), Path(name).expanduser())
    if not folder.is_dir():
        raise unknown_name("generator", str(name), shipped)
    return folder


def _require_cloud(points: Tensor) -> Tensor:
    if points.dim() != 2 or points.shape[1] != 3:
        raise InputError(f"points must have shape [N, 3], got {list(points.shape)}")
    if len(points) < MIN_POINTS:
        raise InputError(f"at least {MIN_POINTS} points are needed to tell a shape, got {len(points)}")
    return points.float()


def _halves(points: Tensor) -> tuple[Tensor, Tensor]:
    """Two interleaved halves of clouds ``[..., N, 3]``; the whole clouds twice if they are too small to be split."""
    whole = points.shape[-2] < MIN_HALVED
    even = points[..., : points.shape[-2] // 2 * 2, :]
    return (points, points) if whole else (even[..., ::2, :], even[..., 1::2, :])

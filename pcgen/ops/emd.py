"""Earth Mover's Distance: the true one, with a proof of how close it is."""

from __future__ import annotations

__all__ = ["EmdAssignment", "EmdPlan", "earth_movers_distance", "emd_assignment", "emd_loss", "emd_plan"]

from typing import NamedTuple

import torch
from torch import Tensor

from pcgen.errors import InputError, InputTypeError
from pcgen.ops._checks import require_lengths, require_points, require_same_batch, working


class EmdAssignment(NamedTuple):
    """Result of :func:`emd_assignment`. The certificate is float64: ``lower_bound <= optimum <= value``.

    Attributes:
        value: mean cost of the assignment, ``[B]``; differentiable in both clouds.
        lower_bound: proven by the prices, ``[B]``: ``mean_i min_j (cost_ij + price_j) - mean_j price_j``, at least 0.
        gap: ``(value - lower_bound) / value``, ``[B]``.
        assignment: a bijection, ``[B, N]`` int64: ``x[b, i]`` goes to ``y[b, assignment[b, i]]``; -1 beyond a length.
        prices: of the points of ``y``, ``[B, N]``; a start for the next, similar pair.
        converged: the wanted gap was reached, or ``value - lower_bound`` is below 4e-15 of the largest cost, which
            float64 cannot tell from nothing; ``[B]`` bool.
    """

    value: Tensor
    lower_bound: Tensor
    gap: Tensor
    assignment: Tensor
    prices: Tensor
    converged: Tensor


class EmdPlan(NamedTuple):
    """Result of :func:`emd_plan`. The certificate is float64: ``lower_bound <= optimum <= value``.

    Attributes:
        value: cost of the plan, ``[B]``; differentiable in both clouds.
        lower_bound: proven by the prices, ``[B]``: at most ``mean_i min_j (cost_ij + price_j) - mean_j price_j``.
        gap: ``(value - lower_bound) / value``, ``[B]``.
        source: of each flow the point of ``x``, ``[B, N + M - 1]`` int64; -1 beyond the last flow.
        target: of each flow the point of ``y``, ``[B, N + M - 1]`` int64; -1 beyond the last flow.
        mass: of each flow, ``[B, N + M - 1]``. Sums to ``1 / N`` for each point of ``x``, ``1 / M`` for ``y``.
        prices: of the points of ``y``, ``[B, M]``.
        converged: as in :class:`EmdAssignment`.
    """

    value: Tensor
    lower_bound: Tensor
    gap: Tensor
    source: Tensor
    target: Tensor
    mass: Tensor
    prices: Tensor
    converged: Tensor


def earth_movers_distance(
    x: Tensor,
    y: Tensor,
    *,
    squared: bool = False,
    tol: float = 0.01,
    exact: bool = False,
    lengths: Tensor | None = None,
    y_lengths: Tensor | None = None,
) -> Tensor:
    """Mean distance between the points of ``x`` and ``y`` under the best one-to-one assignment (1-Wasserstein).

    Clouds of different sizes are compared by the best transport of mass that is spread evenly over the points of each
    (on the CPU). At most ``tol`` above the optimum, relatively; :func:`emd_assignment` and :func:`emd_plan` return the
    proof. Differentiable to any order almost everywhere, the assignment held fixed (envelope theorem); where two points
    coincide the derivative is 0.

    Args:
        x: ``[B, N, 3]`` or ``[N, 3]``.
        y: ``[B, M, 3]`` or ``[M, 3]``.
        squared: squared distance as cost; the result is then the squared 2-Wasserstein distance.
        tol: relative gap to stop at, above 0.
        exact: find the optimum; ``tol`` plays no part.
        lengths: number of valid points of both clouds of each pair, ``[B]``; of ``x`` alone if ``y_lengths`` is given.
        y_lengths: number of valid points of ``y``, ``[B]``.

    Returns:
        ``[B]`` (a scalar for unbatched input), float32 (float64 for float64 input). NaN where a valid point of the pair
        is not finite, or one cloud alone is empty; 0 for a pair of empty clouds.

    Raises:
        InputError: shapes, batch sizes, lengths or devices that do not fit.
        InputTypeError: not floating point, or different dtypes.
        UnavailableError: the clouds are on a device without a kernel.

    Source: Bertsekas, "A distributed algorithm for the assignment problem", 1979; exact finish by Jonker and Volgenant,
    "A shortest augmenting path algorithm for dense and sparse linear assignment problems", 1987.

    Example:
        >>> x = torch.rand(100, 3)
        >>> moved = x.flip(0) + torch.tensor([0.0, 2.0, 0.0])
        >>> print(f"{earth_movers_distance(x, moved, exact=True):.4f}")
        2.0000
    """
    if y_lengths is None and require_points("x", x).shape[1] == require_points("y", y).shape[1]:
        value = emd_assignment(x, y, squared=squared, tol=tol, exact=exact, lengths=lengths).value
    else:
        if lengths is not None and y_lengths is None:
            raise InputError("clouds of different sizes have lengths of their own: give y_lengths, too")
        value = emd_plan(x, y, squared=squared, tol=tol, exact=exact, x_lengths=lengths, y_lengths=y_lengths).value
    return value.to(working(x).dtype)


def emd_assignment(
    x: Tensor,
    y: Tensor,
    *,
    squared: bool = False,
    tol: float = 0.01,
    exact: bool = False,
    lengths: Tensor | None = None,
    prices: Tensor | None = None,
) -> EmdAssignment:
    """The assignment behind :func:`earth_movers_distance` and the certificate of its quality.

    The bounds hold up to rounding: 1e-12 of the clouds' extent. The work is capped; a pair that meets the cap has an
    honest ``gap`` and ``converged`` False.

    Args:
        x: ``[B, N, 3]`` or ``[N, 3]``.
        y: ``[B, N, 3]`` or ``[N, 3]``, as many points.
        squared: squared distance as cost.
        tol: relative gap to stop at, above 0.
        exact: find the optimum; ``tol`` plays no part, and ``converged`` means a gap of at most 1e-9.
        lengths: number of valid points of both clouds of each pair, ``[B]``.
        prices: ``[B, N]`` (``[N]``) of a similar pair, to start from; they change the time and, within the
            tolerance, the result.

    Returns:
        The assignment with its certificate, without batch dimension if ``x`` had none. A pair with a valid point that
        is not finite: NaN, assignment -1, not converged, zero gradient.

    Raises:
        InputError: different numbers of points, or shapes, batch sizes or devices that do not fit.
        InputTypeError: not floating point, or different dtypes.
        UnavailableError: the clouds are on a device without a kernel.

    Example:
        >>> x, y = torch.rand(50, 3), torch.rand(50, 3)
        >>> result = emd_assignment(x, y, tol=0.001)
        >>> bool(result.converged), sorted(result.assignment.tolist()) == list(range(50))
        (True, True)
    """
    xb, yb = require_points("x", x), require_points("y", y)
    require_same_batch("x", xb, "y", yb)
    _require_same_size(xb, yb)
    _require_tol(tol)
    lengths = require_lengths("lengths", lengths, xb)
    prices = _require_prices(prices, y)
    xb, yb = working(xb), working(yb)
    assignment, prices, lower_bound, gap, converged = torch.ops.pcgen.emd(
        xb.detach(), yb.detach(), lengths, prices, squared, tol, exact
    )
    value = _mean_cost(xb.double(), yb.double(), assignment, lower_bound.isnan(), squared)
    result = EmdAssignment(value, lower_bound, gap, assignment, prices, converged)
    return result if x.dim() == 3 else EmdAssignment(*(part[0] for part in result))


def emd_plan(
    x: Tensor,
    y: Tensor,
    *,
    squared: bool = False,
    tol: float = 0.01,
    exact: bool = False,
    x_lengths: Tensor | None = None,
    y_lengths: Tensor | None = None,
    prices: Tensor | None = None,
) -> EmdPlan:
    """Transport between clouds of any two sizes, mass spread evenly over the points of each, and its certificate.

    Bounds and rounding as for :func:`emd_assignment`, which is several times faster where the sizes are equal.

    Args:
        x: ``[B, N, 3]`` or ``[N, 3]``.
        y: ``[B, M, 3]`` or ``[M, 3]``.
        squared: squared distance as cost.
        tol: relative gap to stop at, above 0.
        exact: find the optimum, to a gap of 1e-9; ``tol`` plays no part.
        x_lengths: number of valid points of ``x``, ``[B]``.
        y_lengths: number of valid points of ``y``, ``[B]``.
        prices: ``[B, M]`` (``[M]``) of a similar pair, to start from, as for :func:`emd_assignment`.

    Returns:
        The plan with its certificate, without batch dimension if ``x`` had none. A pair with a valid point that is not
        finite, or with one empty cloud: NaN, no flows, not converged, zero gradient.

    Raises:
        InputError: shapes, batch sizes or devices that do not fit.
        InputTypeError: not floating point, or different dtypes.
        UnavailableError: the clouds are not on the CPU.

    Source: Bertsekas and Castanon, "The auction algorithm for the transportation problem", 1989.

    Example:
        >>> x, y = torch.zeros(3, 3), torch.tensor([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0]])
        >>> plan = emd_plan(x, y, exact=True)
        >>> print(f"{plan.value:.3f}", len(plan.mass))
        1.500 4
    """
    xb, yb = require_points("x", x), require_points("y", y)
    require_same_batch("x", xb, "y", yb)
    _require_tol(tol)
    x_lengths, y_lengths = require_lengths("x_lengths", x_lengths, xb), require_lengths("y_lengths", y_lengths, yb)
    prices = _require_prices(prices, y)
    xb, yb = working(xb), working(yb)
    source, target, mass, prices, lower_bound, gap, converged = torch.ops.pcgen.emd_plan(
        xb.detach(), yb.detach(), x_lengths, y_lengths, prices, squared, tol, exact
    )
    cost = _costs(xb.double(), yb.double(), source, target, squared)
    value = torch.where(lower_bound.isnan(), torch.nan, (cost * mass).sum(1))
    result = EmdPlan(value, lower_bound, gap, source, target, mass, prices, converged)
    return result if x.dim() == 3 else EmdPlan(*(part[0] for part in result))


def emd_loss(
    x: Tensor, y: Tensor, *, squared: bool = False, tol: float = 0.05, prices: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Batch mean of the Earth Mover's Distance for training: a loose tolerance, and prices to keep for the next step.

    Args:
        x: ``[B, N, 3]``.
        y: ``[B, N, 3]``.
        squared: squared distance as cost.
        tol: relative gap to stop at.
        prices: ``[B, N]`` that an earlier step returned for (nearly) the same clouds, or None.

    Returns:
        The loss, a scalar, and the prices ``[B, N]``.

    Raises:
        InputError: as :func:`emd_assignment`.
        InputTypeError: as :func:`emd_assignment`.

    Example:
        >>> x, y = torch.rand(2, 64, 3, requires_grad=True), torch.rand(2, 64, 3)
        >>> loss, prices = emd_loss(x, y)
        >>> loss.backward()
        >>> loss, prices = emd_loss(x - 0.1 * x.grad, y, prices=prices)
    """
    result = emd_assignment(x, y, squared=squared, tol=tol, prices=prices)
    return result.value.to(working(x).dtype).mean(), result.prices


def _require_same_size(x: Tensor, y: Tensor) -> None:
    if x.shape[1] != y.shape[1]:
        raise InputError(
            f"x and y must have equally many points, got {x.shape[1]} and {y.shape[1]}; use emd_plan for other sizes"
        )


def _require_tol(tol: float) -> None:
    if not tol > 0:
        raise InputError(f"tol must be above 0, got {tol}; use exact=True for the optimum")


def _require_prices(prices: Tensor | None, y: Tensor) -> Tensor | None:
    if prices is None:
        return None
    if not isinstance(prices, Tensor) or not prices.is_floating_point():
        raise InputTypeError(f"prices must be a floating point tensor, got {getattr(prices, 'dtype', type(prices))}")
    if prices.shape != y.shape[:-1] or prices.device != y.device:
        raise InputError(
            f"prices must have shape {list(y.shape[:-1])} on {y.device}, got {list(prices.shape)} on {prices.device}"
        )
    return prices.detach().double().reshape(-1, y.shape[-2])


def _mean_cost(x: Tensor, y: Tensor, assignment: Tensor, invalid: Tensor, squared: bool) -> Tensor:
    """Mean over the assigned points of ``|x_i - y_assignment(i)|`` or its square; NaN for invalid pairs."""
    found = assignment >= 0
    source = torch.where(found, torch.arange(x.shape[1], device=x.device), -1)
    cost = _costs(x, y, source, assignment, squared)
    return torch.where(invalid, torch.nan, cost.sum(1) / found.sum(1).clamp(min=1))


def _costs(x: Tensor, y: Tensor, source: Tensor, target: Tensor, squared: bool) -> Tensor:
    """``|x_source - y_target|`` or its square, ``[B, K]``; 0 for a source of -1."""
    x, y = _taken(x, source), _taken(y, target)
    cost = (x - y).square().sum(-1)
    if not squared:
        apart = cost > 0
        cost = torch.where(apart, torch.where(apart, cost, 1).sqrt(), 0)  # the root has no derivative at 0
    return cost


def _taken(points: Tensor, index: Tensor) -> Tensor:
    """``points[b, index[b]]``; 0 for an index of -1, without a way for a NaN into the gradient."""
    found = (index >= 0)[..., None]
    if points.shape[1] == 0:
        return points.new_zeros(*index.shape, 3)
    valid = points.isfinite().all(-1, keepdim=True)
    points = torch.where(valid, points, 0)
    return torch.where(found, points.gather(1, index.clamp(min=0)[..., None].expand(-1, -1, 3)), 0)


@torch.library.register_fake("pcgen::emd")
def _(
    x: Tensor, y: Tensor, lengths: Tensor | None, prices: Tensor | None, squared: bool, tol: float, exact: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    per_point, per_pair = x.shape[:2], x.shape[:1]
    return (
        x.new_empty(per_point, dtype=torch.int64),
        x.new_empty(per_point, dtype=torch.float64),
        x.new_empty(per_pair, dtype=torch.float64),
        x.new_empty(per_pair, dtype=torch.float64),
        x.new_empty(per_pair, dtype=torch.bool),
    )


@torch.library.register_fake("pcgen::emd_plan")
def _(
    x: Tensor,
    y: Tensor,
    x_lengths: Tensor | None,
    y_lengths: Tensor | None,
    prices: Tensor | None,
    squared: bool,
    tol: float,
    exact: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    batch, per_flow = x.shape[:1], (x.shape[0], max(x.shape[1] + y.shape[1] - 1, 0))
    return (
        x.new_empty(per_flow, dtype=torch.int64),
        x.new_empty(per_flow, dtype=torch.int64),
        x.new_empty(per_flow, dtype=torch.float64),
        x.new_empty(y.shape[:2], dtype=torch.float64),
        x.new_empty(batch, dtype=torch.float64),
        x.new_empty(batch, dtype=torch.float64),
        x.new_empty(batch, dtype=torch.bool),
    )

"""Whether two results of one call agree: bit for bit, or else within what rounding explains."""

from __future__ import annotations

__all__ = ["complaint_about"]

import torch
from ops.fuzz_cases import Case
from torch import Tensor

from pcgen.ops import reference

# The reference emulates the kernels' fused multiply-add: nearly always exactly in float32, not in float64.
RELATIVE = {torch.float32: 1e-5, torch.float64: 1e-12}


def complaint_about(case: Case, got: list[Tensor], expected: list[Tensor]) -> str:
    """What is wrong with the results, or nothing."""
    shapes = [(tuple(result.shape), result.dtype) for result in got]
    wanted = [(tuple(result.shape), result.dtype) for result in expected]
    if shapes != wanted:
        return f"results {shapes}, expected {wanted}"
    if all(torch.equal(*map(_bits, pair)) for pair in zip(got, expected, strict=True)):
        return ""
    if case.name in ("emd_assignment", "emd_plan"):
        return _about_transport(case, got, expected)
    same_indices = all(torch.equal(a, b) for a, b in zip(got, expected, strict=True) if not a.is_floating_point())
    if same_indices:
        return _first([_about_floats(a, b) for a, b in zip(got, expected, strict=True) if a.is_floating_point()])
    if case.name in ("nearest", "knn", "SpatialIndex.knn"):
        return _about_floats(got[0], expected[0]) or _about_neighbours(case, *got[:2])
    return _about_greedy_order(case, got[0]) if case.name == "farthest_point_sample" else "indices differ"


def _bits(result: Tensor) -> Tensor:
    """NaN as a number, to compare."""
    return result.nan_to_num(nan=-4711.0, posinf=torch.inf, neginf=-torch.inf) if result.is_floating_point() else result


def _first(complaints: list[str]) -> str:
    return next((complaint for complaint in complaints if complaint), "")


def _about_floats(got: Tensor, expected: Tensor) -> str:
    finite = expected[expected.isfinite()].double()
    largest = finite.abs().max().item() if finite.numel() else 0.0
    relative = RELATIVE.get(got.dtype, 1e-2)
    # Gradients are sums that cancel: their error is relative to the largest.
    close = torch.isclose(got.double(), expected.double(), rtol=relative, atol=relative * largest, equal_nan=True)
    if close.all():
        return ""
    where = (~close).nonzero()[0].tolist()
    return f"{got[tuple(where)].item()!r} at {where}, expected {expected[tuple(where)].item()!r}"


def _working(points: Tensor) -> Tensor:
    batch = points if points.dim() == 3 else points[None]
    return batch if batch.dtype == torch.float64 else batch.float()


def _about_neighbours(case: Case, dist2: Tensor, index: Tensor) -> str:
    """Other indices are fine where they name points at the same distance, each once."""
    query, points = (case.arguments[name] for name in (("x", "y") if case.name == "nearest" else ("query", "points")))
    query, points = _working(query), _working(points)
    index = index.view(*query.shape[:2], -1)
    found = index >= 0
    named = points.gather(1, index.clamp(min=0).flatten(1)[..., None].expand(-1, -1, points.shape[2]))
    distance2 = reference.distance2(query[:, :, None], named.view(*index.shape, -1))
    own = dist2.view(index.shape)
    if complaint := _about_floats(torch.where(found, distance2, 0), torch.where(found, own, 0)):
        return f"the index is that of another distance: {complaint}"
    ordered = torch.where(found, index, -1 - torch.arange(index.shape[2])).sort(-1).values
    return "an index comes twice" if (ordered[..., 1:] == ordered[..., :-1]).any() else ""


def _about_greedy_order(case: Case, index: Tensor) -> str:
    """Another order is fine where each point is the farthest, up to rounding, from those before it."""
    points = _working(case.arguments["points"])
    lengths = case.arguments["lengths"]
    for b, order in enumerate(index.view(points.shape[0], -1)):
        count = points.shape[1] if lengths is None else int(lengths[b].clamp(0, points.shape[1]))
        cloud, taken = points[b, :count].double(), order[order >= 0]
        if len(taken) != min(count, len(order)) or len(taken.unique()) != len(taken):
            return f"cloud {b}: wrong number of points, or one comes twice"
        cloud = cloud.where(cloud.isfinite().all(-1, keepdim=True), torch.nan)
        rank = torch.full((count,), torch.inf, dtype=torch.float64).where(~cloud.isnan().any(-1), -1.0)
        for step, point in enumerate(taken[:-1].tolist()):
            rank = torch.fmin(rank, (cloud - cloud[point]).square().sum(-1))
            rank[taken[: step + 1]] = -2
            if rank[taken[step + 1]] < rank.max() * (1 - 1e-5) - 1e-30:
                return f"cloud {b}: point {step + 1} is not the farthest"
    return ""


def _about_transport(case: Case, got: list[Tensor], expected: list[Tensor]) -> str:
    value, lower_bound, converged = got[0], got[1], got[5 if case.name == "emd_assignment" else 7]
    optimum = expected[0]
    if complaint := _about_floats(value.isnan().double(), optimum.isnan().double()):
        return f"invalid pairs differ: {complaint}"
    if case.name == "emd_assignment" and not torch.equal(got[3].sort(-1).values, expected[3].sort(-1).values):
        return "not a bijection"
    if case.name == "emd_plan" and not all(
        torch.allclose(_sums(got[side], got[5]), _sums(expected[side], expected[5])) for side in (3, 4)
    ):
        return "points have other shares of mass"
    slack = (1e-9 if case.arguments["exact"] else case.arguments["tol"]) + 1e-12
    usable = ~optimum.isnan()
    if not bool(converged[usable].all()):
        return "not converged"
    rounding = 1e-12 * optimum.abs() + 1e-300
    if (value - optimum < -rounding)[usable].any() or (value * (1 - slack) > optimum + rounding)[usable].any():
        return f"value {value.tolist()}, optimum {optimum.tolist()}"
    return f"bound {lower_bound.tolist()}" if (lower_bound > optimum + rounding)[usable].any() else ""


def _sums(index: Tensor, mass: Tensor) -> Tensor:
    return mass.new_zeros(*mass.shape[:-1], 64).scatter_add(-1, index.clamp(min=0), mass)

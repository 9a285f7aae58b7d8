"""The closed loop: a plugin's edit, corrected by what came of it, for all attributes at once."""

from __future__ import annotations

__all__ = ["Measure", "closed_loop"]

from collections.abc import Callable

import torch
from torch import Tensor

from pcgen.plugins.base import Plugin

Measure = Callable[[Tensor], tuple[Tensor, Tensor]]
"""From codes ``[B, D]`` to what their decodes measure: values ``[B, K]`` and which are measurable ``[B, K]``."""

# More rounds change nothing: what is left then is the measurer's own noise.
ROUNDS = 6
_LONGEST = 0.3  # of an attribute's range: the most that one round changes a command
_DAMPING = 0.02


def closed_loop(
    plugin: Plugin,
    latents: Tensor,
    before: Tensor,
    values: Tensor,
    mask: Tensor,
    measure: Measure,
    *,
    rounds: int = ROUNDS,
    command: Callable[[Tensor], Tensor] = lambda values: values,
) -> Tensor:
    """Codes whose decodes measure what is asked for; attributes that are not asked for measure what they did.

    The first command asks the plugin for as much change as is wanted. Then what was measured corrects the command by
    Broyden's method ("good" update, 1965), which learns from the rounds how each attribute's command moves every
    attribute; it starts from the plugin being right. The best code of all rounds is returned, so the loop never makes
    an edit worse. Nothing is differentiated, so any measurer will do.

    Args:
        plugin: edits codes.
        latents: ``[B, D]`` codes to start from.
        before: ``[B, K]`` what they measure; NaN where not measurable, which is then not held.
        values: ``[B, K]`` requested values, ignored where the mask is False.
        mask: ``[B, K]`` True for the requested attributes.
        measure: decodes and measures.
        rounds: decodes per code.
        command: from requests to what the plugin must be asked for.

    Returns:
        ``[B, D]``.
    """
    whole = torch.tensor([spec.kind != "continuous" for spec in plugin.specs])
    scale = torch.tensor([spec.high - spec.low for spec in plugin.specs])
    held = ~mask & ~before.isnan()
    goal = torch.where(mask, values, before)
    counts = mask | held  # what the result is judged by
    steered = counts & ~whole
    active = mask | steered  # what the plugin is told

    reading = plugin.predict(latents)
    start = torch.where(before.isnan(), reading, before)
    said = torch.where(whole, goal, reading + torch.where(mask, command(values) - command(start), 0.0))
    response = torch.eye(len(scale)).repeat(len(latents), 1, 1)  # d measured / d said, in units of the ranges
    best, best_miss = latents, torch.full((len(latents),), torch.inf)
    last: tuple[Tensor, Tensor] | None = None
    for _ in range(rounds):
        candidate = plugin.edit(latents, said, active)
        heard, measurable = measure(candidate)
        measurable = measurable & ~heard.isnan()
        off = torch.where(counts & measurable, (goal - heard) / scale, 0.0)
        # What can no longer be measured, or is on the wrong level, counts as wrong by the whole range; if it was asked
        # for, by more than all else together: armrests that go take their height with them.
        wrong = counts & (~measurable | (whole & (off.abs() * scale > 0.5)))
        worst = torch.where(mask, 1.0 + len(scale), 1.0)
        miss = torch.where(wrong, worst, torch.where(whole, 0.0, off.abs())).sum(1)
        better = miss < best_miss
        best = torch.where(better[:, None], candidate, best)
        best_miss = torch.where(better, miss, best_miss)

        off = torch.where(steered & measurable, off, 0.0)
        if last is not None:
            moved = torch.where(steered, (said - last[0]) / scale, 0.0)
            came = torch.where(steered & measurable, (heard - last[1]) / scale, 0.0).nan_to_num(0.0)
            surprise = came - (response @ moved[..., None])[..., 0]
            length = moved.square().sum(1, keepdim=True) + 1e-8
            response = response + surprise[..., None] * (moved / length)[:, None]
        last = said, heard
        # Damped least squares: an attribute that does not respond is not pushed without end.
        normal = response.mT @ response + _DAMPING * torch.eye(len(scale))
        step = torch.linalg.solve(normal, (response.mT @ off[..., None]))[..., 0].clamp(-_LONGEST, _LONGEST)
        said = torch.where(steered, said + step * scale, said)
    return best

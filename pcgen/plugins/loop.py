"""The closed loop: a plugin's edit, corrected by what came of it, for all attributes at once."""

from __future__ import annotations

__all__ = ["Measure", "closed_loop"]

from collections.abc import Callable

import torch
from torch import Tensor

from pcgen.plugins.base import Plugin

Measure = Callable[[Tensor], tuple[Tensor, Tensor]]
"""From codes ``[B, D]`` to what their decodes measure: values ``[B, K]`` and which are measurable ``[B, K]``."""

ROUNDS = 4  # more change little: what is left then is the noise of the measurer
INSISTENCE = 4.0  # how much worse an error in what was requested is than the same change of what is held
_PATIENCE = 3  # rounds in a row that may improve nothing
_WRONG = 1.5  # standard deviations: what is on another level
_UNSEEN = 0.5  # what can no longer be measured, though it may be there
_LONGEST = 1.2  # standard deviations: the most that one round changes a command
_DAMPING = 0.02
_DOUBTED = 0.01  # square standard deviations: a change of the command as small as that teaches little


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
    deviation: Tensor | None = None,
    enough: float = 0.01,
    start: Tensor | None = None,
) -> Tensor:
    """Codes whose decodes measure what is asked for; attributes that are not asked for measure what they did.

    What the loop makes small is the sum of squares of all errors and drifts, in standard deviations, those of the
    requested attributes times :data:`INSISTENCE`. It starts from two codes, the given one and the plugin's edit of it,
    and returns the best that it has met: an edit that would spoil more than it obtains is cut short.

    Every round steps from the best code by damped least squares, on a response matrix that learns from the rounds how
    each attribute's command moves every attribute (Broyden's "good" update, 1965) and starts from the plugin being
    right. After a round that makes things worse the step is half as long. A code is left alone as soon as it is as good
    as can be measured, or no longer becomes better. Nothing is differentiated, so any measurer will do, and no code
    depends on the others of its batch.

    Args:
        plugin: edits codes.
        latents: ``[B, D]`` codes to start from.
        before: ``[B, K]`` what is held where it is not asked for; NaN where not measurable, which is then not held.
        values: ``[B, K]`` requested values, ignored where the mask is False.
        mask: ``[B, K]`` True for the requested attributes.
        measure: decodes and measures.
        rounds: edits per code, at most.
        command: from requests to what the plugin must be asked for.
        deviation: ``[K]`` standard deviations of the attributes; a quarter of their ranges if not given.
        enough: root mean square of what is made small, over the attributes, below which a code is left alone: the error
            of the measurer itself, in standard deviations.
        start: ``[B, K]`` what ``measure`` says of the codes, where that is not ``before``.

    Returns:
        ``[B, D]``.
    """
    if rounds == 0:
        return latents
    if deviation is None:
        deviation = torch.tensor([(spec.high - spec.low) / 4 for spec in plugin.specs])
    whole = torch.tensor([spec.kind != "continuous" for spec in plugin.specs])
    held = ~mask & ~before.isnan()
    goal = torch.where(mask, values, before)
    counts = mask | held  # what the result is judged by
    steered = counts & ~whole
    active = mask | steered  # what the plugin is told
    weight = torch.where(mask, INSISTENCE, 1.0)

    def judge(heard: Tensor, measurable: Tensor) -> tuple[Tensor, Tensor]:
        """How far codes are from the goal, in standard deviations, ``[B, K]``; and weighted, wrong ones too."""
        off = (goal - heard) / deviation
        known = measurable & ~heard.isnan()
        wrong = ~known | (whole & ((goal - heard).abs() > 0.5))
        # A wrong level that was asked for is worse than all else together: armrests that go take their height along.
        penalty = torch.where(mask & whole, 100.0, torch.where(mask | known, _WRONG, _UNSEEN))
        cost = torch.where(wrong, penalty, torch.where(whole, 0.0, off.abs())) * weight
        return torch.where(steered & ~wrong, off, 0.0), torch.where(counts, cost, 0.0)

    reading = plugin.predict(latents)
    had = torch.where(before.isnan(), reading, before)
    told = torch.where(whole, goal, reading)
    said = torch.where(whole, goal, reading + torch.where(mask, command(values) - command(had), 0.0))

    best, best_heard = latents, before if start is None else start
    best_off, cost = judge(best_heard, ~best_heard.isnan())
    best_miss = cost.square().sum(1)
    response = torch.eye(len(deviation)).repeat(len(latents), 1, 1)  # d measured / d said, in standard deviations
    idle = torch.zeros(len(latents))
    enough2 = enough**2 * counts.sum(1)
    done = best_miss < enough2
    for _ in range(rounds):
        candidate = plugin.edit(latents, said, active)
        heard, known = measure(candidate)
        off, cost = judge(heard, known)
        miss = cost.square().sum(1)

        moved = torch.where(steered, (said - told) / deviation, 0.0)
        came = torch.where(steered & known, (heard - best_heard) / deviation, 0.0).nan_to_num(0.0)
        surprise = came - (response @ moved[..., None])[..., 0]
        # Across a change of level the attributes change for other reasons than the command.
        alike = (~(whole & counts) | (heard == best_heard)).all(1, keepdim=True)
        rate = moved / (moved.square().sum(1, keepdim=True) + _DOUBTED)
        response = response + torch.where(alike, surprise, 0.0)[..., None] * rate[:, None]

        better = (miss < best_miss) & ~done
        row = better[:, None]
        best, told = torch.where(row, candidate, best), torch.where(row, said, told)
        best_heard, best_off = torch.where(row, heard, best_heard), torch.where(row, off, best_off)
        best_miss = torch.where(better, miss, best_miss)
        idle = torch.where(better, 0, idle + 1)
        done = done | (idle >= _PATIENCE) | (best_miss < enough2)
        if done.all():
            break
        weighted = weight[..., None] * response
        normal = weighted.mT @ weighted + _DAMPING * torch.eye(len(deviation))
        step = torch.linalg.solve(normal, weighted.mT @ (weight * best_off)[..., None])[..., 0]
        step = step.clamp(-_LONGEST, _LONGEST) * 0.5 ** idle[:, None]
        said = torch.where(steered, told + step * deviation, told)
    return best

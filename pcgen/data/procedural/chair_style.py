"""Random chairs: attributes from a law, and a style that suits them."""

from __future__ import annotations

__all__ = ["counterfactual", "sample_params"]

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from pcgen.data.procedural.chair_params import ATTRIBUTES, Arms, Back, ChairParams, Column, Four
from pcgen.data.procedural.law import INDEPENDENT, AttributeLaw, Quantiles
from pcgen.errors import unknown_name

Choice = TypeVar("Choice")


def _triangular(u: float) -> float:
    """From uniform numbers to numbers in [0, 1] that prefer the middle."""
    return math.sqrt(u / 2) if u < 0.5 else 1 - math.sqrt((1 - u) / 2)


def _inner(low: float, high: float) -> Callable[[float], float]:
    return lambda u: low + (high - low) * _triangular(u)


def _log_inner(low: float, high: float) -> Callable[[float], float]:
    return lambda u: low * (high / low) ** _triangular(u)


def _log_uniform(low: float, high: float) -> Callable[[float], float]:
    return lambda u: low * (high / low) ** u


_LEGS = ((0.16, 0), (0.33, 1), (0.41, 2), (0.47, 3), (1.0, 4))  # cumulative shares

_QUANTILES: Quantiles = {
    "seat_height": _inner(0.26, 0.72),
    "back_height": _log_inner(0.36, 1.65),
    "width": _inner(0.6, 1.4),
    "back_tilt": lambda u: 0.36 * u,
    "back_width": lambda u: 0.5 + 0.5 * u**0.7,
    "seat_thickness": _log_uniform(0.025, 0.15),
    "leg_thickness": _log_uniform(0.025, 0.08),
    "arm_height": _inner(0.3, 0.65),
    "armrests": lambda u: u >= 0.55,
    "legs": lambda u: next(count for share, count in _LEGS if u < share),
}


def sample_params(rng: np.random.Generator, law: AttributeLaw = INDEPENDENT) -> ChairParams:
    """A random chair: attributes from the law, each covering real catalogues, and a style that suits them."""
    return _with_style(law.draw(rng, _QUANTILES), rng)


def counterfactual(params: ChairParams, **changes: float) -> ChairParams:
    """The same chair with other attributes: what an edit would do if it were perfect.

    Raises:
        InputError: there is no attribute of that name.

    Example:
        >>> chair = sample_params(np.random.default_rng(0))
        >>> lower = counterfactual(chair, seat_height=0.4, legs=1)
        >>> lower.seat_height, lower.legs, lower.back_height == chair.back_height
        (0.4, 1, True)
    """
    for name in changes:
        if name not in ATTRIBUTES:
            raise unknown_name("attribute", name, ATTRIBUTES)
    typed: dict[str, Any] = {name: type(getattr(params, name))(value) for name, value in changes.items()}
    return replace(params, **typed)


_OPEN: tuple[Back, ...] = ("slats", "ladder", "spindles", "splat", "lattice", "hoop")


def _with_style(drawn: dict[str, Any], rng: np.random.Generator) -> ChairParams:
    """Everything that is not an attribute: an armchair on a solid body is upholstered, a swivel chair has a panel."""

    def pick(*options: Choice) -> Choice:
        return options[rng.integers(len(options))]

    def within(low: float, high: float) -> float:
        return low + (high - low) * rng.random()

    def likely(chance: float) -> bool:
        return bool(rng.random() < chance)

    legs, thick = drawn["legs"], drawn["seat_thickness"] > 0.07
    upholstered = likely(0.85) if legs == 0 else thick and likely(0.35)
    closed = upholstered or likely(0.9 if legs in (0, 1) else 0.45)
    back: Back = pick("panel", "panel", "panel", "framed") if closed else pick(*_OPEN)
    arms: Arms = "sides" if upholstered else pick("tees", "loops") if legs == 1 else pick("posts", "posts", "loops")
    four: Four = pick("straight", "straight", "straight", "straight", "sled", "rockers")
    column: Column = pick("star", "star", "disc")
    return ChairParams(
        **drawn,
        four=four,
        column=column,
        back="panel" if upholstered else back,
        arms=arms,
        seat_exponent=pick(8.0, 20.0) if upholstered else pick(2.0, 4.0, 8.0, 20.0, 20.0),
        seat_taper=within(0.0, 0.25) if likely(0.5) else 0.0,
        seat_dish=within(-0.5, 0.3) if likely(0.6) else 0.0,
        seat_tilt=within(0.0, 0.06) if likely(0.5) else 0.0,
        back_thickness=within(0.06, 0.16) if upholstered else within(0.02, 0.05),
        back_gap=0.0 if upholstered else within(0.0, 0.35) if likely(0.6) else 0.0,
        back_curve=within(0.0, 0.4) if likely(0.5) else 0.0,
        back_exponent=pick(2.0, 4.0, 20.0, 20.0),
        bars=int(rng.integers(3, 8)),
        arm_length=within(0.6, 1.0),
        arm_thickness=within(0.05, 0.16) if upholstered else within(0.025, 0.05),
        arm_outset=within(0.0, 0.15),
        leg_taper=within(0.5, 1.0) if likely(0.5) else 1.0,
        leg_splay=within(0.0, 0.25) if likely(0.5) else 0.0,
        leg_round=likely(0.4),
        stretcher=within(0.1, 0.28) if likely(0.35) else 0.0,
        clearance=within(0.1, 0.35) if likely(0.75) else 0.0,
    )

"""The parameters of a procedural table, how they are drawn, and the attributes they state exactly."""

from __future__ import annotations

__all__ = ["TABLE_ATTRIBUTES", "Layout", "TableParams", "table_style"]

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pcgen.data.procedural.family import log_uniform
from pcgen.data.procedural.law import Quantiles

Pair = Literal["panels", "trestles", "frames"]
Foot = Literal["disc", "cone", "spider", "cross", "block"]


@dataclass(frozen=True)
class TableParams:
    """Everything that determines a table's surface; the total height is 1 and the unit of every length.

    The first nine are the attributes: they can be set freely and nothing else about the table's style changes. The
    style of what is not there (a pedestal's foot on four legs, the board of a table without shelf) waits to be asked.

    Attributes:
        height: overall height over overall width (x).
        depth: overall depth (z) over overall width.
        round: an outline without corners instead of a rectangular one.
        thickness: of the top, over the height.
        legs: number of separate supports that stand on the floor.
        leg_thickness: thinner side of a support, halfway up, over the overall width.
        stance: width of what stands on the floor, over the overall width.
        shelf: whether there is a second board under the top.
        apron: whether boards or drawers hang under the top in front and behind.
        pair: what two supports look like; one is a pedestal, three and four are legs.
        foot: what a pedestal stands on.
        outline: superellipse exponent of a round top (about 2) or of a rectangular one (10 and more).
        edge: bevel of the top's rim, over its thickness.
        inset: how far the supports lie in from the rim in z, compared with x.
        leg_round: round legs instead of square ones.
        leg_taper: thickness at the foot over that at the top.
        leg_splay: how far the legs come together towards the top, over the half width.
        leg_bow: how far curved legs swing inwards halfway up, over the half width.
        hoops: four legs are two bent tubes.
        cross: where pedestals, crossing bars and stretchers have a choice, the other one.
        stretcher: height of the bars that join the supports; none if 0.
        shelf_height: of the second board.
        apron_height: how far the apron hangs down.
        apron_inset: how far it lies in from the rim, over half the extent of the top.
        drawers: whether the apron is a closed box.
    """

    height: float
    depth: float
    round: bool
    thickness: float
    legs: int
    leg_thickness: float
    stance: float
    shelf: bool
    apron: bool
    pair: Pair
    foot: Foot
    outline: float
    edge: float
    inset: float
    leg_round: bool
    leg_taper: float
    leg_splay: float
    leg_bow: float
    hoops: bool
    cross: bool
    stretcher: float
    shelf_height: float
    apron_height: float
    apron_inset: float
    drawers: bool


@dataclass(frozen=True)
class Layout:
    """Lengths that several parts share, derived from the parameters."""

    half_width: float
    half_depth: float
    underside: float
    half_leg: float  # half the thinner side of a support, halfway up
    reach_x: float  # of the supports' outer faces at the floor
    reach_z: float

    @classmethod
    def of(cls, p: TableParams) -> Layout:
        """Place the supports under the top."""
        half_width, half_depth = 0.5 / p.height, 0.5 * p.depth / p.height
        reach_x = p.stance * half_width
        inset = min(p.inset * (half_width - reach_x), 0.25 * half_depth)
        return cls(half_width, half_depth, 1 - p.thickness, p.leg_thickness * half_width, reach_x, half_depth - inset)

    def outline_z(self, p: TableParams, x: float) -> float:
        """Half the extent in z that the top has at x."""
        return self.half_depth * (1 - min(x / self.half_width, 1) ** p.outline) ** (1 / p.outline)


TABLE_ATTRIBUTES: Quantiles = {
    "height": log_uniform(0.3, 1.1),
    "depth": lambda u: 1.0 if u > 0.8 else 0.4 + 0.6 * u / 0.8,
    "round": lambda u: bool(u > 0.7),
    "thickness": log_uniform(0.025, 0.14),
    "legs": lambda u: 1 + int(np.searchsorted([0.13, 0.36, 0.46], u)),
    "leg_thickness": log_uniform(0.03, 0.1),
    "stance": lambda u: 0.55 + 0.45 * u**0.6,
    "shelf": lambda u: bool(u > 0.75),
    "apron": lambda u: bool(u > 0.55),
}
"""The attributes, in column order, as functions of numbers that are uniform on [0, 1)."""


def table_style(drawn: dict[str, Any], rng: np.random.Generator) -> TableParams:
    """Everything that is not an attribute; what would look odd with the attributes is not drawn."""
    thick, wide = drawn["leg_thickness"] > 0.07, drawn["stance"] > 0.8
    pairs: tuple[Pair, ...] = ("panels", "trestles") if thick else ("panels", "panels", "trestles", "frames")
    feet: tuple[Foot, ...] = ("spider", "cross", "block") if wide else ("disc", "cone", "spider", "cross", "block")
    deep = drawn["height"] < 0.6 and drawn["legs"] > 1 and rng.random() < 0.3
    return TableParams(
        **drawn,
        pair=pairs[rng.integers(len(pairs))],
        foot=feet[rng.integers(len(feet))],
        outline=rng.uniform(2.0, 2.3) if drawn["round"] else float(rng.choice([12.0, 20.0, 60.0])),
        edge=rng.uniform(0.05, 0.4),
        inset=rng.uniform(0.2, 1.0),
        leg_round=bool(rng.random() < 0.4),
        leg_taper=rng.uniform(0.5, 1.0) if rng.random() < 0.6 else 1.0,
        leg_splay=rng.uniform(0.05, 0.25) if rng.random() < 0.35 else 0.0,
        leg_bow=rng.uniform(0.03, 0.1) if rng.random() < 0.15 else 0.0,
        hoops=bool(rng.random() < 0.08),
        cross=bool(rng.random() < 0.3),
        stretcher=rng.uniform(0.1, 0.4) if rng.random() < 0.35 else 0.0,
        shelf_height=rng.uniform(0.12, 0.45),
        apron_height=rng.uniform(0.25, 0.45) if deep else rng.uniform(0.1, 0.25),
        apron_inset=rng.uniform(0.02, 0.15),
        drawers=bool(rng.random() < 0.4),
    )

"""What both captures know that a hypothesis may contradict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from registration.geometry.paint import MEETS_COSINE, print_apart
from registration.geometry.rigid import Array, Rigid
from registration.sources.witness import Witness, outside_masks, turned_deg
from registration.verify.params import VerifyParams

TERMS = ("mask", "free", "deep", "apart", "colour", "bare", "relief", "lids")
"""Contradictions that count in proportion when hypotheses are compared."""
RIM = 0.015
"""Points less deep than this, as a share of the diameter, beneath the hull stand where silhouettes held the surface."""


@dataclass(frozen=True)
class Evidence:
    """Contradictions of one hypothesis, each 0 (none) to 1; the own noise of the halves is taken off."""

    mask: float
    """Points of either half outside the other's masks."""
    free: float
    """Points of either half, near its hull, where the other half's cameras looked through."""
    deep: float
    """The same for points in its cavities, whose place is less sure."""
    apart: float
    """Both halves' surfaces, where both saw them, differ: share of the reach."""
    tilt: float
    """Their normals differ: mean of one minus the cosine."""
    colour: float
    """Their prints differ: 0 the same, 1 unrelated; also 0 where there is no print."""
    overlap: float
    """Share of points of either half that lie on the other's surface."""
    chamfer_mm: float
    """Mean distance of overlapping surfaces."""
    turned: float
    """Degrees between the sides that both captures looked at."""
    bare: float = 0.0
    """Depth in pixels of what the masks show and the body common to both halves does not fill."""
    relief: float = 0.0
    """On a nearly round body, how little both halves agree on what is not round: 0 wholly, 1 not at all; 0 on any other body."""
    lids: float = 0.0
    """There, how much worse what neither half explains meets than at the best turn: a loss of log-likelihood itself."""


@dataclass(frozen=True)
class Meeting:
    """One half's points in the other's solid."""

    free: float
    deep: float
    apart: float
    tilt: float
    overlap: float
    chamfer_mm: float


def into(points: Array, normals: Array, home: Witness, host: Witness, reach: float, rim: float) -> Meeting:
    """Of the home half's points, moved into the host's frame."""
    solid = host.side.solid
    distance, slope = solid.around(points)
    ahead = np.clip(distance - 0.25 * reach, 0, None) / reach
    contrary = ahead**2 / (1 + ahead**2)
    shallow, trust = home.deep < rim, home.side.trust / max(float(home.side.trust.sum()), 1e-9)
    share = lambda which: float(contrary[which] @ trust[which])  # noqa: E731
    cosine = (slope * normals).sum(1)
    meets = (np.abs(distance) < 2 * reach) & (cosine > MEETS_COSINE)
    if not meets.any():
        return Meeting(share(shallow), share(~shallow), 1.0, 1 - MEETS_COSINE, 0.0, float("inf"))
    gap = np.abs(distance[meets])
    return Meeting(
        share(shallow), share(~shallow), float(np.clip(gap / reach, 0, 1).mean()),
        float((1 - cosine[meets]).clip(0).mean()), float(meets.mean()), float(gap.mean()),
    )  # fmt: skip


def judge(up: Witness, down: Witness, T_up_from_down: Rigid, diameter: float, reach: float) -> Evidence:
    """The evidence for and against one hypothesis; ``reach`` in mm is what counts as a contradiction."""
    back = T_up_from_down.inverse()
    moved, moved_n = T_up_from_down.apply(down.side.points), T_up_from_down.turn(down.side.normals)
    home, home_n = back.apply(up.side.points), back.turn(up.side.normals)
    mask = outside_masks(moved, down.side.trust, up.capture, up.distances) - down.own
    mask += outside_masks(home, up.side.trust, down.capture, down.distances) - up.own
    one = into(moved, moved_n, down, up, reach, RIM * diameter)
    two = into(home, home_n, up, down, reach, RIM * diameter)
    mean = lambda name: (getattr(one, name) + getattr(two, name)) / 2  # noqa: E731
    return Evidence(
        max(0.0, mask / 2), mean("free"), mean("deep"), mean("apart"), mean("tilt"),
        print_apart(up.printed, down.printed, T_up_from_down, 2 * reach), mean("overlap"), mean("chamfer_mm"),
        turned_deg(up, down, T_up_from_down),
    )  # fmt: skip


def same_side(turned_deg: float) -> float:
    """1 if both captures looked at the same side, 0 from a quarter turn on."""
    return max(0.0, float(np.cos(np.radians(turned_deg))))


def costs(evidence: Evidence, p: VerifyParams) -> dict[str, float]:
    """What every piece of evidence costs, as a loss of log-likelihood."""
    out = {name: getattr(p, f"{name}_cost") * getattr(evidence, name) for name in TERMS}
    return out | {"same_side": p.same_side_cost * same_side(evidence.turned)}


def cost_of(evidence: Evidence, p: VerifyParams) -> float:
    """Their sum: lower is likelier."""
    return sum(costs(evidence, p).values())

"""All pictures of a half together: what they say of each of its points, and the transforms that agree with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from registration.embedding.looks import Looks
from registration.embedding.match import KNOWN, drawn_from
from registration.embedding.network import CELLS
from registration.embedding.query import Said, likeness
from registration.embedding.record import Features
from registration.geometry.rigid import Array, Rigid

MET = 0.12
"""Two places that a transform brings nearer than this are one, radii."""
SHORT = 0.4
"""Corners of a triangle lie at least so far apart, radii."""
TRIALS, DRAWN = 60_000, 1_500
NEAR_DEG = 6.0
"""Transforms that differ by less are one."""
FEWEST = 20
"""Fewer spots lead nowhere."""


@dataclass(frozen=True, eq=False)
class Spots:
    """Points of one half and what all its pictures together say of them."""

    points: Array  # (n, 3) mm
    normals: Array  # (n, 3)
    likeness: NDArray[np.float32]  # (n, k) log-probability of each of the other half's points
    trust: Array  # (n,)


def spots_of(
    points: Array, normals: Array, looks: Looks, said: Said, features: Features
) -> Spots:  # (n, 3), (n, 3)
    """The mean of what all pictures say of each place they see."""
    place = looks.point[:, CELLS, CELLS].astype(float) * looks.radius + looks.middle
    seen = looks.hit[:, CELLS, CELLS] & (said.trust > 0)
    owner = np.asarray(KDTree(points).query(place[seen], distance_upper_bound=0.1 * looks.radius)[1])
    near = owner < len(points)
    owner, weight, words = owner[near], said.trust[seen][near].astype(float), said.words[seen][near]
    total, count, trust = np.zeros((len(points), words.shape[1])), np.zeros(len(points)), np.zeros(len(points))
    np.add.at(total, owner, weight[:, None] * words)
    np.add.at(trust, owner, weight)
    np.add.at(count, owner, 1.0)
    met = count > 0
    mean = total[met] / np.maximum(np.linalg.norm(total[met], axis=1, keepdims=True), 1e-9)
    return Spots(points[met], normals[met], likeness(mean.astype(np.float32), features), trust[met] / count[met])


def rigid_of(p: Array, q: Array) -> tuple[Array, Array]:  # (m, 3, 3) each -> (m, 3, 3), (m, 3)
    """Turns and shifts that bring triangles q onto triangles p."""
    a, b = p - p.mean(1, keepdims=True), q - q.mean(1, keepdims=True)
    U, _, Vt = np.linalg.svd(np.einsum("mki,mkj->mij", a, b))
    flip = np.sign(np.linalg.det(U @ Vt))
    U[:, :, 2] *= flip[:, None]
    R = U @ Vt
    return R, p.mean(1) - np.einsum("mij,mj->mi", R, q.mean(1))


def spots_in(looks: Looks, said: Said, features: Features, view: int) -> Spots:
    """What one picture alone says of the places it sees."""
    seen = looks.hit[view, CELLS, CELLS] & (said.trust[view] > KNOWN)
    place = looks.point[view, CELLS, CELLS][seen].astype(float) * looks.radius + looks.middle
    normals = looks.normal[view, CELLS, CELLS][seen].astype(float) / 127 @ looks.R[view]
    return Spots(place, normals, likeness(said.words[view][seen], features), said.trust[view][seen].astype(float))


def fit(spots: Spots, features: Features, surface: KDTree, T: Rigid) -> float:
    """How much likelier than chance the places are that a transform gives the spots, per trusted spot."""
    if not spots.trust.sum() > 0:
        return 0.0
    found = surface.query(T.apply(spots.points))
    gap, index = np.asarray(found[0]), np.asarray(found[1])
    gain = np.clip(spots.likeness[np.arange(len(index)), index] + np.log(spots.likeness.shape[1]), -2, 6)
    agree = (features.normals[index] * T.turn(spots.normals)).sum(1) > 0.2
    met = np.exp(-0.5 * (gap / (MET * features.embedding.radius)) ** 2) * agree
    return float((spots.trust * (met * (gain + 1) - 1)).sum() / spots.trust.sum())


def best_of(
    found: Sequence[Rigid], worth: Callable[[Rigid], float], most: int
) -> list[tuple[Rigid, float]]:
    """The transforms that are worth most, with how much; those near a better one left out."""
    scored = sorted(((worth(T), -k) for k, T in enumerate(found)), reverse=True)
    kept: list[tuple[Rigid, float]] = []
    for score, k in scored:
        if all(found[-k].angle_deg(other) > NEAR_DEG for other, _ in kept):
            kept.append((found[-k], score))
            if len(kept) == most:
                break
    return kept


def transforms(
    spots: Spots, features: Features, rng: np.random.Generator, most: int = 200, trials: int = TRIALS
) -> list[Rigid]:
    """Transforms from the spots' frame to the reference's that explain most of the drawn correspondences."""
    if len(spots.points) < FEWEST:
        return []
    radius = features.embedding.radius
    weight = spots.trust / spots.trust.sum()
    i = rng.choice(len(spots.points), size=DRAWN, p=weight)
    j = drawn_from(spots.likeness, i, rng)
    p, q = features.points[j] / radius, spots.points[i] / radius
    n, m = features.normals[j], spots.normals[i]
    triple = rng.integers(DRAWN, size=(trials, 3))
    sides = lambda x: np.linalg.norm(x[triple] - x[np.roll(triple, 1, 1)], axis=2)  # noqa: E731
    a, b = sides(p), sides(q)
    fits = (np.minimum(a, b) > SHORT).all(1) & (np.abs(a - b) < MET).all(1)
    triple = triple[fits]
    if not len(triple):
        return []
    R, t = rigid_of(p[triple], q[triple])
    share = np.zeros(len(R))
    for part in np.array_split(np.arange(len(R)), max(1, len(R) // 400)):
        gap = np.linalg.norm(p - (np.einsum("mij,nj->mni", R[part], q) + t[part, None]), axis=2)
        along = np.einsum("ni,mij,nj->mn", n, R[part], m)
        share[part] = (np.clip(1 - gap / (2 * MET), 0, 1) * (along > 0.3)).mean(1)
    order = np.argsort(-share)[:most]
    return [Rigid(R[k], radius * t[k]) for k in order]

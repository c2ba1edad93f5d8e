"""Rays are drawn so that what few of them see moves, too."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from registration.nerf.draw import EVEN_SHARE, RARE, Draw, patches, rarity
from registration.nerf.rays import Rays
from registration.nerf.record import Coarse

MANY, FEW, PAST = 4_000, 40, 500
"""Rays that see the ball from below, from above, and not at all."""


def ball() -> Coarse:
    """A ball of radius 6 about the middle of a grid of 21 points a side, one apart."""
    at = np.indices((21, 21, 21)) - 10.0
    return Coarse(np.full(3, -10.0), 1.0, (np.linalg.norm(at, axis=0) - 6).astype(np.float32))


def rays() -> Rays:
    """Straight up and straight down, all within half a patch; then beside the ball."""
    count = MANY + FEW + PAST
    place = 0.2 + 0.8 * torch.rand(count, 2, generator=torch.Generator().manual_seed(1))
    place[MANY + FEW :] += 20
    up = torch.where(torch.arange(count) < MANY, 1.0, -1.0)
    origins = torch.cat([place, -50 * up[:, None]], 1)
    directions = torch.stack([torch.zeros(count), torch.zeros(count), up], 1)
    edge, view = torch.ones(count), torch.zeros(count, dtype=torch.int64)
    return Rays(origins, directions, torch.zeros(count, 3), edge, view, torch.zeros(count))


def test_a_patch_that_few_rays_see_gets_more_of_each() -> None:
    weights = rarity(rays(), ball())
    many, few, past = np.split(weights, [MANY, MANY + FEW])
    assert np.ptp(many) == 0 and np.ptp(few) == 0
    assert few[0] / many[0] == pytest.approx((MANY / FEW) ** RARE)
    assert (past == np.median(weights[: MANY + FEW])).all()


def test_half_of_the_rays_are_drawn_by_patch() -> None:
    draw, dice = Draw.over(rays(), ball()), torch.Generator().manual_seed(0)
    drawn = torch.cat([draw.some(2_000, dice) for _ in range(50)])
    weights = rarity(rays(), ball())
    share = (1 - EVEN_SHARE) * FEW / len(weights) + EVEN_SHARE * weights[MANY : MANY + FEW].sum() / weights.sum()
    found = ((drawn >= MANY) & (drawn < MANY + FEW)).double().mean()
    assert share > 4 * FEW / len(weights)
    assert float(found) == pytest.approx(share, rel=0.05)


def test_draws_are_in_order_and_the_same_for_the_same_dice() -> None:
    draw = Draw.over(rays(), ball())
    one, two = (draw.some(301, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(one, two) and len(one) == 301
    assert (one.diff() >= 0).all() and one.min() >= 0 and one.max() < draw.rays


def test_without_a_surface_or_away_from_it_all_rays_are_alike() -> None:
    given = rays()
    assert Draw.over(given, None).ladder is None
    drawn = Draw.over(given, None).some(100_000, torch.Generator().manual_seed(0))
    assert float((drawn < MANY).double().mean()) == pytest.approx(MANY / len(given.edge), abs=0.01)
    far = Coarse(np.full(3, 500.0), 1.0, ball().sdf)
    assert np.ptp(rarity(given, far)) == 0


def test_patches_are_cubes() -> None:
    points = np.array([[-3.0, 0, 0], [-2.1, 0.9, 0.9], [-1.9, 0, 0], [-3, 1.1, 0], [-3, 0, 7]])
    numbers = patches(points, 1.0)
    assert numbers[0] == numbers[1] and len(set(numbers.tolist())) == 4

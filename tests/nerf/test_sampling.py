"""The field's hand-made sums against what they stand for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from registration.nerf.field import blended, corner_rows, corner_weights, gathered
from registration.nerf.level import stretched

SHAPE = (5, 7, 4)


def table() -> torch.Tensor:
    return torch.randn(SHAPE[0] * SHAPE[1] * SHAPE[2], 2, generator=torch.Generator().manual_seed(3))


def places(count: int, seed: int) -> torch.Tensor:  # (3, count)
    g = torch.rand(3, count, generator=torch.Generator().manual_seed(seed))
    return g * (torch.tensor(SHAPE)[:, None] - 1.01)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60))
def test_corners_are_read_as_a_trilinear_grid_is(seed: int, count: int) -> None:
    g, values = places(count, seed), table()
    rows, share = corner_rows(torch.arange(len(values)), SHAPE, g)
    wanted = map_coordinates(values[:, 0].reshape(SHAPE).numpy(), g.numpy(), order=1)
    assert np.allclose(blended(values[:, 0][rows], share)[0], wanted, atol=1e-5)
    assert np.allclose(gathered(values, rows, corner_weights(share))[0], wanted, atol=1e-5)
    assert np.allclose(corner_weights(share).sum(0), 1, atol=1e-5)


def test_the_slope_is_what_the_value_changes_by() -> None:
    g, values = places(200, 1), table()[:, 0].double()
    rows, share = corner_rows(torch.arange(len(values)), SHAPE, g.double())
    share.requires_grad_(True)
    value, slope = blended(values[rows], share)
    (wanted,) = torch.autograd.grad(value.sum(), share)
    assert torch.allclose(slope.detach(), wanted)


def test_places_off_the_grid_are_read_at_its_border() -> None:
    rows, share = corner_rows(torch.arange(140), SHAPE, torch.tensor([[-3.0, 99], [-1, 99], [-7, 99]]))
    assert rows[:, 0].min() == 0 and rows[:, 1].max() == 139 and (share >= 0).all() and (share < 1).all()


def test_what_is_gathered_gives_its_gradient_back_to_the_rows() -> None:
    values = table().double().requires_grad_(True)
    g = torch.Generator().manual_seed(0)
    rows, weights = torch.randint(len(values), (8, 30), generator=g), torch.rand(8, 30, generator=g).double()
    plain = (values[rows] * weights[..., None]).sum(0).t()
    assert torch.allclose(gathered(values, rows, weights), plain)
    pull = torch.randn(2, 30, generator=g).double()
    ours, theirs = (torch.autograd.grad((x * pull).sum(), values)[0] for x in (gathered(values, rows, weights), plain))
    assert torch.allclose(ours, theirs)


@pytest.mark.parametrize(("knots", "shape"), [((3, 4, 2), (9, 8, 7)), ((5, 2, 6), (5, 11, 6)), ((2, 2, 2), (4, 4, 4))])
def test_a_coarse_grid_is_stretched_as_torch_does(knots: tuple[int, ...], shape: tuple[int, int, int]) -> None:
    grid = torch.randn(knots, generator=torch.Generator().manual_seed(1), requires_grad=True)
    wanted = torch.nn.functional.interpolate(grid[None, None], shape, mode="trilinear", align_corners=True)[0, 0]
    assert torch.allclose(stretched(grid, shape), wanted, atol=1e-5)
    pull = torch.randn(shape, generator=torch.Generator().manual_seed(2))
    ours, theirs = (torch.autograd.grad((x * pull).sum(), grid)[0] for x in (stretched(grid, shape), wanted))
    assert torch.allclose(ours, theirs, atol=1e-4)

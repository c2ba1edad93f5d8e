"""The compiled inner loops against the same thing in torch, values and gradients."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from registration.geometry.hull import Box
from registration.nerf import fog as fogs
from registration.nerf import loss, render
from registration.nerf.field import make_field
from registration.nerf.fog import Fog, make_fog
from registration.nerf.level import STILL, Level, make_level
from registration.nerf.light import Light
from registration.nerf.params import NerfParams
from tests.geometry.bodies import ring

BOX = Box(np.array([-20.0, -18.0, -16.0]), 2.0, (21, 19, 17))


def ball(radius: float = 11.0) -> np.ndarray:
    """Signed distances, in voxels, to a ball with a bump."""
    p = BOX.points()
    far = np.minimum(np.linalg.norm(p, axis=1) - radius, np.linalg.norm(p - [9, 2, 1], axis=1) - 5)
    return (far / BOX.step).reshape(BOX.shape).astype(np.float32)


def rays(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:  # (count, 3) twice
    """From all around towards the middle, some past it."""
    rng = np.random.default_rng(seed)
    out = rng.normal(size=(count, 3))
    out *= 80 / np.linalg.norm(out, axis=1, keepdims=True)
    d = rng.normal(scale=6.0, size=(count, 3)) - out
    d /= np.linalg.norm(d, axis=1, keepdims=True)
    return torch.from_numpy(out.astype(np.float32)), torch.from_numpy(d.astype(np.float32))


def made(seed: int) -> tuple[render.Marks, dict[str, torch.Tensor]]:
    """Where to sample around a bumpy ball, and everything that a look depends on, in doubles."""
    dice = torch.Generator().manual_seed(seed)
    field = make_field(BOX, ball(), 5.0, None, "cpu")
    sdf = field.sdf.double() + 0.2 * torch.randn(field.sdf.shape, generator=dice).double()
    o, d = rays(60, seed)
    tables = {
        "sdf": sdf, "colour": torch.rand(len(sdf), 3, generator=dice).double(),
        "light": torch.randn(60, 12, generator=dice).double(), "o": o.double(), "d": d.double(),
    }  # fmt: skip
    return render.Marks.of(BOX, torch.from_numpy(ball()), 2.0), tables


def grown(out: list[torch.Tensor], tables: list[torch.Tensor]) -> list[torch.Tensor]:
    """The gradients of a sum of what comes out, each weighed by chance."""
    dice = torch.Generator().manual_seed(5)
    total = sum((x * torch.randn(x.shape, generator=dice).to(x.dtype)).sum() for x in out)
    assert isinstance(total, torch.Tensor)
    return asked(total, tables)


def asked(total: torch.Tensor, tables: list[torch.Tensor]) -> list[torch.Tensor]:
    """The gradients of leaves, nothing where they have none."""
    for table in tables:
        table.grad = None
    total.backward()
    return [torch.zeros_like(table) if table.grad is None else table.grad.clone() for table in tables]


def near(ours: list[torch.Tensor], theirs: list[torch.Tensor], share: float = 2e-4) -> None:
    """Equal but for rounding, and not because both are nothing."""
    for a, b in zip(ours, theirs, strict=True):
        a, b = a.detach().double(), b.detach().double()
        size = float(b.abs().max())
        assert size > 0 and float((a - b).abs().max()) < share * size


def told(seen: render.Seen) -> list[torch.Tensor]:
    """All that a ray sees, where the depth and the normal mean something."""
    solid = seen.opacity.detach() > 0.05
    return [x[solid] for x in (getattr(seen, f.name) for f in fields(seen))]


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.15, 0.5, 1.0]))
def test_rays_see_and_ask_what_they_do_in_torch(seed: int, beta: float) -> None:
    marks, tables = made(seed)
    field = make_field(BOX, ball(), 5.0, None, "cpu")
    o, d = (tables[k].float() for k in "od")
    owner, t = render.find_samples_by_torch(marks, o, d, 1.0, torch.rand(60, generator=torch.Generator().manual_seed(seed)))
    assert len(owner) > 300
    sides = []
    for look, kind in ((render.look, torch.float32), (render.look_by_torch, torch.float64)):
        own = {k: v.to(kind).requires_grad_(True) for k, v in tables.items() if k != "light"}
        inside = replace(field, sdf=own["sdf"], colour=own["colour"])
        seen = look(inside, owner, t.to(kind), own["o"], own["d"], 1.0, beta, tables["light"].to(kind))
        sides.append((told(seen), grown(told(seen), list(own.values()))))
    near(sides[0][0], sides[1][0])
    near(sides[0][1], sides[1][1], 2e-3)


def test_samples_and_shadows_are_those_of_torch() -> None:
    marks, _ = made(0)
    o, d = rays(400, 2)
    jitter = torch.rand(400, generator=torch.Generator().manual_seed(1))
    ours, theirs = (find(marks, o, d, 1.0, jitter) for find in (render.find_samples, render.find_samples_by_torch))
    ours, theirs = ({(int(r), round(float(t), 1)) for r, t in zip(*x, strict=True)} for x in (ours, theirs))
    assert len(theirs) > 2000 and len(ours ^ theirs) < 0.005 * len(theirs)  # places between two voxels may be either's
    at = torch.from_numpy(BOX.points()[np.abs(ball()).ravel() < 0.6].astype(np.float32))
    toward = torch.nn.functional.normalize(torch.tensor([[0.8, 0.3, 0.5]]), dim=1).expand(len(at), 3).contiguous()
    a, b = render.lit(marks, at, toward), render.lit_by_torch(marks, at, toward)
    assert 0.2 < float(b.mean()) < 0.8 and float((a - b).abs().max()) < 1e-4


def level() -> Level:
    """A level around the ball, its tables stirred."""
    dice = torch.Generator().manual_seed(3)
    light = Light(torch.zeros(2, 12, 36), torch.zeros(36), torch.ones(2))
    out = make_level(BOX, ball(), None, light, torch.zeros(2), NerfParams(), "cpu")
    with torch.no_grad():
        out.own.add_(0.3 * torch.randn(out.own.shape, generator=dice))
        out.field.colour.add_(0.2 * torch.randn(out.field.colour.shape, generator=dice))
    out.settle()
    return out


def test_neighbours_hold_as_they_do_in_torch() -> None:
    there, params = level(), NerfParams()
    at = torch.randint(1, len(there.own), (3000,), generator=torch.Generator().manual_seed(2))
    tables = [there.own, there.field.colour]
    ours, theirs = (hold(there, at, params) for hold in (loss.smoothness, loss.smoothness_by_torch))
    near([ours[None]], [theirs[None]])
    near(*(grown([x[None]], tables) for x in (ours, theirs)))


def test_neighbours_move_voxels_and_no_whole_faces() -> None:
    there, params = level(), NerfParams()
    at = torch.randint(1, len(there.own), (3000,), generator=torch.Generator().manual_seed(2))
    assert torch.equal(there.held(), there.field.sdf[:, 0])
    for hold in (loss.smoothness, loss.smoothness_by_torch):
        voxels, *faces = asked(hold(there, at, params), [there.own, *there.lifts])
        assert float(voxels.abs().max()) > 0 and not any(face.any() for face in faces)


def test_what_next_to_nothing_pulls_stays() -> None:
    there = level()
    before, far = there.own.detach().clone(), len(there.own) // 2
    for _ in range(20):
        there.own.grad = torch.full_like(there.own, 0.01 * STILL)  # a hundredth of what counts; elsewhere what rays ask
        there.own.grad[far:] = 100 * STILL
        there.optimiser.step()
    moved = (before - there.own.detach())[:, 0]
    whole = 20 * NerfParams().shape_rate
    assert float(moved[:far].max()) < 0.02 * whole and float(moved[far:].min()) > 0.9 * whole


def stirred_fog() -> Fog:
    """Fog in the ball."""
    dice, fog = torch.Generator().manual_seed(4), make_fog(BOX, ball(), ring(8, 32, 100.0, (40, 60)), "cpu")
    with torch.no_grad():
        fog.raw.add_(1.5 * torch.randn(fog.raw.shape, generator=dice))
        fog.tint.add_(0.3 * torch.randn(fog.tint.shape, generator=dice))
    return fog


@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_fog_is_seen_and_asked_as_in_torch(scale: float) -> None:
    fog, (o, d) = stirred_fog(), rays(200, 6)
    jitter = torch.rand(200, generator=torch.Generator().manual_seed(1))
    light = fog.light[torch.arange(200) % 8].detach().requires_grad_(True)
    tables = [fog.raw, fog.tint, light]
    sides = [list(see(fog, o, d, light, jitter, scale)) for see in (fogs.see, fogs.see_by_torch)]
    near(*sides, share=5e-4)  # the kernel leaves out what adds less than 1e-4
    near(*(grown(side, tables) for side in sides), share=2e-3)


def test_jumps_of_fog_are_those_of_torch() -> None:
    fog = stirred_fog()
    at = torch.randint(1, len(fog.raw), (2000,), generator=torch.Generator().manual_seed(2))
    tables = [fog.raw, fog.tint]
    ours, theirs = (jumps(fog, at, 0.3, 0.1) for jumps in (fogs.jumps, fogs.jumps_by_torch))
    near([ours[None]], [theirs[None]])
    near(*(grown([x[None]], tables) for x in (ours, theirs)))

"""Trains the query network's start-up weights on procedural parts, so that a new object needs little training.

    python tools/pretrain.py --objects 240 --minutes 60 --out assets/query.safetensors

Every object is seen by cameras all around; what is learned is to give the same place the same embedding in every view.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from registration.data.synthetic.paint import make_print
from registration.data.synthetic.parts import make_package, make_part
from registration.embedding.channels import (
    LAYOUT,
    Batch,
    as_input,
    batch_of,
    holes,
    lit,
    misplaced,
    picked,
    roughened,
    turned,
    uniform,
)  # fmt: skip
from registration.embedding.looks import Body, Looks, around, facing, look_at
from registration.embedding.loss import among_views, pixels_of, taken
from registration.embedding.network import CELLS, QueryNet
from registration.geometry.camera import Cameras
from registration.geometry.mesh import TriMesh, diameter
from registration.geometry.rotation import random_rotations, spread_directions

SIZE, VIEWS, TOGETHER, OBJECTS, PIXELS = 64, 40, 4, 4, 128
MIXES = (
    (0.35, "normals", "mask", "depth"), (0.3, "normals", "mask", "depth", "albedo"), (0.1, "normals", "mask"),
    (0.1, "rgb", "mask", "edges"), (0.15, *LAYOUT),
)  # fmt: skip
"""How often which channels are shown."""


def body_of(n: int, seed: int) -> Body:
    """Part n: two of three are grey, one of three is printed on; stretched and turned at random."""
    rng = np.random.default_rng([seed, n])
    printed = n % 3 == 2
    part = make_package(rng) if printed and rng.random() < 0.7 else make_part(("none", "near")[n % 2], rng)
    mesh = TriMesh(part.mesh.vertices * rng.uniform(0.65, 1.4, 3), part.mesh.faces)
    tints = np.full((len(mesh.vertices), 3), rng.uniform(0.15, 0.9)) * rng.uniform(0.9, 1.1, 3)
    if printed:
        coat = make_print(np.ptp(mesh.vertices, axis=0), rng, part.name in ("bottle", "tin"))
        tints = coat(mesh.vertices, mesh.vertex_normals()) ** (1 / 2.2)
    turn = random_rotations(1, rng)[0]
    corners = mesh.faces.ravel()  # every face its own corners: edges stay sharp
    vertices = (mesh.vertices @ turn.T)[corners]
    faces = np.arange(len(corners)).reshape(-1, 3)
    normals = np.repeat(TriMesh(vertices, faces).face_normals(), 3, axis=0)
    middle = (vertices.min(0) + vertices.max(0)) / 2
    colours = (255 * tints[corners].clip(0, 1)).astype(np.uint8)
    return Body(vertices, faces, normals, colours, np.ones(len(vertices), bool), middle, diameter(mesh.vertices) / 2)


def looks_of(n: int, seed: int) -> Looks:
    """Part n from all around."""
    body, rng = body_of(n, seed), np.random.default_rng([seed, n, 1])
    directions = spread_directions(VIEWS) @ random_rotations(1, rng)[0].T
    R, t = around(body.middle, body.radius * rng.uniform(4, 9, VIEWS), directions, rng.uniform(0, 2 * np.pi, VIEWS))
    plain = Cameras(np.tile(np.eye(3), (VIEWS, 1, 1)), R, t, SIZE, SIZE)
    return look_at(body, facing(plain, body.middle, body.radius, SIZE))


def drawn(bank: list[Looks], dice: torch.Generator) -> Batch:
    """Some objects, some views of each that look from not too different sides."""
    parts = []
    for o in torch.randperm(len(bank), generator=dice)[:OBJECTS].tolist():
        looks = bank[o]
        first = int(torch.randint(VIEWS, (1,), generator=dice))
        nearness = looks.R[:, 2] @ looks.R[first, 2]
        chosen = torch.multinomial(torch.from_numpy((nearness > -0.3).astype(np.float32)), TOGETHER - 1, generator=dice)
        parts.append(batch_of(looks, np.array([first, *chosen.tolist()])).stacked())
    return Batch.split(torch.cat(parts))


def shown(batch: Batch, dice: torch.Generator) -> torch.Tensor:
    """The network's input, every look spoilt in a way of its own."""
    n, s = len(batch.normal), batch.normal.shape[-1]
    kept = batch.hit * holes(n, s, 0.3, dice)
    mix = torch.multinomial(torch.tensor([m[0] for m in MIXES]), n, replacement=True, generator=dice)
    names = torch.tensor([[float(name in m[1:]) for name in LAYOUT] for m in MIXES])
    normal = roughened(batch.normal, uniform(n, 0.02, 0.25, dice), dice)
    albedo = batch.tint + 0.04 * torch.randn(batch.tint.shape, generator=dice)
    return as_input(normal, misplaced(batch.place, dice), kept, lit(normal, batch.tint, dice), albedo, picked(names[mix]))


def step_of(net: QueryNet, bank: list[Looks], dice: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Loss and share of places found again, of one batch."""
    batch = turned(drawn(bank, dice), dice, zoom=0.15, shift=0.12)
    embedding, _ = net(shown(batch, dice))
    index, _ = pixels_of(batch.hit[:, 0, CELLS, CELLS] > 0, PIXELS, dice)
    place = taken(batch.point[:, :, CELLS, CELLS], index)
    return among_views(taken(embedding, index), place, net.scale(), TOGETHER)


def main() -> None:
    """Render, train until the time is up, write now and then."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--objects", type=int, default=240)
    ask.add_argument("--minutes", type=float, default=60)
    ask.add_argument("--seed", type=int, default=77_000)
    ask.add_argument("--rate", type=float, default=2e-3)
    ask.add_argument("--device", default="cpu")
    ask.add_argument("--start", type=Path, help="weights to go on from")
    ask.add_argument("--out", type=Path, required=True)
    p = ask.parse_args()
    torch.manual_seed(p.seed)
    dice = torch.Generator().manual_seed(p.seed)
    bank = [looks_of(n, p.seed) for n in range(p.objects)]
    fresh = [looks_of(n, p.seed + 1) for n in range(24)]
    print(f"{len(bank)} objects rendered", flush=True)
    net = QueryNet().to(p.device)
    if p.start:
        net.load_state_dict(load_file(p.start))
    optimiser = torch.optim.AdamW(net.parameters(), lr=p.rate, weight_decay=0.01)
    begun, step, told = time.monotonic(), 0, []
    while (share := (time.monotonic() - begun) / (60 * p.minutes)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = p.rate * min(1, step / 200 + 0.01) * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * share)))
        loss, found = step_of(net, bank, dice)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        told.append((float(loss.detach()), float(found)))
        step += 1
        if step % 250 == 0:
            net.eval()
            with torch.no_grad():
                judge = torch.Generator().manual_seed(5)
                new = np.mean([[float(v) for v in step_of(net, fresh, judge)] for _ in range(12)], 0)
            net.train()
            seen = np.mean(told[-250:], 0)
            print(f"{step} {time.monotonic() - begun:.0f} s: loss {seen[0]:.3f} found {seen[1]:.3f}; "
                  f"new objects: loss {new[0]:.3f} found {new[1]:.3f}", flush=True)  # fmt: skip
            write(net, p.out, step, p)
    write(net, p.out, step, p)


def write(net: QueryNet, file: Path, step: int, p: argparse.Namespace) -> None:
    """Half precision is enough to start from."""
    body = {name: value.detach().half().cpu().contiguous() for name, value in net.state_dict().items()}
    facts = {"objects": p.objects, "seed": p.seed, "steps": step, "minutes": p.minutes, "channels": list(LAYOUT)}
    save_file(body, file, metadata={"made": json.dumps(facts)})


if __name__ == "__main__":
    main()

"""What holds the tables to their neighbours: losses, and what they ask."""

from __future__ import annotations

import numpy as np

from registration.geometry.compiled import compiled
from registration.nerf.kernels.cell import soft


@compiled
def is_whole(neighbours, own):
    """Whether a voxel has all six neighbours."""
    missing = 0
    for k in range(6):
        missing += neighbours[own, k] == 0
    return missing == 0


@compiled
def bends(at, neighbours, sdf, colour, by_bend, by_stretch, by_blotch):
    """Bending, stretching and blotches around voxels, weighed; and what they ask of distances and colours."""
    to_sdf, to_colour = np.zeros(len(sdf), np.float32), np.zeros((len(colour), 3), np.float32)
    whole = 0
    for i in range(len(at)):
        whole += is_whole(neighbours, at[i])
    loss = 0.0
    for i in range(len(at)):
        own = at[i]
        if is_whole(neighbours, own):
            near = (
                neighbours[own, 0], neighbours[own, 1], neighbours[own, 2], neighbours[own, 3], neighbours[own, 4],
                neighbours[own, 5],
            )  # fmt: skip
            loss += bent(own, near, sdf, by_bend / whole, by_stretch / whole, to_sdf)
            loss += blotched(own, near, colour, by_blotch / (3 * whole), to_colour)
    return loss, to_sdf, to_colour


@compiled
def bent(own, near, sdf, by_bend, by_stretch, to):
    """How far one voxel is from its neighbours' mean, and its gradient from length one."""
    mean = 0.0
    for k in range(6):
        mean += sdf[near[k]] / 6
    trust, off = by_bend * np.exp(-((sdf[own] / 3) ** 2)), mean - sdf[own]
    x, y = (sdf[near[1]] - sdf[near[0]]) / 2, (sdf[near[3]] - sdf[near[2]]) / 2
    z = (sdf[near[5]] - sdf[near[4]]) / 2
    length = np.sqrt(x * x + y * y + z * z)
    pull = by_stretch * (length - 1) / length if length > 0 else 0.0
    to[own] -= 2 * trust * off
    for k in range(6):
        to[near[k]] += trust * off / 3
    for k, slope in enumerate((x, y, z)):
        to[near[2 * k + 1]] += pull * slope
        to[near[2 * k]] -= pull * slope
    return trust * off * off + by_stretch * (length - 1) ** 2


@compiled
def blotched(own, near, colour, weight, to):
    """How far the colour of one voxel is from its neighbours' mean."""
    r = g = b = 0.0
    for k in range(6):
        r += colour[near[k], 0] / 6
        g += colour[near[k], 1] / 6
        b += colour[near[k], 2] / 6
    r, g, b = r - colour[own, 0], g - colour[own, 1], b - colour[own, 2]
    pulls = weight * np.sign(r), weight * np.sign(g), weight * np.sign(b)
    for c in range(3):
        to[own, c] -= pulls[c]
    for k in range(6):
        for c in range(3):
            to[near[k], c] += pulls[c] / 6
    return weight * abs(r) + weight * abs(g) + weight * abs(b)


@compiled
def fog_jumps(at, later, raw, tint, by_jump, by_blotch):
    """Jumps of density and of tint from voxels to the next ones, weighed; and what they ask of both."""
    to_raw, to_tint, loss = np.zeros(len(raw), np.float32), np.zeros(tint.shape, np.float32), 0.0
    terms = tint.shape[1]
    jump, blotch = by_jump / (3 * len(at)), by_blotch / (3 * len(at) * terms)
    for i in range(len(at)):
        own = at[i]
        here, slope = soft(raw[own])
        for k in range(3):
            next_ = later[own, k]
            if next_ <= 0:
                continue
            there, slope_there = soft(raw[next_])
            off = here - there
            loss += jump * abs(off)
            to_raw[own] += jump * np.sign(off) * slope
            to_raw[next_] -= jump * np.sign(off) * slope_there
            for c in range(terms):
                off = tint[own, c] - tint[next_, c]
                loss += blotch * abs(off)
                to_tint[own, c] += blotch * np.sign(off)
                to_tint[next_, c] -= blotch * np.sign(off)
    return loss, to_raw, to_tint

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
    """Bending, stretching and blotches around voxels, weighed; and what they ask of distance and colour of each voxel and
    its neighbours: rows (n, 7), 0 where one is missing, and wishes (n, 7, 4)."""
    rows, wishes, whole = np.zeros((len(at), 7), np.int64), np.zeros((len(at), 7, 4), np.float32), 0
    for i in range(len(at)):
        whole += is_whole(neighbours, at[i])
    loss = 0.0
    for i in range(len(at)):
        if is_whole(neighbours, at[i]):
            rows[i, 0] = at[i]
            for k in range(6):
                rows[i, k + 1] = neighbours[at[i], k]
            loss += bent(rows[i], sdf, by_bend / whole, by_stretch / whole, wishes[i])
            loss += blotched(rows[i], colour, by_blotch / (3 * whole), wishes[i])
    return loss, rows, wishes


@compiled
def hand(rows, wishes, scale, to_first, to_rest):
    """Add wishes (n, k, 1 + c) to what is asked of the rows (n, k) of two tables."""
    for i in range(rows.shape[0]):
        for k in range(rows.shape[1]):
            row = rows[i, k]
            if row > 0:
                to_first[row] += scale * wishes[i, k, 0]
                for c in range(to_rest.shape[1]):
                    to_rest[row, c] += scale * wishes[i, k, c + 1]


@compiled
def bent(seven, sdf, by_bend, by_stretch, to):
    """How far one voxel is from the mean of the six around it, and its gradient from length one."""
    own, mean = sdf[seven[0]], 0.0
    for k in range(1, 7):
        mean += sdf[seven[k]] / 6
    trust, off = by_bend * np.exp(-((own / 3) ** 2)), mean - own
    x, y = (sdf[seven[2]] - sdf[seven[1]]) / 2, (sdf[seven[4]] - sdf[seven[3]]) / 2
    z = (sdf[seven[6]] - sdf[seven[5]]) / 2
    length = np.sqrt(x * x + y * y + z * z)
    pull = by_stretch * (length - 1) / length if length > 0 else 0.0
    to[0, 0] -= 2 * trust * off
    for k in range(1, 7):
        to[k, 0] += trust * off / 3
    for k, slope in enumerate((x, y, z)):
        to[2 * k + 2, 0] += pull * slope
        to[2 * k + 1, 0] -= pull * slope
    return trust * off * off + by_stretch * (length - 1) ** 2


@compiled
def blotched(seven, colour, weight, to):
    """How far the colour of one voxel is from the mean of the six around it."""
    loss = 0.0
    for c in range(3):
        off = -colour[seven[0], c]
        for k in range(1, 7):
            off += colour[seven[k], c] / 6
        pull = weight * np.sign(off)
        to[0, c + 1] -= pull
        for k in range(1, 7):
            to[k, c + 1] += pull / 6
        loss += weight * abs(off)
    return loss


@compiled
def fog_jumps(at, later, raw, tint, by_jump, by_blotch):
    """Jumps of density and of tint from voxels to the next ones, weighed; and what they ask of both: rows (n, 4), 0 where
    there is none, and wishes (n, 4, 1 + lights)."""
    terms, loss = tint.shape[1], 0.0
    rows, wishes = np.zeros((len(at), 4), np.int64), np.zeros((len(at), 4, 1 + terms), np.float32)
    jump, blotch = by_jump / (3 * len(at)), by_blotch / (3 * len(at) * terms)
    for i in range(len(at)):
        own = rows[i, 0] = at[i]
        here, slope = soft(raw[own])
        for k in range(3):
            next_ = later[own, k]
            if next_ <= 0:
                continue
            rows[i, k + 1] = next_
            there, slope_there = soft(raw[next_])
            off = here - there
            loss += jump * abs(off)
            wishes[i, 0, 0] += jump * np.sign(off) * slope
            wishes[i, k + 1, 0] -= jump * np.sign(off) * slope_there
            for c in range(terms):
                off = tint[own, c] - tint[next_, c]
                loss += blotch * abs(off)
                wishes[i, 0, c + 1] += blotch * np.sign(off)
                wishes[i, k + 1, c + 1] -= blotch * np.sign(off)
    return loss, rows, wishes

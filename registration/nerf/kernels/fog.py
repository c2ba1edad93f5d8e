"""Rays through fog."""

from __future__ import annotations

import numpy as np

from registration.geometry.compiled import compiled
from registration.nerf.kernels.cell import cell, corners, place, sigmoid, softplus, span, weights

THICKEST = 20.0
"""A sample stops no more light than this thickness does."""
FAINT = 1e-4
"""A sample that adds less has no colour worth knowing."""
DARK = 1e-4
"""A ray ends where so little of it is left."""


@compiled
def dense_at(g, live, rows, raw, shape):
    """Rows and weights of the eight voxels around a place in voxels, and the density there; none where it is not live."""
    flat, inside = 0, True
    for k in range(3):
        near = int(np.floor(g[k] + 0.5))
        inside &= 0 <= near < shape[k]
        flat = flat * shape[k] + min(max(near, 0), shape[k] - 1)
    first, x, y, z = cell(g[0], g[1], g[2], shape)
    eight, w = corners(rows, first, shape), weights(x, y, z)
    if not (inside and live[flat]):
        return False, eight, w, 0.0
    value = 0.0
    for k in range(8):
        value += w[k] * raw[eight[k]]
    return True, eight, w, value


@compiled
def shade_of(eight, w, tint, terms, ray):
    """Brightness of fog looked at in one direction."""
    total = 0.0
    for c in range(8):
        one = 0.0
        for k in range(terms.shape[1]):
            one += tint[eight[c], k] * terms[ray, k]
        total += w[c] * one
    return total


@compiled
def see(o, d, jitter, terms, low, high, step, shape, live, rows, raw, tint, scale):
    """Brightness and opacity of rays (rays, 2), one sample a voxel."""
    out = np.zeros((len(o), 2))
    for ray in range(len(o)):
        enter, leave = span(o[ray], d[ray], low, high)
        t, left = enter + step * jitter[ray], 1.0
        while t < leave + step and left > DARK:
            used, eight, w, value = dense_at(place(o[ray], d[ray], t, low, step), live, rows, raw, shape)
            if used:
                through = np.exp(-min(softplus(value) * scale, THICKEST))
                weight = left * (1 - through)
                left *= through
                out[ray, 1] += weight
                if weight > FAINT:
                    out[ray, 0] += weight * shade_of(eight, w, tint, terms, ray)
            t += step
    return out.astype(np.float32)


@compiled
def ask(o, d, jitter, terms, low, high, step, shape, live, rows, raw, tint, scale, out, out_grad):
    """What a change of brightness and opacity asks of density and tint."""
    to_raw, to_tint = np.zeros(len(raw), np.float32), np.zeros(tint.shape, np.float32)
    for ray in range(len(o)):
        enter, leave = span(o[ray], d[ray], low, high)
        t, left = enter + step * jitter[ray], 1.0
        later = out[ray, 0] * out_grad[ray, 0] + out[ray, 1] * out_grad[ray, 1]
        while t < leave + step and left > DARK:
            used, eight, w, value = dense_at(place(o[ray], d[ray], t, low, step), live, rows, raw, shape)
            t += step
            if not used:
                continue
            thick = softplus(value) * scale
            through = np.exp(-min(thick, THICKEST))
            weight = left * (1 - through)
            left *= through
            plain = weight > FAINT
            seen = out_grad[ray, 1]
            if plain:
                seen += out_grad[ray, 0] * shade_of(eight, w, tint, terms, ray)
            later -= weight * seen
            by_raw = (left * seen - later) * scale * sigmoid(value) if thick < THICKEST else 0.0
            by_tint = weight * out_grad[ray, 0] if plain else 0.0
            for c in range(8):
                to_raw[eight[c]] += w[c] * by_raw
                if by_tint != 0.0:
                    for k in range(terms.shape[1]):
                        to_tint[eight[c], k] += w[c] * by_tint * terms[ray, k]
    return to_raw, to_tint

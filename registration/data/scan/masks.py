"""Where the object is in each image: what is not the ground, and what all images agree on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registration.data.crop import box_of, pieces_of, tidy_mask
from registration.data.scan.board import Board
from registration.data.scan.floor import Floor
from registration.data.scan.ground import Ground, Stack, contrast, learn_ground, shadowless
from registration.data.scan.lens import fitted
from registration.geometry.camera import Cameras
from registration.geometry.hull import Box, hull_box, hull_depth, outline, signed_mask_distance
from registration.geometry.rigid import Array, Rigid
from registration.progress import Tick, silent

Masks = NDArray[np.bool_]  # (n, h, w)
Odds = NDArray[np.float32]  # (n, h, w)
VOXELS = 80  # along the hull's longest side
TOLERATED = 0.06  # share of the images that may be wrong about a place
SURE = 4.0  # log-odds of what is as sure as can be
NOISE = 0.012, 0.035  # least and most of the differences of colours that are taken for noise
REACH = 0.006  # of the images' width, by which the object may exceed its coarse hull
COARSE = 480  # pixels along the longer side of the images that the hull is first made of
LIKE, UNLIKE = 0.06, 0.09  # differences of colours 0..1: surely the board in some light; surely not
FORGIVEN = 0.03  # at this much that is forgiven, likeness means half
LEAN = 1.0  # log-odds that what lies within the hull is object
CONTRAST = 0.3  # share of the contrast around a pixel that is forgiven: images are not equally sharp
FIRST_TOLERATED = 0.2
HAIR = 2  # pixels: what is thinner than twice that is no object
EDGE = 0.03  # of brightness 0..1: differences that count as an edge


class NoObject(Exception):
    """Nothing stands on the ground in all images."""


@dataclass(frozen=True, eq=False)
class Cut:
    """The object cut out of every image."""

    masks: Masks
    agreement: Array  # (n,) overlap (IoU) of each mask with the outline of what all masks have in common
    low: Array  # (3,) mm, corners of the box about the object in the board's frame
    high: Array


@dataclass(frozen=True, eq=False)
class Views:
    """Undistorted images of one pinhole, and where they were taken from."""

    images: Stack
    K: Array  # (3, 3)
    poses: list[Rigid]  # T_cam_from_board

    @property
    def cameras(self) -> Cameras:
        """As the geometry wants them."""
        n, h, w, _ = self.images.shape
        K = np.tile(self.K, (n, 1, 1))
        return Cameras(K, np.stack([p.R for p in self.poses]), np.stack([p.t for p in self.poses]), w, h)


def differences(views: Views, ground: Ground, light: tuple[float, float], where: Masks | None) -> tuple[Odds, Odds]:
    """How far each pixel's colour is from the ground's, in any light that is allowed; and how much it means if it is not
    far: 1 on even ground, little at edges of the print, 0 where the ground is unknown. ``where`` it is of interest, if not everywhere."""
    size = (views.images.shape[2], views.images.shape[1])
    off = np.zeros(views.images.shape[:3], np.float32)
    trust = np.zeros(off.shape, np.float32)
    for n, (image, pose) in enumerate(zip(views.images, views.poses, strict=True)):
        expected, ahead = ground.grid.into(ground.colour, views.K, pose, size)
        sure = ground.grid.into(ground.known.astype(np.float32), views.K, pose, size)[0] > 0.99
        part = np.s_[:, :] if where is None else window(where[n])
        there = image[part].astype(np.float32) / (255 * ground.gains[n].astype(np.float32))
        away = shadowless(there, expected[part], *light) - CONTRAST * contrast(expected[part])
        off[n][part] = np.maximum(away, 0)
        trust[n][part] = (sure & ahead)[part] * FORGIVEN / (FORGIVEN + CONTRAST * contrast(expected[part]))
    return off, trust


def window(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Rows and columns that hold a mask."""
    x0, y0, x1, y1 = box_of(mask) if mask.any() else (0, 0, 1, 1)
    return slice(y0, y1), slice(x0, x1)


def light_on_floor(views: Views, ground: Ground, floor: Board | Floor, object_: Masks | None) -> tuple[float, float]:
    """By how much the ground is dimmed and brightened in single images: its shadow rests, or it moves."""
    on = ground.grid.bare(floor) & ground.known
    on[::2] = on[:, ::2] = False
    ratios = []
    for n, (image, pose) in enumerate(zip(views.images, views.poses, strict=True)):
        above, inside = ground.grid.from_above(image, views.K, pose)
        use = on & inside
        if object_ is not None:
            use &= ~(ground.grid.from_above(object_[n].astype(np.uint8) * 255, views.K, pose)[0] > 0)
        seen, usual = above[use] / (255 * ground.gains[n]), ground.colour[use]
        like = shadowless(seen, usual, 0.3, 1.5) < LIKE
        ratios.append((seen[like] * usual[like]).sum(1) / (usual[like] ** 2).sum(1))
    every = np.concatenate(ratios)
    if not len(every):
        raise NoObject
    low, high = np.quantile(every, (0.005, 0.995))
    return float(np.clip(low, 0.3, 0.92)), float(np.clip(high, 1.08, 1.4))


def common_body(
    views: Views, masks: Masks, known: Masks, box: tuple[Array, Array], tolerated: float, stands: bool = True
) -> tuple[Box, NDArray[np.float32]]:
    """How deep each voxel lies inside what all masks allow, mm; of its pieces the largest, at will that stands on the ground."""
    from scipy.ndimage import label

    grid = Box.around(*box, VOXELS)
    distances = np.stack([signed_mask_distance(m, k) for m, k in zip(masks, known, strict=True)])
    depth = hull_depth(views.cameras, distances, grid.points(), int(np.ceil(tolerated * len(masks)))).reshape(
        grid.shape
    )
    pieces = np.zeros(grid.shape, np.int32)
    label(depth > 0, output=pieces)
    low = np.unique(pieces[:, :, : max(2, int(6 / grid.step))] if stands else pieces)
    low = low[low > 0]
    if not len(low):
        raise NoObject
    best = low[np.argmax(np.bincount(pieces.ravel())[low])]
    return grid, np.where(pieces == best, depth, np.minimum(depth, -grid.step)).astype(np.float32)


def outlines(views: Views, grid: Box, depth: NDArray[np.float32]) -> Masks:
    """The body as each camera sees it, to within a voxel."""
    points, cameras = grid.points()[depth.ravel() > -0.25 * grid.step], views.cameras
    return np.stack([outline(cameras, n, points, grid.step) for n in range(len(views.images))])


def grown(masks: Masks, pixels: int) -> Masks:
    """Larger by so many pixels, or smaller if negative."""
    import cv2

    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * abs(pixels) + 1,) * 2)
    change = cv2.dilate if pixels >= 0 else cv2.erode
    return np.stack([change(m.astype(np.uint8), kernel) > 0 for m in masks])


def by_colour(image: NDArray[np.uint8], yes: NDArray[np.bool_], no: NDArray[np.bool_]) -> NDArray[np.float32]:  # (h, w)
    """Log-odds that each pixel is of the colours of ``yes`` rather than of ``no``: histograms of 16 x 16 x 16 bins."""
    from scipy.ndimage import gaussian_filter

    bins = image.astype(np.int32) // 16
    index = bins[..., 0] * 256 + bins[..., 1] * 16 + bins[..., 2]
    shares = []
    for part in (yes, no):
        counts = np.bincount(index[part], minlength=4096).astype(float).reshape(16, 16, 16)
        smooth = gaussian_filter(counts, 0.8, mode="constant").ravel()
        shares.append((smooth + 0.02) / (smooth.sum() + 0.02 * 4096))
    return np.clip(np.log(shares[0] / shares[1]), -SURE, SURE).astype(np.float32)[index]


def along_edges(odds: NDArray[np.float32], image: NDArray[np.uint8], reach: int) -> NDArray[np.float32]:
    """Log-odds smoothed, but not across edges of the image (a guided filter)."""
    import cv2

    guide = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    mean = lambda a: cv2.blur(a, (2 * reach + 1,) * 2)  # noqa: E731
    g, o = mean(guide), mean(odds)
    slope = (mean(guide * odds) - g * o) / (mean(guide * guide) - g * g + EDGE**2)
    return mean(slope) * guide + mean(o - slope * g)


def decided(views: Views, off: Odds, trust: Odds, noise: float, hull: Masks, reach: int) -> Masks:
    """Each image cut by how it differs from the ground, by colours where that is unknown, within reach of the hull."""
    near, deep, out = grown(hull, reach), grown(hull, -reach), []
    for n, image in enumerate(views.images):
        odds = np.clip(1.5 * (off[n] / noise - 2.5), -SURE, SURE)
        sure, known = hull[n] & (odds > 2), trust[n] > 0
        odds = odds * np.where(odds > 0, 0.3 + 0.7 * trust[n], trust[n])
        if (near[n] & ~known).any():
            around = grown(near[n : n + 1], 8 * reach)[0] & ~near[n] & ~known
            colours = by_colour(image, sure & known if (sure & known).sum() > 200 else deep[n], around)
            odds = np.where(known, odds, colours)
        within = np.clip(signed_mask_distance(hull[n]) / reach, -1, 1)
        odds = np.where(near[n], odds + LEAN * within, -SURE).astype(np.float32)
        part = window(grown(near[n : n + 1], reach)[0])
        mask = near[n].copy()
        mask[part] &= along_edges(odds[part], np.ascontiguousarray(image[part]), reach) > 0
        mask = grown(grown(mask[None], -HAIR), HAIR)[0] & mask
        out.append(tidy_mask(largest(mask)) if mask.any() else mask)
    return np.stack(out)


def largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Without pieces much smaller than the largest."""
    pieces = pieces_of(mask, corners=True)
    sizes = np.bincount(pieces.ravel())[1:]
    return mask & np.isin(pieces, 1 + np.flatnonzero(sizes > 0.1 * sizes.max()))


def overlap(a: Masks, b: Masks) -> Array:  # (n, h, w) x2 -> (n,)
    """Intersection over union, image by image."""
    both, either = (a & b).sum((1, 2)), (a | b).sum((1, 2))
    return both / np.maximum(either, 1)


def box_about(grid: Box, depth: NDArray[np.float32], stands: bool = True) -> tuple[Array, Array]:
    """The body's box, with room for what the coarse one missed, but not below the ground that it ``stands`` on."""
    inside = grid.points()[depth.ravel() > 0]
    rim = 2.5 * grid.step
    low, high = inside.min(0) - rim, inside.max(0) + rim
    return np.array([low[0], low[1], 0.0 if stands else low[2]]), high


def shrunk(views: Views) -> Views:
    """The same views in small."""
    import cv2

    h, w = views.images.shape[1:3]
    size = fitted((w, h), COARSE)
    s = size[0] / w
    K = np.array([[s, 0, 0.5 * s - 0.5], [0, s, 0.5 * s - 0.5], [0, 0, 1]]) @ views.K
    return Views(np.stack([cv2.resize(i, size, interpolation=cv2.INTER_AREA) for i in views.images]), K, views.poses)


def recut(
    views: Views, floor: Board | Floor, grid: Box, depth: NDArray[np.float32]
) -> tuple[Masks, Box, NDArray[np.float32]]:
    """Masks anew with what a hull tells: where the ground is bare, in what light, and where the object can be; and a new hull."""
    hull, reach = outlines(views, grid, depth), max(2, round(REACH * views.images.shape[2]))
    ground = learn_ground(views.images, views.K, views.poses, floor, grown(hull, reach))
    light = light_on_floor(views, ground, floor, grown(hull, reach))
    wide = grown(hull, 6 * reach)
    off, trust = differences(views, ground, light, wide)
    bare = off[(trust > 0) & wide & ~grown(hull, 2 * reach)]
    noise = float(np.clip(np.quantile(bare, 0.9), *NOISE)) if len(bare) else NOISE[1]
    masks = decided(views, off, trust, noise, hull, reach)
    return masks, *common_body(views, masks, np.ones_like(masks), box_about(grid, depth), TOLERATED)


def first_body(views: Views, floor: Board | Floor) -> tuple[Box, NDArray[np.float32]]:
    """The hull of what is clearly not the ground."""
    import cv2

    ground = learn_ground(views.images, views.K, views.poses, floor)
    off, trust = differences(views, ground, light_on_floor(views, ground, floor, None), None)
    closed = [
        cv2.morphologyEx((o > UNLIKE).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8)) > 0 for o in off
    ]
    size = floor.size_mm
    box = np.array([*(-size / 2), 0.0]), np.array([*(size / 2), 0.7 * size.max()])
    return common_body(views, np.stack(closed), trust > 0, box, FIRST_TOLERATED)


def cut_out(views: Views, floor: Board | Floor, tick: Tick = silent) -> Cut:
    """Masks of all images, first by the ground alone, then with the hull of all of them; in small, then as they are."""
    small = shrunk(views)
    grid, depth = first_body(small, floor)
    tick(1, 3)
    _, grid, depth = recut(small, floor, grid, depth)
    tick(2, 3)
    masks, grid, depth = recut(views, floor, grid, depth)
    common = outlines(views, grid, depth)
    tick(3, 3)
    return Cut(masks & grown(common, HAIR), overlap(masks, common), *box_about(grid, depth))


def agreeing(views: Views, masks: Masks, floor: Board | Floor | None) -> Cut:
    """Masks that somebody else made, and how well they agree; without a floor the object floats."""
    every = np.ones_like(masks)
    size = floor.size_mm if floor else np.zeros(2)
    box = np.array([*(-size / 2), 0.0]), np.array([*(size / 2), 0.7 * size.max()])
    try:
        if floor is None:
            distances = np.stack([signed_mask_distance(m) for m in masks])
            box = hull_box(views.cameras, distances, masks, int(np.ceil(TOLERATED * len(masks))))
        grid, depth = common_body(views, masks, every, box, TOLERATED, floor is not None)
        grid, depth = common_body(views, masks, every, box_about(grid, depth, floor is not None), TOLERATED, floor is not None)
    except (NoObject, ValueError):
        return Cut(masks, np.zeros(len(masks)), *box)
    return Cut(masks, overlap(masks, outlines(views, grid, depth)), *box_about(grid, depth, floor is not None))

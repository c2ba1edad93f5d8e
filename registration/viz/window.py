"""A scene in a window, by Open3D: a list of its parts to be turned on and off."""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np

from registration.errors import MissingExtra, UserError, require
from registration.geometry.rigid import Rigid
from registration.viz.pictures import DOWN, UP
from registration.viz.scene import Scene, Skin
from registration.viz.still import AZIMUTH, CAD, ELEVATION, FRUSTUM, edges

INSTEAD = "regpipe view --save PNG draws without a display, --web shows it in a browser"
SYSTEM = "apt-get install libgl1 libgomp1 libx11-6 libusb-1.0-0 libvulkan1 mesa-vulkan-drivers"
"""What Open3D asks of a bare machine."""


def show(scene: Scene) -> None:
    """Open the window; comes back when it is closed."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise UserError("no display for a window", "DISPLAY is not set", INSTEAD)
    o3d = loaded()
    listed, title = parts(o3d, scene), f"regpipe: {scene.name}"
    middle, size = scene.middle_and_size()
    a, e = np.radians([AZIMUTH, ELEVATION])
    away = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    try:
        o3d.visualization.draw(
            listed, title=title, width=1280, height=860, show_ui=True, show_skybox=False,
            bg_color=(0.98, 0.98, 0.98, 1.0), point_size=3, raw_mode=False, ibl_intensity=8_000,
            lookat=middle, eye=middle + 1.3 * size * away, up=(0, 0, 1),
        )  # fmt: skip
    except RuntimeError as error:  # no Vulkan, or no driver for it
        raise UserError("Open3D cannot open its window", error, f"{SYSTEM}; or {INSTEAD}") from error


def loaded() -> Any:
    """Open3D, or what to do about it."""
    try:
        return require("open3d", "view")
    except MissingExtra as error:
        if isinstance(error.__cause__, OSError):  # it is there, and a system library is not
            raise UserError("Open3D cannot be loaded", error.__cause__, f"{SYSTEM}; or {INSTEAD}") from error
        raise


def parts(o3d: Any, scene: Scene) -> list[dict[str, Any]]:
    """What the window lists: up once, down at every step, surfaces, cameras; at first the last step alone."""
    out: list[dict[str, Any]] = []

    def add(name: str, geometry: Any, group: str, visible: bool) -> None:
        out.append({"name": name, "geometry": geometry, "group": group, "is_visible": visible})

    if scene.up.cloud is not None:
        add("up cloud", cloud(o3d, scene.up.cloud, Rigid.identity(), UP), "up", True)
    shown = [*scene.places, *scene.alternatives]
    last = len(scene.places) - 1
    for n, place in enumerate(shown):
        if scene.down.cloud is not None:
            body = cloud(o3d, scene.down.cloud, place.T_up_from_down, DOWN)
            add(f"down cloud, {place.name}", body, "down", n == last)
    alone = scene.up.cloud is None
    for name, skin, X, tint, visible in (
        ("up surface", scene.up.skin, Rigid.identity(), UP, False),
        ("down surface", scene.down.skin, scene.final, DOWN, False),
        ("model", scene.model, Rigid.identity(), None, alone),
        ("CAD model", scene.cad, Rigid.identity(), CAD, True),
    ):
        if skin is not None:
            add(name, mesh(o3d, skin, X, tint), "surfaces", visible)
    _, size = scene.middle_and_size()
    for name, half, X, tint in (("up", scene.up, Rigid.identity(), UP), ("down", scene.down, scene.final, DOWN)):
        if half.shots is not None:
            add(f"{name} cameras", lines(o3d, edges(half, X, FRUSTUM * size), tint), "cameras", False)
    return out


def cloud(o3d: Any, record: Any, T: Rigid, tint: tuple[int, int, int]) -> Any:
    """A cloud in one colour."""
    out = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(T.apply(record.points)))
    out.normals = o3d.utility.Vector3dVector(T.turn(record.normals))
    return out.paint_uniform_color(np.array(tint) / 255)


def mesh(o3d: Any, skin: Skin, T: Rigid, tint: tuple[int, int, int] | None) -> Any:
    """A mesh in its own colours or in one."""
    corners, triangles = o3d.utility.Vector3dVector(T.apply(skin.vertices)), o3d.utility.Vector3iVector(skin.faces)
    out = o3d.geometry.TriangleMesh(corners, triangles)
    out.vertex_normals = o3d.utility.Vector3dVector(T.turn(skin.normals))
    out.vertex_colors = o3d.utility.Vector3dVector(skin.colours / 255)
    return out if tint is None else out.paint_uniform_color(np.array(tint) / 255)


def lines(o3d: Any, segments: np.ndarray, tint: tuple[int, int, int]) -> Any:  # (n, 2, 3)
    """Straight lines in one colour."""
    out = o3d.geometry.LineSet(
        o3d.utility.Vector3dVector(segments.reshape(-1, 3)),
        o3d.utility.Vector2iVector(np.arange(2 * len(segments)).reshape(-1, 2)),
    )
    return out.paint_uniform_color(np.array(tint) / 255)

"""A scene as a recording for rerun's viewer."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from registration.errors import require
from registration.geometry.rigid import Rigid
from registration.viz.pictures import DOWN, UP
from registration.viz.scene import Half, Scene, Skin
from registration.viz.still import CAD, FRUSTUM

STAGE, STEP = "stage", "icp_step"
"""Two time lines: the chain's steps, and those of the ICP."""


def record(scene: Scene, file: Path) -> None:
    """Write the recording beside, then into place."""
    rr = require("rerun", "view")
    stream = rr.RecordingStream("regpipe", recording_id=str(uuid4()))
    beside = file.with_name(f".{file.name}.part")
    stream.save(str(beside))
    _, size = scene.middle_and_size()
    if scene.upright is not None:
        axis = int(np.argmax(np.abs(scene.upright)))
        names = ("RIGHT_HAND_X_UP", "RIGHT_HAND_Y_UP", "RIGHT_HAND_Z_UP")
        stream.log("world", getattr(rr.ViewCoordinates, names[axis]), static=True)
    told = [f"# {scene.name}", *(f"- {line}" for line in (*scene.facts, scene.path_said, *scene.missing) if line)]
    stream.log("verdict", rr.TextDocument("\n".join(told), media_type="text/markdown"), static=True)
    half(rr, stream, "world/up", scene.up, UP, size)
    half(rr, stream, "world/down", scene.down, DOWN, size)
    for name, skin, tint in (("model", scene.model, None), ("cad", scene.cad, CAD)):
        if skin is not None:
            stream.log(f"world/{name}", mesh(rr, skin, tint), static=True)
    for line, places in ((STAGE, scene.places), (STEP, scene.path)):
        for n, place in enumerate(places):
            stream.reset_time()
            stream.set_time(line, sequence=n)
            stream.log("world/down", moved(rr, place.T_up_from_down))
            stream.log("where", rr.TextLog(f"{place.name}: {place.said}"))
    stream.flush()
    stream.disconnect()
    beside.replace(file)


def half(rr: Any, stream: Any, root: str, half: Half, tint: tuple[int, int, int], size: float) -> None:
    """One capture's cloud, surface and cameras, in its own frame."""
    if half.cloud is not None:
        points = rr.Points3D(half.cloud.points, colors=[tint], radii=0.003 * size)
        stream.log(f"{root}/cloud", points, static=True)
    if half.skin is not None:
        stream.log(f"{root}/surface", mesh(rr, half.skin, None), static=True)
    if half.shots is None:
        return
    cameras, images = half.shots.cameras, half.shots.images
    for i in map(int, half.shots.spread()):
        place = f"{root}/cameras/{i:03d}"
        stream.log(place, moved(rr, cameras.pose(i).inverse()), static=True)
        hole = rr.Pinhole(
            image_from_camera=cameras.K[i], resolution=[cameras.width, cameras.height], camera_xyz=rr.ViewCoordinates.RDF,
            image_plane_distance=FRUSTUM * size, color=tint,
        )  # fmt: skip
        stream.log(place, hole, static=True)
        if images is not None:
            stream.log(place, rr.Image(images[i]).compress(jpeg_quality=80), static=True)


def mesh(rr: Any, skin: Skin, tint: tuple[int, int, int] | None) -> Any:
    """A mesh in its own colours or in one."""
    colours = skin.colours if tint is None else np.tile(np.array(tint, np.uint8), (len(skin.vertices), 1))
    return rr.Mesh3D(
        vertex_positions=skin.vertices, triangle_indices=skin.faces, vertex_normals=skin.normals, vertex_colors=colours
    )


def moved(rr: Any, T: Rigid) -> Any:
    """A motion as rerun writes it."""
    return rr.Transform3D(translation=T.t, mat3x3=T.R)

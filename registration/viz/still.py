"""A scene as one picture: what the window shows, without a display."""

from __future__ import annotations

import numpy as np

from registration.geometry.rigid import Array, Rigid
from registration.viz.pictures import DOWN, UP, Picture, sheet
from registration.viz.scene import Half, Place, Scene, Skin, frustum
from registration.viz.software import Canvas, captioned

CAD = (204, 121, 167)
"""Reddish purple: told from blue and orange by every kind of eye."""
AZIMUTH, ELEVATION = 35.0, 22.0
MOST_ALTERNATIVES = 3
FRUSTUM = 0.25
"""Length of a camera's pyramid, as a share of the object's size."""


def picture_of(scene: Scene, size: int = 520) -> Picture:
    """Both halves at every step, the cameras around the model, the CAD model if there is one."""
    places = (*scene.places, *scene.alternatives[:MOST_ALTERNATIVES]) if scene.up.cloud is not None else ()
    panels = [of_place(scene, place, size) for place in places]
    if scene.model is not None:
        panels.append(of_model(scene.model, size))
    if scene.up.shots is not None or scene.down.shots is not None:
        panels.append(of_cameras(scene, size))
    if scene.cad is not None:
        panels.append(of_cad(scene, size))
    columns = len(panels) if len(panels) < 4 else 4 if len(panels) != 6 else 3
    return sheet(panels, max(1, columns), gap=12)


def of_place(scene: Scene, place: Place, size: int) -> Picture:
    """Both clouds, blue and orange, as one step leaves them; every step from the same side."""
    T = place.T_up_from_down
    canvas = Canvas.around(stage_of(scene), AZIMUTH, ELEVATION, size, size * 3 // 4)
    for half, X, tint in ((scene.up, Rigid.identity(), UP), (scene.down, T, DOWN)):
        if half.cloud is not None:
            canvas.cloud(X.apply(half.cloud.points), X.turn(half.cloud.normals), tint)
    return captioned(
        canvas.done(), place.name[:1].upper() + place.name[1:], f"up blue, down orange; {place.said}".rstrip("; ")
    )


def stage_of(scene: Scene) -> Array:  # (n, 3)
    """All that any step puts somewhere, so that pictures of steps can be compared."""
    parts = [scene.up.cloud.points] if scene.up.cloud is not None else []
    if scene.down.cloud is not None:
        parts += [p.T_up_from_down.apply(scene.down.cloud.points) for p in (*scene.places, *scene.alternatives)]
    return np.concatenate(parts) if parts else np.zeros((1, 3))


def of_model(model: Skin, size: int) -> Picture:
    """The whole model in its own colours."""
    canvas = Canvas.around(model.vertices, AZIMUTH, ELEVATION, size, size * 3 // 4)
    canvas.skin(model)
    return captioned(canvas.done(), "Model", "the whole object in the frame of up")


def of_cameras(scene: Scene, size: int) -> Picture:
    """The model, or the upper half's surface, amid the cameras of both captures."""
    skin = scene.model if scene.model is not None else scene.up.skin
    _, extent = scene.middle_and_size()
    rays = [
        (edges(half, X, FRUSTUM * extent), tint)
        for half, X, tint in ((scene.up, Rigid.identity(), UP), (scene.down, scene.final, DOWN))
    ]
    parts = [lines.reshape(-1, 3) for lines, _ in rays] + ([skin.vertices] if skin is not None else [])
    canvas = Canvas.around(np.concatenate(parts), AZIMUTH, ELEVATION, size, size * 3 // 4)
    if skin is not None:
        canvas.skin(skin)
    for lines, tint in rays:
        canvas.lines(lines, tint)
    counts = [len(h.shots.cameras) if h.shots is not None else 0 for h in (scene.up, scene.down)]
    return captioned(
        canvas.done(), "Cameras", f"{counts[0]} of up (blue), {counts[1]} of down (orange), around the model"
    )


def edges(half: Half, T_world_from_half: Rigid, depth: float) -> Array:  # (8 n, 2, 3)
    """The pyramids of a capture's cameras, as lines."""
    if half.shots is None:
        return np.zeros((0, 2, 3))
    out = []
    for i in half.shots.spread():
        tip, *corners = frustum(half.shots.cameras, int(i), depth)
        out += [(tip, c) for c in corners] + [(corners[k], corners[k - 1]) for k in range(4)]
    return T_world_from_half.apply(np.array(out))


def of_cad(scene: Scene, size: int) -> Picture:
    """The CAD model beneath the points of both halves."""
    assert scene.cad is not None
    points = [scene.cad.vertices]
    clouds = []
    for half, X, tint in ((scene.up, Rigid.identity(), UP), (scene.down, scene.final, DOWN)):
        if half.cloud is not None:
            clouds.append((X.apply(half.cloud.points), X.turn(half.cloud.normals), tint))
            points.append(clouds[-1][0])
    if not clouds and scene.model is not None:
        clouds.append((scene.model.vertices, scene.model.normals, UP))
    canvas = Canvas.around(np.concatenate(points), AZIMUTH, ELEVATION, size, size * 3 // 4)
    canvas.skin(scene.cad, CAD)
    for cloud_points, normals, tint in clouds:
        canvas.cloud(cloud_points, normals, tint, 2)
    return captioned(canvas.done(), "CAD model", scene.cad_said)

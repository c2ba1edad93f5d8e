"""A scene in the browser, by viser, on this machine only."""

from __future__ import annotations

from contextlib import redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from registration.errors import require
from registration.geometry.rigid import Array, Rigid
from registration.viz.pictures import DOWN, UP
from registration.viz.scene import Half, Place, Scene, Skin
from registration.viz.still import CAD, FRUSTUM

HOST = "127.0.0.1"
METRES = 0.001
"""The browser's camera is made for metres; a scene is in millimetres."""
THUMBNAIL = 96
PATH = "steps of the ICP"


def serve(scene: Scene, port: int) -> Any:
    """Start the viewer; it answers in the background until it is stopped."""
    viser = require("viser", "view")
    with redirect_stdout(StringIO()):  # its own banner; the command says it in one line
        server = viser.ViserServer(host=HOST, port=port, label=f"regpipe: {scene.name}", verbose=False)
    Web(server, scene).build()
    return server


@dataclass(eq=False)
class Web:
    """The scene's nodes and the panel that turns them on and off."""

    server: Any
    scene: Scene
    nodes: dict[str, list[Any]] = field(default_factory=dict)
    """What each toggle turns on and off."""
    slider: Any = None
    """Through the steps of the ICP, if they are known."""

    def build(self) -> None:
        """Everything, as it is when the page opens."""
        middle, size = self.scene.middle_and_size()
        up = np.array([0, 0, 1.0]) if self.scene.upright is None else self.scene.upright
        self.server.scene.set_up_direction(up)
        self._camera(middle, size, up)
        self.server.gui.configure_theme(control_width="large", show_logo=False, show_share_button=False, brand_color=UP)
        self.down = self.server.scene.add_frame("/down", show_axes=False)
        self._half("up", self.scene.up, UP, size)
        self._half("down", self.scene.down, DOWN, size)
        for key, skin in (("model", self.scene.model), ("cad", self.scene.cad)):
            if skin is not None:
                self.nodes[key] = [self._skin(f"/{key}", skin, CAD if key == "cad" else None)]
        self._panel()

    def put(self, place: Place) -> None:
        """Move the lower half where a step puts it."""
        self.down.wxyz, self.down.position = pose(place.T_up_from_down)
        self.said.content = f"**{place.name}**: {place.said or 'no more is known'}"

    def _camera(self, middle: Array, size: float, up: Array) -> None:
        side = np.cross(up, [0.6, -0.8, 0.1])
        away = side / np.linalg.norm(side) + 0.45 * up
        start = self.server.initial_camera
        start.up, start.look_at = tuple(up), tuple(middle * METRES)
        start.position = tuple((middle + 1.2 * size * away / np.linalg.norm(away)) * METRES)
        start.near, start.far = 0.02 * size * METRES, 100 * size * METRES

    def _half(self, name: str, half: Half, tint: tuple[int, int, int], size: float) -> None:
        add, root = self.server.scene, "/down" if name == "down" else "/up"
        if name == "up":
            add.add_frame("/up", show_axes=False)
        if half.cloud is not None:
            light = 0.75 + 0.25 * half.cloud.normals @ np.array([0.3, 0.2, 0.93])
            colours = np.clip(np.array(tint) * light[:, None], 0, 255).astype(np.uint8)
            points = (half.cloud.points * METRES).astype(np.float32)
            node = add.add_point_cloud(
                f"{root}/cloud",
                points,
                colours,
                point_size=0.006 * size * METRES,
                point_shape="circle",
                precision="float32",
            )
            self.nodes[f"{name} cloud"] = [node]
        if half.skin is not None:
            self.nodes[f"{name} surface"] = [self._skin(f"{root}/surface", half.skin, tint)]
        if half.shots is not None:
            self.nodes[f"{name} cameras"] = [self._frustum(root, half, int(i), tint, size) for i in half.shots.spread()]

    def _skin(self, name: str, skin: Skin, tint: tuple[int, int, int] | None) -> Any:
        vertices = (skin.vertices * METRES).astype(np.float32)
        faces = skin.faces.astype(np.uint32)
        if tint is not None:
            return self.server.scene.add_mesh_simple(name, vertices, faces, color=tint, side="double")
        import trimesh

        mesh = trimesh.Trimesh(vertices, faces, vertex_normals=skin.normals, vertex_colors=skin.colours, process=False)
        return self.server.scene.add_mesh_trimesh(name, mesh)

    def _frustum(self, root: str, half: Half, i: int, tint: tuple[int, int, int], size: float) -> Any:
        assert half.shots is not None
        cameras, image = half.shots.cameras, None
        if half.shots.images is not None:
            image = half.shots.images[i]
            thin = max(1, max(image.shape[:2]) // THUMBNAIL)
            image = image[::thin, ::thin]
        wxyz, position = pose(cameras.pose(i).inverse())
        half_height, aspect = cameras.height / 2 / cameras.K[i, 1, 1], cameras.width / cameras.height
        scale = FRUSTUM * size * METRES * np.cbrt(half_height**2 * aspect / 3)  # viser scales pyramids by their volume
        return self.server.scene.add_camera_frustum(
            f"{root}/cameras/{i:03d}", fov=2 * np.arctan(half_height), aspect=aspect, scale=scale, thickness=1.5, thickness_units="screen",
            color=tint, image=image, format="jpeg", wxyz=wxyz, position=position,
        )  # fmt: skip

    def _panel(self) -> None:
        gui, scene = self.server.gui, self.scene
        gui.add_markdown("\n\n".join([f"### {scene.name}", f"**{scene.facts[0]}**" if scene.facts else ""]))
        with gui.add_folder("Where down lies"):
            self._steps(gui)
        with gui.add_folder("What is shown"):
            for key in self.nodes:
                self._toggle(gui, key, key in ("up cloud", "down cloud"))
        if scene.cad is not None:
            gui.add_markdown(f"CAD model: {scene.cad_said}")
        told = [*scene.facts[1:], *scene.missing]
        if told:
            with gui.add_folder("Why", expand_by_default=False):
                gui.add_markdown("\n".join(f"- {line}" for line in told))

    def chosen(self) -> None:
        """Put the lower half where the chosen stage, or step, puts it."""
        place = self.named[self.stage.value]
        if self.slider is not None and self.stage.value == PATH:
            place = self.scene.path[self.slider.value]
        self.put(place)

    def stepped(self) -> None:
        """The slider was moved: show that step, whatever stage was chosen."""
        self.stage.value = PATH
        self.chosen()

    def _steps(self, gui: Any) -> None:
        scene = self.scene
        self.named = {p.name: p for p in (*scene.places, *scene.alternatives)}
        if not self.named:
            gui.add_markdown("Nothing has been registered: each half is in its own frame.")
            return
        if len(scene.path) > 1:
            self.named[PATH] = scene.path[-1]
        first = scene.places[-1].name if scene.places else next(iter(self.named))
        self.stage = gui.add_dropdown("Stage", tuple(self.named), initial_value=first)
        if len(scene.path) > 1:
            last = len(scene.path) - 1
            self.slider = gui.add_slider("ICP step", 0, last, 1, last, hint=scene.path_said)
            self.slider.on_update(lambda _: self.stepped())
        self.said = gui.add_markdown("")
        self.stage.on_update(lambda _: self.chosen())
        self.chosen()

    def _toggle(self, gui: Any, key: str, on: bool) -> None:
        box = gui.add_checkbox(key, on)

        def switch(_: Any) -> None:
            with self.server.atomic():
                for node in self.nodes[key]:
                    node.visible = box.value

        box.on_update(switch)
        switch(None)


def pose(T: Rigid) -> tuple[Array, Array]:
    """A motion as viser wants it: quaternion w first, shift in metres."""
    return Rotation.from_matrix(T.R).as_quat()[[3, 0, 1, 2]], T.t * METRES

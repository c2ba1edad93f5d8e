"""The record every reader returns."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from registration.geometry.camera import Cameras
from registration.geometry.rigid import Array, Rigid

Half = Literal["up", "down"]


@dataclass(frozen=True, eq=False)
class Capture:
    """One sequence of images of one rigid object at rest; cropped to the object, all crops of one size.

    ``K`` belongs to the crops; ``K_full``, ``size_full`` and ``T`` to the images as they were read.
    """

    name: str
    """For messages: ``tless_dev/obj_000001_up``."""
    ids: NDArray[np.int64]  # (n,) image ids of the data set, ascending
    rgb: NDArray[np.uint8]  # (n, h, w, 3)
    mask: NDArray[np.bool_]  # (n, h, w)
    K: Array  # (n, 3, 3) of the crops
    R: Array  # (n, 3, 3) x_cam = R x_capture + t
    t: Array  # (n, 3) mm
    K_full: Array  # (n, 3, 3) as read
    size_full: tuple[int, int]  # (width, height) as read
    depth: NDArray[np.float32] | None = None  # (n, h, w) mm, 0 where unknown
    inside: NDArray[np.bool_] | None = None  # (n, h, w) False where the crop reaches past the image; None: nowhere
    files: tuple[str, ...] = ()  # (n,) colour images, relative to the capture's folder
    metric: bool = True
    """Whether lengths are millimetres; False: nobody knows the files' unit, and the scale is only near what was assumed."""
    unit_mm: float = 1.0
    """Millimetres, true or assumed, in one unit of the files: lengths divided by it are what the files say."""
    notes: dict[str, Any] = field(default_factory=dict)
    """What the reader had to say: skipped frames, their reasons, the kind of folder."""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def cameras(self) -> Cameras:
        """Cameras of the crops."""
        return Cameras(self.K, self.R, self.t, self.mask.shape[2], self.mask.shape[1])

    def only(self, views: NDArray[np.int64]) -> Capture:
        """The same capture with some of its views."""
        pick = lambda a: None if a is None else a[views]  # noqa: E731
        return replace(
            self, ids=self.ids[views], rgb=self.rgb[views], mask=self.mask[views], K=self.K[views], R=self.R[views],
            t=self.t[views], K_full=self.K_full[views], depth=pick(self.depth), inside=pick(self.inside),
            files=tuple(self.files[i] for i in views) if self.files else (),
        )  # fmt: skip

    def scaled(self, factor: float) -> Capture:
        """The same capture with all its lengths times a factor."""
        if factor == 1:
            return self
        depth = None if self.depth is None else self.depth * np.float32(factor)
        unit = {k: v * factor for k, v in self.notes.items() if k == "depth_scale"}
        return replace(
            self, t=self.t * factor, depth=depth, unit_mm=self.unit_mm * factor, notes=self.notes | unit
        )  # fmt: skip

    def moved(self, T_frame_from_capture: Rigid) -> Capture:
        """The same capture with its poses given in another frame."""
        cameras = self.cameras.moved(T_frame_from_capture.inverse())
        return replace(self, R=cameras.R, t=cameras.t)

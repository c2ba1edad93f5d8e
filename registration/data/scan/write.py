"""A scan as a BOP onboarding folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from registration.data.bop_write import scene_camera, scene_gt, write_json
from registration.data.scan.board import write_board
from registration.data.scan.lens import write_lens
from registration.data.scan.whole import Scan


def write_capture(folder: Path, scan: Scan, objid: int) -> None:
    """rgb/, mask_visib/ and both JSON files, millimetres, in the board's frame; beside them lens, board and what was left out."""
    import cv2

    for name in ("rgb", "mask_visib"):
        (folder / name).mkdir(parents=True)
    for n, image, mask in zip(scan.numbers, scan.views.images, scan.masks, strict=True):
        for file, pixels in (
            (f"rgb/{n:06d}.png", image[..., ::-1]),
            (f"mask_visib/{n:06d}_000000.png", mask * np.uint8(255)),
        ):
            if not cv2.imwrite(str(folder / file), pixels):
                raise OSError(f"{folder / file} could not be written")
    R, t = np.stack([T.R for T in scan.views.poses]), np.stack([T.t for T in scan.views.poses])
    write_json(folder / "scene_gt.json", scene_gt(scan.numbers, R, t, objid))
    write_json(folder / "scene_camera.json", scene_camera(scan.numbers, np.tile(scan.views.K, (len(R), 1, 1))))
    write_lens(folder / "intrinsics.json", scan.calibration.lens)
    write_board(folder / "board.json", scan.board)
    images = {
        str(n): {"name": name, "mask_agreement": round(float(a), 4)}
        for n, name, a in zip(scan.numbers, scan.names, scan.agreement, strict=True)
    }
    facts = {"made_by": "regpipe capture", "reprojection_px": round(scan.calibration.rms, 4), "masks_by": scan.masks_by, "read": scan.read,
             "images": images, "dropped": scan.dropped}  # fmt: skip
    (folder / "scan.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")

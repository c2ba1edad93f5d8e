"""A scan as a folder that the readers read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from registration.data.bop_write import write_bop
from registration.data.capture import Capture
from registration.data.colmap_write import write_colmap
from registration.data.scan.board import Board, write_board
from registration.data.scan.lens import write_lens
from registration.data.scan.whole import Scan


def write_capture(folder: Path, scan: Scan, objid: int) -> None:
    """A BOP folder, millimetres, in the board's or the table's frame; where there is no unit a COLMAP model, which has none.

    Beside it lens, board and what was left out.
    """
    if scan.cameras.metric:
        write_bop(capture_of(scan, folder.name), folder, objid)
    else:
        write_colmap(capture_of(scan, folder.name), folder)
    write_lens(folder / "intrinsics.json", scan.cameras.calibration.lens)
    if isinstance(scan.cameras.floor, Board):
        write_board(folder / "board.json", scan.cameras.floor)
    images = {
        str(n): {"name": name, "mask_agreement": round(float(a), 4)}
        for n, name, a in zip(scan.numbers, scan.names, scan.agreement, strict=True)
    }
    facts = {"made_by": "regpipe capture", "cameras_by": scan.cameras.by, "unit": "mm" if scan.cameras.metric else "none",
             "reprojection_px": round(scan.cameras.calibration.rms, 4), "masks_by": scan.masks_by,
             "read": scan.cameras.read, "images": images, "dropped": scan.dropped}  # fmt: skip
    (folder / "scan.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def capture_of(scan: Scan, name: str) -> Capture:
    """The whole images, nothing cropped."""
    cameras = scan.views.cameras
    return Capture(
        name=name, ids=np.array(scan.numbers, np.int64), rgb=scan.views.images, mask=scan.masks, K=cameras.K,
        R=cameras.R, t=cameras.t, K_full=cameras.K, size_full=(cameras.width, cameras.height),
        metric=scan.cameras.metric,
    )  # fmt: skip

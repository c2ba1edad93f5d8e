"""Pictures to check a scan by: corners, chosen images, cameras, masks, what the calibration leaves unexplained."""

from __future__ import annotations

import numpy as np

from registration.data.scan.lens import fitted
from registration.data.scan.whole import Scan
from registration.geometry.rigid import Array
from registration.viz.pictures import DOWN, PAPER, UP, Picture, sheet
from registration.viz.software import INK, Canvas, captioned

SMALL, LARGE = 240, 480  # pixels along the longer side of one image
MOST = 60  # images on a sheet
ENLARGED = 100  # residuals are drawn so much longer


def check_pictures(scan: Scan) -> dict[str, Picture]:
    """Name -> picture."""
    return {
        "corners": corners(scan),
        "chosen": chosen(scan),
        "cameras": cameras(scan),
        "masks": masks(scan),
        "residuals": residuals(scan),
    }


def some(scan: Scan, most: int) -> list[int]:
    """Places of images spread over all."""
    n = len(scan.numbers)
    return sorted({int(k) for k in np.linspace(0, n - 1, min(n, most)).round()})


def small(image: Picture, most: int) -> Picture:
    """An image shrunk."""
    import cv2

    return np.asarray(
        cv2.resize(image, fitted((image.shape[1], image.shape[0]), most), interpolation=cv2.INTER_AREA), np.uint8
    )


def labelled(image: Picture, text: str) -> Picture:
    """A word in the corner."""
    from PIL import Image, ImageDraw

    out = Image.fromarray(image)
    ImageDraw.Draw(out).text((5, 3), text, (255, 255, 255), font_size=13, stroke_width=1, stroke_fill=(0, 0, 0))
    return np.asarray(out)


def corners(scan: Scan) -> Picture:
    """Six undistorted images, the corners or points where the calibration puts them, orange where the image has them elsewhere by half a pixel."""
    import cv2

    out, c, places = [], scan.cameras.calibration, scan.cameras.places
    what = "corners" if scan.cameras.by == "board" else "points"
    for k in some(scan, 6):
        n = scan.numbers[k]
        seen = scan.views.poses[k].apply(places[c.sightings[n].corners]) @ scan.views.K.T
        image, scale = small(scan.views.images[k], LARGE), LARGE / max(scan.views.images[k].shape)
        off = np.linalg.norm(c.residuals[n], axis=1)
        for (u, v), away in zip((seen[:, :2] / seen[:, 2:]) * min(scale, 1), off, strict=True):
            cv2.circle(image, (round(u), round(v)), 3, DOWN if away > 0.5 else (60, 230, 90), 1, cv2.LINE_AA)
        out.append(labelled(image, f"{scan.names[k]}: {len(off)} {what}, {np.sqrt((off**2).mean()):.2f} px"))
    return sheet(out, 3)


def chosen(scan: Scan) -> Picture:
    """A contact sheet."""
    return sheet([labelled(small(scan.views.images[k], SMALL), str(scan.numbers[k])) for k in some(scan, MOST)], 6)


def masks(scan: Scan) -> Picture:
    """A contact sheet of outlines, each with its agreement."""
    import cv2

    out = []
    for k in some(scan, MOST):
        image = small(scan.views.images[k], SMALL)
        mask = cv2.resize(
            scan.masks[k].astype(np.uint8), (image.shape[1], image.shape[0]), interpolation=cv2.INTER_AREA
        )
        lines, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(image, lines, -1, (255, 60, 60), 1)
        out.append(labelled(image, f"{scan.numbers[k]}: {scan.agreement[k]:.2f}"))
    return sheet(out, 6)


def cameras(scan: Scan) -> Picture:
    """Where the images were taken from, about the ground; the upper edge of each image in orange."""
    eyes = np.array([T.inverse().t for T in scan.views.poses])
    ground = scan.cameras.floor
    (w, h), reach = ground.size_mm / 2 if ground else (0.0, 0.0), 0.1 * float(np.linalg.norm(eyes, axis=1).mean())
    rim = np.array([(-w, -h, 0), (w, -h, 0), (w, h, 0), (-w, h, 0)])
    shape = np.array([scan.views.images.shape[2], scan.views.images.shape[1]])
    flat = np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) * shape - scan.views.K[:2, 2]
    frame = reach * np.concatenate([flat / scan.views.K[0, 0], np.ones((4, 1))], 1)
    canvas = Canvas.around(np.concatenate([rim, eyes]), 35, 28, 900, 620)
    canvas.lines(loop(rim), INK, 2)
    for T, eye in zip(scan.views.poses, eyes, strict=True):
        there = T.inverse().apply(frame)
        canvas.lines(np.stack([np.tile(eye, (4, 1)), there], 1), UP)
        canvas.lines(loop(there), UP)
        canvas.lines(there[None, :2], DOWN, 2)
    return captioned(canvas.done(), f"{len(eyes)} cameras about the object", room=0)


def loop(points: Array) -> Array:  # (n, 3) -> (n, 2, 3)
    """A closed line."""
    return np.stack([points, np.roll(points, -1, axis=0)], 1)


def residuals(scan: Scan) -> Picture:
    """Every corner in the image's plane with the way to where it should be, enlarged: a pattern means a wrong lens model."""
    import cv2

    c = scan.cameras.calibration
    w, h = c.lens.size
    s = 900 / max(w, h)
    image = np.full((round(h * s), round(w * s), 3), PAPER, np.uint8)
    for n, rest in c.residuals.items():
        for (x, y), (u, v) in zip(c.sightings[n].pixels * s, rest * ENLARGED * s, strict=True):
            cv2.line(image, (round(x), round(y)), (round(x + u), round(y + v)), UP, 1, cv2.LINE_AA)
            cv2.circle(image, (round(x), round(y)), 1, INK, -1, cv2.LINE_AA)
    return captioned(image, f"reprojection error {c.rms:.2f} px, {ENLARGED} times enlarged", room=0)

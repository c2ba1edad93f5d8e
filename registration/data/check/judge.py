"""From facts to rows that say what is good, what is bad and how to mend it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from registration.data.check.coverage import in_words, shared
from registration.data.check.facts import ODD, Facts
from registration.data.check.photos import lonely_masks, mask_shift
from registration.data.check.poses import off_centre
from registration.data.check.record import Row, Verdict, graded, named
from registration.data.crop import extent_of
from registration.data.images import BadFrame
from registration.data.params import CaptureParams
from registration.data.units import SIZES_MM, doubt

BLURRED_PX = 1.9
APART = 0.18
"""Most silhouettes disagree by more than this: they cannot belong together."""
WHITE_SHARE = 0.1
BLACK_SHARE = 0.5
FEW = 0.1
"""A share of the images that may be bad without the capture being so."""


def rows_of(facts: Facts, params: CaptureParams) -> list[Row]:
    """Every row of one capture."""
    return [
        images(facts.total, facts.bad), masks(facts), poses(facts), intrinsics(facts), size(facts, params),
        coverage(facts), resolution(facts), sharpness(facts), exposure(facts),
    ]  # fmt: skip


def worse(*verdicts: Verdict) -> Verdict:
    """The worst of them."""
    return max(verdicts, key=("good", "fair", "bad").index)


def by_share(flags: NDArray[np.bool_], bad: float = FEW) -> Verdict:
    """Good if no image is flagged, bad if more than a share of them are."""
    return "good" if not flags.any() else "bad" if flags.mean() > bad else "fair"


def zoom(facts: Facts) -> float:
    """Pixels of the images in one of the crops."""
    return float(np.median(facts.capture.K_full[:, 0, 0] / facts.capture.K[:, 0, 0]))


def images(total: int, bad: list[BadFrame]) -> Row:
    """How many there are, and which cannot be used."""
    usable = total - len(bad)
    verdict = worse(graded(-usable, -29, -9), "good" if not bad else "bad" if len(bad) > FEW * total else "fair")
    told, mend = f"{usable} of {total} can be used", ""
    if bad:
        first = bad[0]
        ids = sorted({b.id for b in bad if b.id is not None})
        told += f"; {named(ids)}: {first.reason} ({first.file.name})" if ids else f"; {first.reason} ({first.file.name})"
        mend = f"mend them, or go on without: --skip-bad {len(bad)}"
    elif usable < 30:
        mend = "30 to 100 images from all around are a good number"
    return Row("images", verdict, usable, told, mend)


def masks(facts: Facts) -> Row:
    """Missing, cut off by the border, or beside the edges that the images show."""
    right, down = mask_shift(facts.edges)
    shift, scale = float(np.hypot(right, down)), zoom(facts)
    cut = facts.capture.notes["cut_off"]
    empty = [b.id for b in facts.bad if "mask" in b.reason or "mask" in b.file.parent.name]
    lonely = lonely_masks(facts.edges) if shift < 2 else np.zeros(len(facts.odd), bool)
    verdict = worse(
        graded(shift, 2, 4), by_share(lonely, 0.2),
        "good" if not cut else "bad" if len(cut) > 0.5 * facts.total else "fair",
        "good" if not empty else "bad" if len(empty) > FEW * facts.total else "fair",
    )  # fmt: skip
    told, mend = [], []
    if empty:
        told.append(f"{named([i for i in empty if i is not None])} without a usable mask")
        mend.append("segment these anew, or --skip-bad")
    if shift >= 2:
        way = f"{scale * right:+.0f} right, {scale * down:+.0f} down"
        told.append(f"the masks lie {scale * shift:.0f} pixels beside the edges: move them by {way}")
        mend.append("segment the very images that are used, at the same size and crop")
    if lonely.any():
        told.append(f"{named(facts.capture.ids[lonely].tolist())}: the mask follows none of the image's edges")
        mend.append("look whether these masks belong to their images")
    if cut:
        told.append(f"{named(cut)}: the object is cut off by the border")
        mend.append("keep all of it in the picture")
    return Row("masks", verdict, shift, "; ".join(told) or "on the edges of the images", "; ".join(mend))


def poses(facts: Facts) -> Row:
    """Whether the silhouettes agree on one body."""
    middle = float(np.median(facts.odd))
    flagged = facts.misfits
    strong = bool((facts.odd[flagged] > 0.3).any())
    verdict = worse(graded(middle, ODD, APART), by_share(flagged), "bad" if strong else "good")
    told = f"silhouettes agree to {100 * (1 - middle):.0f} %"
    if middle >= ODD:
        told += ", most do not fit together" if middle >= APART else ", hardly"
        return Row("poses", verdict, middle, told, facts.remedy or "poses, masks or intrinsics are off in most images")
    if flagged.any():
        told += f"; {named(facts.capture.ids[flagged].tolist())} not"
        two = int(flagged.sum()) == 2
        return Row("poses", verdict, middle, told, "are their poses swapped?" if two else "check their poses and masks")
    return Row("poses", verdict, middle, told)


def intrinsics(facts: Facts) -> Row:
    """Whether the camera matrix belongs to images of this size."""
    place, (width, _) = off_centre(facts.capture), facts.capture.size_full
    view = float(np.degrees(2 * np.arctan(width / 2 / np.median(facts.capture.K_full[:, 0, 0]))))
    off = abs(place - 1)
    verdict = worse(graded(off, 0.15, 0.3 if np.median(facts.odd) > ODD else np.inf), "good" if 5 < view < 110 else "bad")  # fmt: skip
    told = f"principal point at {100 * place / 2:.0f} % of the image, angle of view {view:.0f} degrees"
    mend = ""
    if off >= 0.15:
        mend = f"is cam_K that of images {place:.2g} times as large? (cut out of larger images it may be right)"
    elif not 5 < view < 110:
        mend = "the focal length is in pixels of these very images"
    return Row("intrinsics", verdict, off, told, mend)


def size(facts: Facts, params: CaptureParams) -> Row:
    """How large the object is, and whether the unit can be right."""
    across, away = facts.body.size, facts.body.distance
    if not facts.capture.metric:
        told = f"no unit: taken to be {across:.0f} mm large"
        return Row("size", "good", across, told, "--unit, or --diameter MM, if you know")
    told = f"{across:.3g} mm large, {away:.3g} mm away"
    if params.diameter_mm:
        told += f", {params.diameter_mm:g} mm expected"
    off = params.diameter_mm / across if params.diameter_mm else 1.0
    odd = doubt(across, away, params.diameter_mm)
    if odd:
        plain = params.diameter_mm or not SIZES_MM[0] <= across <= SIZES_MM[1]
        mend = odd.partition("; ")[2] or "is the unit right? --unit mm, cm or m"
        return Row("size", "bad" if plain else "fair", across, told, mend)
    verdict = graded(abs(float(np.log(off))), np.log(1.1), np.log(1.2))
    way = f"{max(off, 1 / off):.2f} times too {'large' if off > 1 else 'small'}"
    mend = "" if verdict == "good" else f"focal lengths {way}, or lengths in a wrong unit"
    return Row("size", verdict, across, told, mend)


def coverage(facts: Facts) -> Row:
    """The largest hole in the directions."""
    gap = facts.coverage.gap_deg
    verdict = graded(gap, 35, 60)
    told = f"nowhere above the table further than {gap:.0f} degrees from a camera"
    mend = "" if verdict == "good" else f"photograph it {in_words(facts.coverage, facts.capture.ids)}"
    return Row("coverage", verdict, gap, told, mend)


def resolution(facts: Facts) -> Row:
    """How many pixels of the images the object spans."""
    across = zoom(facts) * float(np.median([extent_of(m) for m in facts.capture.mask]))
    verdict = graded(-across, -119, -63)
    mend = "" if verdict == "good" else "go nearer, zoom, or use larger images: 200 pixels and more are good"
    return Row("resolution", verdict, across, f"the object spans {across:.0f} pixels", mend)


def sharpness(facts: Facts) -> Row:
    """How wide the steepest edges are."""
    middle, blurred = float(np.median(facts.blur)), facts.blur > BLURRED_PX
    verdict = worse(graded(middle, 1.7, 2.1), by_share(blurred, 0.2))
    told = f"edges {middle:.1f} pixels wide in crops of {max(facts.capture.mask.shape[1:])}"
    if not blurred.any():
        return Row("sharpness", verdict, middle, told)
    told += f"; blurred: {named(facts.capture.ids[blurred].tolist())}"
    return Row("sharpness", verdict, middle, told, "take these again: more light, a tripod, a smaller aperture")


def exposure(facts: Facts) -> Row:
    """What is blown out or drowned."""
    white, black = facts.white > WHITE_SHARE, facts.black > BLACK_SHARE
    verdict = worse(by_share(white), "fair" if black.any() else "good")
    told = f"{100 * float(np.median(facts.white)):.0f} % of the object is white, {100 * float(np.median(facts.black)):.0f} % black"  # fmt: skip
    ids = facts.capture.ids[white | black].tolist()
    if ids:
        told += f"; {'over' if white.any() else 'under'}-exposed: {named(ids)}"
    mend = "expose shorter, or spread the light" if white.any() else "expose longer" if black.any() else ""
    return Row("exposure", verdict, float(facts.white.max()), told, mend)


def rows_of_pair(up: Facts, down: Facts) -> list[Row]:
    """What the two captures have to do with each other."""
    share = shared(up.coverage, down.coverage)
    verdict = graded(-share, -0.4, -0.2)
    told = f"turned right over, {100 * share:.0f} % of all directions are seen in both"
    rows = [Row("overlap", verdict, share, told, "" if verdict == "good" else "photograph both from lower down, too")]
    if up.capture.metric and down.capture.metric:
        ratio = up.body.size / down.body.size
        verdict = graded(abs(float(np.log(ratio))), np.log(1.15), np.log(1.3))
        told = f"up {up.body.size:.3g} mm, down {down.body.size:.3g} mm"
        mend = "" if verdict == "good" else "is it the same object, are both in the same unit?"
        rows.append(Row("sizes", verdict, ratio, told, mend))
    return rows

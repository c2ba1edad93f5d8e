"""Which images of a film or a folder take part: sharp ones that show the board, from directions far apart."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from registration.data.bop import SUFFIXES
from registration.data.images import BadFrame, read_colour, read_image
from registration.data.scan.board import Board
from registration.data.scan.detect import NOTHING, Finder, Sighting, pose_of, sharpness
from registration.data.scan.lens import Lens, fitted
from registration.errors import UserError
from registration.geometry.rotation import farthest
from registration.progress import Tick, silent

LOOKED_AT = 4
"""Images of a film that are searched for the board, for each that is wanted; the sharpest of their neighbours."""
BLURRED = 0.35
"""An image is blurred if it has less than this share of the sharpness of those around it."""
LONGEST = 1920
"""Larger images are shrunk before anything is done with them."""
Image = NDArray[np.uint8]  # (h, w, 3) RGB


class Pictures(Protocol):
    """Images in order, each with a number."""

    place: Path

    def __len__(self) -> int: ...

    def name(self, number: int) -> str:
        """For messages."""
        ...

    def read(self, wanted: Collection[int] | None = None) -> Iterator[tuple[int, Image]]:
        """All of them, or some, in order."""
        ...


class Video:
    """A film."""

    def __init__(self, place: Path) -> None:
        import cv2

        self.place = place
        if not place.is_file():
            raise UserError("no such video", place, "name a film of the object on the board: mp4, mov, avi or mkv")
        self.count = int(cv2.VideoCapture(str(place)).get(cv2.CAP_PROP_FRAME_COUNT))

    def __len__(self) -> int:
        """As the file says, which may be off or unknown (0)."""
        return max(0, self.count)

    def name(self, number: int) -> str:
        """By its place in the film."""
        return f"frame {number}"

    def read(self, wanted: Collection[int] | None = None) -> Iterator[tuple[int, Image]]:
        """Frames, decoded one after the other."""
        import cv2

        film, number, last = (
            cv2.VideoCapture(str(self.place)),
            0,
            max(wanted, default=-1) if wanted is not None else None,
        )
        try:
            while (last is None or number <= last) and film.grab():
                if wanted is None or number in wanted:
                    good, image = film.retrieve()
                    if good and image is not None and image.ndim == 3:
                        yield number, shrunk(np.asarray(image[..., ::-1], np.uint8))
                number += 1
        finally:
            film.release()


class Photos:
    """A folder of pictures, in the order of their names."""

    def __init__(self, place: Path) -> None:
        self.place = place
        if not place.is_dir():
            raise UserError("no such folder", place, "name a folder of photographs of the object on the board")
        self.files = sorted(f for f in place.iterdir() if f.suffix.lower() in SUFFIXES)
        self.unread: dict[int, str] = {}
        if not self.files:
            raw = next((f for f in place.iterdir() if f.suffix.lower() in (".heic", ".heif", ".dng")), None)
            mend = (
                f"{raw.name} and its like must be exported as JPEG first"
                if raw
                else "expected .jpg, .png, .tif or .webp"
            )
            raise UserError("no photographs", place, mend)

    def __len__(self) -> int:
        return len(self.files)

    def name(self, number: int) -> str:
        """The file's."""
        return self.files[number].name

    def read(self, wanted: Collection[int] | None = None) -> Iterator[tuple[int, Image]]:
        """Pictures, turned upright; those that cannot be read are left out and remembered."""
        for number in range(len(self.files)) if wanted is None else sorted(wanted):
            try:
                yield number, shrunk(upright(read_colour(self.files[number]), self.files[number]))
            except BadFrame as fault:
                self.unread[number] = fault.reason

    def alpha(self, number: int) -> NDArray[np.bool_] | None:
        """Where a picture says by its transparency that the object is; None if it says nothing."""
        pixels = read_image(self.files[number])[1]
        if pixels.ndim != 3 or pixels.shape[2] != 4 or pixels[..., 3].min() > 127:
            return None
        return shrunk(upright(pixels[..., 3], self.files[number])) > 127

    def focal(self) -> float | None:
        """The focal length in pixels of shrunk pictures, if the first one's EXIF tells what it would be on 35 mm film."""
        from PIL import Image as Pillow

        try:
            with Pillow.open(self.files[0]) as picture:
                long_ = float(picture.getexif().get_ifd(0x8769).get(0xA405, 0))
                return long_ / 43.27 * float(np.hypot(*fitted(picture.size, LONGEST))) if long_ > 0 else None
        except (OSError, ValueError, TypeError):
            return None


def upright(pixels: NDArray[np.uint8], file: Path) -> NDArray[np.uint8]:
    """Turned as EXIF says the camera was held."""
    from PIL import Image as Pillow

    with Pillow.open(file) as picture:
        turn = picture.getexif().get(0x0112, 1)
    turns = {2: (0, True), 3: (2, False), 4: (2, True), 5: (3, True), 6: (3, False), 7: (1, True), 8: (1, False)}
    quarter, mirrored = turns.get(turn, (0, False))
    out = np.rot90(pixels, quarter)
    return np.ascontiguousarray(out[:, ::-1] if mirrored else out)


def shrunk(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """No side longer than is worked with."""
    import cv2

    size = fitted(image.shape[1::-1], LONGEST)
    return (
        image
        if size == image.shape[1::-1]
        else np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    )


@dataclass(frozen=True, eq=False)
class Look:
    """What a first look at an image tells."""

    sharpness: float
    sighting: Sighting
    size: tuple[int, int]


def look_through(
    pictures: Pictures, finder: Finder | None, frames: int, tick: Tick = silent
) -> tuple[dict[int, Look], int, Image]:
    """Looks at the sharpest image of each stretch, for a board if there is a finder; how many images were read, and the last of them for messages."""
    import cv2

    film = isinstance(pictures, Video)
    stretch = max(1, len(pictures) // (LOOKED_AT * frames)) if film else 1
    best: dict[int, tuple[float, int, NDArray[np.uint8]]] = {}
    looks: dict[int, Look] = {}
    read, image = 0, None

    def look(place: int) -> None:
        sharp, number, grey = best.pop(place)
        looks[number] = Look(sharp, finder.find(grey) if finder else NOTHING, (grey.shape[1], grey.shape[0]))

    for number, image in pictures.read():
        grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
        sharp, place, read = sharpness(grey), number // stretch, read + 1
        for done in [p for p in best if p < place]:
            look(done)
        if place not in best or sharp > best[place][0]:
            best[place] = sharp, number, grey
        tick(number + 1, max(len(pictures), number + 1))
    for place in list(best):
        look(place)
    if image is None:
        raise UserError(
            "nothing can be read", pictures.place, "it is damaged, or of a kind that OpenCV does not decode"
        )
    return looks, read, image


def fit(looks: dict[int, Look], with_board: bool = True) -> tuple[dict[int, Look], dict[int, str]]:
    """Those that can take part, at will only with the board in them, and why the others can not."""
    sizes = [look.size for look in looks.values()]
    usual = max(set(sizes), key=sizes.count)
    sharp = np.array([look.sharpness for look in looks.values()])
    around = {n: float(np.median(sharp[max(0, k - 5) : k + 6])) for k, n in enumerate(looks)}
    bad: dict[int, str] = {}
    for n, look in looks.items():
        if look.size != usual:
            bad[n] = f"it is {look.size[0]} x {look.size[1]}, the others {usual[0]} x {usual[1]}"
        elif with_board and not look.sighting.markers:
            bad[n] = "no board in it"
        elif with_board and not look.sighting.enough:
            bad[n] = f"too little of the board: {look.sighting.markers} markers, {len(look.sighting.corners)} corners"
        elif look.sharpness < BLURRED * around[n]:
            bad[n] = "blurred"
    return {n: look for n, look in looks.items() if n not in bad}, bad


def choose(looks: dict[int, Look], board: Board, lens: Lens, frames: int) -> list[int]:
    """So many images whose directions are as far apart as can be."""
    poses = [pose_of(look.sighting, board, lens)[0] for look in looks.values()]
    eyes = np.array([T.inverse().t for T in poses]).reshape(-1, 3)
    numbers = list(looks)
    return [numbers[k] for k in farthest(eyes / np.linalg.norm(eyes, axis=1, keepdims=True), frames)]


def spaced(looks: dict[int, Look], frames: int) -> list[int]:
    """So many images in even steps, of each stretch the sharpest."""
    stretches = np.array_split(np.array(list(looks)), min(frames, len(looks)))
    return [int(max(stretch, key=lambda n: looks[int(n)].sharpness)) for stretch in stretches]

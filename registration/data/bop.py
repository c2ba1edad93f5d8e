"""Reader of BOP folders: onboarding sequences and classic training scenes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from registration.data.bop_entries import Entry, read_entries
from registration.data.capture import Capture
from registration.data.frames import read_listing
from registration.data.listing import Listed, Listing
from registration.data.params import CaptureParams
from registration.errors import UserError

COLOUR, MASK, DEPTH = ("rgb", "gray"), ("mask_visib", "mask"), ("depth",)
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"})
MEANT = "x_cam = cam_R_m2c x + cam_t_m2c in millimetres, x right, y down, z forward; cam_K in pixels"


def image_folder(folder: Path, names: tuple[str, ...]) -> Path:
    """The first of these folders that is there; the first name if none is."""
    return next((folder / name for name in names if (folder / name).is_dir()), folder / names[0])


def images_in(folder: Path) -> dict[tuple[int, ...], Path]:
    """Image files by the numbers they are named by: ``000012_000000.png`` is (12, 0)."""
    out: dict[tuple[int, ...], Path] = {}
    for file in sorted(folder.iterdir()) if folder.is_dir() else []:
        parts = file.stem.split("_")
        if file.suffix.lower() in SUFFIXES and all(p.isascii() and p.isdigit() for p in parts):
            out.setdefault(tuple(map(int, parts)), file)
    return out


@dataclass(frozen=True, eq=False)
class Folder:
    """A capture's folder and the images in it."""

    path: Path
    colour: dict[tuple[int, ...], Path]
    masks: dict[tuple[int, ...], Path]
    depth: dict[tuple[int, ...], Path]

    @classmethod
    def of(cls, path: Path) -> Folder:
        """What is there; colour images and masks must be."""
        if not path.is_dir():
            mend = "a capture is a folder with rgb/, mask_visib/, scene_gt.json and scene_camera.json"
            raise UserError("no such folder", path, mend)
        found = [images_in(image_folder(path, names)) for names in (COLOUR, MASK, DEPTH)]
        if not found[0]:
            raise UserError("no colour images", image_folder(path, COLOUR), "expected rgb/000000.png or .jpg and on")
        if not found[1]:
            raise UserError("no masks", image_folder(path, MASK), "expected mask_visib/000000_000000.png and on")
        return cls(path, *found)

    def colour_of(self, entry: Entry) -> Path:
        """The colour image, or where it should be."""
        return self.colour.get((entry.id,), image_folder(self.path, COLOUR) / f"{entry.id:06d}.png")

    def mask_of(self, entry: Entry) -> Path:
        """The mask, or where it should be."""
        name = f"{entry.id:06d}_{entry.instance:06d}.png"
        return self.masks.get((entry.id, entry.instance), image_folder(self.path, MASK) / name)

    def listed(self, entry: Entry) -> Listed:
        """An image with its files."""
        return Listed(
            entry.id, entry.K, entry.R, entry.t, self.colour_of(entry), self.mask_of(entry),
            self.depth.get((entry.id,)), entry.depth_scale, objid=entry.objid,
        )  # fmt: skip


def list_bop(path: Path, objid: int | None) -> Listing:
    """A folder with scene_gt.json and scene_camera.json."""
    folder = Folder.of(path)
    entries, bad = read_entries(path, objid)
    return Listing(
        path, [folder.listed(e) for e in entries], bad, path / "scene_camera.json", path / "scene_gt.json", MEANT
    )


def files_of_bop(path: Path) -> list[Path]:
    """Every file that may be read, in a fixed order; the JSON files need not be sound."""
    places = [image_folder(path, names) for names in (COLOUR, MASK, DEPTH)]
    files = [path / "scene_camera.json", path / "scene_gt.json"]
    files += [f for place in places if place.is_dir() for f in place.iterdir()]
    return sorted(f for f in files if f.is_file())


def read_scene(path: Path, name: str, objid: int | None, params: CaptureParams) -> Capture:
    """All images of a BOP folder as one capture."""
    return read_listing(list_bop(path, objid), name, params)

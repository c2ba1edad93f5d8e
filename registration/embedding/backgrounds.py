"""Pictures that stand behind the object in training, where no mask cuts it out."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from registration.embedding.channels import clouds_of_noise
from registration.errors import UserError, require

MOST = 400
"""Pictures read, at most."""
ENDINGS = (".jpg", ".jpeg", ".png")


def files_in(folder: Path) -> list[Path]:
    """Pictures of a folder; of COCO, those that its annotations name."""
    notes = sorted(folder.glob("annotations/instances_*.json"))
    if notes:
        names = {entry["file_name"] for entry in coco_images(notes[0])}
        found = [p for p in sorted(folder.rglob("*.jpg")) if p.name in names]
    else:
        found = [p for p in sorted(folder.rglob("*")) if p.suffix.lower() in ENDINGS]
    if not found:
        raise UserError("no pictures", folder, "embedding.backgrounds is a folder of jpg or png files, or of COCO")
    return found


def coco_images(file: Path) -> list[dict[str, str]]:
    """What COCO's annotations say of its images."""
    import contextlib
    import io

    api = require("pycocotools.coco", "coco").COCO()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            api.dataset = json.loads(file.read_text())
            api.createIndex()
        return [{"file_name": str(entry["file_name"])} for entry in api.loadImgs(api.getImgIds())]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError("not COCO's annotations", file, str(error) or type(error).__name__) from error


def grounds_of(folder: str, size: int, dice: torch.Generator) -> torch.Tensor:  # (n, 3, size, size) 0..1
    """Pictures as squares; smooth noise if no folder is named."""
    if not folder:
        return (0.5 + 0.2 * clouds_of_noise(64, 3, 4, size, dice) + 0.15 * clouds_of_noise(64, 3, size // 3, size, dice)).clamp(0, 1)
    import numpy as np
    from PIL import Image, ImageOps

    files = files_in(Path(folder))
    chosen = torch.randperm(len(files), generator=dice)[:MOST].tolist()
    out = []
    for k in chosen:
        try:
            with Image.open(files[k]) as picture:
                out.append(np.asarray(ImageOps.fit(picture.convert("RGB"), (size, size)), np.float32) / 255)
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            raise UserError("a background cannot be read", files[k], str(error)) from error
    return torch.from_numpy(np.stack(out)).permute(0, 3, 1, 2).contiguous()

"""Reading images and masks of every kind, mending masks, cropping."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from registration.data.crop import Window, cut_depth, cut_intrinsics, cut_mask, tidy_mask, window_around
from registration.data.images import BadFrame, in_parallel, read_colour, read_image, read_mask


def disc() -> np.ndarray:
    y, x = np.mgrid[:40, :50]
    return (x - 25) ** 2 + (y - 20) ** 2 < 144


def as_palette(m: np.ndarray) -> Image.Image:
    out = Image.fromarray(m.astype(np.uint8), "P") if False else Image.fromarray(m.astype(np.uint8)).convert("P")
    out.putpalette([0, 0, 0, 128, 0, 0] + [0] * 750)
    return out


MASKS: dict[str, Callable[[np.ndarray], Image.Image]] = {
    "255": lambda m: Image.fromarray(m.astype(np.uint8) * 255),
    "1": lambda m: Image.fromarray(m.astype(np.uint8)),
    "boolean": lambda m: Image.fromarray(m.astype(np.uint8) * 255).convert("1"),
    "palette": as_palette,
    "colour": lambda m: Image.fromarray(np.stack([m * 0, m * 200, m * 0], 2).astype(np.uint8)),
    "16 bits": lambda m: Image.fromarray((m * 65535).astype(np.uint16)),
    "soft": lambda m: Image.fromarray(np.where(m, 250, 90).astype(np.uint8)),
    "rgba": lambda m: Image.fromarray(np.stack([m * 255] * 3 + [m * 0 + 255], 2).astype(np.uint8)),
}


@pytest.mark.parametrize("kind", MASKS)
def test_masks_of_every_kind(tmp_path: Path, kind: str) -> None:
    MASKS[kind](disc()).save(tmp_path / "m.png")
    assert np.array_equal(read_mask(tmp_path / "m.png", (50, 40)), disc())


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "CMYK", "I;16"])
def test_colour_of_every_kind_is_three_bytes(tmp_path: Path, mode: str) -> None:
    grey = Image.fromarray((disc() * 255).astype(np.uint8))
    file = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    (Image.fromarray((disc() * 65535).astype(np.uint16)) if mode == "I;16" else grey.convert(mode)).save(file)
    rgb = read_colour(file)
    assert rgb.shape == (40, 50, 3) and rgb.dtype == np.uint8 and rgb.flags.c_contiguous
    assert np.array_equal(rgb[..., 1] > 127, disc())


def test_specks_and_pinholes_go_and_real_holes_stay() -> None:
    y, x = np.mgrid[:120, :160]
    body = (x - 80) ** 2 + (y - 60) ** 2 < 50**2
    hole = (x - 70) ** 2 + (y - 60) ** 2 < 5**2
    clean = body & ~hole
    notched = clean.copy()
    notched[10:14, 80] = False  # a slit open to the outside
    noisy = notched.copy()
    noisy[3, 4] = noisy[118, 150:153] = True
    noisy[80, 95] = noisy[90:92, 60:62] = False
    assert np.array_equal(tidy_mask(noisy), notched)


def test_two_large_pieces_and_tiny_masks_stay_as_they_are() -> None:
    two = np.zeros((30, 60), bool)
    two[5:20, 5:20] = two[5:20, 40:50] = True
    assert np.array_equal(tidy_mask(two), two)
    dots = np.zeros((9, 9), bool)
    dots[2, 3] = dots[6, 6] = True
    assert np.array_equal(tidy_mask(dots), dots)


def test_a_notch_at_the_images_border_is_not_filled() -> None:
    mask = np.zeros((60, 60), bool)
    mask[:, 20:] = True
    mask[0, 40] = False
    assert np.array_equal(tidy_mask(mask), mask)


@pytest.mark.parametrize("side", [10_001, 60_000])
def test_huge_images_are_refused_by_their_header(tmp_path: Path, side: int) -> None:
    bomb = tmp_path / "bomb.png"
    chunks = (b"IHDR" + side.to_bytes(4, "big") * 2 + b"\x08\x00\x00\x00\x00", b"IDAT" + zlib.compress(b"\0"))
    body = [len(c[4:]).to_bytes(4, "big") + c + zlib.crc32(c).to_bytes(4, "big") for c in chunks]
    bomb.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(body))
    with pytest.raises(BadFrame, match=r"bomb\.png.*more than the 100 million that are read.*capture\.max_pixels=N"):
        for answer in in_parallel(read_image, [bomb]):
            assert isinstance(answer, BadFrame)
            raise answer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("damaged")
    noise = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    for suffix in ("png", "jpg", "tif"):
        Image.fromarray(noise).save(place / f"a.{suffix}")
    return place


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_images_never_raise_anything_else(folder: Path, data: st.DataObject) -> None:
    body = bytearray((folder / data.draw(st.sampled_from(["a.png", "a.jpg", "a.tif"]))).read_bytes())
    for _ in range(data.draw(st.integers(1, 12))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    file = folder / "damaged"
    file.write_bytes(body[: data.draw(st.integers(1, len(body)))])
    try:
        assert read_colour(file).dtype == np.uint8
    except BadFrame as fault:
        assert "damaged" in str(fault)


whole = st.integers(-50, 200)


@given(whole, whole, st.integers(8, 400), st.integers(8, 400), st.integers(8, 256), st.integers(0, 2**32 - 1))
def test_cropping_keeps_rays(left: int, top: int, width: int, height: int, most: int, seed: int) -> None:
    window = window_around((left, top, left + width, top + height), (width, height), most)
    assert max(window.out_width, window.out_height) <= max(most, 1)
    rng = np.random.default_rng(seed)
    K = np.array(
        [
            [rng.uniform(50, 3000), rng.normal(), rng.uniform(0, 400)],
            [0, rng.uniform(50, 3000), 90],
            [0, 0, 1],
        ]
    )
    p = rng.uniform((-1, -1, 3), (1, 1, 5), (20, 3))
    full, part = p @ K.T, p @ cut_intrinsics(K, window).T
    pixel = full[:, :2] / full[:, 2:]
    expected = (pixel + 0.5 - (window.left, window.top)) * (
        window.out_width / window.width,
        window.out_height / window.height,
    )
    assert np.abs(part[:, :2] / part[:, 2:] - (expected - 0.5)).max() < 1e-9 * max(1, np.abs(pixel).max())


def test_shrinking_a_picture_agrees_with_its_intrinsics() -> None:
    y, x = np.mgrid[:90, :140]
    blob = (x - 60.3) ** 2 + (y - 44.8) ** 2 < 20**2
    window = Window(10, 5, 110, 80, 37, 27)
    ys, xs = np.nonzero(cut_mask(blob, window))
    centre = cut_intrinsics(np.eye(3), window) @ (60.3, 44.8, 1)
    assert np.allclose((xs.mean(), ys.mean()), centre[:2], atol=0.1)
    depth = np.where(blob, 300.0, 0).astype(np.float32)
    small = cut_depth(depth, window)
    assert set(np.unique(small)) == {0.0, 300.0} and (small > 0).sum() == pytest.approx(len(xs), abs=10)

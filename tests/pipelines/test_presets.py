"""Parameters from presets, files and settings; errors that help."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.presets import PRESETS, SECTIONS, configure
from registration.errors import UserError


def test_later_wins(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text("seed = 4\n[nerf]\nfine_steps = 11\nrays = 100\n[verify]\nsources = ['shape', 'other']\n")
    config = configure("quick", file, ["nerf.rays=1_000", "icp.reach_fine=0.5"], None)
    assert (config.nerf.fine_steps, config.nerf.rays, config.icp.reach_fine, config.seed) == (11, 1000, 0.5, 4)
    assert config.verify.sources == ("shape", "other")
    assert config.nerf.coarse_grid == PRESETS["quick"].nerf.coarse_grid
    assert configure("best", None, ["verify.sources=a, b"], 9).verify.sources == ("a", "b")
    assert configure("standard", None, ["capture.pixel_centre=half"]).capture.pixel_centre == "half"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("nerf.fine_step=3", "did you mean 'fine_steps'"),
        ("nerv.rays=3", "did you mean 'nerf'"),
        ("nerf-up.rays=3", "both halves share 'nerf'"),
        ("nerf.rays=many", "a whole number"),
        ("nerf.rays=2.5", "a whole number"),
        ("icp.reach_fine=nan", "finite"),
        ("icp.points=-1", "not negative"),
        ("capture.pixel_centre=middle", "one of auto, whole, half"),
        ("points=3", "--set stage.parameter=value"),
        ("icp.points", "--set stage.parameter=value"),
        ("labels.points=1", "labels"),
    ],
)
def test_a_wrong_setting_names_what_was_meant(setting: str, words: str) -> None:
    with pytest.raises(UserError) as error:
        configure("standard", None, [setting])
    assert words in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["[nerf]\nrays = 'x'\n", "nerf = 3\n", "[[", "[nerf]\nrays = true\n"])
def test_a_wrong_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(UserError, match=r"a\.toml"):
        configure("standard", tmp_path / "a.toml")
    with pytest.raises(UserError, match="cannot be read"):
        configure("standard", tmp_path / "none.toml")


def test_every_section_differs_in_some_preset_or_has_no_effort_to_scale() -> None:
    assert set(SECTIONS) == {"capture", "nerf", "clouds", "correspondences", "embedding", "features", "poses", "verify", "icp", "fuse", "full", "labels", "report"}
    assert PRESETS["quick"].nerf.fog_steps < PRESETS["standard"].nerf.fog_steps < PRESETS["best"].nerf.fog_steps

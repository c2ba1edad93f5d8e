"""Rendered data: parts that are what they say, masks and poses that agree with the truth."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import cv2
import manifold3d
import numpy as np
import pytest
import trimesh
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.cli.data import synth
from registration.data.synthetic import SynthParams, dataset, make_dataset
from registration.data.synthetic.dataset import load_part, symmetries
from registration.data.synthetic.paint import make_print
from registration.data.synthetic.parts import Kind, Part, make_package, make_part
from registration.errors import UserError
from registration.geometry.camera import Cameras
from registration.geometry.distance import chamfer_parts
from registration.geometry.pose_error import TURNS, symmetries_of
from registration.geometry.rays import Caster, depth_image
from registration.geometry.rigid import Rigid

PLAIN = SynthParams(views=8, size=72, mask_noise=0, noise=0)


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(["none", "near", "exact"]), st.integers(0, 10_000))
def test_parts_are_closed_and_as_symmetric_as_they_say(kind: Kind, seed: int) -> None:
    part = make_part(kind, np.random.default_rng(seed))
    mesh = trimesh.Trimesh(part.mesh.vertices, part.mesh.faces, process=False)
    assert mesh.is_watertight and mesh.volume > 0
    assert (part.fold == 1) == (kind != "exact")
    body = manifold3d.Manifold(
        manifold3d.Mesh(part.mesh.vertices.astype(np.float32), part.mesh.faces.astype(np.uint32))
    )
    turns = {90.0, 120.0, 180.0} if kind != "exact" else {360 / (part.fold or 12)}
    for degrees in turns:
        changed = (body - body.rotate([0, 0, degrees])).volume() / body.volume()
        assert (changed < 0.01) if kind == "exact" else (changed > 0.0005), (degrees, changed)


@pytest.mark.parametrize("seed", range(6))
def test_the_truth_names_symmetries_that_leave_the_part_as_it_is(seed: int) -> None:
    part, T = make_part("exact", np.random.default_rng(seed)), Rigid.exp([1, -2, 0.5, 30, -20, 10])
    found = symmetries_of(symmetries(part.fold, T))
    assert len(found) == (part.fold or TURNS)
    points = part.mesh.moved(T).sample(20_000, np.random.default_rng(0))[0]
    for turn in found[1 :: max(1, len(found) // 5)]:
        assert (
            max(away.mean() for away in chamfer_parts(turn.apply(points), points)) < 1.0
        )  # mm: as far as samples lie apart
    assert len(symmetries_of(symmetries(1, T))) == 1


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bop")
    make_dataset(root, "parts", objects=1, seed=3, params=SynthParams(8, 72, True, 0, 0))
    return root


def cameras_of(folder: Path, size: int) -> Cameras:
    gt, camera = (json.loads((folder / f"scene_{n}.json").read_text()) for n in ("gt", "camera"))
    K = np.array([camera[k]["cam_K"] for k in camera], float).reshape(-1, 3, 3)
    R = np.array([gt[k][0]["cam_R_m2c"] for k in gt], float).reshape(-1, 3, 3)
    return Cameras(K, R, np.array([gt[k][0]["cam_t_m2c"] for k in gt], float), size, size)


@pytest.mark.parametrize("half", ["up", "down"])
def test_the_true_model_covers_the_masks_and_depth_of_both_captures(rendered: Path, half: str) -> None:
    facts = json.loads((rendered / "parts_truth/obj_000001.json").read_text())
    true = trimesh.load(rendered / "parts_truth/obj_000001.ply")
    T = Rigid.identity() if half == "up" else Rigid.from_matrix(np.array(facts["T_up_from_down"])).inverse()
    folder = rendered / f"parts/onboarding_static/obj_000001_{half}"
    cameras = cameras_of(folder, 72).moved(T)
    caster = Caster(true.vertices, true.faces)
    for i in range(8):
        depth, _ = depth_image(caster, cameras, i)
        mask = cv2.imread(str(folder / f"mask_visib/{i:06d}_000000.png"), cv2.IMREAD_UNCHANGED) > 0
        seen = np.isfinite(depth)
        assert (seen & mask).sum() / (seen | mask).sum() > 0.95
        sensed = cv2.imread(str(folder / f"depth/{i:06d}.png"), cv2.IMREAD_UNCHANGED) * 0.1
        both = seen & mask & (sensed > 0)
        assert both.sum() > 100 and np.median(np.abs(sensed - depth)[both]) < 0.01 * facts["diameter"]


def test_the_object_is_turned_over_and_the_down_side_is_hidden(rendered: Path) -> None:
    T = np.array(json.loads((rendered / "parts_truth/obj_000001.json").read_text())["T_up_from_down"])
    assert T[2, 2] < -0.95
    gt = json.loads((rendered / "parts/onboarding_static/obj_000001_up/scene_gt.json").read_text())
    heights = [-np.reshape(g[0]["cam_R_m2c"], (3, 3)).T[2] @ g[0]["cam_t_m2c"] for g in gt.values()]
    assert min(heights) > 0


def test_one_seed_is_one_data_set(rendered: Path, tmp_path: Path) -> None:
    again = make_dataset(tmp_path, "parts", objects=1, seed=3, params=SynthParams(8, 72, True, 0, 0))
    for file in sorted((rendered / "parts").rglob("*.*")):
        assert file.read_bytes() == (again / file.relative_to(rendered / "parts")).read_bytes(), file
    other = make_dataset(tmp_path, "others", objects=1, seed=4, params=PLAIN)
    name = "onboarding_static/obj_000001_up/scene_gt.json"
    assert (other / name).read_bytes() != (again / name).read_bytes()


def test_nothing_in_the_data_set_tells_the_truth(rendered: Path) -> None:
    assert not [f for f in (rendered / "parts").rglob("*") if "truth" in f.name or f.suffix == ".ply"]
    text = "".join(f.read_text() for f in (rendered / "parts").rglob("*.json"))
    assert "T_up_from_down" not in text and "symmetry" not in text


def test_the_users_own_mesh(tmp_path: Path) -> None:
    file = tmp_path / "mine.stl"
    trimesh.creation.cylinder(12, 40).apply_translation([100, 0, 0]).export(file)
    make_dataset(tmp_path / "bop", "own", meshes=[file], params=PLAIN)
    true = trimesh.load(tmp_path / "bop/own_truth/obj_000001.ply")
    assert true.is_watertight and np.isclose(true.volume, trimesh.load(file).volume, rtol=1e-4)
    assert np.abs(true.centroid).max() < 0.11 * 46.7


@pytest.mark.parametrize(
    ("content", "word"), [(None, "no such mesh"), (b"nothing", "no faces|cannot be read"), ("large", "mm large")]
)
def test_a_bad_mesh_is_named(tmp_path: Path, content: bytes | str | None, word: str) -> None:
    file = tmp_path / "bad.stl"
    if content == "large":
        trimesh.creation.box([1e5, 1, 1]).export(file)
    elif isinstance(content, bytes):
        file.write_bytes(content)
    with pytest.raises(UserError, match=word) as caught:
        load_part(file)
    assert "bad.stl" in str(caught.value)


def test_what_is_there_stays_unless_forced(tmp_path: Path) -> None:
    place = make_dataset(tmp_path, "parts", objects=1, params=PLAIN)
    (place / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="there already"):
        make_dataset(tmp_path, "parts", objects=1, params=PLAIN)
    assert (place / "mine.txt").exists()
    make_dataset(tmp_path, "parts", objects=1, params=PLAIN, force=True)
    assert not (place / "mine.txt").exists() and (tmp_path / "parts_truth").is_dir()
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


# Printed parts


def surface(part: Part) -> tuple[np.ndarray, np.ndarray]:
    points, face, _ = part.mesh.sample(4000, np.random.default_rng(0))
    return points, part.mesh.face_normals()[face]


def likeness_of_turned_print(part: Part, seed: int) -> float:
    """Largest correlation of a part's print with itself, turned by 30 degrees or more as the shape allows."""
    worn = make_print(np.ptp(part.mesh.vertices, axis=0), np.random.default_rng(seed), part.fold == 0)
    (points, normals), fold = surface(part), part.fold or 12
    flips = [0] if part.name == "bottle" or part.kind != "exact" else [0, np.pi]
    turns = [Rigid.exp([f, 0, 0, 0, 0, 0]) for f in flips]
    turns = [t @ Rigid.exp([0, 0, 2 * np.pi * k / fold, 0, 0, 0]) for t, k in product(turns, range(fold))][1:]
    own = worn(points, normals)
    others = [worn(T.apply(points), normals @ T.R.T) for T in turns]
    return max(np.corrcoef((own - own.mean(0)).ravel(), (o - o.mean(0)).ravel())[0, 1] for o in others)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000))
def test_packages_are_closed_and_symmetric_but_for_their_print(seed: int) -> None:
    part = make_package(np.random.default_rng(seed))
    mesh = trimesh.Trimesh(part.mesh.vertices, part.mesh.faces, process=False)
    assert mesh.is_watertight and mesh.volume > 0 and part.kind == "exact"
    body = manifold3d.Manifold(
        manifold3d.Mesh(part.mesh.vertices.astype(np.float32), part.mesh.faces.astype(np.uint32))
    )
    changed = lambda degrees: (body - body.rotate([0, 0, degrees])).volume() / body.volume()  # noqa: E731
    assert changed(360 / (part.fold or 12)) < 0.01
    assert part.fold == 0 or changed(180 / part.fold) > 0.02
    assert likeness_of_turned_print(part, seed) < 0.7


@pytest.mark.parametrize("seed", range(6))
def test_a_print_breaks_the_symmetry_of_any_part(seed: int) -> None:
    assert likeness_of_turned_print(make_part("exact", np.random.default_rng(seed)), seed) < 0.7


@pytest.mark.parametrize("around", [False, True])
def test_a_print_is_one_for_one_seed_and_moves_with_its_part(around: bool) -> None:
    part, T = make_package(np.random.default_rng(1)), Rigid.exp([1, -2, 0.5, 30, -20, 10])
    points, normals = surface(part)
    one, again, other = (
        make_print(np.ptp(part.mesh.vertices, axis=0), np.random.default_rng(s), around) for s in (5, 5, 6)
    )
    albedo = one(points, normals)
    assert albedo.min() > 0 and albedo.max() < 1 and albedo.std(0).max() > 0.01
    assert (albedo == again(points, normals)).all() and np.abs(albedo - other(points, normals)).mean() > 0.01
    moved = one.posed(T)(T.apply(points), normals @ T.R.T)
    assert (np.abs(moved - albedo).max(1) < 1e-6).mean() > 0.99  # where two sides meet, rounding chooses


def tints(root: Path, name: str) -> list[float]:
    """How far the channels of the first image of each capture are apart, in levels: the mean over the object."""
    files = sorted((root / name).rglob("rgb/000000.png"))
    images = [cv2.imread(str(f), cv2.IMREAD_COLOR).astype(float) for f in files]
    return [float(np.ptp(i, axis=2)[i.max(2) > 40].mean()) for i in images]


def test_printed_captures_are_coloured_and_their_truth_names_no_symmetries(tmp_path: Path) -> None:
    args = ["prints", "--print", "--objects", "2", "--views", "8", "--size", "48", "--seed", "2"]
    done = CliRunner().invoke(synth, [*args, "--bop-root", str(tmp_path)], standalone_mode=False)
    assert done.exception is None, done.output
    assert min(tints(tmp_path, "prints")) > 10
    assert json.loads((tmp_path / "prints/dataset_info.json").read_text())["printed"]
    for file in sorted((tmp_path / "prints_truth").glob("*.json")):
        facts = json.loads(file.read_text())
        assert facts["textured"] and facts["symmetry"] == "exact" and facts["fold"] != 1
        assert not [key for key in facts if key.startswith("symmetries")]
        true = trimesh.load(file.with_suffix(".ply"))
        assert facts["name"] in ("box", "bottle", "tin") and len(np.unique(true.visual.vertex_colors, axis=0)) > 5


def test_a_named_kind_is_printed_too(tmp_path: Path) -> None:
    make_dataset(tmp_path, "kinds", objects=1, kinds=("near",), params=SynthParams(8, 48, printed=True))
    facts = json.loads((tmp_path / "kinds_truth/obj_000001.json").read_text())
    assert facts["textured"] and facts["symmetry"] == "near" and facts["fold"] == 1


def test_without_print_nothing_is_painted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "make_print", None)
    monkeypatch.setattr(dataset, "make_package", None)
    make_dataset(tmp_path, "grey", objects=3, params=PLAIN)
    assert max(tints(tmp_path, "grey")) < 4
    assert not json.loads((tmp_path / "grey/dataset_info.json").read_text())["printed"]
    for n, kind in enumerate(("none", "near", "exact")):
        facts = json.loads((tmp_path / f"grey_truth/obj_{n + 1:06d}.json").read_text())
        assert not facts["textured"] and facts["symmetry"] == kind
        assert any(key.startswith("symmetries") for key in facts)

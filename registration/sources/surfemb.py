"""Guesses from dense learned correspondences: every image of either half is placed on the other, and all of them vote."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from registration.data.capture import Capture, Half
from registration.embedding.bank import known_vertices, make_bank
from registration.embedding.features import embedding_of, features_of, first_query
from registration.embedding.looks import Body
from registration.embedding.match import Found, poses_of
from registration.embedding.params import CorrespondenceParams, EmbeddingParams, FeatureParams
from registration.embedding.pool import spots_of, transforms
from registration.embedding.query import Pictures, Said, answers_of, pictures_of, said_of
from registration.embedding.record import Correspondences, Features
from registration.embedding.vote import Votes, pooled, turned_over, weights
from registration.geometry.mesh import diameter
from registration.geometry.rigid import Array, Rigid
from registration.nerf.device import device_of
from registration.progress import Tick, silent
from registration.sources.base import ByImage, HalfModel, Hypothesis, ImagePoses
from registration.sources.params import PosesParams

STEEP = 4
"""A transform counts as the share of correspondences that it explains, to this power."""


@dataclass(frozen=True, eq=False)
class Placed:
    """One guess of one image."""

    half: Half
    """Whose image it is; it is placed on the other half."""
    view: int
    image: int
    found: Found
    T_up_from_down: Rigid
    T_cam_from_reference: Rigid
    """In the image's own camera, not the one that was turned to the object."""


def as_body(half: HalfModel, size: float) -> Body:
    """A half to be looked at; ``size`` is the diameter that both halves are measured by."""
    nerf = half.nerf
    return Body(
        nerf.vertices, nerf.faces, nerf.normals, nerf.vertex_colours,
        known_vertices(nerf.vertices, half.cloud.points, size / 2), (nerf.vertices.min(0) + nerf.vertices.max(0)) / 2,
        size / 2,
    )  # fmt: skip


def bank_of(
    half: HalfModel, size: float, params: CorrespondenceParams, rng: np.random.Generator, tick: Tick = silent
) -> Correspondences:
    """What a half's networks are trained on."""
    cloud = half.cloud
    return make_bank(as_body(half, size), cloud.points, cloud.normals, half.capture.cameras, params, rng, tick)


@dataclass(frozen=True, eq=False)
class Direction:
    """What the networks of one half say of the other half."""

    placed: list[Placed]
    joint: list[tuple[Rigid, float]]
    """T_up_from_down that all images together lead to, and what each counts."""


def asked(
    features: Features, other: HalfModel, half: Half, params: PosesParams, rng: np.random.Generator, device: str,
    tick: Tick = silent,
) -> Direction:  # fmt: skip
    """Hold the images of one half against the other half's networks, each alone and all together."""
    pictures = pictures_of(as_body(other, 2 * features.embedding.radius), other.capture, features.embedding.size)
    said = said_of(features.embedding, pictures, device)
    some = np.sort(rng.permutation(len(other.cloud))[: params.spots])
    spots = spots_of(other.cloud.points[some], other.cloud.normals[some], pictures.looks, said, features)
    found = transforms(spots, features, rng)
    joint = [(T if half == "down" else T.inverse(), share**STEEP) for T, share in found]
    return Direction(place(features, pictures, said, other.capture, half, params, rng, tick), joint)


def place(
    features: Features, pictures: Pictures, said: Said, capture: Capture, half: Half, params: PosesParams,
    rng: np.random.Generator, tick: Tick = silent,
) -> list[Placed]:  # fmt: skip
    """Place each image of one half on the other one by itself."""
    cameras, radius = pictures.looks.cameras, features.embedding.radius
    out: list[Placed] = []
    for view, answers in enumerate(answers_of(features, said)):
        single = cameras.only(view)
        for f in poses_of(answers, single, features.points, features.normals, radius, rng, params.image_tries):
            T_reference_from_other = f.T_cam_from_reference.inverse() @ cameras.pose(view)
            T = T_reference_from_other if half == "down" else T_reference_from_other.inverse()
            own = capture.cameras.pose(view) @ T_reference_from_other.inverse()
            out.append(Placed(half, view, int(capture.ids[view]), f, T, own))
        tick(view + 1, len(cameras))
    return out


def looked_from(half: HalfModel) -> Array:  # (3,)
    """The direction in which a half's cameras stood."""
    away = half.capture.cameras.centres() - half.cloud.points.mean(0)
    mean = (away / np.linalg.norm(away, axis=1, keepdims=True)).mean(0)
    return mean / max(float(np.linalg.norm(mean)), 1e-9)


def voted(up: HalfModel, down: HalfModel, directions: list[Direction], size: float, most: int) -> ByImage:
    """The pools of all images together first, then those of single images' votes; and what single images guess."""
    sides = looked_from(up), looked_from(down)
    placed = [p for d in directions for p in d.placed]
    images = ImagePoses(
        tuple(p.half for p in placed), np.array([p.image for p in placed], np.int64),
        np.array([p.T_cam_from_reference.as_matrix() for p in placed]).reshape(-1, 4, 4),
        np.array([p.T_up_from_down.as_matrix() for p in placed]).reshape(-1, 4, 4),
        np.array([p.found.score for p in placed], float), np.array([p.found.inliers for p in placed], np.int64),
        np.array([p.found.drawn for p in placed], np.int64),
    )  # fmt: skip
    joint = np.array([T.as_matrix() for d in directions for T, _ in d.joint]).reshape(-1, 4, 4)
    strength = np.array([w / d.joint[0][1] for d in directions for _, w in d.joint])
    alone = images.T_up_from_down
    out: list[tuple[Rigid, float]] = []
    for T, w, share in ((joint, strength, most - most // 3), (alone, weights(images.score), most // 3)):
        fair = w * turned_over(T[:, :3, :3], *sides)
        out += pooled(Votes(T[:, :3, :3], T[:, :3, 3], fair), size, share)
    return ByImage.with_images([Hypothesis(T, share, SurfembSource.name) for T, share in out], images)


@dataclass
class SurfembProposer:
    """Has the reference's networks at hand, and learns the other half's for the way back."""

    source: SurfembSource
    reference: HalfModel
    features: Features

    def propose(self, other: HalfModel, rng: np.random.Generator, tick: Tick) -> list[Hypothesis]:
        """Both directions, one vote."""
        size = 2 * self.features.embedding.radius
        back = self.source.learned(other, size, rng, tick)
        device, params = device_of(self.source.device), self.source.params
        both = [
            asked(self.features, other, "down", params, rng, device),
            asked(back, self.reference, "up", params, rng, device),
        ]
        found = voted(self.reference, other, both, size, params.keep)
        return [
            Hypothesis(Rigid.from_matrix(T), float(s), self.source.name)
            for T, s in zip(found.T_up_from_down, found.score, strict=True)
        ]


class SurfembSource:
    """Learned correspondences: minutes of training for each half, so it is asked only if geometry cannot decide."""

    name = "surfemb"
    dear = True

    def __init__(self, device: str = "auto") -> None:
        self.device = device
        self.params = PosesParams()
        self.training = EmbeddingParams()

    def fit(self, reference: HalfModel, params: PosesParams, rng: np.random.Generator, tick: Tick) -> SurfembProposer:
        """Train the reference's networks; in a run, stages of their own do this and keep what they learned."""
        self.params = params
        size = diameter(reference.nerf.vertices)
        return SurfembProposer(self, reference, self.learned(reference, size, rng, tick))

    def learned(self, half: HalfModel, size: float, rng: np.random.Generator, tick: Tick) -> Features:
        """Looks, networks, keys of one half."""
        from registration.embedding.train import train

        bank, seed = bank_of(half, size, CorrespondenceParams(), rng), int(rng.integers(2**31))
        query = first_query(self.training.start, seed)
        with TemporaryDirectory() as scratch:
            file = Path(scratch) / "checkpoint.pt"
            trainee = train(bank, query, self.training, seed, device_of(self.device), file, tick)
        return features_of(embedding_of(trainee, bank, self.training), bank, FeatureParams(), rng)

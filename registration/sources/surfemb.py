"""Guesses from dense learned correspondences: every image of either half is placed on the other, and all of them vote."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from scipy.spatial import KDTree

from registration.data.capture import Half
from registration.embedding.bank import known_vertices, make_bank
from registration.embedding.features import embedding_of, features_of, first_query
from registration.embedding.looks import Body
from registration.embedding.match import correspondences, pnp
from registration.embedding.params import CorrespondenceParams, EmbeddingParams, FeatureParams
from registration.embedding.pool import FEWEST, Spots, best_of, fit, spots_in, spots_of, transforms
from registration.embedding.query import Pictures, Said, answers_of, pictures_of, said_of
from registration.embedding.record import Correspondences, Features
from registration.embedding.vote import Votes, pooled, support, turned_over, weights
from registration.geometry.mesh import diameter
from registration.geometry.rigid import Array, Rigid
from registration.nerf.device import device_of
from registration.progress import Tick, silent
from registration.sources.agree import Agreed, agreed, chances, offered
from registration.sources.base import ByImage, HalfModel, Hypothesis, ImagePoses
from registration.sources.params import PosesParams

TOGETHER = 30
"""Transforms of all images together that are looked at closely."""
DRAWN = 800
"""Correspondences drawn for each PnP."""
Prior = Callable[[Rigid], float]


@dataclass(frozen=True, eq=False)
class Placed:
    """One guess of one image."""

    half: Half
    """Whose image it is; it is placed on the other half."""
    image: int
    score: float
    T_up_from_down: Rigid
    T_cam_from_reference: Rigid
    shared: bool = False
    """Of all images, held against this one."""


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
class Hearing:
    """What the networks of one half, the reference, say of the other half's images."""

    features: Features
    surface: KDTree
    half: Half
    """Whose images they are."""
    other: HalfModel
    pictures: Pictures
    said: Said
    spots: Spots

    def ordered(self, T_up_from_down: Rigid) -> Rigid:
        """T_reference_from_other, or the reverse way."""
        return T_up_from_down if self.half == "down" else T_up_from_down.inverse()

    def fit(self, T_up_from_down: Rigid) -> float:
        """How well a transform agrees with all images together."""
        return fit(self.spots, self.features, self.surface, self.ordered(T_up_from_down))

    def together(self, rng: np.random.Generator) -> list[Rigid]:
        """T_up_from_down that all images together lead to."""
        found = [self.ordered(T) for T in transforms(self.spots, self.features, rng)]
        return [T for T, _ in best_of(found, self.fit, TOGETHER)]


def hear(
    features: Features, other: HalfModel, half: Half, params: PosesParams, rng: np.random.Generator, device: str
) -> Hearing:
    """Ask the reference's network about every image of the other half."""
    pictures, said = seen_and_said(features, other, device)
    some = np.sort(rng.permutation(len(other.cloud))[: params.spots])
    spots = spots_of(other.cloud.points[some], other.cloud.normals[some], pictures.looks, said, features)
    return Hearing(features, KDTree(features.points), half, other, pictures, said, spots)


def seen_and_said(
    features: Features, other: HalfModel, device: str, views: list[int] | None = None
) -> tuple[Pictures, Said]:
    """Images of the other half (all, or some views) as the reference's network sees them, and what it says of them."""
    capture = other.capture if views is None else other.capture.only(np.array(views))
    pictures = pictures_of(as_body(other, 2 * features.embedding.radius), capture, features.embedding.size)
    return pictures, said_of(features.embedding, pictures, device)


def place(heard: Hearing, view: int, params: PosesParams, prior: Prior, rng: np.random.Generator) -> list[Placed]:
    """Place one image on the reference: by PnP, by the depth of its own field, the best by what the whole image says."""
    features, capture = heard.features, heard.other.capture
    camera = heard.pictures.looks.cameras.only(view)
    spots = spots_in(heard.pictures.looks, heard.said, features, view)
    if len(spots.points) < FEWEST:
        return []
    found = transforms(spots, features, rng, params.image_guesses, params.image_trials)
    answers = answers_of(features, heard.said, view)
    for _ in range(params.image_pnp):
        pixels, at = correspondences(answers, DRAWN, rng)
        pose = pnp(pixels, features.points[at], camera, int(rng.integers(2**31)))
        if pose is not None:
            found.append(pose[0].inverse() @ camera.pose(0))
    worth = lambda T: fit(spots, features, heard.surface, T) + prior(heard.ordered(T))  # noqa: E731
    best = best_of(found, worth, params.image_keep)
    own = capture.cameras.pose(view)
    return [Placed(heard.half, int(capture.ids[view]), score, heard.ordered(T), own @ T.inverse()) for T, score in best]


def offer(heard: Hearing, view: int, found: list[Agreed], prior: Prior) -> list[Placed]:
    """Hold the transforms of all images against one of them."""
    capture = heard.other.capture
    spots = spots_in(heard.pictures.looks, heard.said, heard.features, view)
    if len(spots.points) < FEWEST:
        return []
    out, own = [], capture.cameras.pose(view)
    for T_up_from_down in (one.T_up_from_down for one in found):
        T = heard.ordered(T_up_from_down)
        score = fit(spots, heard.features, heard.surface, T) + prior(T_up_from_down)
        out.append(Placed(heard.half, int(capture.ids[view]), score, T_up_from_down, own @ T.inverse(), shared=True))
    return out


def looked_from(half: HalfModel) -> Array:  # (3,)
    """The direction in which a half's cameras stood."""
    away = half.capture.cameras.centres() - half.cloud.points.mean(0)
    mean = (away / np.linalg.norm(away, axis=1, keepdims=True)).mean(0)
    return mean / max(float(np.linalg.norm(mean)), 1e-9)


def guess(
    up: HalfModel, down: HalfModel, keys: tuple[Features, Features], params: PosesParams, rng: np.random.Generator,
    device: str, tick: Tick = silent,
) -> ByImage:  # fmt: skip
    """Both directions: transforms that all images together lead to, then those that single images vote for."""
    heard = [hear(keys[0], down, "down", params, rng, device), hear(keys[1], up, "up", params, rng, device)]
    sides = looked_from(up), looked_from(down)
    prior = lambda T: turned_over(T, *sides)  # noqa: E731
    placed: list[Placed] = []
    total = len(up.capture) + len(down.capture)
    views = [(heard_by, view) for heard_by in heard for view in range(len(heard_by.other.capture))]
    for done, (heard_by, view) in enumerate(views):
        placed += place(heard_by, view, params, prior, rng)
        tick(done + 1, total)
    size = 2 * keys[0].embedding.radius
    ballot = Votes.of([p.T_up_from_down for p in placed], weights(np.array([p.score for p in placed], float)))
    guesses = [T for h in heard for T in h.together(rng)] + [T for T, _ in pooled(ballot, size, params.keep)]
    worth = lambda T: sum(h.fit(T) for h in heard) + prior(T)  # noqa: E731
    best = agreed(up, down, [T for T, _ in best_of(guesses, worth, params.keep)], worth, size, rng)
    placed += [p for heard_by, view in views for p in offer(heard_by, view, offered(best), prior)]
    hypotheses = [Hypothesis(one.T_up_from_down, one.worth, SurfembSource.name) for one in best]
    return ByImage.with_images(hypotheses, by_image(placed, best, size))


def by_image(placed: list[Placed], found: list[Agreed], size: float) -> ImagePoses:
    """As arrays; with what all images together make of each guess."""
    matrix = lambda name: np.array([getattr(p, name).as_matrix() for p in placed]).reshape(-1, 4, 4)  # noqa: E731
    agreeing = Votes.of([one.T_up_from_down for one in found], chances(found)) if found else None
    guesses = Votes.of([p.T_up_from_down for p in placed], np.ones(len(placed)))
    return ImagePoses(
        tuple(p.half for p in placed), np.array([p.image for p in placed], np.int64), matrix("T_cam_from_reference"),
        matrix("T_up_from_down"), np.array([p.score for p in placed], float), support(guesses, agreeing, size),
        np.array([p.shared for p in placed], bool),
    )  # fmt: skip


@dataclass
class SurfembProposer:
    """Has the reference's networks at hand, and learns the other half's for the way back."""

    source: SurfembSource
    reference: HalfModel
    features: Features

    def propose(self, other: HalfModel, rng: np.random.Generator, tick: Tick) -> list[Hypothesis]:
        """Both directions, one vote."""
        back = self.source.learned(other, 2 * self.features.embedding.radius, rng, tick)
        found = guess(
            self.reference, other, (self.features, back), self.source.params, rng, device_of(self.source.device), tick
        )
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
        self.looks, self.training = CorrespondenceParams(), EmbeddingParams()

    def fit(self, reference: HalfModel, params: PosesParams, rng: np.random.Generator, tick: Tick) -> SurfembProposer:
        """Train the reference's networks; in a run, stages of their own do this and keep what they learned."""
        self.params = params
        size = diameter(reference.nerf.vertices)
        return SurfembProposer(self, reference, self.learned(reference, size, rng, tick))

    def learned(self, half: HalfModel, size: float, rng: np.random.Generator, tick: Tick) -> Features:
        """Looks, networks, keys of one half."""
        from registration.embedding.train import train

        bank, seed = bank_of(half, size, self.looks, rng), int(rng.integers(2**31))
        query = first_query(self.training.start, seed)
        with TemporaryDirectory() as scratch:
            file = Path(scratch) / "checkpoint.pt"
            trainee = train(bank, query, self.training, seed, device_of(self.device), file, tick)
        return features_of(embedding_of(trainee, bank, self.training), bank, FeatureParams(), rng)

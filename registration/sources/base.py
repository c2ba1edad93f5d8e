"""The protocol of a source, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from registration.data.capture import Capture
from registration.geometry.distance import Solid
from registration.geometry.icp import Side
from registration.geometry.paint import PRINTED, Printed, Tone
from registration.geometry.rigid import Array, Rigid
from registration.nerf.record import Cloud, Clouds, NerfHalf
from registration.progress import Tick
from registration.sources.params import PosesParams

SURE = 0.3
"""Points of this confidence and more count in full."""
PRINT_POINTS = 2_000
"""So many points tell whether there is a print."""


@dataclass(frozen=True, eq=False)
class HalfModel:
    """All that is known of one half: its images, its field, its cloud."""

    capture: Capture
    nerf: NerfHalf
    cloud: Cloud

    def scaled(self, factor: float) -> HalfModel:
        """The same half with all its lengths times a factor."""
        return HalfModel(self.capture.scaled(factor), self.nerf.scaled(factor), self.cloud.scaled(factor))

    def side(self, print_too: bool = False) -> Side:
        """The half as the ICP sees it; its print only if it is asked for."""
        nerf, cloud = self.nerf, self.cloud
        solid = Solid.from_field(nerf.low, nerf.step, nerf.sdf)
        trust = np.minimum(cloud.confidence.astype(float) / SURE, 1)
        tone = Tone.near(nerf.low, nerf.step, nerf.sdf, nerf.colour) if print_too else None
        bright = cloud.colours.mean(1) / 255.0 if print_too else None
        return Side(cloud.points, cloud.normals, solid, trust, bright, tone)

    def has_print(self) -> bool:
        """Whether the surface has more than one colour."""
        return self.printed(PRINT_POINTS, np.random.default_rng(0)).strength() >= PRINTED

    def printed(self, points: int, rng: np.random.Generator) -> Printed:
        """The half's print, of which so many points are held against another one's."""
        picked = np.sort(rng.permutation(len(self.cloud))[:points])
        return Printed.of(self.cloud.points, self.cloud.normals, self.cloud.colours / 255.0, picked)


def halves_of(
    clouds: Clouds, nerf_up: NerfHalf, nerf_down: NerfHalf, capture_up: Capture, capture_down: Capture,
    scale: float | None = None,
) -> tuple[HalfModel, HalfModel]:  # fmt: skip
    """Both halves in the unit of up; by the first estimate of the scale between them, or by a better one."""
    down = HalfModel(capture_down, nerf_down, clouds.down)
    return HalfModel(capture_up, nerf_up, clouds.up), down.scaled(clouds.scale if scale is None else scale)


@dataclass(frozen=True)
class Hypothesis:
    """One guess. The score orders the guesses of one source only: higher is better."""

    T_up_from_down: Rigid
    score: float
    source: str


class Proposer(Protocol):
    """A source that has studied its reference."""

    def propose(self, other: HalfModel, rng: np.random.Generator, tick: Tick) -> list[Hypothesis]:
        """Guess how the other half lies in the reference."""
        ...


class Source(Protocol):
    """Sees one half as its reference (up), then guesses how another lies in it. Made without arguments.

    One with an attribute ``dear = True`` takes minutes: it is asked only while no model is accepted.
    """

    name: str

    def fit(self, reference: HalfModel, params: PosesParams, rng: np.random.Generator, tick: Tick) -> Proposer:
        """Study the reference."""
        ...


@dataclass(frozen=True, eq=False)
class Hypotheses:
    """The guesses of all sources, as arrays."""

    T_up_from_down: Array  # (n, 4, 4)
    score: Array  # (n,)
    source: tuple[str, ...]  # (n,)

    @classmethod
    def of(cls, guesses: list[Hypothesis]) -> Hypotheses:
        """From a list, in its order."""
        matrices = np.array([g.T_up_from_down.as_matrix() for g in guesses]).reshape(-1, 4, 4)
        return cls(matrices, np.array([g.score for g in guesses], float), tuple(g.source for g in guesses))

    def __len__(self) -> int:
        return len(self.score)


@dataclass(frozen=True, eq=False)
class ImagePoses:
    """What single images guess."""

    half: tuple[str, ...]  # (n,) whose image it is; it is placed on the other half, the reference
    image: NDArray[np.int64]  # (n,) id
    T_cam_from_reference: Array  # (n, 4, 4)
    T_up_from_down: Array  # (n, 4, 4)
    score: Array  # (n,) log-likelihood over chance per place seen, by the image alone
    support: Array  # (n,) log of how likely all images together hold the same transform, 0 for the likeliest
    shared: NDArray[np.bool_]  # (n,) not this image's own guess, but what all images lead to, held against it

    def of(self, half: str, image: int, together: bool = True) -> list[int]:
        """Guesses of one image, the best first."""
        order = self.order(together)
        return [int(k) for k in order[self.image[order] == image] if self.half[k] == half]

    def order(self, together: bool = True) -> NDArray[np.int64]:
        """Guesses with the best first, by the image alone and its own ones only, or with all others' votes."""
        order = np.argsort(-(self.score + together * self.support), kind="stable")
        return order if together else order[~self.shared[order]]

    def __len__(self) -> int:
        return len(self.image)


@dataclass(frozen=True, eq=False)
class ByImage(Hypotheses):
    """Guesses that images made together, and what each of them said."""

    images: ImagePoses

    @classmethod
    def with_images(cls, guesses: list[Hypothesis], images: ImagePoses) -> ByImage:
        """From both."""
        plain = Hypotheses.of(guesses)
        return cls(plain.T_up_from_down, plain.score, plain.source, images)

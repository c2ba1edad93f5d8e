"""The chains of stages: of two captures, and of more."""

from __future__ import annotations

from functools import cache

from pipelines.graph import Graph, Needs, Stage
from pipelines.pairs import FIRST, argument, names_of, pairs_of, stage_of
from registration.sources.catalogue import known

BRANCHES = {name: f"poses-{name}" for name in sorted(known())}
"""Source -> the stage in which it guesses; made only if verify asks for it."""


NEEDS = {
    "capture": Needs(seconds=1.5, memory_mib=300, lower="capture.max_size"),
    "nerf": Needs(seconds=90, memory_mib=1_200, gpus=0.25, batch="rays", lower="nerf.rays or nerf.fine_grid"),
    "clouds": Needs(seconds=10, memory_mib=900, lower="clouds.points"),
    "correspondences": Needs(seconds=5, memory_mib=1_200, lower="correspondences.views"),
    "embedding": Needs(seconds=65, memory_mib=1_200, gpus=0.25, batch="crops", lower="embedding.crops"),
    "features": Needs(seconds=0.1, memory_mib=1_000, lower="features.points"),
    "poses": Needs(seconds=20, memory_mib=700, lower="poses.tried"),
    "surfemb": Needs(seconds=35, memory_mib=1_200, gpus=0.25, lower="poses.image_trials"),
    "verify": Needs(seconds=15, memory_mib=700, lower="verify.points"),
    "join": Needs(seconds=1, memory_mib=900, lower="verify.points"),
    "icp": Needs(seconds=0.7, memory_mib=700, lower="icp.points"),
    "fuse": Needs(seconds=5, memory_mib=1_700, lower="fuse.grid"),
    "full": Needs(seconds=55, memory_mib=1_200, gpus=0.25, batch="rays", lower="full.rays or full.grid"),
    "labels": Needs(seconds=0.1, memory_mib=1_000),
    "report": Needs(seconds=2, memory_mib=800, lower="report.pictures"),
}
"""By section, of the standard preset on two shared cores: seconds are medians of 10 or 13 objects, memory is that of the bundled example and a
fifth more; that of the learned stages and all shares of a GPU are guesses."""


def stage(
    name: str, section: str, record: str, inputs: dict[str, str], version: int = 1, external: str | None = None,
    asks: dict[str, str] | None = None,
) -> Stage:  # fmt: skip
    """A stage of the default chain, run by ``pipelines.stages.<section>:run``."""
    run = f"pipelines.stages.{section}:run"
    return Stage(name, section, run, record, inputs, external, asks or {}, version, NEEDS[section])


def halves(pair: tuple[str, str]) -> dict[str, str]:
    """What stages read of a pair of captures, the first of which they call up and the other down."""
    roles = list(zip(FIRST, pair, strict=True))
    return {f"{what}_{role}": f"{what}-{name}" for what in ("nerf", "capture") for role, name in roles}


def capture(name: str) -> Stage:
    """One capture."""
    return stage(f"capture-{name}", "capture", "registration.data.capture:Capture", {}, external=name)


def nerf(name: str) -> Stage:
    """Its field."""
    return stage(f"nerf-{name}", "nerf", "registration.nerf.record:NerfHalf", {"capture": f"capture-{name}"}, version=22)


def clouds(pair: tuple[str, str]) -> Stage:
    """The clouds of a pair."""
    return stage(stage_of("clouds", pair), "clouds", "registration.nerf.record:Clouds", halves(pair), version=7)


def learned(name: str, read_off: str = "clouds") -> list[Stage]:
    """The stages in which a half's correspondences are learned; made only if a source that needs them is asked."""
    half_inputs = {"capture": f"capture-{name}", "nerf": f"nerf-{name}", "clouds": read_off}
    looks, networks = {"bank": f"correspondences-{name}"}, {"embedding": f"embedding-{name}"}
    record = "registration.embedding.record:"
    return [
        stage(f"correspondences-{name}", "correspondences", f"{record}Correspondences", half_inputs),
        stage(f"embedding-{name}", "embedding", f"{record}Embedding", looks),
        stage(f"features-{name}", "features", f"{record}Features", {**looks, **networks}),
    ]


def branch(source: str, pair: tuple[str, str]) -> Stage:
    """The stage in which a source guesses."""
    name, inputs = stage_of(BRANCHES[source], pair), {"clouds": stage_of("clouds", pair), **halves(pair)}
    if source == "surfemb":
        keys = {f"features_{role}": f"features-{half}" for role, half in zip(FIRST, pair, strict=True)}
        record, run = "registration.sources.base:ByImage", "pipelines.stages.surfemb:run"
        return Stage(name, "poses", run, record, {**inputs, **keys}, version=2, needs=NEEDS["surfemb"])
    return stage(name, "poses", "registration.sources.base:Hypotheses", inputs, version=2)


def registered(pair: tuple[str, str], deep: str = "", verify_by: str = "verify:run") -> list[Stage]:
    """A pair from its guesses to its registration."""
    record, asks = "registration.verify.record:", {name: stage_of(at, pair) for name, at in BRANCHES.items()}
    inputs, verify = {"clouds": stage_of("clouds", pair), **halves(pair)}, stage_of(f"verify{deep}", pair)
    return [
        Stage(
            verify, "verify", f"pipelines.stages.{verify_by}", f"{record}Verdict", inputs, asks=asks, version=11,
            needs=NEEDS["verify"],
        ),
        stage(
            stage_of(f"icp{deep}", pair), "icp", f"{record}Registration", {"verify": verify, **inputs}, version=4,
            asks={"surfemb": asks["surfemb"]},
        ),
    ]  # fmt: skip


def guessed(pair: tuple[str, str]) -> list[Stage]:
    """The sources of a pair."""
    return [branch(name, pair) for name in BRANCHES]


def of_two() -> Graph:
    """The chain of two captures."""
    both = {"clouds": "clouds", **halves(FIRST)}
    looks = {"capture_up": "capture-up", "capture_down": "capture-down"}
    return Graph(
        [
            *map(capture, FIRST), *map(nerf, FIRST), clouds(FIRST), *learned("up"), *learned("down"), *guessed(FIRST),
            *registered(FIRST),
            stage("fuse", "fuse", "registration.fuse.record:Fused", {"icp": "icp", **both}, version=3),
            stage("nerf-full", "full", "registration.fuse.record:Model", {"icp": "icp", "fuse": "fuse", **both}, version=13),
            stage("labels", "labels", "registration.fuse.record:Labels", {"model": "nerf-full", "icp": "icp", **looks}, version=3),
            stage(
                "report", "report", "pipelines.report.record:Report",
                {"verify": "verify", "icp": "icp", "model": "nerf-full", "labels": "labels", **both}, version=7,
            ),
        ]
    )  # fmt: skip


def of_more(count: int) -> Graph:
    """The chain of more captures: every pair is registered, the pairs that agree give each capture its place."""
    names = names_of(count)
    pairs = pairs_of(names)
    one = lambda *what: {argument(f"{w}-{n}"): f"{w}-{n}" for w in what for n in names}  # noqa: E731
    two = lambda *what: {argument(stage_of(w, p)): stage_of(w, p) for w in what for p in pairs}  # noqa: E731
    every = {**two("clouds"), **one("nerf", "capture")}

    def last(name: str, section: str, record: str, inputs: dict[str, str], version: int = 1) -> Stage:
        run = f"pipelines.stages.together:{section}"
        return Stage(name, section, run, record, inputs, version=version, needs=NEEDS[section])

    return Graph(
        [
            *map(capture, names), *map(nerf, names), *map(clouds, pairs),
            *(s for name in names for s in learned(name, stage_of("clouds", home(name)))),
            *(s for pair in pairs for s in (*guessed(pair), *registered(pair, "", "verify:cheap"), *registered(pair, "-deep"))),
            Stage(
                "join", "verify", "pipelines.stages.together:join", "registration.verify.record:Joined",
                {**two("icp"), **every}, asks={f"{a} {b}": stage_of("icp-deep", (a, b)) for a, b in pairs},
                needs=NEEDS["join"],
            ),
            last("fuse", "fuse", "registration.fuse.record:Fused", {"join": "join", **every}, version=3),
            last("nerf-full", "full", "registration.fuse.record:Model", {"join": "join", "fuse": "fuse", **every}, version=10),
            last("labels", "labels", "registration.fuse.record:Labels", {"join": "join", "model": "nerf-full", **one("capture")}),
            last(
                "report", "report", "pipelines.report.record:Report",
                {"join": "join", "model": "nerf-full", "labels": "labels", **every},
            ),
        ]
    )  # fmt: skip


def home(name: str) -> tuple[str, str]:
    """The pair in whose unit a capture is learned: that with up."""
    return FIRST if name in FIRST else (FIRST[0], name)


DEFAULT = of_two()


@cache
def graph_of(count: int) -> Graph:
    """The chain of so many captures."""
    return DEFAULT if count == 2 else of_more(count)

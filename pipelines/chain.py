"""The default chain of stages."""

from __future__ import annotations

from pipelines.graph import Graph, Needs, Stage
from registration.sources.catalogue import known

HALVES = {"nerf_up": "nerf-up", "nerf_down": "nerf-down", "capture_up": "capture-up", "capture_down": "capture-down"}


BRANCHES = {name: f"poses-{name}" for name in sorted(known())}
"""Source -> the stage in which it guesses; made only if verify asks for it."""


NEEDS = {
    "capture": Needs(seconds=1.5, memory_mib=300, lower="capture.max_size"),
    "nerf": Needs(seconds=99, memory_mib=700, gpus=0.25, batch="rays", lower="nerf.rays or nerf.fine_grid"),
    "clouds": Needs(seconds=2, memory_mib=700, lower="clouds.points"),
    "correspondences": Needs(seconds=5, memory_mib=1_200, lower="correspondences.views"),
    "embedding": Needs(seconds=65, memory_mib=1_200, gpus=0.25, batch="crops", lower="embedding.crops"),
    "features": Needs(seconds=0.1, memory_mib=1_000, lower="features.points"),
    "poses": Needs(seconds=20, memory_mib=700, lower="poses.tried"),
    "surfemb": Needs(seconds=35, memory_mib=1_200, gpus=0.25, lower="poses.image_trials"),
    "verify": Needs(seconds=15, memory_mib=700, lower="verify.points"),
    "icp": Needs(seconds=0.7, memory_mib=700, lower="icp.points"),
    "fuse": Needs(seconds=5, memory_mib=1_700, lower="fuse.grid"),
    "full": Needs(seconds=100, memory_mib=1_200, gpus=0.25, batch="rays", lower="full.rays or full.grid"),
    "labels": Needs(seconds=0.1, memory_mib=1_000),
    "report": Needs(seconds=2, memory_mib=800, lower="report.pictures"),
}
"""By section, of the standard preset on two shared cores: seconds are medians of 13 objects, memory is that of the bundled example and a
fifth more; that of the learned stages and all shares of a GPU are guesses."""


def stage(
    name: str, section: str, record: str, inputs: dict[str, str], version: int = 1, external: str | None = None,
    asks: dict[str, str] | None = None,
) -> Stage:  # fmt: skip
    """A stage of the default chain, run by ``pipelines.stages.<section>:run``."""
    run = f"pipelines.stages.{section}:run"
    return Stage(name, section, run, record, inputs, external, asks or {}, version, NEEDS[section])


def learned(half: str) -> list[Stage]:
    """The stages in which a half's correspondences are learned; made only if a source that needs them is asked."""
    half_inputs = {"capture": f"capture-{half}", "nerf": f"nerf-{half}", "clouds": "clouds"}
    looks, networks = {"bank": f"correspondences-{half}"}, {"embedding": f"embedding-{half}"}
    record = "registration.embedding.record:"
    return [
        stage(f"correspondences-{half}", "correspondences", f"{record}Correspondences", half_inputs),
        stage(f"embedding-{half}", "embedding", f"{record}Embedding", looks),
        stage(f"features-{half}", "features", f"{record}Features", {**looks, **networks}),
    ]


def branch(name: str) -> Stage:
    """The stage in which a source guesses."""
    if name == "surfemb":
        keys = {"features_up": "features-up", "features_down": "features-down"}
        record = "registration.sources.base:ByImage"
        return Stage(
            BRANCHES[name], "poses", "pipelines.stages.surfemb:run", record, {"clouds": "clouds", **HALVES, **keys},
            needs=NEEDS["surfemb"],
        )  # fmt: skip
    record = "registration.sources.base:Hypotheses"
    return stage(BRANCHES[name], "poses", record, {"clouds": "clouds", **HALVES}, version=2)


DEFAULT = Graph(
    [
        stage("capture-up", "capture", "registration.data.capture:Capture", {}, external="up"),
        stage("capture-down", "capture", "registration.data.capture:Capture", {}, external="down"),
        stage("nerf-up", "nerf", "registration.nerf.record:NerfHalf", {"capture": "capture-up"}, version=7),
        stage("nerf-down", "nerf", "registration.nerf.record:NerfHalf", {"capture": "capture-down"}, version=7),
        stage("clouds", "clouds", "registration.nerf.record:Clouds", HALVES, version=3),
        *learned("up"),
        *learned("down"),
        *(branch(name) for name in BRANCHES),
        stage(
            "verify", "verify", "registration.verify.record:Verdict",
            {"clouds": "clouds", **HALVES}, version=2, asks=BRANCHES,
        ),
        stage(
            "icp", "icp", "registration.verify.record:Registration",
            {"verify": "verify", "clouds": "clouds", **HALVES}, version=3, asks={"surfemb": BRANCHES["surfemb"]},
        ),
        stage("fuse", "fuse", "registration.fuse.record:Fused", {"icp": "icp", "clouds": "clouds", **HALVES}),
        stage(
            "nerf-full", "full", "registration.fuse.record:Model",
            {"icp": "icp", "fuse": "fuse", "clouds": "clouds", **HALVES}, version=2,
        ),
        stage(
            "labels", "labels", "registration.fuse.record:Labels",
            {"model": "nerf-full", "icp": "icp", "capture_up": "capture-up", "capture_down": "capture-down"}, version=3,
        ),
        stage(
            "report", "report", "pipelines.report.record:Report",
            {"verify": "verify", "icp": "icp", "model": "nerf-full", "labels": "labels", "clouds": "clouds", **HALVES},
            version=6,
        ),
    ]
)  # fmt: skip

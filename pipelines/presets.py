"""Parameters of a whole run: three presets, a TOML file, single settings."""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
import types
import typing
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from registration.data.params import CaptureParams
from registration.embedding.params import CorrespondenceParams, EmbeddingParams, FeatureParams
from registration.errors import UserError
from registration.fuse.params import FuseParams, LabelsParams, ReportParams
from registration.nerf.params import CloudParams, FullParams, NerfParams
from registration.sources.params import PosesParams
from registration.verify.params import IcpParams, VerifyParams


@dataclass(frozen=True)
class Config:
    """One record of parameters per section."""

    capture: CaptureParams = field(default_factory=CaptureParams)
    nerf: NerfParams = field(default_factory=NerfParams)
    clouds: CloudParams = field(default_factory=CloudParams)
    correspondences: CorrespondenceParams = field(default_factory=CorrespondenceParams)
    embedding: EmbeddingParams = field(default_factory=EmbeddingParams)
    features: FeatureParams = field(default_factory=FeatureParams)
    poses: PosesParams = field(default_factory=PosesParams)
    verify: VerifyParams = field(default_factory=VerifyParams)
    icp: IcpParams = field(default_factory=IcpParams)
    fuse: FuseParams = field(default_factory=FuseParams)
    full: FullParams = field(default_factory=FullParams)
    labels: LabelsParams = field(default_factory=LabelsParams)
    report: ReportParams = field(default_factory=ReportParams)
    seed: int = 0


PRESETS = {
    "quick": Config(
        capture=CaptureParams(max_size=160),
        nerf=NerfParams(coarse_grid=40, fine_grid=72, fog_steps=250, rough_steps=60, coarse_steps=80, middle_steps=0, fine_steps=120, fine_pace=1.0),
        correspondences=CorrespondenceParams(views=160),
        embedding=EmbeddingParams(steps=60),
        features=FeatureParams(points=2_000),
        poses=PosesParams(rotations=8_000, tried=160, refined=40, image_trials=8_000),
        fuse=FuseParams(grid=112, points=20_000),
        full=FullParams(steps=120, grid=96, points=20_000),
    ),
    "standard": Config(),
    "best": Config(
        capture=CaptureParams(max_size=400),
        nerf=NerfParams(
            coarse_grid=64, fine_grid=160, fog_steps=1_200, rough_steps=400, coarse_steps=800, fine_steps=800, rays=4_096
        ),
        correspondences=CorrespondenceParams(views=600),
        embedding=EmbeddingParams(steps=900),
        poses=PosesParams(rotations=30_000, apart_deg=6.0, tried=480, refined=120, keep=40),
        verify=VerifyParams(points=10_000),
        fuse=FuseParams(grid=256, points=80_000),
        full=FullParams(steps=600, grid=160, rays=4_096, points=80_000),
    ),
}
SECTIONS = {f.name: f.type for f in dataclasses.fields(Config) if f.name != "seed"}


def near(word: str, words: Iterable[str]) -> str:
    """A hint at what may have been meant."""
    words = sorted(words)
    close = difflib.get_close_matches(word, words, 1)
    return f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(words)}"


def section_of(config: Config, section: str, where: object) -> Any:
    """The parameters of one section."""
    if section not in SECTIONS:
        plain = section.removesuffix("-up").removesuffix("-down")
        hint = f"both halves share {plain!r}" if plain in SECTIONS else near(section, SECTIONS)
        raise UserError(f"no stage {section!r} has parameters", where, hint)
    return getattr(config, section)


def changed(config: Config, section: str, name: str, value: Any, where: object) -> Config:
    """The configuration with one parameter set; a text is read as the parameter's type."""
    record = section_of(config, section, where)
    hints = typing.get_type_hints(type(record))
    if name not in hints:
        raise UserError(f"{section} has no parameter {name!r}", where, near(name, hints) if hints else "it has none")
    return replace(
        config, **{section: replace(record, **{name: as_type(value, hints[name], f"{section}.{name}", where)})}
    )


def as_type(value: Any, kind: Any, name: str, where: object) -> Any:
    """A value of the wanted type, from a text or from TOML."""
    wrong = UserError(f"{name} cannot be {value!r}", where, f"it is {describe(kind)}")
    if isinstance(kind, types.UnionType):
        if value is None or value == "none":
            return None
        kind = next(k for k in typing.get_args(kind) if k is not type(None))
    if typing.get_origin(kind) is tuple:
        parts = value if isinstance(value, list | tuple) else [p.strip() for p in str(value).split(",") if p.strip()]
        return tuple(as_type(p, typing.get_args(kind)[0], name, where) for p in parts)
    if typing.get_origin(kind) is typing.Literal:
        if value not in typing.get_args(kind):
            raise wrong
        return value
    if kind is bool:
        known = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        if isinstance(value, bool):
            return value
        if str(value).lower() not in known:
            raise wrong
        return known[str(value).lower()]
    try:
        made = kind(value.replace("_", "") if isinstance(value, str) and kind in (int, float) else value)
    except (TypeError, ValueError, OverflowError) as error:
        raise wrong from error
    if isinstance(value, bool) or (kind is int and isinstance(value, float) and value != made):
        raise wrong
    if kind in (int, float) and (made != made or made in (float("inf"), float("-inf")) or made < 0):
        raise UserError(f"{name} cannot be {value!r}", where, "it is a finite number, not negative")
    return made


def describe(kind: Any) -> str:
    """A type in words."""
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
    if kind in words:
        return words[kind]
    if typing.get_origin(kind) is tuple:
        return f"a list, separated by commas, each {describe(typing.get_args(kind)[0])}"
    return "one of " + ", ".join(str(a) for a in typing.get_args(kind))


def configure(
    preset: str = "standard", file: Path | None = None, sets: Iterable[str] = (), seed: int | None = None
) -> Config:
    """Preset, then file, then single settings: the later wins."""
    config = PRESETS[preset]
    if file is not None:
        config = from_toml(config, file)
    for text in sets:
        left, mark, value = text.partition("=")
        section, dot, name = left.strip().partition(".")
        if not (mark and dot):
            raise UserError(
                "not a setting", repr(text), "write --set stage.parameter=value, such as --set icp.points=5000"
            )
        config = changed(config, section, name, value.strip(), f"--set {text}")
    known = config.capture.diameter_mm  # captures are made about so large, the model exactly
    config = replace(config, full=replace(config.full, diameter_mm=known or config.full.diameter_mm))
    return config if seed is None else replace(config, seed=seed)


def from_toml(config: Config, file: Path) -> Config:
    """Settings of a TOML file: a table per stage, and ``seed``."""
    try:
        body = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError("the settings cannot be read", file, error.strerror or str(error)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError("not a TOML file", file, " ".join(str(error).split())) from error
    for section, table in body.items():
        if section == "seed" and isinstance(table, int) and not isinstance(table, bool) and table >= 0:
            config = replace(config, seed=table)
            continue
        section_of(config, section, file)
        if not isinstance(table, dict):
            raise UserError(f"{section} is not a table", file, f"write [{section}] and its parameters below")
        for name, value in table.items():
            config = changed(config, section, name, value, file)
    return config

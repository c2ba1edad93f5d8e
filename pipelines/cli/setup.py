"""From options to a run."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import click

from pipelines.pairs import names_of
from pipelines.store import Where
from registration.errors import UserError


class Address(click.ParamType):
    """A folder, or the URL of a bucket."""

    name = "path|url"

    def convert(self, value: Any, param: Any, ctx: Any) -> Where:
        """A URL stays a text: a path would lose its slashes."""
        return value if isinstance(value, Path) or "://" in value else Path(value)


ADDRESS = Address()
MOST_CAPTURES = 12
ANY_SIDE = ("verify.same_side_cost=0", "verify.doubt_side=0")
"""Two captures are two sides of an object that was turned over; of more, any two may look at the same side."""


@dataclass(frozen=True)
class Request:
    """What the user asked for."""

    dataset: str | None
    objid: tuple[int, ...]
    everything: bool
    up: Path | None
    down: Path | None
    bop_root: Path
    out: Path
    store: Where | None
    preset: str
    sets: tuple[str, ...]
    config: Path | None
    seed: int | None
    skip_bad: int | None
    device: str
    verbose: bool
    quiet: bool
    unit: str | None = None
    diameter: float | None = None
    capture: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        pair = (self.up is not None) + (self.down is not None)
        if pair and self.capture:
            raise UserError("two ways to name the captures", "--up and --capture", "name all of them by --capture DIR")
        if pair == 1 or len(self.capture) == 1:
            option = "--capture" if self.capture else "--down" if self.up else "--up"
            mend = "name another: --capture DIR" if self.capture else "name both: --up DIR --down DIR"
            raise UserError("one capture is not enough", option, mend)
        if len(self.capture) > MOST_CAPTURES:
            raise UserError(f"{len(self.capture)} captures", "--capture", f"at most {MOST_CAPTURES} of one object")
        named = bool(pair or self.capture)
        if named and (self.dataset or self.objid or self.everything):
            raise UserError(
                "two ways to name the captures",
                f"{'--capture' if self.capture else '--up'} and --dataset",
                "use --up DIR --down DIR, --capture DIR for each, or --dataset D --objid N",
            )
        if not named and not self.dataset:
            raise UserError(
                "nothing to register",
                "regpipe run",
                "name it: --dataset D --objid N (or --all), or --up DIR --down DIR",
            )

    def named(self) -> list[tuple[str, str, Path]]:
        """Capture folders: the half that each is, its option, the folder."""
        if self.capture:
            folders = zip(names_of(len(self.capture)), self.capture, strict=True)
            return [(half, "--capture", folder) for half, folder in folders]
        return [(half, f"--{half}", folder) for half, folder in (("up", self.up), ("down", self.down)) if folder]

    def graph(self) -> Any:
        """The chain of stages for so many captures."""
        from pipelines.chain import graph_of

        return graph_of(len(self.capture) or 2)

    def name(self, objid: int | None) -> str:
        """The object's name in the store and on the screen."""
        return f"{self.dataset}/obj_{objid:06d}" if self.dataset else "+".join(f.name for _, _, f in self.named())

    def folder(self, objid: int | None) -> Path:
        """Where its results go."""
        return self.out / self.name(objid) if self.dataset else self.out

    def rooted(self) -> Request:
        """The same for a process that stands elsewhere."""
        given = {f.name: getattr(self, f.name) for f in fields(self)}
        rooted = {name: value.absolute() for name, value in given.items() if isinstance(value, Path)}
        return replace(self, **rooted, capture=tuple(folder.absolute() for folder in self.capture))

    def configuration(self) -> Any:
        """All parameters."""
        from pipelines.presets import configure

        options = {"skip_bad": self.skip_bad, "unit": self.unit, "diameter_mm": self.diameter}
        sets = [*self.sets, *(f"capture.{name}={value}" for name, value in options.items() if value is not None)]
        return configure(self.preset, self.config, [*(ANY_SIDE if len(self.capture) > 2 else ()), *sets], self.seed)


def objects_of(request: Request) -> list[int | None]:
    """The objects that are meant; everything is checked before the first one starts."""
    request.configuration()
    if not request.dataset:
        return [None]
    if not request.objid and not request.everything:
        raise UserError("which object?", f"--dataset {request.dataset}", "add --objid N, or --all")
    from registration.data.kinds import find_pair, list_objects

    if request.dataset == "mini":
        make_mini(request)
    objects = (
        list_objects(request.bop_root, request.dataset) if request.everything else list(dict.fromkeys(request.objid))
    )
    for objid in objects:
        find_pair(request.bop_root, request.dataset, objid)
    if not objects:
        raise UserError("no objects", request.bop_root / request.dataset, "the data set is empty")
    return list(objects)


def make_mini(request: Request) -> None:
    """The bundled data set is made on first use."""
    from pipelines.cli.bars import bar
    from registration.data.synthetic import ensure_mini

    with bar("making the data set mini", request.quiet) as tick:
        ensure_mini(request.bop_root, tick)


def order_of(request: Request, objid: int | None, publish: bool = False) -> Any:
    """The object's chain, as it travels to whoever runs it."""
    from pipelines.bucket import open_store
    from pipelines.engines.job import Order
    from pipelines.execute import capture_inputs
    from registration.data.kinds import files_of, find_pair, specs_of

    store = open_store(request.store or request.out / ".store")
    specs = find_pair(request.bop_root, request.dataset, objid or 0) if request.dataset else specs_of(request.named())
    externals = capture_inputs(specs, store.root / "fingerprints.json", files_of)
    out = request.folder(objid) if publish else None
    return Order(
        request.graph(), store, request.name(objid), request.configuration(), externals, request.device,
        out, objid or 1, request.dataset is not None,
    )  # fmt: skip


def open_run(request: Request, objid: int | None, watcher: Any) -> Any:
    """The object's chain, ready to go in this process."""
    return order_of(request, objid).run(watcher)

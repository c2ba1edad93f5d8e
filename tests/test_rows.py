"""The house stays as it is drawn: rows of imports, sizes of files, no stray heavy imports."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROWS = [  # from the ground up; rooms of one row are strangers to each other
    ["registration.errors", "registration.progress", "registration.resume"],
    ["registration.geometry"],
    ["registration.data"],
    ["registration.nerf", "registration.embedding"],
    ["registration.sources"],
    ["registration.verify", "registration.fuse"],
    ["registration.viz"],
    ["pipelines.artifacts", "pipelines.graph", "pipelines.keys", "pipelines.memory", "pipelines.pairs", "pipelines.presets"],
    ["pipelines.store", "pipelines.objects", "pipelines.chain", "pipelines.results"],
    ["pipelines.bucket"],
    ["pipelines.halves", "pipelines.placed"],
    ["pipelines.report"],
    ["pipelines.stages"],
    ["pipelines.execute"],
    ["pipelines.publish"],
    ["pipelines.engines"],
    ["pipelines.bench", "pipelines.view", "pipelines.dashboard"],
    ["pipelines.cli"],
]
PARAMS = {
    "registration.data.params",
    "registration.nerf.params",
    "registration.embedding.params",
    "registration.sources.params",
    "registration.verify.params",
    "registration.fuse.params",
}


def modules() -> dict[str, Path]:
    """Dotted name -> file, of all our code."""
    files = [f for top in ("registration", "pipelines") for f in (ROOT / top).rglob("*.py")]
    return {".".join(f.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): f for f in files}


def imports(file: Path) -> set[str]:
    """Every module a file imports, inside functions too."""
    out: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            out |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: write imports out in full"
            out.add(node.module or "")
    return out


def row_of(module: str) -> tuple[int, str] | None:
    """Row and room of one of our modules."""
    for number, rooms in enumerate(ROWS):
        for room in rooms:
            if module == room or module.startswith(room + "."):
                return number, room
    return None


def faults(all_imports: dict[str, set[str]]) -> list[str]:
    """Imports that go up, or next door."""
    out = []
    for module, names in all_imports.items():
        here = row_of(module)
        for name in names:
            there = row_of(name)
            if here and there and here[1] != there[1] and there[0] >= here[0] and name not in PARAMS:
                out.append(f"{module} imports {name}")
    return out


def test_imports_go_down_only() -> None:
    assert faults({name: imports(file) for name, file in modules().items()}) == []
    assert all(row_of(name) for name in modules() if name not in ("registration", "pipelines"))


def test_the_test_would_see_a_fault() -> None:
    assert (
        faults({"registration.geometry.x": {"registration.data.bop"}, "registration.fuse.y": {"registration.verify.z"}})
        != []
    )


def test_no_room_is_too_large() -> None:
    assert {
        n: len(f.read_text().splitlines()) for n, f in modules().items() if len(f.read_text().splitlines()) > 300
    } == {}
    engine = sum(len((ROOT / "pipelines" / f"{n}.py").read_text().splitlines()) for n in ("graph", "keys", "store"))
    assert engine <= 500


def test_parameters_import_nothing_heavy() -> None:
    for name in PARAMS:
        assert imports(modules()[name]) <= {"__future__", "dataclasses", "typing"}

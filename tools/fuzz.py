"""Feeds damaged files to every reader. A record or a UserError is an answer, anything else is a fault of ours.

    python tools/fuzz.py ply --cases 100000
    python tools/fuzz.py all --cases 1000 --keep faults/

A new reader is a line in READERS: what makes its corpus, and what reads a file of it.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import logging
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from registration.errors import UserError  # noqa: E402
from tools import corpus, corpus_text  # noqa: E402
from tools.mutate import mutated  # noqa: E402

Make = Callable[[Path], list[Path]]
"""Writes good files into a folder; those that are to be damaged."""
Read = Callable[[Path], object]
"""Reads one of them, with whatever lies beside it."""

READERS: dict[str, tuple[Make, Read]] = {
    "annotations": (corpus_text.annotations, corpus_text.read_annotations),
    "archive": (corpus.archives, corpus.read_archive),
    "artifact": (corpus.artifact, corpus.read_artifact),
    "board": (corpus_text.boards, corpus_text.read_boards),
    "bop": (corpus.capture, corpus.read_capture),
    "bop-json": (corpus_text.capture_words, corpus_text.read_capture_words),
    "checkpoint": (corpus.checkpoints, corpus.read_checkpoint),
    "checkpoint-sum": (corpus.checkpoints, corpus.read_trusted),
    "colmap": (corpus.models, corpus.read_listed),
    "config": (corpus_text.settings, corpus_text.read_settings),
    "images": (corpus.images, corpus.read_images),
    "lens": (corpus_text.lenses, corpus_text.read_lenses),
    "manifest": (corpus_text.manifests, corpus_text.read_manifest),
    "memo": (corpus_text.memos, corpus_text.read_memos),
    "mesh": (corpus.meshes, corpus.read_mesh),
    "nerfstudio": (corpus.transforms, corpus.read_listed),
    "ply": (corpus.plys, corpus.read_ply),
    "result": (corpus_text.results, corpus_text.read_result),
    "table": (corpus_text.tables, corpus_text.read_tables),
    "weights": (corpus.weights, corpus.read_weights),
}
if importlib.util.find_spec("pycocotools") is None:  # an extra
    del READERS["annotations"]
SECONDS, GIGABYTES = 10, 8
"""A case that takes longer, or asks for more memory, is a fault."""


class TooLong(BaseException):
    """Not to be caught by a reader that catches everything."""


@dataclass
class Tally:
    """What came of many cases."""

    records: int = 0
    refusals: int = 0
    faults: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    """Kind of fault -> how often, and one file that provokes it."""
    slowest: float = 0.0

    @property
    def cases(self) -> int:
        """The undamaged files with them."""
        return self.records + self.refusals + sum(n for n, _ in self.faults.values())


def kind_of(error: BaseException) -> str:
    """What it is and where in our code it came from: two faults of one kind are one."""
    ours = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(str(ROOT))]
    last = ours[-1] if ours else None
    where = f"{Path(last.filename).relative_to(ROOT)}:{last.lineno}" if last else "nowhere"
    return f"{type(error).__name__} at {where}: {' '.join(str(error).split())[:100]}"


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """Breaks off what takes too long."""

    def ring(*_: object) -> None:
        raise TooLong(f"more than {seconds} s")

    signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def attempt(read: Read, file: Path, tally: Tally) -> None:
    """One case."""
    start = time.monotonic()
    try:
        with at_most(SECONDS):
            read(file)
        tally.records += 1
    except UserError:
        tally.refusals += 1
    except (Exception, TooLong) as error:
        kind = kind_of(error)
        count, example = tally.faults.get(kind, (0, file.read_bytes()))
        tally.faults[kind] = count + 1, example
    tally.slowest = max(tally.slowest, time.monotonic() - start)


def fuzz(name: str, cases: int, seed: int) -> Tally:
    """Damage one file of the corpus at a time, and read it."""
    make, read = READERS[name]
    rng, tally = np.random.default_rng([seed, int.from_bytes(name.encode(), "big")]), Tally()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        files = make(Path(folder))
        good = [file.read_bytes() for file in files]
        for file in files:
            attempt(read, file, tally)
        if tally.records != len(files):
            raise SystemExit(f"{name}: the undamaged corpus is refused: {tally}")
        for _ in range(cases):
            n, m = rng.integers(len(files), size=2)
            files[n].write_bytes(mutated(good[n], good[m], rng))
            attempt(read, files[n], tally)
            files[n].write_bytes(good[n])
    return tally


def told(name: str, tally: Tally, seconds: float) -> str:
    """A line, and one for each kind of fault."""
    count = sum(n for n, _ in tally.faults.values())
    head = f"{name}: {tally.cases} cases in {seconds:.0f} s, {tally.records} read, {tally.refusals} refused"
    head += f", {count} faults of {len(tally.faults)} kinds, slowest {tally.slowest:.2f} s"
    return "\n".join([head, *(f"  {count} x {kind}" for kind, (count, _) in tally.faults.items())])


def keep(name: str, tally: Tally, folder: Path | None) -> None:
    """A file for each kind of fault."""
    for kind, (_, body) in tally.faults.items():
        if folder is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}-{hashlib.sha256(kind.encode()).hexdigest()[:8]}").write_bytes(body)


def started(words: str | None, readers: Iterable[str]) -> argparse.Namespace:
    """What is asked for; from here on memory is bounded, and nobody is told of what is refused."""
    parser = argparse.ArgumentParser(description=(words or "").splitlines()[0])
    parser.add_argument("reader", choices=list(readers))
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="Write a file for each kind of fault there.")
    args = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (GIGABYTES << 30, GIGABYTES << 30))
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    return args


def main() -> int:
    """All readers that are named."""
    args = started(__doc__, [*READERS, "all"])
    bad = 0
    for name in READERS if args.reader == "all" else [args.reader]:
        start, tally = time.monotonic(), fuzz(name, args.cases, args.seed)
        print(told(name, tally, time.monotonic() - start), flush=True)
        keep(name, tally, args.keep)
        bad += len(tally.faults)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())

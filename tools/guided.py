"""Damages files where that leads to new lines of our readers: `tools/fuzz.py`, guided by what was run.

    pip install 'atheris>=3.0'
    python tools/guided.py ply --cases 100000

The readers and what counts as a fault are those of `tools/fuzz.py`. libFuzzer says on its way how many edges it came across (cov).
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import atheris
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

with atheris.instrument_imports(include=["registration", "pipelines"]):
    from tools.fuzz import READERS, Make, Read, Tally, attempt, keep, started, told
    from tools.mutate import mutated

LONGEST = 100_000
"""Bytes of a file."""


def prepared(make: Make, read: Read, folder: Path) -> list[Path]:
    """Good files, read once; and libFuzzer's seeds: the number of a file, and what it holds."""
    for inner in ("files", "seeds"):
        (folder / inner).mkdir()
    whole = Tally()
    with atheris.instrument_imports(include=["registration", "pipelines"]):  # readers import what they need
        files = make(folder / "files")
        for n, file in enumerate(files):
            attempt(read, file, whole)
            (folder / "seeds" / str(n)).write_bytes(bytes([n]) + file.read_bytes())
    assert whole.records == len(files), f"the undamaged corpus is refused: {whole}"
    return files


def guided(name: str, cases: int, seed: int, kept: Path | None) -> None:
    """Never returns: libFuzzer calls until the process ends."""
    make, read = READERS[name]
    folder = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    files, tally, start = prepared(make, read, folder), Tally(), time.monotonic()
    good = [file.read_bytes() for file in files]

    def once(data: bytes) -> None:
        """A case: which file, and what it holds."""
        n = data[0] % len(files) if data else 0
        files[n].write_bytes(data[1:])
        attempt(read, files[n], tally)
        files[n].write_bytes(good[n])
        if tally.cases >= cases:
            print(told(name, tally, time.monotonic() - start), flush=True)
            keep(name, tally, kept)
            shutil.rmtree(folder)
            os._exit(int(bool(tally.faults)))

    def mutate(data: bytes, most: int, dice: int) -> bytes:
        """Now and then a good file anew; half of the time as libFuzzer does it, else as somebody who knows JSON, PNG and zip."""
        rng = np.random.default_rng(dice)
        n = int(rng.integers(len(files)))
        if not data or rng.random() < 0.2:
            data = bytes([n]) + good[n]
        if rng.random() < 0.5:
            return atheris.Mutate(data, most)
        return (data[:1] + mutated(data[1:], good[n], rng))[:most]

    flags = [f"-seed={seed or 1}", f"-max_len={LONGEST}", "-timeout=0", "-rss_limit_mb=0", "-reduce_inputs=0"]
    atheris.Setup([sys.argv[0], str(folder / "seeds"), *flags], once, custom_mutator=mutate)
    atheris.Fuzz()


def main() -> None:
    """One reader."""
    args = started(__doc__, READERS)
    guided(args.reader, args.cases, args.seed, args.keep)


if __name__ == "__main__":
    main()

"""A real server that speaks S3, on this machine, and a store in it."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipelines.bucket import open_store
from pipelines.store import Store


@contextmanager
def serving(patch: pytest.MonkeyPatch, port: int = 0) -> Iterator[int]:
    """Its port; what it holds is gone when it stops, unless it is started again in this process."""
    from moto.server import ThreadedMotoServer  # pyright: ignore[reportMissingImports]

    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    port = server.get_host_and_port()[1]
    for name, value in keys(port).items():
        patch.setenv(name, value)
    forget()
    try:
        yield port
    finally:
        server.stop()


def forget() -> None:
    """Clients that speak to another server."""
    import s3fs  # pyright: ignore[reportMissingImports]

    s3fs.S3FileSystem.clear_instance_cache()


def keys(port: int) -> dict[str, str]:
    """What a client must know; it is to give up at once."""
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "1", "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip


def new_bucket() -> str:
    """The URL of a store in a bucket of its own."""
    import s3fs  # pyright: ignore[reportMissingImports]

    name = f"regpipe-{uuid.uuid4().hex[:12]}"
    s3fs.S3FileSystem(use_listings_cache=False).mkdir(name)
    return f"s3://{name}/a/prefix"


def machine(url: str, home: Path, patch: pytest.MonkeyPatch) -> Store:
    """The store as one machine sees it, with copies of its own."""
    patch.setenv("REGPIPE_CACHE", str(home))
    return open_store(url)


def objects(url: str) -> dict[str, Any]:
    """Name -> size of all that is there."""
    from pipelines.objects import Bucket

    files, root = Bucket(url).files()
    files.invalidate_cache()
    return {path.removeprefix(f"{root}/"): entry["size"] for path, entry in files.find(root, detail=True).items()}

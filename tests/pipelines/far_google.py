"""A server that speaks as Google's storage does, on this machine, for tests."""

from __future__ import annotations

import logging
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import pytest


@contextmanager
def serving(patch: pytest.MonkeyPatch) -> Iterator[int]:
    """Its port. The emulator knows no conditions; the one that leases are built on is added, as Google documents it."""
    patch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")  # else it asks another service of what kind a bucket is
    from gcp_storage_emulator import server  # pyright: ignore[reportMissingImports]

    logging.getLogger("gcp_storage_emulator").setLevel(logging.CRITICAL)
    logging.getLogger("api").setLevel(logging.CRITICAL)
    for _, methods in server.HANDLERS:
        if methods.get("POST") is server.objects.insert:
            patch.setitem(methods, "POST", if_generation_matches(server.objects.insert))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    patch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
    forget()
    with server.create_server("127.0.0.1", port, in_memory=True):
        yield port


def if_generation_matches(insert: Any) -> Any:
    """An upload that is refused with 412 if it asks that there be no such object, and there is one."""
    from gcp_storage_emulator.exceptions import NotFound  # pyright: ignore[reportMissingImports]

    def conditional(request: Any, response: Any, storage: Any, *rest: Any, **more: Any) -> None:
        if request.query.get("ifGenerationMatch") == ["0"]:
            name = request.query["name"][0] if "name" in request.query else request.data["meta"]["name"]
            try:
                storage.get_file_obj(request.params["bucket_name"], name)
            except NotFound:
                pass
            else:
                response.status = HTTPStatus.PRECONDITION_FAILED
                response.json({"error": {"code": 412, "message": "conditionNotMet", "errors": []}})
                return
        insert(request, response, storage, *rest, **more)

    return conditional


def forget() -> None:
    """Clients that speak to another server."""
    import gcsfs  # pyright: ignore[reportMissingImports]

    gcsfs.GCSFileSystem.clear_instance_cache()


def new_bucket() -> str:
    """The URL of a store in a bucket of its own."""
    import gcsfs  # pyright: ignore[reportMissingImports]

    name = f"regpipe-{uuid.uuid4().hex[:12]}"
    gcsfs.GCSFileSystem(use_listings_cache=False).mkdir(name)
    return f"gs://{name}/a/prefix"

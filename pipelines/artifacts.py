"""Records <-> folders: arrays in one npz, the rest in one JSON file. The only np.save in the tree."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from pathlib import Path
from typing import Any

import numpy as np

from registration.geometry.rigid import Rigid


def save(record: Any, folder: Path) -> None:
    """Write a frozen dataclass of arrays, numbers, words, lists, dicts, rigid motions and other such dataclasses."""
    arrays: dict[str, np.ndarray] = {}
    body = _encode(record, "", arrays)
    (folder / "record.json").write_text(json.dumps(body, indent=1, allow_nan=True))
    np.savez(folder / "arrays.npz", **arrays)  # type: ignore[arg-type]


def load(kind: type, folder: Path) -> Any:
    """The record that was saved."""
    body = json.loads((folder / "record.json").read_text())
    with np.load(folder / "arrays.npz", allow_pickle=False) as arrays:
        return _decode(kind, body, dict(arrays))


def _encode(value: Any, path: str, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, Rigid):
        return {"rigid": value.as_matrix().tolist()}
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise TypeError(f"{path}: an array of objects has no safe form on disk")
        arrays[path] = value
        return {"array": path}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            f.name: _encode(getattr(value, f.name), f"{path}.{f.name}".lstrip("."), arrays)
            for f in dataclasses.fields(value)
        }
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple | list):
        return [_encode(v, f"{path}.{n}", arrays) for n, v in enumerate(value)]
    if isinstance(value, dict):
        return {_text(k, path): _encode(v, f"{path}.{k}", arrays) for k, v in value.items()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{path}: a {type(value).__name__} has no form on disk")


def _text(key: Any, path: str) -> str:
    if not isinstance(key, str):
        raise TypeError(f"{path}: the key {key!r} is not a text")
    return key


def _decode(kind: Any, body: Any, arrays: dict[str, np.ndarray]) -> Any:
    kind = _plain(kind)
    if isinstance(body, dict) and set(body) == {"array"}:
        return arrays[body["array"]]
    if isinstance(body, dict) and set(body) == {"rigid"}:
        return Rigid.from_matrix(body["rigid"])
    if dataclasses.is_dataclass(kind) and isinstance(body, dict):
        hints = typing.get_type_hints(kind)
        known = [f.name for f in dataclasses.fields(kind) if f.name in body]  # one that came later has a default
        return kind(**{name: _decode(hints[name], body[name], arrays) for name in known})  # type: ignore[operator]
    if isinstance(body, list):
        inner = (typing.get_args(kind) or (Any,))[0]
        items = [_decode(inner, v, arrays) for v in body]
        return tuple(items) if typing.get_origin(kind) is tuple else items
    if isinstance(body, dict):
        return {k: _decode(Any, v, arrays) for k, v in body.items()}
    return body


def _plain(kind: Any) -> Any:
    """X of X | None."""
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        return next((k for k in typing.get_args(kind) if k is not type(None)), Any)
    return kind

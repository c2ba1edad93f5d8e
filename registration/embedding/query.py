"""The pictures of another capture as the network takes them, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from registration.data.capture import Capture
from registration.embedding.channels import DEPTH_AT, MASK_AT, as_input, switches
from registration.embedding.looks import Body, Looks, facing, look_at, turned_to
from registration.embedding.match import KNOWN, Answers
from registration.embedding.network import CELLS, STRIDE, QueryNet, filled
from registration.embedding.record import Embedding, Features
from registration.progress import Tick, silent

QUARTERS = 4


@dataclass(frozen=True, eq=False)
class Pictures:
    """Looks at the other half from where its own cameras stood, and what these cameras saw."""

    looks: Looks
    rgb: NDArray[np.uint8]  # (n, s, s, 3)
    mask: NDArray[np.bool_]  # (n, s, s)


def pictures_of(body: Body, capture: Capture, size: int, tick: Tick = silent) -> Pictures:
    """Every image of a capture, turned to the middle of its object; normals and colours by its own field."""
    import cv2

    cameras = facing(capture.cameras, body.middle, body.radius, size)
    rgb, mask = np.zeros((len(capture), size, size, 3), np.uint8), np.zeros((len(capture), size, size), bool)
    for i in range(len(capture)):
        turn = turned_to(capture.R[i] @ body.middle + capture.t[i])
        H = cameras.K[i] @ turn @ np.linalg.inv(capture.K[i])
        rgb[i] = cv2.warpPerspective(capture.rgb[i], H, (size, size), flags=cv2.INTER_AREA)
        mask[i] = cv2.warpPerspective(capture.mask[i].astype(np.float32), H, (size, size)) > 0.5
    return Pictures(look_at(body, cameras, tick), rgb, mask)


def inputs(pictures: Pictures, index: NDArray[np.int64], chosen: torch.Tensor) -> torch.Tensor:
    """Pictures as the network takes them."""
    looks = pictures.looks
    put = lambda a: torch.from_numpy(np.ascontiguousarray(a).astype(np.float32)).permute(0, 3, 1, 2)  # noqa: E731
    place = np.einsum("nij,nhwj->nhwi", looks.R[index], looks.point[index].astype(float))
    mask = put((pictures.mask[index] & looks.hit[index])[..., None])
    body = as_input(
        put(looks.normal[index] / 127.0), put(place), mask, put(pictures.rgb[index] / 255.0), put(looks.tint[index] / 255.0),
        chosen.cpu(),
    )  # fmt: skip
    return body.to(chosen.device)


@dataclass(frozen=True, eq=False)
class Said:
    """What the query network says of every second pixel of every picture."""

    words: NDArray[np.float32]  # (n, h, w, c) unit
    trust: NDArray[np.float32]  # (n, h, w) probability that known surface is shown; 0 outside the masks


@torch.no_grad()
def said_of(embedding: Embedding, pictures: Pictures, device: str) -> Said:
    """Ask the query network, each picture in four turns by a quarter, of which the mean is taken."""
    query = filled(QueryNet(), embedding.query).to(device)
    chosen = switches(embedding.channels).to(device)
    words, trust = [], []
    for start in range(0, len(pictures.looks), 16):
        shown = inputs(pictures, np.arange(start, min(start + 16, len(pictures.looks))), chosen)
        turns = [query(quarter_turned(shown, quarter)) for quarter in range(QUARTERS)]
        total = torch.stack([torch.rot90(z, -quarter, (2, 3)) for quarter, (z, _) in enumerate(turns)]).sum(0)
        logits = torch.stack([torch.rot90(m, -quarter, (1, 2)) for quarter, (_, m) in enumerate(turns)]).mean(0)
        inside = shown[:, MASK_AT, CELLS, CELLS] > 0 if "mask" in embedding.channels else torch.ones_like(logits) > 0
        words.append(torch.nn.functional.normalize(total, dim=1).permute(0, 2, 3, 1).cpu().numpy())
        trust.append((torch.sigmoid(logits) * inside).cpu().numpy())
    return Said(np.concatenate(words), np.concatenate(trust))


def likeness(words: NDArray[np.float32], features: Features) -> NDArray[np.float32]:  # (m, c) -> (m, n)
    """Log-probability of every surface point."""
    scale = float(np.exp(features.embedding.query["sharpness"]))
    logits = scale * words @ features.features.T
    top = logits.max(1, keepdims=True)
    return (logits - top - np.log(np.exp(logits - top).sum(1, keepdims=True))).astype(np.float32)


def answers_of(features: Features, said: Said, view: int) -> Answers:
    """Correspondences of one picture."""
    y, x = np.nonzero(said.trust[view] > KNOWN)
    pixels = np.stack([x, y], 1).astype(float) * STRIDE + STRIDE // 2
    return Answers(pixels, said.trust[view, y, x], likeness(said.words[view, y, x], features))


def quarter_turned(shown: torch.Tensor, quarters: int) -> torch.Tensor:
    """Pictures rolled by quarter turns, the vectors in them as well."""
    body = torch.rot90(shown, quarters, (2, 3)).clone()
    c, s = ((1, 0), (0, 1), (-1, 0), (0, -1))[quarters]
    for first in (0, DEPTH_AT):
        x, y = body[:, first].clone(), body[:, first + 1].clone()
        body[:, first], body[:, first + 1] = c * x + s * y, c * y - s * x
    return body

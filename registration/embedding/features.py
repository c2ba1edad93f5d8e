"""A half's networks as they are kept, and the cloud of keys."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from registration.embedding.network import KeyNet, QueryNet, filled
from registration.embedding.params import EmbeddingParams, FeatureParams
from registration.embedding.record import Correspondences, Embedding, Features
from registration.embedding.train import Trainee
from registration.errors import UserError


def first_query(start: str, seed: int) -> QueryNet:
    """A query network that knows other objects, or nothing."""
    torch.manual_seed(seed)
    net = QueryNet()
    if start == "none":
        return net
    file = shipped() if start == "pretrained" else Path(start)
    try:
        from safetensors.torch import load_file

        net.load_state_dict({name: value.float() for name, value in load_file(file).items()})
    except OSError as error:
        raise UserError("no start-up weights", file, "embedding.start is pretrained, none or a safetensors file") from error
    except Exception as error:  # safetensors' own errors, and weights of another network
        raise UserError("these weights do not fit", file, str(error).splitlines()[0]) from error
    return net


def shipped() -> Path:
    """The start-up weights that come with the package."""
    import assets

    return Path(next(iter(assets.__path__))) / "query.safetensors"


def embedding_of(trainee: Trainee, bank: Correspondences, params: EmbeddingParams) -> Embedding:
    """Trained networks as arrays."""
    plain = lambda net: {k: v.detach().cpu().numpy() for k, v in net.state_dict().items()}  # noqa: E731
    return Embedding(
        plain(trainee.query), plain(trainee.key), params.channels, bank.looks.middle, bank.looks.radius,
        bank.looks.hit.shape[1], np.array(trainee.curve, float).reshape(-1, 4), params.start,
    )  # fmt: skip


@torch.no_grad()
def features_of(embedding: Embedding, bank: Correspondences, params: FeatureParams, rng: np.random.Generator) -> Features:
    """An embedding for each of so many points of the clean cloud."""
    at = np.sort(rng.permutation(len(bank.points))[: params.points])
    places = (bank.points[at] - embedding.middle) / embedding.radius
    words = filled(KeyNet(), embedding.key)(torch.from_numpy(places.astype(np.float32)))
    return Features(bank.points[at], bank.normals[at], words.numpy(), embedding)

"""features-up, features-down: the half's cloud with an embedding for every point."""

from __future__ import annotations

from dataclasses import replace

from pipelines.stages.context import Context
from registration.embedding.params import FeatureParams
from registration.embedding.record import Correspondences, Embedding, Features


def run(ctx: Context, params: FeatureParams, bank: Correspondences, embedding: Embedding) -> Features:
    """Ask the key network."""
    from registration.embedding.features import features_of

    return replace(features_of(embedding, bank, params, ctx.rng), scale=bank.scale)

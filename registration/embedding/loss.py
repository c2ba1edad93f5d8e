"""What training asks: a pixel must know its surface point among all others."""

from __future__ import annotations

import torch
from torch.nn import functional as F

NEAR = 0.06
"""Two places closer than about this many radii may be taken for each other."""


def pixels_of(
    valid: torch.Tensor, count: int, dice: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:  # (b, h, w) bool -> (b, count), (b,)
    """Valid pixels of each picture, drawn with replacement, as flat indices; and which pictures have any."""
    flat = valid.flatten(1).cpu()
    some = flat.any(1)
    weights = torch.where(some[:, None], flat.float(), torch.ones_like(flat, dtype=torch.float32))
    drawn = torch.multinomial(weights, count, replacement=True, generator=dice)
    return drawn.to(valid.device), some.to(valid.device)


def taken(field: torch.Tensor, index: torch.Tensor) -> torch.Tensor:  # (b, c, h, w), (b, k) -> (b, k, c)
    """Values of a field at flat pixels."""
    flat = field.flatten(2)
    return flat.gather(2, index[:, None].expand(-1, flat.shape[1], -1)).transpose(1, 2)


def among_views(
    embedding: torch.Tensor, place: torch.Tensor, scale: torch.Tensor, views: int
) -> tuple[torch.Tensor, torch.Tensor]:  # (o * v, k, c), (o * v, k, 3)
    """Contrast between views of one body: pixels of other views that show the same place are to be alike.

    Also the share of pixels whose most similar one elsewhere lies at the same place.
    """
    objects, per = len(embedding) // views, views * embedding.shape[1]
    z, x = embedding.reshape(objects, per, -1), place.reshape(objects, per, 3)
    view = torch.arange(views, device=z.device).repeat_interleave(embedding.shape[1])
    logits = scale * z @ z.transpose(1, 2)
    logits = logits.masked_fill(view[:, None] == view[None], -1e4)
    apart = torch.cdist(x, x)
    wanted = torch.exp(-0.5 * (apart / NEAR) ** 2).masked_fill(view[:, None] == view[None], 0)
    met = wanted.amax(-1) > 0.5
    share = wanted / wanted.sum(-1, keepdim=True).clamp_min(1e-6)
    lost = -(share * F.log_softmax(logits, -1)).sum(-1)
    best = apart.gather(2, logits.argmax(-1, keepdim=True))[..., 0] < 3 * NEAR
    return lost[met].mean(), best[met].float().mean()


def against_surface(
    query: torch.Tensor, own: torch.Tensor, others: torch.Tensor, scale: torch.Tensor
) -> torch.Tensor:  # (n, c), (n, c), (m, c) -> scalar
    """InfoNCE: each pixel's own key against keys from elsewhere."""
    positive = scale * (query * own).sum(-1, keepdim=True)
    negative = scale * query @ others.T
    return F.cross_entropy(
        torch.cat([positive, negative], 1), torch.zeros(len(query), dtype=torch.long, device=query.device)
    )

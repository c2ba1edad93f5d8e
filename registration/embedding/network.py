"""The two networks: pixels to embeddings, surface points to embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from registration.embedding.channels import CHANNELS

DIM = 32
"""Length of an embedding."""
Net = TypeVar("Net", bound=nn.Module)
STRIDE = 2
"""Pixels of a look per embedding."""
CELLS = slice(STRIDE // 2, None, STRIDE)
"""Those pixels, along either side."""
WIDTHS = (32, 64, 128, 160)
OMEGA = 20.0
"""How fast the key network's first sines turn, per radius."""


def filled(net: Net, weights: Mapping[str, NDArray]) -> Net:
    """A network with these weights, to be asked, not trained."""
    net.load_state_dict({name: torch.from_numpy(np.asarray(value)) for name, value in weights.items()})
    return net.eval()


class Residual(nn.Module):
    """Two convolutions and a way past them."""

    def __init__(self, inner: int, outer: int, stride: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(inner, outer, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(outer, outer, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList([nn.GroupNorm(8, outer), nn.GroupNorm(8, outer)])
        self.past = nn.Identity() if inner == outer and stride == 1 else nn.Conv2d(inner, outer, 1, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Same height and width, divided by the stride."""
        inside = self.norms[1](self.second(F.relu(self.norms[0](self.first(x)))))
        return F.relu(self.past(x) + inside)


class QueryNet(nn.Module):
    """A picture to a unit embedding and a mask logit for every second pixel, which says whether it shows known surface."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d = WIDTHS
        self.stem = nn.Conv2d(STRIDE**2 * CHANNELS, a, 3, 1, 1)
        self.down1, self.down2 = Residual(a, b, 2), Residual(b, c, 2)
        self.deep = nn.Sequential(Residual(c, d, 2), Residual(d, d))
        self.from_deep, self.join2 = nn.Conv2d(d, c, 1), Residual(c, c)
        self.from_mid, self.join1 = nn.Conv2d(c, b, 1), Residual(b, b)
        self.spread = nn.Conv2d(b, STRIDE**2 * a, 1)
        self.head = nn.Conv2d(2 * a, DIM + 1, 1)
        self.sharpness = nn.Parameter(torch.tensor(2.3))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:  # (b, c, s, s)
        """Embeddings (b, DIM, s/2, s/2) and logits (b, s/2, s/2)."""
        near = F.relu(self.stem(F.pixel_unshuffle(x, STRIDE)))
        one = self.down1(near)
        two = self.down2(one)
        two = self.join2(two + F.interpolate(self.from_deep(self.deep(two)), scale_factor=2.0))
        one = self.join1(one + F.interpolate(self.from_mid(two), scale_factor=2.0))
        out = self.head(torch.cat([near, F.relu(F.pixel_shuffle(self.spread(one), 2))], 1))
        return F.normalize(out[:, :DIM], dim=1), out[:, DIM]

    def scale(self) -> torch.Tensor:
        """What a similarity of 1 counts in a softmax."""
        return self.sharpness.exp()


class KeyNet(nn.Module):
    """A surface point, in radii from the middle, to its unit embedding; sines let it follow fine detail."""

    def __init__(self, width: int = 128) -> None:
        super().__init__()
        self.first, self.second, self.third = nn.Linear(3, width), nn.Linear(width, width), nn.Linear(width, width)
        self.last = nn.Linear(width, DIM)
        nn.init.uniform_(self.first.weight, -1 / 3, 1 / 3)
        for layer in (self.second, self.third):
            nn.init.uniform_(layer.weight, -((6 / width) ** 0.5), (6 / width) ** 0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (n, 3) -> (n, DIM)
        """Embeddings."""
        x = torch.sin(OMEGA * self.first(x))
        x = torch.sin(self.third(torch.sin(self.second(x))))
        return F.normalize(self.last(x), dim=-1)

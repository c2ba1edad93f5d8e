"""Training of one half: pixels and surface points learn to meet."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from registration import resume
from registration.embedding.backgrounds import grounds_of
from registration.embedding.channels import (
    Batch,
    as_input,
    batch_of,
    clouds_of_noise,
    holes,
    lit,
    misplaced,
    roughened,
    switches,
    turned,
    uniform,
)  # fmt: skip
from registration.embedding.looks import Looks
from registration.embedding.loss import against_surface, pixels_of, taken
from registration.embedding.network import CELLS, KeyNet, QueryNet
from registration.embedding.params import EmbeddingParams
from registration.embedding.record import Correspondences
from registration.progress import Tick

FOUND = 0.15
"""A pixel has found its place if its most similar key is nearer than this, radii."""
KEPT_BACK = 12
"""Every so many looks one is kept back to judge."""
WARM = 20
"""Steps until the rates are as they should be."""
Told = Callable[[list[float]], None]


@dataclass
class Trainee:
    """Both networks, what moves them, and how far they are."""

    query: QueryNet
    key: KeyNet
    optimiser: torch.optim.Optimizer
    dice: torch.Generator
    step: int = 0
    curve: list[list[float]] = field(default_factory=list)
    idle: int = 0
    """Judgements since the best one."""
    best: dict[str, dict[str, torch.Tensor]] = field(default_factory=dict)
    grounds: torch.Tensor | None = None
    """Pictures to stand behind the object, where no mask cuts it out."""


def spoilt(
    batch: Batch, chosen: torch.Tensor, dice: torch.Generator, grounds: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """The network's input, spoilt as another capture's would be, and the known pixels that are left."""
    n, s = len(batch.normal), batch.normal.shape[-1]
    device = batch.normal.device
    kept = holes(n, s, 0.3, dice).to(device)
    unknown = batch.hit * (1 - batch.known)
    # What nobody saw may look like anything: as it was made up, like anything else, or not there at all.
    fate = torch.multinomial(torch.tensor([0.3, 0.45, 0.25]), n, replacement=True, generator=dice).to(device)
    made_up = clouds_of_noise(n, 3, 3, s, dice).to(device) + torch.tensor([0.0, 0, -1]).reshape(1, 3, 1, 1).to(device)
    made_up = F.normalize(made_up, dim=1)
    other = unknown * (fate == 1).float().reshape(n, 1, 1, 1)
    gone = unknown * (fate == 2).float().reshape(n, 1, 1, 1)
    normal = batch.normal * (1 - other) + made_up * other
    place = misplaced(batch.place, dice) + 0.3 * other * clouds_of_noise(n, 3, 3, s, dice).to(device)
    paint = uniform(3 * n, 0, 1, dice).reshape(n, 3, 1, 1).to(device)
    tint = batch.tint * (1 - other) + paint * other
    mask = batch.hit * kept * (1 - gone)
    normal = roughened(normal, uniform(n, 0.02, 0.25, dice), dice)
    shift = uniform(3 * n, -0.06, 0.06, dice).reshape(n, 3, 1, 1).to(device)
    gain = uniform(n, 0.85, 1.15, dice).reshape(n, 1, 1, 1).to(device)
    albedo = gain * tint + shift + 0.04 * torch.randn(tint.shape, generator=dice).to(device)
    rgb = lit(normal, tint, dice)
    if grounds is not None:
        behind = grounds[torch.randint(len(grounds), (n,), generator=dice)].to(device)
        rgb = rgb * mask + behind * (1 - mask)
    return as_input(normal, place, mask, rgb, albedo, chosen), batch.known * mask


def loss_of(
    trainee: Trainee, bank: Correspondences, index: torch.Tensor, chosen: torch.Tensor, params: EmbeddingParams
) -> torch.Tensor:
    """Contrast of pixels against keys, and the mask of known surface."""
    device, dice = chosen.device, trainee.dice
    batch = turned(batch_of(bank.looks, index.numpy(), str(device)), dice, zoom=0.12, shift=0.12)
    shown, known = spoilt(batch, chosen, dice, trainee.grounds)
    embedding, logit = trainee.query(shown)
    known = known[:, 0, CELLS, CELLS]
    at, some = pixels_of(known > 0, params.pixels, dice)
    place = taken(batch.point[:, :, CELLS, CELLS], at)[some].reshape(-1, 3)
    asked = taken(embedding, at)[some].reshape(len(place), -1)
    noise = 0.01 * torch.randn(place.shape, generator=dice).to(device)
    keys = trainee.key(torch.cat([place + noise, elsewhere(bank, params, dice).to(device)]))
    contrast = against_surface(asked, keys[: len(place)], keys[len(place) :], trainee.query.scale())
    return contrast + F.binary_cross_entropy_with_logits(logit, known)


def elsewhere(bank: Correspondences, params: EmbeddingParams, dice: torch.Generator) -> torch.Tensor:  # (m, 3) radii
    """Places that are wrong for nearly every pixel: on the surface, and off it."""
    looks = bank.looks
    on = torch.randint(len(bank.points), (params.negatives,), generator=dice).numpy()
    off = torch.randint(len(bank.off), (params.negatives_off,), generator=dice).numpy()
    places = (np.concatenate([bank.points[on], bank.off[off]]) - looks.middle) / looks.radius
    return torch.from_numpy(places.astype(np.float32))


@torch.no_grad()
def said(
    trainee: Trainee, looks: Looks, index: torch.Tensor, chosen: torch.Tensor, dice: torch.Generator, pixels: int
) -> tuple[torch.Tensor, torch.Tensor]:  # (m, 3), (m, c)
    """Places and what the query network says where it sees them, lightly spoilt."""
    places, words = [], []
    for part in index.split(16):
        batch = turned(batch_of(looks, part.numpy(), str(chosen.device)), dice, zoom=0.1, shift=0.08)
        shown, known = spoilt(batch, chosen, dice, trainee.grounds)
        embedding, _ = trainee.query(shown)
        at, some = pixels_of(known[:, 0, CELLS, CELLS] > 0, pixels, dice)
        places.append(taken(batch.point[:, :, CELLS, CELLS], at)[some].reshape(-1, 3))
        words.append(taken(embedding, at)[some].flatten(0, 1))
    return torch.cat(places), torch.cat(words)


def teach_keys(
    trainee: Trainee, bank: Correspondences, index: torch.Tensor, chosen: torch.Tensor, params: EmbeddingParams
) -> None:
    """Before the training proper: each place gets what the query network already says of it."""
    places, words = said(trainee, bank.looks, index, chosen, trainee.dice, 160)
    optimiser = torch.optim.Adam(trainee.key.parameters(), lr=2e-3)
    for _ in range(params.key_steps):
        few = torch.randint(len(places), (2048,), generator=trainee.dice).to(places.device)
        loss = 1 - (trainee.key(places[few]) * words[few]).sum(-1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


@torch.no_grad()
def judged(trainee: Trainee, bank: Correspondences, held: torch.Tensor, chosen: torch.Tensor) -> tuple[float, float]:
    """Loss of looks that were kept back against the whole surface, and the share of pixels that find their place."""
    dice = torch.Generator().manual_seed(1)
    places, words = said(trainee, bank.looks, held, chosen, dice, 64)
    looks = bank.looks
    on = torch.from_numpy(((bank.points[:: max(1, len(bank.points) // 2000)] - looks.middle) / looks.radius).astype(np.float32))
    on = on.to(places.device)
    keys = trainee.key(on)
    scale = trainee.query.scale()
    loss = against_surface(words, trainee.key(places), keys, scale)
    best = on[(words @ keys.T).argmax(1)]
    return float(loss), float(((best - places).norm(dim=1) < FOUND).float().mean())


def split(looks: Looks) -> tuple[torch.Tensor, torch.Tensor]:
    """Looks to train on and looks to judge by."""
    every = torch.arange(len(looks))
    held = every[KEPT_BACK // 2 :: KEPT_BACK]
    return every[~torch.isin(every, held)], held


def begun(query: QueryNet, params: EmbeddingParams, seed: int, device: str) -> Trainee:
    """Before the first step."""
    torch.manual_seed(seed)  # of the key network's first weights only
    query, key = query.to(device), KeyNet().to(device)
    groups = [
        {"params": list(net.parameters()), "lr": rate, "first": rate}
        for net, rate in ((query, params.rate), (key, params.key_rate))
    ]
    dice = torch.Generator().manual_seed(seed)
    return Trainee(query, key, torch.optim.AdamW(groups, weight_decay=0.01), dice)


def train(
    bank: Correspondences, query: QueryNet, params: EmbeddingParams, seed: int, device: str, file: Path, tick: Tick,
    told: Told = lambda *_: None,
) -> Trainee:  # fmt: skip
    """Both networks of a half, from a query network that knows nothing or other objects; goes on from ``file``."""
    chosen = switches(params.channels).to(device)
    own, held = split(bank.looks)
    trainee = begun(query, params, seed, device)
    if "mask" not in params.channels:
        behind = torch.Generator().manual_seed(seed)
        trainee.grounds = grounds_of(params.backgrounds, bank.looks.hit.shape[1], behind)
    if not restored(trainee, file, device):
        teach_keys(trainee, bank, own, chosen, params)
        judge(trainee, bank, held, chosen, float("nan"))
    lost: list[float] = []
    while trainee.step < params.steps and trainee.idle < params.patience:
        lost.append(one_step(trainee, bank, own, chosen, params))
        if trainee.step % params.judge_every == 0 or trainee.step == params.steps:
            judge(trainee, bank, held, chosen, float(np.mean(lost)))
            told(trainee.curve[-1])
            lost.clear()
            write(trainee, file)
        tick(trainee.step, params.steps)
    tick(params.steps, params.steps)
    trainee.query.load_state_dict(trainee.best["query"])
    trainee.key.load_state_dict(trainee.best["key"])
    return trainee


def one_step(
    trainee: Trainee, bank: Correspondences, own: torch.Tensor, chosen: torch.Tensor, params: EmbeddingParams
) -> float:
    """Draw looks, step, and say the loss; in half precision where the device is made for it."""
    share = trainee.step / params.steps
    slow = min(1.0, (trainee.step + 1) / WARM) * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * share)))
    for group in trainee.optimiser.param_groups:
        group["lr"] = group["first"] * slow
    index = own[torch.randint(len(own), (params.crops,), generator=trainee.dice)]
    with torch.autocast("cuda", torch.bfloat16, enabled=chosen.is_cuda):
        loss = loss_of(trainee, bank, index, chosen, params)
    trainee.optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(trainee.query.parameters(), 1.0)
    trainee.optimiser.step()
    trainee.step += 1
    return float(loss.detach())


def judge(trainee: Trainee, bank: Correspondences, held: torch.Tensor, chosen: torch.Tensor, loss: float) -> None:
    """One more entry of the curve; the best networks so far are kept."""
    entry = [float(trainee.step), loss, *judged(trainee, bank, held, chosen)]
    better = not trainee.curve or entry[2] < min(e[2] for e in trainee.curve)
    trainee.curve.append(entry)
    trainee.idle = 0 if better else trainee.idle + 1
    if better:
        nets = {"query": trainee.query, "key": trainee.key}
        trainee.best = {name: {k: v.detach().clone() for k, v in net.state_dict().items()} for name, net in nets.items()}


def write(trainee: Trainee, file: Path) -> None:
    """A checkpoint."""
    body = {
        "query": trainee.query.state_dict(), "key": trainee.key.state_dict(), "best": trainee.best,
        "optimiser": trainee.optimiser.state_dict(), "dice": trainee.dice.get_state(), "step": trainee.step,
        "curve": trainee.curve, "idle": trainee.idle,
    }  # fmt: skip
    resume.save(file, body)


def restored(trainee: Trainee, file: Path, device: str) -> bool:
    """Go on where a killed training was; False if there is nothing to go on from."""
    body = resume.load(file, device)
    if body is None:
        return False
    trainee.query.load_state_dict(body["query"])
    trainee.key.load_state_dict(body["key"])
    trainee.optimiser.load_state_dict(body["optimiser"])
    trainee.dice.set_state(body["dice"].cpu())
    trainee.best, trainee.step, trainee.curve, trainee.idle = body["best"], body["step"], body["curve"], body["idle"]
    return True

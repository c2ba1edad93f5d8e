"""embedding-up, embedding-down: the networks of one half, from their last checkpoint where there is one."""

from __future__ import annotations

from collections.abc import Callable

from pipelines.stages.context import Context
from registration.embedding.params import EmbeddingParams
from registration.embedding.record import Correspondences, Embedding


def run(ctx: Context, params: EmbeddingParams, bank: Correspondences) -> Embedding:
    """Train."""
    from registration.embedding.features import embedding_of, first_query
    from registration.embedding.train import train
    from registration.nerf.device import device_of

    seed = int(ctx.rng.integers(2**31))
    query = first_query(params.start, seed)
    file, device = ctx.scratch / "checkpoint.pt", device_of(ctx.device)
    trainee = train(bank, query, params, seed, device, file, ctx.tick, curve_writer(ctx))
    made = embedding_of(trainee, bank, params)
    ctx.log.info("%s: %.0f %% of the pixels kept back find their place", ctx.stage, 100 * made.curve[:, 3].max())
    return made


def curve_writer(ctx: Context) -> Callable[[list[float]], None]:
    """Notes the training for TensorBoard, if that is installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        ctx.log.debug("no TensorBoard logs: pip install 'regpipe[tensorboard]'")
        return lambda entry: None
    if ctx.logs is None:
        return lambda entry: None
    writer = SummaryWriter(str(ctx.logs))
    names = ("loss", "loss_kept_back", "found_kept_back")

    def note(entry: list[float]) -> None:
        for name, value in zip(names, entry[1:], strict=True):
            writer.add_scalar(name, value, int(entry[0]))
        writer.flush()

    return note

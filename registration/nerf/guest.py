"""Runs a command of nerfstudio inside nerfstudio's own environment: ``python guest.py PARENT_PID SCRIPT OPTIONS...``.

It ends with the process that started it, and mends what keeps nerfstudio 1.1.5 from running without CUDA and without a
network: operators that torchvision built for CUDA lacks, a perceptual network whose weights are downloaded though nothing
here asks for it, a second process that draws pixels (which hangs for ever if it dies, and ignores the seed), and an export
that looks for opaque rays for ever where there are none.
"""

from __future__ import annotations

import copy
import importlib
import os
import re
import runpy
import sys
import threading
import time
from typing import Any

METHOD = "regpipe-nerfacto"
PROPOSAL = {"hidden_dim": 16, "log2_hashmap_size": 14, "num_levels": 4, "max_res": 64, "use_linear": False}
"""A smaller proposal network: the object fills the box, and a CPU has to carry it."""
OPERATORS = 20
TRIES, LEAST = 3, 1e-3
"""After so many batches with fewer opaque rays than this share of them the export is given up."""


def method() -> Any:
    """Nerfacto that draws its pixels in this very process, by nerfstudio's own way of adding a method."""
    config = copy.deepcopy(at("nerfstudio.configs.method_configs").method_configs["nerfacto"])
    manager = at("nerfstudio.data.datamanagers.base_datamanager").VanillaDataManagerConfig
    config.method_name = METHOD
    config.pipeline.datamanager = manager(dataparser=config.pipeline.datamanager.dataparser)
    config.pipeline.model.proposal_net_args_list = [PROPOSAL]
    return at("nerfstudio.plugins.types").MethodSpecification(config=config, description="nerfacto for regpipe")


def at(module: str) -> Any:
    """A module of the environment this runs in."""
    return importlib.import_module(module)


def end_with(parent: int) -> None:
    """Wait until the parent is gone, then go."""
    while os.getppid() == parent:
        time.sleep(0.3)
    os._exit(1)


def declare_operators() -> Any:
    """Import torchvision; operators that its library cannot bring are declared, and fail only when they are called."""
    library = at("torch").library.Library("torchvision", "FRAGMENT")
    for _ in range(OPERATORS):
        try:
            at("torchvision")
            break
        except RuntimeError as error:
            missing = re.search(r"operator torchvision::(\w+) does not exist", str(error))
            if missing is None:
                raise
            library.define(f"{missing[1]}() -> ()")
    return library  # what it declares lives as long as it does


def forgo_perceptual_metric() -> None:
    """Nothing is evaluated here, so no weights are needed for it."""
    module = at("torch").nn.Module

    class Blind(module):
        """Stands where the metric would."""

        def __init__(self, *_: Any, **__: Any) -> None:
            super().__init__()

    at("torchmetrics.image.lpip").LearnedPerceptualImagePatchSimilarity = Blind


def give_up_on_emptiness() -> None:
    """End the export if its batches show nothing: a field that has collapsed has no surface."""
    model = at("nerfstudio.models.base_model").Model
    original, shares = model.get_rgba_image, []

    def watched(self: Any, outputs: Any, *rest: Any) -> Any:
        image = original(self, outputs, *rest)
        shares.append(float((image[..., -1] > 0.5).float().mean()))
        if len(shares) >= TRIES and max(shares) < LEAST:
            raise SystemExit("the field is empty, no ray ends anywhere: train it for more steps, or with another seed")
        return image

    model.get_rgba_image = watched


if __name__ == "__main__":
    threading.Thread(target=end_with, args=(int(sys.argv[1]),), daemon=True).start()
    sys.path.pop(0)  # this file's folder is none of nerfstudio's business
    sys.modules["regpipe_guest"] = sys.modules["__main__"]
    os.environ["NERFSTUDIO_METHOD_CONFIGS"] = f"{METHOD}=regpipe_guest:method"
    try:
        kept = declare_operators()
        forgo_perceptual_metric()
        give_up_on_emptiness()
        at("torch").manual_seed(0)  # ns-export has no seed of its own; ns-train sets the one it is told
    except ImportError:
        pass  # nerfstudio says better than we what it lacks
    sys.argv = sys.argv[2:]
    runpy.run_path(sys.argv[0], run_name="__main__")

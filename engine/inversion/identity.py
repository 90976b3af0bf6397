"""Whether two pictures show the same person, for users who have ArcFace's IR-SE50: Graft may not ship it.

Looked for in one folder, told by content and not by name. The file is read as foreign model files are: nothing in it
is run.

Source: Deng et al. 2019, arXiv:1801.07698; Richardson et al. 2021, arXiv:2008.00951, section 3 (what is cut out).
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from engine.checkpoints.tensors import lazy_tensor
from engine.errors import CorruptModelError, EngineError
from engine.inversion.likeness_measure import Identity
from engine.nets.identity import IdentityNet, face_of
from engine.optional_weights import identity_candidates, weights_table


def open_identity(folder: Path | None) -> Identity | None:
    """What tells 1 minus the cosine of two faces' features; None where no such weights can be used.

    `engine.optional_weights.look_for_weights` says why not.

    Args:
        folder: Where the user keeps weights (`engine.places.Places.weights_folder`); None for nowhere.
    """
    for path in () if folder is None else identity_candidates(folder):
        try:
            return identity_of(load_identity_net(path))
        except (EngineError, OSError):
            continue
    return None


def identity_of(net: IdentityNet) -> Identity:
    """The distance that a net tells."""

    @torch.no_grad()
    def distance(a: Tensor, b: Tensor) -> float:
        net.to(a.device)
        features = net(face_of(torch.cat([a, b])))
        return float(1 - features[0] @ features[1])

    return distance


def load_identity_net(path: Path) -> IdentityNet:
    """
    Raises:
        ModelError: it is another net, or damaged.
        OSError: it cannot be read.
    """
    records = weights_table(path)
    tensors = {
        name: torch.from_numpy(lazy_tensor(name, record).read())
        for name, record in records.items()
        if not name.endswith("num_batches_tracked")
    }
    try:
        return IdentityNet.from_tensors(tensors)
    except RuntimeError as error:
        raise CorruptModelError("The ArcFace weights do not fit: they are not those of IR-SE50.") from error

"""What a fresh start shows: a face that is already blended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from engine.look import apply_look
from engine.state import Blend, EditState, ModelRef, SeedLatent, StoredLatent
from gui.collection import Collection
from gui.presets import TOONIFY

FIRST_SEED = 2133
FIRST_ALPHA = 0.8


def first_state(collection: Collection, portraits: Mapping[StoredLatent, ModelRef]) -> EditState:
    """The sample portrait in the first pair, or a seed, under the first look that fits the pair.

    Args:
        portraits: The sample portraits, and the model that each was found in.
    """
    a, b = collection.first_pair()
    blend = TOONIFY.apply(Blend(alpha=FIRST_ALPHA))
    state = EditState(model_a=a, model_b=b, latent=SeedLatent(FIRST_SEED), blend=blend)
    portrait = next((latent for latent, model in portraits.items() if model == a), None)
    if portrait is not None:
        state = replace(state, latent=portrait, truncation_psi=1.0)
    looks = [one.look for one in collection.looks() if one.id is None and not one.missing]
    fitting = next((look for look in looks if (look.model_a, look.model_b) == (a, b)), None)
    return state if fitting is None else apply_look(fitting, state)

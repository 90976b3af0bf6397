"""What can be done with the sources of a mix. Pure: from a state to another one."""

from __future__ import annotations

from dataclasses import replace

from engine.descriptor import LayerKind, NetworkDescriptor
from engine.state import DEFAULT_PSI, EditState, Latent, MixSource, SeedLatent, StoredLatent, View, with_mix_source

DEFAULT_RESOLUTIONS = (4, 8, 16, 32, 64)
FINE_FROM_PX = 16


def ws_resolutions(descriptor: NetworkDescriptor | None) -> tuple[int, ...]:
    """The resolution that every row of ``ws`` works at: two rows each, where the model is built so."""
    resolutions = (descriptor.resolutions if descriptor else ()) or DEFAULT_RESOLUTIONS
    if descriptor is None or descriptor.num_ws == 2 * len(resolutions):
        return tuple(resolution for resolution in resolutions for _ in range(2))
    reads = {layer.w_index: layer.resolution for layer in descriptor.layers if layer.kind is LayerKind.CONV}
    found: list[int] = []
    for row in range(descriptor.num_ws):
        found.append(max(reads.get(row, 0), found[-1] if found else resolutions[0]))
    return tuple(found)


def new_source(latent: Latent, resolutions: tuple[int, ...]) -> MixSource:
    """A latent that gives the finer layers: its colours and light, on the present head."""
    return MixSource(latent, tuple(1.0 if size >= FINE_FROM_PX else 0.0 for size in resolutions))


def with_muted(state: EditState, index: int, muted: bool) -> EditState:
    return with_mix_source(state, index, replace(state.mix[index], muted=muted))


def with_solo(state: EditState, index: int) -> EditState:
    """Mute every other source; when that is so already, let all play again."""
    wanted = tuple(other != index for other in range(len(state.mix)))
    if wanted == tuple(source.muted for source in state.mix):
        wanted = (False,) * len(wanted)
    mix = tuple(replace(source, muted=muted) for source, muted in zip(state.mix, wanted, strict=True))
    return replace(state, mix=mix)


def with_duplicate(state: EditState, index: int) -> EditState:
    """The same source again, under it."""
    source = state.mix[index]
    return replace(state, mix=(*state.mix[: index + 1], source, *state.mix[index + 1 :]))


def with_moved(state: EditState, index: int, to: int) -> EditState:
    """A source elsewhere in the order: each is laid over those before it."""
    others = [source for place, source in enumerate(state.mix) if place != index]
    others.insert(to, state.mix[index])
    return replace(state, mix=tuple(others))


def with_source_as_main(state: EditState, index: int) -> EditState:
    """The source becomes the face, the face the source; strengths stay in their rows.

    A portrait is shown whole, at psi 1; from a whole portrait to a seed, the seed gets the usual truncation.
    """
    source = state.mix[index]
    changed = with_mix_source(state, index, replace(source, latent=state.latent))
    if isinstance(source.latent, StoredLatent):
        return replace(changed, latent=source.latent, truncation_psi=1.0, truncation_cutoff=None)
    was_whole = isinstance(state.latent, StoredLatent) and state.truncation_psi == 1.0
    return replace(changed, latent=source.latent, truncation_psi=DEFAULT_PSI if was_whole else state.truncation_psi)


def alone(state: EditState, latent: Latent) -> tuple[EditState, View]:
    """What shows a latent by itself: in model A, at the usual psi, so that it stays the same while psi is turned."""
    psi = DEFAULT_PSI if isinstance(latent, SeedLatent) else 1.0
    only = EditState(model_a=state.model_a, latent=latent, truncation_psi=psi, class_index=state.class_index)
    return only, View.A

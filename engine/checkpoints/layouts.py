"""Which networks Graft knows, in one explicit list, and what to say about those that it only recognises."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from engine.checkpoints.allowed import TF_NETWORK
from engine.checkpoints.deduce import ForeignNetwork, ParsedNetwork, deduce_network
from engine.checkpoints.layout_nvidia import find_generator, nvidia_network
from engine.checkpoints.layout_psp import DECODER, ENCODER, ParsedEncoder, is_encoder, parse_encoder
from engine.checkpoints.layout_rosinality import is_rosinality, rosinality_network
from engine.checkpoints.records import ArrayRecord, Instance, PersistentObject, TensorRecord
from engine.checkpoints.tensors import LazyTensor, lazy_tensor
from engine.errors import CorruptModelError, EncoderOnlyError, ModelError, UnsupportedModelError

_WRAPPERS = (
    "g_ema", "G_ema", "generator_ema", "params_ema", "ema", "state_dict", "generator", "g", "G", "params", "model",
)  # fmt: skip
_PREFIXES = ("module.", "g_ema.", "G_ema.", "generator_ema.", "generator.", "_orig_mod.")
_MAX_WRAPPING = 4

StateDict = Mapping[str, TensorRecord | ArrayRecord]
WITH_ENCODER = "psp-decoder"
"""The layout of a network that lay beside its portrait encoder: `understand_encoder` finds that."""
_TF_FAMILIES = {3: "StyleGAN1", 4: "StyleGAN2", 5: "StyleGAN2-ADA"}
Convert = Callable[[Mapping[str, LazyTensor], LazyTensor | None], ForeignNetwork]


@dataclass(frozen=True, slots=True)
class Layout:
    """One way to name the tensors of a state dict: either how to convert it, or why Graft does not.

    Attributes:
        inner: Only the tensors under this prefix are the network's.
    """

    name: str
    recognise: Callable[[Mapping[str, Any]], bool]
    convert: Convert | None = None
    refusal: str = ""
    hint: str = ""
    inner: str = ""


def _plain(state: Mapping[str, LazyTensor], latent_avg: LazyTensor | None) -> ForeignNetwork:
    warning = "The file does not store how the network clamps and activates; Graft assumed stylegan2-ada's usual way."
    return ForeignNetwork(state, {}, layout="stylegan2-state-dict", warnings=(warning,))


def _has(*parts: str) -> Callable[[Mapping[str, Any]], bool]:
    """Whether every part begins some tensor's name."""
    return lambda names: all(any(name.startswith(part) for name in names) for part in parts)


_NOT_YET = "Graft recognises it but does not run it yet."
_JUDGE = "This is only a discriminator: it judges pictures and cannot make one."
_ENCODER_ONLY = "This is a portrait encoder (pSp, e4e or ReStyle) without the generator it belongs to."
_WEIGHTS_HINT = "Help, Optional weights… says where to put it, and what for."
_DIFFUSION = "This is a diffusion model, not a StyleGAN network."

LAYOUTS: tuple[Layout, ...] = (
    Layout("dualstylegan", _has("generator.input.input", "res."), refusal=f"This is a DualStyleGAN. {_NOT_YET}"),
    Layout(WITH_ENCODER, _has(ENCODER, f"{DECODER}input.input"), rosinality_network, inner=DECODER),
    Layout("stylegan3", _has("synthesis.input.freqs"), refusal=f"This is a StyleGAN3 network. {_NOT_YET}"),
    Layout("huangzh13", _has("g_synthesis.init_block."), refusal=f"This is a StyleGAN1 network. {_NOT_YET}"),
    Layout("rosinality-1", _has("generator.progression."), refusal=f"This is a StyleGAN1 network. {_NOT_YET}"),
    Layout("rosinality-stylegan2", is_rosinality, rosinality_network),
    Layout("stylegan2-state-dict", _has("synthesis.b4.", "mapping.fc0."), _plain),
    Layout("rosinality-discriminator", _has("final_conv.", "final_linear."), refusal=_JUDGE),
    Layout("nvidia-discriminator", _has("b4.conv.", "b4.fc."), refusal=_JUDGE),
    Layout(
        "identity",
        _has("input_layer.0.", "output_layer.3.", "body.0.res_layer."),
        refusal="This is ArcFace's IR-SE50, which tells whose a face is and cannot make one.",
        hint=_WEIGHTS_HINT,
    ),
    Layout(
        "vgg16",
        _has("features.0.weight", "features.28.weight"),
        refusal="This is VGG16, which judges pictures and cannot make one.",
        hint=_WEIGHTS_HINT,
    ),
    Layout("diffusers", _has("down_blocks.", "mid_block."), refusal=_DIFFUSION),
    Layout("latent-diffusion", _has("model.diffusion_model."), refusal=_DIFFUSION),
)


def understand(root: Any) -> ParsedNetwork:
    """Find the generator in what a reader made of a file, and understand it.

    Raises:
        UnsupportedModelError: there is none, or not one that Graft runs.
        CorruptModelError: it contradicts itself.
    """
    if isinstance(root, PersistentObject):
        return deduce_network(nvidia_network(root))
    if type(root) in (tuple, list) and root and all(_is_tf_network(item) for item in root):
        raise _tensorflow(root[-1])
    if type(root) is not dict:
        raise UnsupportedModelError("The file holds no network: its content is not a table of tensors.")
    generator = find_generator(root)
    if generator is not None:
        return deduce_network(nvidia_network(generator))
    return deduce_network(_from_state_dict(root))


def understand_encoder(root: Any) -> ParsedEncoder:
    """Find the portrait encoder in what a reader made of a file, and understand it.

    Raises:
        UnsupportedModelError: there is none, or not one that Graft runs.
        CorruptModelError: it contradicts itself.
    """
    if type(root) is dict:
        for state in _candidates(root):
            if is_encoder(state):
                return parse_encoder(state, root)
    raise UnsupportedModelError("The file holds no portrait encoder.", "pSp, e4e and ReStyle checkpoints hold one.")


def _is_tf_network(value: Any) -> bool:
    return isinstance(value, Instance) and value.kind == TF_NETWORK


def _tensorflow(network: Instance) -> ModelError:
    state = network.state if type(network.state) is dict else {}
    version = state.get("version")
    family = _TF_FAMILIES.get(version, "StyleGAN") if type(version) is int else "StyleGAN"
    return UnsupportedModelError(
        f"This is an original TensorFlow {family} network. {_NOT_YET}",
        "Convert it with stylegan2-ada-pytorch's legacy.py, or use a PyTorch version of it.",
    )


def _from_state_dict(root: dict[Any, Any]) -> ForeignNetwork:
    for state in _candidates(root):
        layout = next((layout for layout in LAYOUTS if layout.recognise(state)), None)
        if layout is None:
            if is_encoder(state):
                raise EncoderOnlyError(_ENCODER_ONLY, "It needs the model that it was trained with.")
            continue
        if layout.convert is None:
            raise UnsupportedModelError(layout.refusal, layout.hint)
        start = len(layout.inner)
        own = {name[start:]: record for name, record in state.items() if name.startswith(layout.inner)}
        tensors = {name: lazy_tensor(name, record) for name, record in own.items()}
        return replace(layout.convert(tensors, _latent_avg(root)), layout=layout.name)
    if set(root) & {"d", "D"}:
        raise UnsupportedModelError(_JUDGE)
    names = ", ".join(str(name)[:30] for name in list(root)[:4] if type(name) is str)
    raise UnsupportedModelError(f"The file holds no network that Graft knows (it has: {names}).")


def _candidates(root: dict[Any, Any]) -> Iterator[StateDict]:
    """The state dicts in a checkpoint, best first: averaged before raw, wrapped before bare; each once."""
    level, seen = [root], set()
    for _ in range(_MAX_WRAPPING):
        wrapped = [table[key] for table in level for key in _WRAPPERS if type(table.get(key)) is dict]
        for table in (*wrapped, *level):
            if id(table) not in seen:
                seen.add(id(table))
                yield from _without_prefixes(_tensors_of(table))
        level = wrapped[: len(_WRAPPERS)]


def _tensors_of(table: dict[Any, Any]) -> StateDict:
    return {
        name: value
        for name, value in table.items()
        if type(name) is str and isinstance(value, TensorRecord | ArrayRecord)
    }


def _without_prefixes(state: StateDict) -> list[StateDict]:
    """The state dict as it is, and with what DataParallel or a training wrapper put before each name removed."""
    versions = [state] if state else []
    for _ in range(2 * len(versions)):
        for prefix in _PREFIXES:
            inner = {name[len(prefix) :]: value for name, value in versions[-1].items() if name.startswith(prefix)}
            if inner:
                versions.append(inner)
                break
    return versions


def _latent_avg(root: dict[Any, Any]) -> LazyTensor | None:
    record = root.get("latent_avg")
    if record is None:
        return None
    if not isinstance(record, TensorRecord | ArrayRecord):
        raise CorruptModelError("The file's latent_avg is not a tensor.")
    return lazy_tensor("latent_avg", record)

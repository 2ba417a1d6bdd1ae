"""A network as methods can take it: without wrappers, and with its weights as parameters.

What changes neither what a network computes nor what of it learns is undone: wrappers, weight
norm, masks of torch.nn.utils.prune. What would change is refused by name.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm, remove_weight_norm

from trainables.masks import spare_frozen
from trainables.names import first_line, listed

_WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel)
_COMPILED = "_orig_mod"  # where torch.compile keeps the network
_SHOWN = 3  # names in a note


def plain(who: str, given: nn.Module) -> tuple[nn.Module, list[str]]:
    """A copy of `given` on the CPU that can be copied, sent and pruned, and notes to the user.

    They say what was undone, and which weights do not learn and so are not pruned. Raises
    ValueError, naming `who` and the weight, where one is computed in a way that pruning or sending
    the network would break.
    """
    if any(isinstance(module, torch.jit.ScriptModule) for module in given.modules()):
        raise ValueError(f"{who} must be a plain torch.nn.Module, got one of TorchScript")
    net, notes = given, []
    while (inside := _inside(net)) is not None:
        net = inside
    if net is not given:
        notes.append(f"the network runs without {type(given).__name__}")
    net = _copied(who, net).cpu()
    for name, module in list(net.named_modules()):
        for key, child in list(module.named_children()):
            inside = child
            while (further := _inside(inside)) is not None:
                inside = further
            if inside is not child:
                setattr(module, key, inside)
                notes.append(f"{_place(name, key)} runs without {type(child).__name__}")
    for name, module in list(net.named_modules()):
        notes += _fold(who, name, module)
    if frozen := spare_frozen(net):
        notes.append(
            f"{len(frozen)} weights do not learn (requires_grad is False) and are not pruned: "
            f"{listed(frozen, _SHOWN)}"
        )
    return net, notes


def _inside(net: nn.Module) -> nn.Module | None:
    """The network that `net` only wraps."""
    inner = net.module if isinstance(net, _WRAPPERS) else net._modules.get(_COMPILED)
    return inner if isinstance(inner, nn.Module) else None


def _copied(who: str, net: nn.Module) -> nn.Module:
    """A deep copy. Torch refuses to copy what was computed with gradients, as hooks compute a
    weight before each forward pass; of that the copy gets the values."""
    computed = {
        id(value): value.detach().clone()
        for module in net.modules()
        for value in vars(module).values()
        if isinstance(value, torch.Tensor) and not value.is_leaf
    }
    try:
        return copy.deepcopy(net, computed)
    except Exception as error:
        rule = "must be a network that can be copied"
        raise ValueError(f"{who} {rule}, {first_line(error)}") from error


def _fold(who: str, place: str, module: nn.Module) -> Iterator[str]:
    """Makes parameters of the weights of `module` that are computed from others."""
    for hook in list(module._forward_pre_hooks.values()):
        if isinstance(hook, prune.BasePruningMethod):
            key = str(hook._tensor_name)
            prune.remove(module, key)
            zeros = int((getattr(module, key) == 0).sum())
            yield (
                f"{_place(place, key)}: its mask of torch.nn.utils.prune is folded in; its "
                f"{zeros} zeros are weights like others, and may grow again"
            )
        elif isinstance(hook, WeightNorm):
            learns = bool(getattr(module, f"{hook.name}_v").requires_grad)
            remove_weight_norm(module, hook.name)
            yield _without_norm(place, hook.name, module, learns)
        elif isinstance(hook, SpectralNorm):
            remedy = "torch.nn.utils.remove_spectral_norm"
            raise _computed(who, place, hook.name, "spectral norm", remedy)
    if not parametrize.is_parametrized(module):
        return
    # A copy shares the class that computes the weight with the original, which is to keep it.
    kind = type(module)
    module.__class__ = type(kind.__name__, kind.__bases__, dict(vars(kind)))
    lists: Any = module.parametrizations
    for key in list(lists):
        kinds = [type(one) for one in lists[key]]
        if kinds != [parametrizations._WeightNorm]:
            remedy = "torch.nn.utils.parametrize.remove_parametrizations"
            names = " and ".join(kind.__name__.strip("_") for kind in kinds)
            raise _computed(who, place, key, names, remedy)
        learns, value = bool(lists[key].original1.requires_grad), getattr(module, key).detach()
        parametrize.remove_parametrizations(module, key, leave_parametrized=True)
        setattr(module, key, nn.Parameter(value.clone()))  # torch may have made a buffer of it
        _drop_hook_for_old_names(module)
        yield _without_norm(place, key, module, learns)


def _drop_hook_for_old_names(module: nn.Module) -> None:
    """What torch leaves behind of its weight norm is a local function, which cannot be pickled."""
    for key, hook in list(module._load_state_dict_pre_hooks.items()):
        if "_weight_norm_compat_hook" in repr(getattr(hook, "hook", hook)):
            del module._load_state_dict_pre_hooks[key]


def _without_norm(place: str, key: str, module: nn.Module, learns: bool) -> str:
    getattr(module, key).requires_grad_(learns)
    return f"{_place(place, key)}: its weight norm is folded in: it learns as any other weight"


def _computed(who: str, place: str, key: str, kind: str, remedy: str) -> ValueError:
    return ValueError(
        f"{who} must have weights of its own, but {_place(place, key)} is computed ({kind}), "
        f"which pruned weights would break; make it a weight with {remedy}(layer, {key!r})"
    )


def _place(module: str, key: str) -> str:
    return f"{module}.{key}" if module else key

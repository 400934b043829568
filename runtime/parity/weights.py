"""Which weights a reference really has: a bundle may only be judged against those it was made from."""

import hashlib
from typing import TYPE_CHECKING

from ...reference.errors import InputError

if TYPE_CHECKING:
    from torch import nn

    from ...reference.program import PhotoToLDI


def network_digest(network: "nn.Module") -> str:
    """Return the sha256 of a network's weights: names, shapes, types and bytes, in the order of the names."""
    total = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        array = value.detach().cpu().contiguous().numpy()
        total.update(f"{name}\0{array.dtype.str}\0{array.shape}\n".encode())
        total.update(array.tobytes())
    return total.hexdigest()


def loaded_weights(program: "PhotoToLDI") -> dict[str, str]:
    """Return what a manifest's `weights` must be for this program: sha256 of "depth" and "inpaint"."""
    return {
        "depth": network_digest(program.depth.network),
        "inpaint": network_digest(program.inpainting.network),
    }


def check_weights(declared: dict[str, str], program: "PhotoToLDI", source: str) -> None:
    """Refuse to judge a bundle against a reference with other weights.

    Args:
        declared: the manifest's `weights`.
        program: the reference as it is now.
        source: the bundle, for the message.

    Raises:
        InputError: names the networks that differ.
    """
    loaded = loaded_weights(program)
    other = [name for name, found in loaded.items() if declared.get(name) != found]
    if other:
        raise InputError(
            f"{source} was made from other weights of the {' and '.join(other)} network than those loaded "
            "now: verify it with the ldikit version that made it, or build it again"
        )

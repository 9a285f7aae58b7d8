"""Checkpoints that explain themselves: safetensors with one JSON document of facts. Nothing is ever unpickled."""

from __future__ import annotations

__all__ = ["load_checkpoint", "save_checkpoint"]

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from pcgen import __version__
from pcgen.errors import FileError
from pcgen.files import atomic_writer, existing_file

_KEY = "pcgen"


def save_checkpoint(
    path: str | Path, kind: str, tensors: Mapping[str, Tensor], facts: Mapping[str, Any], *, half: bool = False
) -> None:
    """Write tensors and facts to one file, atomically.

    Args:
        path: the file, ``*.safetensors``.
        kind: what it holds (``autoencoder``, ``prior``, ``plugin``); checked on loading.
        tensors: by name.
        facts: everything needed to rebuild and to judge it, as plain JSON values.
        half: store floating tensors as float16.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_checkpoint(f"{folder}/a.safetensors", "demo", {"w": torch.ones(2)}, {"unit": "m"})
        ...     tensors, facts = load_checkpoint(f"{folder}/a.safetensors", "demo")
        >>> tensors["w"], facts["unit"]
        (tensor([1., 1.]), 'm')
    """
    stored = {
        name: value.detach().cpu().to(torch.float16 if half and value.is_floating_point() else value.dtype).contiguous()
        for name, value in tensors.items()
    }
    document = {"kind": kind, "pcgen_version": __version__, **facts}
    with atomic_writer(path) as file:
        file.write(save(stored, metadata={_KEY: json.dumps(document)}))


def load_checkpoint(path: str | Path, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors (float16 as float32) and facts of a file that :func:`save_checkpoint` wrote.

    Raises:
        FileError: missing, damaged, not written by pcgen, or of another kind.
    """
    path = existing_file(path)
    try:
        with safe_open(str(path), framework="pt") as file:
            document = json.loads((file.metadata() or {}).get(_KEY, "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dict)
    except (SafetensorError, ValueError) as error:
        raise FileError(f"{path} cannot be read as a checkpoint: {error}; save or download it again") from None
    if document is None:
        raise FileError(f"{path} is a safetensors file, but not a pcgen checkpoint (its metadata has no {_KEY!r})")
    if document["kind"] != kind:
        raise FileError(f"{path} holds a {document['kind']}, but a {kind} is needed")
    return {name: value.float() if value.dtype == torch.float16 else value for name, value in tensors.items()}, document

"""YAML and command line to frozen dataclasses: unknown keys are refused with the nearest name, values are typed."""

from __future__ import annotations

__all__ = ["build", "load_config", "to_yaml"]

import contextlib
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from pcgen.errors import FileError, InputError, unknown_name
from pcgen.files import existing_file

T = TypeVar("T")


def load_config(path: str | Path, kind: type[T], overrides: Sequence[str] = ()) -> T:
    """The dataclass described by a YAML file, with dotted overrides.

    Args:
        path: the YAML file.
        kind: a dataclass; its fields are the known keys, nested dataclasses the nested keys.
        overrides: ``key=value`` or ``outer.inner=value``; the value is read as YAML.

    Raises:
        FileError: the file is missing or no YAML mapping.
        InputError: a key is unknown, missing or given twice, or a value has the wrong type.
    """
    path = existing_file(path)
    try:
        document = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise FileError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(document, dict):
        raise FileError(f"{path} must hold keys and values, got {type(document).__name__}")
    for override in overrides:
        _override(document, override)
    return build(kind, document)


def build(kind: type[T], document: Mapping[str, Any], where: str = "") -> T:
    """A dataclass from plain values, checked field by field.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Config:
        ...     steps: int = 100
        >>> build(Config, {"steps": 3})
        Config(steps=3)
        >>> build(Config, {"step": 3})
        Traceback (most recent call last):
        pcgen.errors.InputError: unknown key 'step'; did you mean 'steps'? Known: steps
    """
    hints = typing.get_type_hints(kind)
    known = [f.name for f in fields(kind)]  # type: ignore[arg-type]
    for key in document:
        if key not in known:
            raise unknown_name("key", f"{where}{key}", [f"{where}{name}" for name in known])
    values = {key: _convert(value, hints[key], f"{where}{key}") for key, value in document.items()}
    try:
        return kind(**values)
    except TypeError as error:
        raise InputError(f"{where or 'the configuration '}{error}") from None


def to_yaml(config: Any) -> str:
    """The YAML text of a dataclass, every key written out."""
    return yaml.safe_dump(asdict(config), sort_keys=False)


def _convert(value: Any, hint: Any, where: str) -> Any:
    if is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise InputError(f"{where} must hold keys and values, got {value!r}")
        return build(typing.cast(type, hint), value, f"{where}.")
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return None if value is None else _convert(value, arguments[0], where)
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise InputError(f"{where} must be a list, got {value!r}")
        return tuple(_convert(item, arguments[0], where) for item in value)
    if hint is float and isinstance(value, (int, str)) and not isinstance(value, bool):
        # YAML 1.1 reads 2e-3, without a point, as text.
        with contextlib.suppress(ValueError):
            return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise InputError(f"{where} must be of type {hint.__name__}, got {value!r}")
    return value


def _override(document: dict[str, Any], override: str) -> None:
    name, equals, text = override.partition("=")
    if not equals:
        raise InputError(f"an override must look like key=value, got {override!r}")
    *outer, last = name.split(".")
    for key in outer:
        document = document.setdefault(key, {})
        if not isinstance(document, dict):
            raise InputError(f"{name} cannot be set: {key} holds a value, not keys")
    document[last] = yaml.safe_load(text)

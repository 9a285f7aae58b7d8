from dataclasses import dataclass, field
from pathlib import Path

import pytest

import pcgen.training
from pcgen.config import build, load_config, to_yaml
from pcgen.errors import FileError, InputError


@dataclass(frozen=True)
class Inner:
    rate: float = 0.1
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outer:
    steps: int
    inner: Inner = field(default_factory=Inner)
    folder: str | None = None


def written(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return path


def test_nested_values_and_overrides(tmp_path):
    path = written(tmp_path, "steps: 3\ninner: {rate: 1, names: [a, b]}\n")
    config = load_config(path, Outer, ["inner.rate=2e-3", "folder=here"])
    assert config == Outer(3, Inner(0.002, ("a", "b")), "here")


def test_yaml_round_trip(tmp_path):
    config = Outer(3, Inner(0.5, ("x",)))
    assert load_config(written(tmp_path, to_yaml(config)), Outer) == config


@pytest.mark.parametrize(
    ("text", "overrides", "message"),
    [
        ("step: 3", [], "unknown key 'step'; did you mean 'steps'"),
        ("steps: 3\ninner: {rat: 1}", [], r"unknown key 'inner\.rat'; did you mean 'inner\.rate'"),
        ("steps: three", [], "steps must be of type int, got 'three'"),
        ("steps: true", [], "steps must be of type int, got True"),
        ("inner: {}", [], "steps"),
        ("steps: 3", ["inner"], "key=value"),
        ("steps: 3", ["steps.a=1"], "steps holds a value"),
        ("steps: 3\ninner: {names: a}", [], r"inner\.names must be a list"),
    ],
)
def test_mistakes_are_explained(tmp_path, text, overrides, message):
    with pytest.raises(InputError, match=message):
        load_config(written(tmp_path, text), Outer, overrides)


@pytest.mark.parametrize("text", ["- 1", "a: [", "3"])
def test_files_that_are_no_configuration(tmp_path, text):
    with pytest.raises(FileError):
        load_config(written(tmp_path, text), Outer)


def test_build_refuses_a_missing_key():
    with pytest.raises(InputError, match="steps"):
        build(Outer, {})


@pytest.mark.parametrize("path", sorted(Path("configs").glob("*.yaml")), ids=lambda path: path.name)
def test_shipped_configs_are_valid(path):
    assert load_config(path, pcgen.training.TrainConfig).steps > 0

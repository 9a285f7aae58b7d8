import json

import numpy as np
import pytest
import torch

import pcgen
from pcgen.config import load_config
from pcgen.errors import FileError, InputError, PcgenError
from pcgen.training import DataConfig, ShapeSet, TrainConfig, loop, train
from pcgen.training.data import augment


def tiny(**changes):
    overrides = [f"{key}={value}" for key, value in changes.items()]
    return load_config("configs/tiny.yaml", TrainConfig, overrides)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    return folder, train(tiny(), folder)


def test_the_tiny_config_beats_its_bound(run):
    """150 steps reach about 9.5 times the sampling floor; an untrained model is above 60."""
    assert run[1]["procedural_mean_ratio"] < 12


def test_a_run_is_a_generator(run):
    generator = pcgen.load(run[0])
    assert generator.sample(2, num_points=100).shape == (2, 100, 3)
    facts = json.loads(json.dumps(run[1]))
    assert facts["procedural_median_ratio"] > 1


def test_metrics_are_logged(run):
    lines = [json.loads(line) for line in (run[0] / "metrics.jsonl").read_text().splitlines()]
    assert lines[0]["step"] == 0 and lines[-1]["step"] == 150 and lines[-1]["procedural_mean_ratio"]


def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(tmp_path, monkeypatch):
    config = tiny(steps=12, **{"data.procedural": 120})
    whole = train(config, tmp_path / "whole")

    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0)
    calls = 0
    real = loop.chamfer_distance

    def killed_at_step_7(*arguments):
        nonlocal calls
        calls += 1
        if calls == 8:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(loop, "chamfer_distance", killed_at_step_7)
    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "parts")
    monkeypatch.setattr(loop, "chamfer_distance", real)
    assert train(config, tmp_path / "parts") == whole


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_state(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0)
    losses = iter([1.0, 1.0, float("nan")])
    monkeypatch.setattr(loop, "chamfer_distance", lambda x, _: x.sum() * 0 + next(losses))
    with pytest.raises(PcgenError, match=r"became nan at step 2.*last good state"):
        train(tiny(**{"data.procedural": 120}), tmp_path)
    assert torch.load(tmp_path / "resume.pt", weights_only=True)["step"] == 2


def test_a_folder_belongs_to_one_configuration(run):
    with pytest.raises(FileError, match="another configuration"):
        train(tiny(steps=3), run[0])


def test_batches_depend_on_the_step_alone():
    shapes = ShapeSet("chair", "unit_diagonal", DataConfig(procedural=50, real_share=0), seed=0)
    seen, target = shapes.batch(3, 4, 512)
    again = shapes.batch(3, 4, 512)
    assert torch.equal(seen, again[0]) and torch.equal(target, again[1])
    assert seen.shape == (4, 2048, 3) and target.shape == (4, 512, 3)
    assert not torch.equal(seen, shapes.batch(4, 4, 512)[0])
    assert seen.norm(dim=2).max() <= 1.01  # unit_diagonal


def test_mistakes_are_explained():
    with pytest.raises(InputError, match="between 0 and 1"):
        ShapeSet("chair", "unit_diagonal", DataConfig(procedural=1, real_share=2), seed=0)
    with pytest.raises(InputError, match="did you mean 'chair'"):
        ShapeSet("chairs", "unit_diagonal", DataConfig(), seed=0)


def test_only_permissive_training_shapes_are_used(realshapes):
    shapes = ShapeSet("chair", "unit_diagonal", DataConfig(procedural=2, real_share=0.5), seed=0)
    assert len(shapes.records) == 38
    assert all(record.permissive and record.split == "train" for record in shapes.records)
    assert shapes.draw_real(np.random.default_rng(0)).shape == (4096, 3)
    assert len(shapes.fingerprint()) == 16


def test_missing_folder_of_real_shapes_is_explained(monkeypatch):
    monkeypatch.delenv("PCGEN_REALSHAPES", raising=False)
    with pytest.raises(InputError, match="set PCGEN_REALSHAPES"):
        ShapeSet("chair", "unit_diagonal", DataConfig(procedural=1, real_share=0.5), seed=0)


def test_augmentation_keeps_a_shape_recognisable():
    points = np.random.default_rng(0).uniform(-1, 1, (500, 3)).astype(np.float32)
    changed = augment(points, np.random.default_rng(1))
    assert changed.shape == points.shape and changed.dtype == np.float32
    for axis in range(3):
        assert abs(np.corrcoef(points[:, axis], changed[:, axis])[0, 1]) > 0.85

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

import pcgen
from pcgen.config import load_config, to_yaml
from pcgen.errors import FileError, InputError, PcgenError
from pcgen.training import DataConfig, ShapeSet, TrainConfig, loop, train
from pcgen.training.data import augment
from pcgen.training.team import Team
from pcgen.training.tracking import Tracker


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


def test_the_tiny_flow_config_learns(tmp_path, monkeypatch):
    """From 0.6 for a field that stands still to 0.2, on the mean of the last steps: one alone is noisy."""
    monkeypatch.setattr(loop, "LOG_EVERY", 1)
    config = load_config("configs/tiny_flow.yaml", TrainConfig, ["steps=40", "batch_size=8", "data.procedural=100"])
    train(config, tmp_path)
    losses = [record["loss"] for record in curve(tmp_path)[:-1]]
    assert np.mean(losses[-10:]) < 0.3 < losses[0]
    assert pcgen.load(tmp_path).sample(1, num_points=300).shape == (1, 300, 3)


def test_a_run_is_a_generator(run):
    generator = pcgen.load(run[0])
    assert generator.sample(2, num_points=100).shape == (2, 100, 3)
    assert run[1]["procedural_median_ratio"] > 1 and run[1]["procedural_emd_ratio"] > 1
    assert run[1]["procedural_f1"] < run[1]["procedural_f1_floor"] <= 1
    assert 0 <= run[1]["procedural_open_gaps"] <= 1


def test_another_category_can_go_on_from_a_trained_backbone(run, tmp_path):
    """After one step at the warm-up's first rate the weights are still nearly those of the start."""
    train(tiny(start=run[0], steps=1, **{"model.category": "table", "data.procedural": 40}), tmp_path)
    table, chair = pcgen.load(tmp_path).backbone, pcgen.load(run[0]).backbone
    assert table.category == "table"
    for ours, theirs in zip(table.parameters(), chair.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=1e-2)


def test_a_start_of_another_form_is_refused(run, tmp_path):
    with pytest.raises(InputError, match="another form"):
        train(tiny(start=run[0], **{"model.latent_dim": 7}), tmp_path / "run")


def test_metrics_are_logged(run):
    lines = curve(run[0])
    assert lines[0]["step"] == 0 and lines[-1]["step"] == 150 and lines[-1]["procedural_mean_ratio"]


def curve(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(tmp_path, monkeypatch):
    config = tiny(steps=12, emd_weight=0.1, emd_share=0.5, **{"data.procedural": 120})
    monkeypatch.setattr(loop, "LOG_EVERY", 1)
    whole = train(config, tmp_path / "whole")

    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0)
    calls = 0
    real = loop.chamfer_distance

    def killed_in_step_7(*arguments):
        nonlocal calls
        calls += 1
        if calls == 8:
            with (tmp_path / "parts" / "metrics.jsonl").open("a") as file:
                file.write('{"step": 7, "chamfer": 1.0}\n{"st')
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(loop, "chamfer_distance", killed_in_step_7)
    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "parts")
    monkeypatch.setattr(loop, "chamfer_distance", real)
    assert train(config, tmp_path / "parts") == whole
    assert curve(tmp_path / "parts") == curve(tmp_path / "whole")
    assert [record["step"] for record in curve(tmp_path / "parts")] == [*range(12), 12]
    assert "emd" in curve(tmp_path / "parts")[6] and "emd" not in curve(tmp_path / "parts")[5]


def test_a_run_can_be_finished_early(tmp_path, monkeypatch):
    config = tiny(steps=100, **{"data.procedural": 60})
    with pytest.raises(FileError, match="no checkpoint that could be finished"):
        train(config, tmp_path, finish=True)
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0)
    monkeypatch.setattr(loop, "LOG_EVERY", 1)
    monkeypatch.setattr(loop.Tracker, "log", stop_at(4))
    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path)
    monkeypatch.undo()
    train(config, tmp_path, finish=True)
    assert pcgen.load(tmp_path).sample(1, num_points=50).shape == (1, 50, 3)
    assert "Trained for 4 steps" in (tmp_path / "README.md").read_text()


def stop_at(step):
    def log(_, now, __):
        if now == step:
            raise KeyboardInterrupt

    return log


def test_two_processes_train_as_one(tmp_path):
    """Under torchrun, with gloo: the same batch split in two gives the same curve and the same weights."""
    config = tiny(steps=3, emd_weight=0.1, emd_share=0.5, **{"data.procedural": 60})
    (tmp_path / "config.yaml").write_text(to_yaml(config))
    verb = ["train", str(tmp_path / "config.yaml"), "-o"]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    team = subprocess.run(
        [*torchrun, "-m", "pcgen.cli.main", *verb, str(tmp_path / "two")], capture_output=True, text=True, timeout=300
    )
    assert team.returncode == 0, team.stderr
    assert team.stdout.count("procedural_mean_ratio") == 1  # one process speaks
    train(config, tmp_path / "one")
    one, two = (torch.load(tmp_path / name / "resume.pt", weights_only=True)["model"] for name in ("one", "two"))
    one, two = (torch.cat([value.flatten() for value in state.values()]) for state in (one, two))
    # Adam divides by a gradient's own size: one that is mere rounding moves its weight as far as any other does.
    assert (two - one).norm() <= 1e-4 * one.norm()
    (one, scores), (two, other_scores) = curve(tmp_path / "one"), curve(tmp_path / "two")
    assert two == pytest.approx(one, rel=1e-5)
    assert other_scores == pytest.approx(scores, rel=1e-3)  # F1 counts points, so it jumps


def test_a_batch_that_cannot_be_split_is_refused():
    assert Team(0, 2).share(6) == range(3) and Team(1, 2).share(6) == range(3, 6)
    with pytest.raises(InputError, match="cannot be split among 4 processes"):
        Team(0, 4).share(6)


def test_tensorboard_gets_the_same_curve(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    tracker = Tracker(tmp_path, first=0, tensorboard=True)
    for step in range(3):
        tracker.log(step, {"chamfer": step / 2})
    tracker.close()
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard")).Reload().Scalars("chamfer")
    assert [(event.step, event.value) for event in events] == [(0, 0.0), (1, 0.5), (2, 1.0)]


@pytest.mark.parametrize("what", ["loss", "gradient's norm"])
def test_a_run_that_diverges_stops_and_keeps_the_last_good_state(tmp_path, monkeypatch, what):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0)
    factors = iter([1.0, 1.0, float("nan")])

    def chamfer(x, _):
        factor = next(factors)
        # Two equal points: their distance is 0, its gradient is not finite.
        return (
            x.sum() * factor
            if what == "loss"
            else (x - x.detach()).square().sum().sqrt()
            if factor != factor
            else x.sum()
        )

    monkeypatch.setattr(loop, "chamfer_distance", chamfer)
    with pytest.raises(PcgenError, match=rf"{what} became nan at step 2.*last good state"):
        train(tiny(**{"data.procedural": 120}), tmp_path)
    assert torch.load(tmp_path / "resume.pt", weights_only=True)["step"] == 2


def test_a_folder_belongs_to_one_configuration(run):
    with pytest.raises(FileError, match="another configuration"):
        train(tiny(steps=3), run[0])


def test_batches_depend_on_the_step_alone():
    shapes = ShapeSet("chair", "unit_diagonal", DataConfig(procedural=50, real_share=0), seed=0)
    seen, target = shapes.batch(3, range(4), 512)
    again = shapes.batch(3, range(2, 4), 512)
    assert torch.equal(seen[2:], again[0]) and torch.equal(target[2:], again[1])
    assert seen.shape == (4, 2048, 3) and target.shape == (4, 512, 3)
    assert not torch.equal(seen, shapes.batch(4, range(4), 512)[0])
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
    assert shapes.draw(shapes.own, np.random.default_rng(0)).shape == (4096, 3)
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

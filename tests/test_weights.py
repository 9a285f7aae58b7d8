from __future__ import annotations

import pytest
import torch

import pcgen
from pcgen import attributes, weights
from pcgen.config import load_config
from pcgen.data.procedural import FAMILIES
from pcgen.plugins import Calibrated
from pcgen.training import TrainConfig

MEBIBYTE = 2**20


def test_a_model_of_every_procedural_category_is_shipped():
    assert set(weights.folders()) == {"chair", *FAMILIES}


@pytest.mark.parametrize("name", weights.folders())
def test_a_shipped_model_draws_small_and_calibrated(name: str):
    folder = weights.folders()[name]
    assert sum(path.stat().st_size for path in folder.iterdir()) < 10 * MEBIBYTE
    generator = pcgen.load(name)
    assert generator.backbone.category == name and isinstance(generator.plugin, Calibrated)
    assert {spec.name for spec in generator.specs} <= {spec.name for spec in attributes.get(name).specs}
    clouds = generator.sample(4, seed=0)
    assert clouds.shape == (4, 2048, 3) and clouds.isfinite().all()
    assert attributes.get(name).measure(clouds)[1].float().mean() > 0.6
    assert (torch.cdist(clouds.flatten(1), clouds.flatten(1)) + torch.eye(4) > 0).all()  # four different ones


@pytest.mark.parametrize("name", weights.folders())
def test_its_card_holds_the_configuration_it_can_be_trained_again_from(name: str):
    card = (weights.folders()[name] / "README.md").read_text()
    assert card.startswith(f"# Generator: {name}\n") and "procedural mean ratio" in card
    config = load_config(f"configs/{name}.yaml", TrainConfig)
    assert f"category: {name}" in card and f"steps: {config.steps}\n" in card
    assert config.model.category == name

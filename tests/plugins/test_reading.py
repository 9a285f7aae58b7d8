"""Features of attribute values: numbers, levels, and what means nothing beside some level."""

import pytest
import torch

from pcgen.plugins import EditorPlugin
from pcgen.plugins.network import Schedule
from pcgen.plugins.reading import ValueScale
from pcgen.spec import AttributeSpec

SPECS = [
    AttributeSpec("height", "continuous", 0, 10),
    AttributeSpec("handle", "binary", 0, 1),
    AttributeSpec("feet", "count", 2, 4),
    AttributeSpec("reach", "continuous", 0, 10),
]


def values_where_reach_needs_a_handle(count=400):
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(count, 4, generator=generator) * 10
    values[:, 1] = torch.arange(count) % 2
    values[:, 2] = 2 + torch.arange(count) % 3
    labelled = torch.ones(count, 4, dtype=torch.bool)
    labelled[:, 3] = values[:, 1] == 1
    return values, labelled


@pytest.fixture(scope="module")
def scale():
    scale = ValueScale(SPECS)
    scale.fit(*values_where_reach_needs_a_handle())
    return scale


def test_every_level_has_a_feature_and_numbers_have_one(scale):
    standard = scale(torch.tensor([[5.0, 1, 4, 2], [5, 0, 2, 2]]))
    features = scale.features(standard)
    assert features.shape == (2, scale.num_features) == (2, 1 + 2 + 3 + 1)
    assert features[:, 1:6].tolist() == [[0, 1, 0, 0, 1], [1, 0, 1, 0, 0]]
    torch.testing.assert_close(scale.from_features(features), standard)


def test_counts_without_end_are_numbers():
    assert ValueScale([AttributeSpec("beads", "count", 0, 500)]).num_features == 1


def test_misread_is_the_squared_error_of_numbers_and_the_surprise_of_levels(scale):
    standard = scale(torch.tensor([[5.0, 1, 4, 2]]))
    features = torch.tensor([[0.5, 0.0, 2.0, 1.0, -1.0, 0.0, 1.5]])
    probability = (torch.tensor([0.0, 2.0]).softmax(0)[1], torch.tensor([1.0, -1.0, 0.0]).softmax(0)[2])
    expected = [(0.5 - standard[0, 0]) ** 2, -probability[0].log(), -probability[1].log(), (1.5 - standard[0, 3]) ** 2]
    torch.testing.assert_close(scale.misread(features, standard)[0], torch.stack(expected))


def test_an_attribute_without_labels_beside_a_level_means_nothing_there(scale):
    standard = scale(torch.tensor([[5.0, 1, 4, 9], [5, 0, 4, 9]]))
    assert scale.meaningful(standard).tolist() == [[True] * 4, [True, True, True, False]]
    void = scale.void(standard)
    assert void[0, 3] == standard[0, 3] and void[1, 3] == 0


def test_labels_missing_at_random_void_nothing():
    values, labelled = values_where_reach_needs_a_handle()
    labelled = torch.rand(labelled.shape, generator=torch.Generator().manual_seed(1)) < 0.3
    scale = ValueScale(SPECS)
    scale.fit(values, labelled)
    assert scale.meaningful(scale(values)).all()


def test_the_editor_takes_a_part_away_although_an_attribute_of_it_then_means_nothing():
    """Held beside a vanished handle, what a reader makes up for its reach would pull against the edit."""
    values, labelled = values_where_reach_needs_a_handle(2000)
    noise = torch.randn(2000, 5, generator=torch.Generator().manual_seed(2))
    handle = 2 * values[:, 1:2] - 1
    reach = torch.where(labelled[:, 3:], values[:, 3:] - 5, 0.0)
    latents = torch.cat([values[:, :1] - 5, handle + 0.2 * noise[:, :1], reach, noise], dim=1)
    specs = [SPECS[0], SPECS[1], SPECS[3]]
    keep = [0, 1, 3]
    plugin = EditorPlugin(specs, hidden=32, schedule=Schedule(steps=400, batch_size=128))
    plugin.fit(latents, values[:, keep], labelled[:, keep])
    having = latents[values[:, 1] == 1][:100]
    request = torch.tensor([[float("nan"), 0.0, float("nan")]]).expand(100, -1)
    assert (plugin.edit(having, request, ~request.isnan())[:, 1] < 0).float().mean() > 0.95

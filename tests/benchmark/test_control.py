"""The control benchmark, small: it runs, it orders methods as it must, and its truth is the generator's own."""

import json

import pytest
import torch

import pcgen
from pcgen.benchmark.control import ControlConfig, run, to_markdown
from pcgen.benchmark.problem import make_problem, specs_of, training_codes
from pcgen.cli.main import main

NAMES = ("seat_height", "width", "armrests")


@pytest.fixture(scope="module")
def document():
    config = ControlConfig(
        methods=("random_direction", "ridge"), attributes=NAMES, shapes=300, requests=12, correlations=(0.0,), rounds=3
    )
    return run(config, lambda line: None)


def test_rows_are_ordered_as_they_must_be(document):
    random, ridge = document["tables"][0]["rows"]
    assert ridge["open"]["nmae"] < 0.5 * random["open"]["nmae"]
    assert ridge["closed"]["nmae"] < ridge["open"]["nmae"]
    assert ridge["open"]["counterfactual"] < random["open"]["counterfactual"]
    assert min(ridge["open"]["slopes"]) > 0.5 and ridge["ms"][256] < ridge["ms"][1]


def test_leakage_has_a_floor_that_an_edit_off_target_exceeds(document):
    random, _ = document["tables"][0]["rows"]
    for floors in document["floors"].values():
        assert set(floors) == {*NAMES, "continuous"}
        assert 0 < floors["continuous"] < 0.3 * random["open"]["leakage"]


def test_it_is_written_down(document):
    text = to_markdown(json.loads(json.dumps(document)) | {"tables": document["tables"]}, "pcgen benchmark control")
    assert "| ridge |" in text and "`pcgen benchmark control`" in text


def test_the_truth_has_the_request_and_keeps_the_rest():
    backbone = pcgen.load("chair").backbone
    specs = specs_of(backbone, list(NAMES))
    problem = make_problem(backbone, specs, 10)
    from pcgen import attributes

    measure = attributes.get("chair").only(NAMES).measure
    own = measure(problem.truth[0])[0]
    assert (own[:, 0] - problem.requests[0]).abs().median() < 0.03
    assert (own[:, 1] - problem.before[0, :, 1]).abs().median() < 0.1


def test_training_values_can_be_correlated():
    backbone = pcgen.load("chair").backbone
    specs = specs_of(backbone, ["seat_height", "width"])
    values = training_codes(backbone, specs, 300, 0.8).values
    assert torch.corrcoef(values[~values.isnan().any(1)].T)[0, 1] > 0.5


def test_unknown_rows_are_explained(capsys):
    assert main(["benchmark", "control", "--methods", "plugin"]) == 2
    assert "did you mean 'plugen'" in capsys.readouterr().err

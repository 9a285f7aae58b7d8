"""From codes to a calibrated plugin, and from a table of labels to one."""

import json

import pytest
import torch

import pcgen
from pcgen import PointCloud, assets, attributes
from pcgen.cli.main import main
from pcgen.data.layouts import realshapes as layout
from pcgen.data.procedural import FAMILIES
from pcgen.errors import InputError
from pcgen.plugins import Calibrated
from pcgen.training.steering import fit_calibrated, given_errors, one_request_each

SPECS = list(attributes.get("chair").only(["seat_height", "armrests"]).specs)


def test_requests_are_in_range_for_measurable_shapes_and_change_levels():
    values = torch.stack([torch.linspace(0.3, 0.7, 50), (torch.arange(50) % 2).float()], dim=1)
    values[:10, 0] = torch.nan
    requests, shapes = one_request_each(values, SPECS, 40, seed=3)
    assert requests[:, 0].min() > 0.37 and requests[:, 0].max() < 0.7 and (shapes[:, 0] >= 10).all()
    assert (requests[:, 1] == 1 - values[shapes[:, 1], 1]).all()


def test_too_few_shapes_and_unknown_methods_are_explained():
    with pytest.raises(InputError, match="at least 20 labelled shapes, got 5"):
        fit_calibrated(torch.rand(5, 8), torch.rand(5, 2), SPECS)
    with pytest.raises(InputError, match="did you mean 'ridge'"):
        fit_calibrated(torch.rand(50, 8), torch.rand(50, 2), SPECS, method="rigde")


def test_a_plugin_fitted_from_the_command_line_bounds_its_edits(tmp_path, capsys):
    out = tmp_path / "fitted"
    options = ["--method", "ridge", "--shapes", "200", "--requests", "15", "-o", str(out)]
    assert main(["fit", "--backbone", "chair", *options]) == 0
    assert "90 % bound" in capsys.readouterr().out
    generator = pcgen.load(out)
    assert isinstance(generator.plugin, Calibrated) and generator.plugin.bound("drawn").isfinite().any()
    assert main(["edit", "chair_dining", "--set", "seat_height=0.5", "--model", str(out), "-o", str(tmp_path)]) == 0
    assert "No bound is given" in capsys.readouterr().out  # it knows nothing of given shapes


def test_a_shape_measurable_only_as_a_whole_does_not_stop_the_calibration(realshapes):
    """The sides of this chair's seat show in all its points, and not in the half that steers."""
    record = next(r for r in layout.list_shapes(realshapes, "chair", split="test") if r.id.endswith("chair2"))
    generator, cloud = pcgen.load("chair"), layout.load(realshapes, record).tensor()
    names = [spec.name for spec in generator.specs]
    assert generator.measure(cloud[None])[1][0, names.index("seat_thickness")]
    errors = given_errors(generator, [cloud], seed=0, edits=2)[0]
    assert errors.shape == (2, len(names)) and errors[:, names.index("seat_thickness")].isnan().all()
    assert (errors[:, names.index("seat_height")] < 3).all()  # times what is uncertain


def test_bounds_are_found_from_the_command_line(tmp_path, capsys):
    out = tmp_path / "bounded"
    assert main(["calibrate", "--model", "mug", "--procedural", "10", "--edits", "1", "-o", str(out)]) == 0
    assert "over spread" in capsys.readouterr().out and "10 procedural shapes" in (out / "README.md").read_text()
    PointCloud(FAMILIES["mug"].sample(6, 4096, 77, 0).points[2]).save(tmp_path / "mug.ply")
    edit = ["edit", str(tmp_path / "mug.ply"), "--model", str(out), "--front=-z", "-o", str(tmp_path / "e")]
    width = attributes.get("mug").only(["width"]).measure(PointCloud.load(tmp_path / "mug.ply").tensor())[0].item()
    assert main([*edit, "--set", f"width={width + 0.02}"]) == 0
    assert "procedural ones, for want of real ones" in capsys.readouterr().out
    assert json.loads((tmp_path / "e" / "edit.json").read_text())["bound"]["width"] > 0
    assert main(["calibrate", "--model", "mug", "-o", str(out)]) == 2
    assert "give either files, or" in capsys.readouterr().err


def test_labels_of_ones_own(tmp_path, capsys):
    """A column that no measurer knows: here, how large the seat's height is in a unit of our own."""
    rows = ["file,comfort,tall"]
    clouds = pcgen.load("chair").sample(30, seed=5)
    values, _ = attributes.get("chair").only(["seat_height"]).measure(clouds)
    for number, (cloud, value) in enumerate(zip(clouds, values[:, 0].tolist(), strict=True)):
        PointCloud(cloud.numpy()).save(tmp_path / f"{number}.ply")
        rows.append(f"{number}.ply,{10 * value if number else ''},{'yes' if value > 0.5 else 'no'}")
    (tmp_path / "my.csv").write_text("\n".join(rows))
    out = tmp_path / "mine"
    fit = ["fit", "--backbone", "chair", "--attributes", str(tmp_path / "my.csv"), "--method", "ridge", "-o", str(out)]
    assert main(fit) == 0
    assert [spec.kind for spec in pcgen.load(out).specs] == ["continuous", "binary"]
    edit = ["edit", "chair_dining", "--set", "comfort=5.2", "--model", str(out), "-o", str(tmp_path / "edit")]
    assert main(edit) == 0
    record = json.loads((tmp_path / "edit" / "edit.json").read_text())
    assert abs(record["after"]["comfort"] - 5.2) < 0.5
    before, after = (PointCloud.load(path) for path in (assets.path("chair_dining"), tmp_path / "edit" / "edited.ply"))
    measure = attributes.get("chair").only(["seat_height"]).measure
    moved = [measure(cloud.tensor()[None])[0].item() for cloud in (before, after)]
    assert moved[1] > moved[0]  # from 0.48 towards 0.52, though nothing ever measured a seat
    capsys.readouterr()
    (tmp_path / "my.csv").write_text("file,comfort\n0.ply,soft\n")
    assert main(fit) == 2 and "column comfort" in capsys.readouterr().err

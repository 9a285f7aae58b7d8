"""``pcgen fit``: fit and calibrate a plugin on a frozen backbone."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from pcgen.generator import Generator
    from pcgen.spec import AttributeSpec

REAL_PART = 4  # one draw of a real shape, if there are any, to so many procedural ones

HELP = "fit and calibrate a plugin on a frozen backbone, with its attributes or with your own"
EXAMPLES = """\
  pcgen fit --backbone chair -o runs/chair-editor
  pcgen fit --backbone chair --method flow --shapes 4000 -o runs/chair-flow
  pcgen fit --backbone chair --attributes my.csv -o runs/mine
  pcgen calibrate --model runs/mine a.ply b.obj c.glb … -o runs/mine-bounded
  pcgen edit chair.ply --model runs/mine --set comfort=0.8

my.csv has a column `file` (relative to it; +Y up, -Z front) and one column per attribute: numbers, or yes and no;
empty where not known:
  file,comfort,outdoor
  a.ply,0.3,yes
  b.obj,0.9,"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("--backbone", required=True, help="shipped generator, or folder of one")
    parser.add_argument("--attributes", type=Path, help="CSV of labels; else what the category's measurer reads")
    parser.add_argument("--method", default="editor", help="plugin method (%(default)s)")
    parser.add_argument("--shapes", type=int, default=8000, help="procedural shapes to learn from (%(default)s)")
    parser.add_argument("--steps", type=int, default=4000, help="steps of a network (%(default)s)")
    parser.add_argument("--requests", type=int, default=200, help="calibration edits per attribute (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (%(default)s)")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder of the new generator")


def run(arguments: argparse.Namespace) -> int:
    """Fit, calibrate, and write a folder that every verb takes as ``--model``."""
    import time

    import pcgen
    from pcgen.checkpoint import load_checkpoint
    from pcgen.cli._output import prepare_folder, print_table
    from pcgen.files import atomic_writer
    from pcgen.generator import FILES, folder_of
    from pcgen.plugins import Calibrated
    from pcgen.training.fit import write_card

    source = folder_of(arguments.backbone)
    generator = pcgen.load(source)
    started = time.monotonic()
    fit = _own if arguments.attributes else _measured
    generator = fit(generator, arguments)
    plugin = generator.plugin
    assert isinstance(plugin, Calibrated)  # both ways of fitting calibrate

    out = prepare_folder(arguments.out)
    for name in FILES[:2]:
        with atomic_writer(out / name) as file:
            file.write((source / name).read_bytes())
    plugin.save(out / FILES[2], {"seed": arguments.seed, "shapes": arguments.shapes, "steps": arguments.steps})
    write_card(out)
    state, _ = load_checkpoint(out / FILES[0], "autoencoder")
    total = sum(value.numel() for value in state.values())
    share = plugin.num_parameters / total
    print(f"{plugin.num_parameters / 1e3:.0f} k numbers, {share:.1%} of the backbone's {total / 1e6:.2f} M; ", end="")
    print(f"fitted and calibrated in {time.monotonic() - started:.0f} s")
    populations = sorted(plugin.errors)
    rows = [["90 % bound", *(f"on {name} shapes" for name in populations), "unit"]]
    bounds = [plugin.bound(name).tolist() for name in populations]
    for k, spec in enumerate(plugin.specs):
        rows.append([spec.name, *(f"{bound[k]:.3f}" for bound in bounds), spec.unit])
    print_table(rows)
    print(f"\nwrote {out}; use it as --model {out}")
    return 0


def _measured(generator: Generator, arguments: argparse.Namespace) -> Generator:
    """Attributes that the measurer reads, on procedural shapes and augmented real ones."""
    import os

    import numpy as np
    import torch

    from pcgen import attributes
    from pcgen.generator import Generator
    from pcgen.plugins.network import Schedule
    from pcgen.training.data import DataConfig, ShapeSet
    from pcgen.training.steering import (
        FRESH_POINTS,
        codes_of,
        drawn_errors,
        fit_calibrated,
        measure_of,
    )

    backbone = generator.backbone
    specs = list(attributes.get(backbone.category).specs)
    names = [spec.name for spec in specs]
    root = os.environ.get("PCGEN_REALSHAPES")
    data = DataConfig(
        procedural=arguments.shapes, real_share=0.3 if root else 0.0, real_categories=(backbone.category,)
    )
    shapes = ShapeSet(backbone.category, backbone.normalization, data, arguments.seed + 1)
    procedural = len(shapes.points)
    latents = codes_of(backbone, torch.from_numpy(shapes.points[:, :2048]).float())
    if shapes.own:
        rng = np.random.default_rng((arguments.seed, 0))
        drawn = np.stack([shapes.draw(shapes.own, rng)[:2048] for _ in range(procedural // REAL_PART)])
        latents = torch.cat([latents, codes_of(backbone, torch.from_numpy(drawn))])
    measure, fresh = measure_of(backbone, names), measure_of(backbone, names, FRESH_POINTS)
    # What the decoder draws is what is steered: it is measured instead of the shapes that went in.
    values, known = measure(latents)
    schedule = Schedule(steps=arguments.steps)
    options = {"method": arguments.method, "measure": measure, "seed": arguments.seed, "schedule": schedule}
    held = max(10, procedural // 10)
    plugin = fit_calibrated(latents[held:], values[held:].where(known[held:], float("nan")), specs, **options)
    errors = drawn_errors(plugin, latents[:held], measure, fresh, arguments.requests, arguments.seed)
    plugin.set_errors("drawn", errors)
    return Generator(backbone, generator.prior, plugin)


def _own(generator: Generator, arguments: argparse.Namespace) -> Generator:
    """Attributes from a table of labels; the plugin's own reading stands in for a measurer."""
    import torch

    from pcgen.generator import Generator
    from pcgen.normalize import NORMALIZATIONS
    from pcgen.plugins.network import Schedule
    from pcgen.pointcloud import PointCloud
    from pcgen.training.steering import codes_of, fit_calibrated

    files, specs, values = read_labels(arguments.attributes)
    backbone = generator.backbone
    latents = []
    for file in files:
        points = PointCloud.load(file, num_points=2048, seed=arguments.seed).tensor()
        latents.append(codes_of(backbone, NORMALIZATIONS[backbone.normalization](points).apply(points)[None]))
    schedule = Schedule(steps=arguments.steps)
    options = {"method": arguments.method, "seed": arguments.seed, "schedule": schedule}
    return Generator(backbone, generator.prior, fit_calibrated(torch.cat(latents), values, specs, **options))


def read_labels(path: Path) -> tuple[list[Path], list[AttributeSpec], Tensor]:
    """Files, attributes and values ``[S, K]`` of a CSV of labels; a column of yes and no is binary.

    Raises:
        FileError: the file is missing, or not such a table.
    """
    import csv

    import torch

    from pcgen.errors import FileError
    from pcgen.files import existing_file
    from pcgen.spec import AttributeSpec

    with existing_file(path).open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in (rows[0] if rows else {}) if name != "file"]
    if not rows or "file" not in rows[0] or not names:
        raise FileError(f"{path} must have a column `file`, one column per attribute, and a row per shape")
    words = {"yes": 1.0, "no": 0.0, "": float("nan")}
    columns, specs = [], []
    for name in names:
        texts = [(row[name] or "").strip().lower() for row in rows]
        try:
            column = torch.tensor([words[text] if text in words else float(text) for text in texts])
        except ValueError as error:
            raise FileError(f"{path}, column {name}: {error}; write numbers, yes, no, or nothing") from None
        given = column[~column.isnan()]
        binary = all(text in words for text in texts)
        low, high = (0.0, 1.0) if binary or not len(given) else (given.min().item(), given.max().item())
        specs.append(AttributeSpec(name, "binary" if binary else "continuous", low, high, "", f"column of {path.name}"))
        columns.append(column)
    return [path.parent / row["file"] for row in rows], specs, torch.stack(columns, dim=1)

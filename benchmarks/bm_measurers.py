"""How exactly attributes are read off clouds, how that holds up on spoilt clouds, and what it costs.

Errors are shares of the attribute's inter-decile range over procedural shapes: between two samplings of one shape
(test-retest), against the exact value, and against it after a backbone's reconstruction, which is the floor that no
editor can beat. A spoilt cloud passes where each value is within tolerance of the exact one or not measurable.

    python benchmarks/bm_measurers.py chair
    python benchmarks/bm_measurers.py chair --model runs/chair --json benchmarks/results/measurers_chair.json
"""

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch

import pcgen
from pcgen import attributes
from pcgen.normalize import NORMALIZATIONS
from pcgen.training.data import GENERATORS

POINTS = 2048
TOLERANCE = 0.25  # of the inter-decile range; counts and yes/no must be right


def with_outliers(clouds, generator, share=0.05):
    """Some points anywhere in a box half as large again."""
    low, high = clouds.amin(1, keepdim=True), clouds.amax(1, keepdim=True)
    anywhere = (low + high) / 2 + 1.5 * (high - low) * (torch.rand(clouds.shape, generator=generator) - 0.5)
    return torch.where(torch.rand((*clouds.shape[:2], 1), generator=generator) < share, anywhere, clouds)


def turned(clouds, generator, degrees=15.0):
    """Turned about the vertical axis, to either side."""
    angle = math.radians(degrees) * (2 * torch.randint(0, 2, (len(clouds),), generator=generator) - 1)
    x, y, z = clouds.unbind(-1)
    c, s = angle.cos()[:, None], angle.sin()[:, None]
    return torch.stack([c * x + s * z, y, c * z - s * x], -1)


CORRUPTIONS = {
    "clean": lambda clouds, generator: clouds,
    "5 % outliers": with_outliers,
    "half removed": lambda clouds, generator: clouds[:, torch.randperm(POINTS, generator=generator)[: POINTS // 2]],
    "turned by 15 degrees": turned,
}


def reconstructed(model, clouds):
    backbone = pcgen.load(model).backbone
    parts = [NORMALIZATIONS[backbone.normalization](part).apply(part) for part in clouds.split(256)]
    with torch.no_grad():
        return torch.cat([backbone.decode(backbone.encode(part), POINTS) for part in parts])


def shares(error):
    """Median and 90th percentile of the error's size, and median of the signed error; None without any."""
    error = error[~error.isnan()]
    if not len(error):
        return None
    sizes = error.abs().quantile(torch.tensor([0.5, 0.9])).tolist()
    return [round(value, 5) for value in (*sizes, error.median().item())]


def accuracy(specs, exact, measured):
    """For each attribute and each pair of value tables, errors as shares of the range, or how many are right."""
    rows = {}
    for column, spec in enumerate(specs):
        true = exact[:, column]
        deciles = true[~true.isnan()].quantile(torch.tensor([0.1, 0.9]))
        span = (deciles[1] - deciles[0]).item() if spec.kind == "continuous" else 1.0
        row = {"kind": spec.kind, "inter-decile range": round(span, 4)}
        for name, (first, second) in measured.items():
            a, b = first[:, column], second[:, column]
            if spec.kind == "continuous":
                row[name] = shares((a - b) / span)
            else:
                row[name] = round((a == b).float().mean().item(), 4)
            row[f"{name}, both or neither measurable"] = round((a.isnan() == b.isnan()).float().mean().item(), 4)
        rows[spec.name] = row
    return rows


def passed(specs, exact, values):
    """Which values ``[B, K]`` of spoilt clouds are within tolerance or not measurable."""
    columns = []
    for column, spec in enumerate(specs):
        true, value = exact[:, column], values[:, column]
        deciles = true[~true.isnan()].quantile(torch.tensor([0.1, 0.9]))
        tolerance = TOLERANCE * (deciles[1] - deciles[0]) if spec.kind == "continuous" else 0.5
        columns.append(((value - true).abs() <= tolerance) | value.isnan())
    return torch.stack(columns, 1)


def speed(measure, clouds):
    """Median milliseconds per cloud at batch 1 and batch 256."""
    result = {}
    for batch, repeats in ((1, 30), (256, 5)):
        part, times = clouds[:1].repeat(batch, 1, 1), []
        for _ in range(repeats):
            start = time.perf_counter()
            measure(part)
            times.append(1e3 * (time.perf_counter() - start) / batch)
        result[f"batch {batch}"] = round(float(np.median(times)), 3)
    return result


def show(facts):
    print(f"{'':<16}{'test-retest':>22}{'exact, true cloud':>24}{'exact, reconstructed':>26}")
    print(f"{'attribute':<16}{'median':>12}{'90 %':>10}{'median':>14}{'90 %':>10}{'median':>16}{'90 %':>10}")
    for name, row in facts["accuracy"].items():
        cells = [row.get(key) for key in ("test-retest", "true", "reconstructed")]
        text = [
            f"{'':>12}{'':>10}"
            if cell is None
            else f"{cell:>11.1%} right{'':>5}"
            if isinstance(cell, float)
            else f"{cell[0]:>12.4f}{cell[1]:>10.4f}"
            for cell in cells
        ]
        print(f"{name:<16}" + "  ".join(text))
    print("within tolerance or not measurable, share that is measurable, the worst attribute")
    for name, row in facts["corruptions"].items():
        print(f"{name:<22}{row['passed']:>8.2%}{row['measurable']:>8.1%}   {row['worst'][0]} {row['worst'][1]:.1%}")
    print(f"milliseconds per cloud: {facts['ms per cloud']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("category", choices=sorted(set(GENERATORS) & set(attributes.MEASURERS)))
    parser.add_argument("--model", help="shipped generator, or folder of one, whose backbone reconstructs")
    parser.add_argument("--count", type=int, default=1000, help="shapes (%(default)s)")
    parser.add_argument("--seed", type=int, default=2_000_000)
    parser.add_argument("--json", type=Path, help="write the table to this file")
    arguments = parser.parse_args()

    measurer = attributes.get(arguments.category)
    batch = GENERATORS[arguments.category](arguments.count, 2 * POINTS, arguments.seed)
    exact, points = torch.from_numpy(batch.values), torch.from_numpy(batch.points)
    first, second = points[:, :POINTS].contiguous(), points[:, POINTS:].contiguous()
    values = measurer.measure(first)[0]
    tables = {"test-retest": (values, measurer.measure(second)[0]), "true": (values, exact)}
    if arguments.model:
        tables["reconstructed"] = (measurer.measure(reconstructed(arguments.model, first))[0], exact)
    facts = {
        "category": arguments.category,
        "model": arguments.model,
        "shapes": arguments.count,
        "points": POINTS,
        "accuracy": accuracy(measurer.specs, exact, tables),
        "corruptions": {},
    }
    for name, corrupt in CORRUPTIONS.items():
        spoilt = measurer.measure(corrupt(first, torch.Generator().manual_seed(arguments.seed)))[0]
        ok = passed(measurer.specs, exact, spoilt)
        worst = ok.float().mean(0).argmin().item()
        facts["corruptions"][name] = {
            "passed": round(ok.float().mean().item(), 5),
            "measurable": round((~spoilt.isnan()).float().mean().item(), 4),
            "worst": [measurer.specs[worst].name, round(ok[:, worst].float().mean().item(), 4)],
        }
    facts["ms per cloud"] = speed(measurer.measure, first)
    show(facts)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()

"""How exactly edits of real shapes reach their requests, and how little else changes.

Every shape of the category in the test split, none of which the shipped model saw, is asked for values spread over each
attribute's range. Values are read on points that did not steer the edit. Attributes that cannot be measured on a shape
are not edited there, and drift is the mean of the others that can be measured before; one that no longer can be counts
as its whole range.

    python benchmarks/bm_edit.py path/to/realshapes
    python benchmarks/bm_edit.py path/to/realshapes --model runs/chair --json edit.json
"""

import argparse
import json
from pathlib import Path

import numpy as np

import pcgen
from pcgen.data.layouts import realshapes
from pcgen.errors import InputError

STEPS = (-0.2, -0.1, 0.1, 0.2)  # of the attribute's range, added to what the chair has
SPOILT = 0.25  # of an attribute's range: about a standard deviation


def requests(spec, value):
    return [value + step * (spec.high - spec.low) for step in STEPS]


def run(root, model):
    generator = pcgen.load(model)
    specs = [spec for spec in generator.specs if spec.kind == "continuous"]
    rows = []
    for record in realshapes.list_shapes(root, generator.backbone.category, split="test"):
        points = realshapes.load(root, record).tensor()
        values, measurable = generator.measure(points)
        for column, spec in enumerate(generator.specs):
            for wanted in requests(spec, values[column].item()) if spec in specs and measurable[column] else []:
                if not spec.low <= wanted <= spec.high:
                    continue
                try:
                    edit = generator.edit(points, **{spec.name: wanted})
                except InputError as error:
                    print(f"left out: {record.id}: {error}")
                    break
                span = spec.high - spec.low
                drift = [
                    abs(edit.after[other.name] - edit.before[other.name]) / (other.high - other.low)
                    for other in specs
                    if other is not spec and edit.before[other.name] == edit.before[other.name]
                ]
                drift = np.nan_to_num(drift, nan=1.0)  # what can no longer be measured
                rows.append(
                    {
                        "shape": record.id,
                        "attribute": spec.name,
                        "requested": wanted,
                        "before": edit.before[spec.name],
                        "after": edit.after[spec.name],
                        "error": float(np.nan_to_num(abs(edit.after[spec.name] - wanted) / span, nan=1.0)),
                        "bound": edit.bound[spec.name],
                        "range": span,
                        "drift": float(drift.mean()),
                        "worst": float(drift.max()),
                    }
                )
    return rows


def table(rows):
    print(
        f"{'attribute':<15}{'edits':>6}{'median error':>14}{'90 %':>8}{'within 5 %':>12}{'bounded':>9}"
        f"{'kept':>7}{'±':>8}{'others drift':>14}{'spoilt':>8}"
    )
    for name in dict.fromkeys(row["attribute"] for row in rows):
        mine = [row for row in rows if row["attribute"] == name]
        error = np.array([row["error"] for row in mine])
        bounded = [row for row in mine if np.isfinite(row["bound"])]
        kept, width = "-", "-"
        if bounded:
            kept = f"{np.mean([abs(row['after'] - row['requested']) <= row['bound'] for row in bounded]):.0%}"
            width = f"{np.median([row['bound'] / row['range'] for row in bounded]):.1%}"
        spoilt = np.mean([row["worst"] > SPOILT for row in mine])
        drift = np.median([row["drift"] for row in mine])
        print(
            f"{name:<15}{len(mine):>6}{np.median(error):>14.2%}{np.quantile(error, 0.9):>8.1%}"
            f"{np.mean(error < 0.05):>12.0%}{len(bounded) / len(mine):>9.0%}"
            f"{kept:>7}{width:>8}{drift:>14.2%}{spoilt:>8.0%}"
        )
    print(
        "errors and drifts are shares of the range of requests\n"
        "bounded: edits that state a 90 % bound; kept: those whose error stays within it; ±: its median\n"
        f"spoilt: edits after which another attribute is off by more than {SPOILT:.0%}, or cannot be measured"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("realshapes", type=Path, help="folder of real shapes with its manifest.csv")
    parser.add_argument("--model", default="chair", help="shipped generator, or folder of one (%(default)s)")
    parser.add_argument("--json", type=Path, help="write every edit to this file")
    arguments = parser.parse_args()
    rows = run(arguments.realshapes, arguments.model)
    table(rows)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()

"""How well priors over a frozen backbone's codes draw: 1-NNA against shapes never trained on, and memorisation.

1-NNA is the leave-one-out accuracy of a nearest-neighbour classifier (Chamfer distance) that tells drawn shapes from
held-out ones; 50 % means that they cannot be told apart. A prior can at best reach what the autoencoder's own
reconstructions of other held-out shapes reach. Memorisation: the median distance of a drawn code to its nearest
training code, over that of a held-out shape's code; well below 1 means copies.

    python benchmarks/bm_prior.py
    python benchmarks/bm_prior.py --model runs/chair --count 500 --json prior.json
"""

import argparse
import json
import time
from pathlib import Path

import torch

import pcgen
from pcgen.models import FlowMatchingPrior, GaussianMixturePrior
from pcgen.normalize import NORMALIZATIONS
from pcgen.ops import chamfer_distance
from pcgen.training.data import GENERATORS

TRAINING_SEED, HELD_OUT_SEED = 0, 1_000_000
POINTS = 512  # per shape for 1-NNA: a sixteenth of the time of 2048, and hardly another accuracy


def shapes(backbone, count, seed, points):
    """Normalised procedural shapes ``[count, points, 3]``."""
    clouds = torch.from_numpy(GENERATORS[backbone.category](count, points, seed).points)
    return NORMALIZATIONS[backbone.normalization](clouds).apply(clouds)


@torch.no_grad()
def encode(backbone, clouds):
    return torch.cat([backbone.encode(part) for part in clouds.split(64)])


@torch.no_grad()
def decode(backbone, codes):
    return torch.cat([backbone.decode(part, POINTS) for part in codes.split(256)])


def one_nearest_neighbour_accuracy(drawn, held_out):
    """Leave-one-out accuracy (Xu et al., 2018) on the union of two equally large sets, nearest by Chamfer distance."""
    union = torch.cat([drawn, held_out])
    label = torch.arange(len(union)) < len(drawn)
    distance = torch.full((len(union), len(union)), torch.inf)
    for i in range(len(union) - 1):
        row = chamfer_distance(union[i].expand(len(union) - i - 1, -1, -1), union[i + 1 :])
        distance[i, i + 1 :] = distance[i + 1 :, i] = row
    return (label[distance.argmin(1)] == label).float().mean().item()


def nearest_code(codes, training):
    return torch.cdist(codes, training).amin(1)


def run(model, count, training_shapes):
    generator = pcgen.load(model)
    backbone = generator.backbone
    training = encode(backbone, shapes(backbone, training_shapes, TRAINING_SEED, 2048))
    reference = shapes(backbone, count, HELD_OUT_SEED, POINTS)
    others = encode(backbone, shapes(backbone, count, HELD_OUT_SEED + 1, 2048))
    spread = nearest_code(others, training).median()
    start = time.perf_counter()
    mixture = GaussianMixturePrior.fit(training)
    middle = time.perf_counter()
    flow = FlowMatchingPrior.fit(training)
    seconds = {"gaussian mixture": middle - start, "flow matching": time.perf_counter() - middle}
    drawn = {"reconstructions": others, "shipped prior": generator.prior.sample(count, seed=1)}
    drawn |= {"gaussian mixture": mixture.sample(count, seed=1), "flow matching": flow.sample(count, seed=1)}
    rows = []
    for name, codes in drawn.items():
        rows.append(
            {
                "codes": name,
                "1-NNA": one_nearest_neighbour_accuracy(decode(backbone, codes), reference),
                "nearest training code / held out": (nearest_code(codes, training).median() / spread).item(),
                "fit s": seconds.get(name, float("nan")),
            }
        )
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="chair")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--training-shapes", type=int, default=10000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = run(arguments.model, arguments.count, arguments.training_shapes)
    print(f"{'codes':20}{'1-NNA':>8}{'nearest code':>14}{'fit s':>8}")
    for row in rows:
        _, accuracy, ratio, seconds = row.values()
        print(f"{row['codes']:20}{accuracy:8.1%}{ratio:14.2f}{seconds:8.0f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2))

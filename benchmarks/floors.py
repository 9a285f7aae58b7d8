"""The least time that a GPU needs for each benchmarked case, by the algorithm: arithmetic, memory, launches, waiting.

A phase takes at least the longer of its instructions at full rate and its memory traffic at full bandwidth, plus its
launches, plus the latency of steps that must wait for each other. Phases that need each other's results add up.
"""

from __future__ import annotations

from dataclasses import dataclass

LAUNCH = 3e-6  # seconds of a kernel behind another in a stream, with nothing to do
EXCHANGE = 150 / 1.755e9  # threads of a block agree: two reductions of a warp, a barrier, shared memory
CLUSTER_EXCHANGE = 450 / 1.755e9  # blocks of a cluster agree: the same, a barrier of the cluster, a peer's memory


@dataclass(frozen=True)
class Device:
    """What a GPU does in a second: instructions of a lane, bytes; and how many multiprocessors share in it."""

    slots: float
    bytes: float
    processors: int


H100 = Device(132 * 128 * 1.755e9, 3.35e12, 132)  # SXM, by its data sheet


@dataclass(frozen=True)
class Phase:
    """Work whose parts can overlap."""

    slots: float = 0  # instructions of a lane
    bytes: float = 0  # read from and written to memory, once each
    launches: int = 1  # kernels that must follow each other
    waits: float = 0  # seconds of latency that nothing hides
    processors: int | None = None  # that can take part; all of them if None

    def seconds(self, device: Device) -> float:
        """The least time."""
        share = min(self.processors or device.processors, device.processors) / device.processors
        return max(self.slots / device.slots / share, self.bytes / device.bytes) + self.waits + self.launches * LAUNCH


def floor(case: str, device: Device) -> float:
    """The least time of a case, in seconds."""
    return sum(phase.seconds(device) for phase in FLOORS[case])


# --- work that floors and predictions share -------------------------------------------------------------------------

CLOUDS, POINTS = 32, 2048
PAIRS = CLOUDS * POINTS * POINTS
ROW = 12  # bytes of a point, and of a result: float32 and int64
MILLION = 10**6
LEAVES_OF_A_QUERY, LEAF = 12, 32  # leaves that a warp of neighbouring queries scans, and points in each
SORT_PASSES = 4  # of 8 bits: 27 of the curve, 1 of validity
SORT_BYTES = MILLION * (SORT_PASSES * 2 * 16 + 8)  # keys and values of 64 bits, read and written; keys once more
EMD_BIDS = 40 * POINTS  # for one pair

# Both clouds in, distances and indices out; three subtractions, three multiplications and additions, two minima a pair.
_CHAMFER = Phase(slots=PAIRS * 8, bytes=4 * CLOUDS * POINTS * ROW, launches=2)
# In both directions: gradient, index, two points and two pulls of each point.
_CHAMFER_BACKWARD = Phase(bytes=2 * CLOUDS * POINTS * (ROW + 4 * ROW))
# Corners, keys, sort, leaves and three levels; the points are read three times and written once.
_INDEX = Phase(bytes=SORT_BYTES + 4 * MILLION * ROW, launches=3 + 1 + SORT_PASSES + 3)

FLOORS = {
    "chamfer 32 x 2048": (_CHAMFER,),
    "chamfer and gradient 32 x 2048": (_CHAMFER, _CHAMFER_BACKWARD),
    "knn k=16 32 x 2048": (Phase(slots=PAIRS * 7, bytes=CLOUDS * POINTS * (2 + 16) * ROW),),
    "fps 32 x 2048 -> 1024": (Phase(1024 * CLOUDS * POINTS * 8, waits=1024 * EXCHANGE, processors=CLOUDS),),
    "fps 1 x 100k -> 10k": (Phase(1e4 * 1e5 * 8, waits=1e4 * CLUSTER_EXCHANGE, processors=13),),
    "nearest 1M vs 1M": (
        _INDEX,
        _INDEX,
        Phase(slots=MILLION * LEAVES_OF_A_QUERY * LEAF * 7, bytes=3 * MILLION * ROW, launches=2),
    ),
    # Half of the bids, 40 instructions a target, all multiprocessors.
    "emd 32 x 2048": (Phase(CLOUDS * EMD_BIDS * POINTS / 2 * 40),),
}

# What we aim at on an H100, in seconds.
TARGETS = {
    "chamfer 32 x 2048": 120e-6,
    "chamfer and gradient 32 x 2048": 180e-6,
    "knn k=16 32 x 2048": 200e-6,
    "fps 32 x 2048 -> 1024": 1024 * 0.7e-6,
    "fps 1 x 100k -> 10k": 25e-3,
    "nearest 1M vs 1M": 10e-3,
}

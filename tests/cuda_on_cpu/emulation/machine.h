// The CUDA execution model on one CPU thread: grids of blocks of warps of lanes, each lane a fiber.
//
// Blocks that need each other (a cluster, a cooperative grid) run together, others one after the other, in an order
// drawn from a seed. Within them warps and lanes run in drawn order, each until it waits for others, so that nothing
// but a barrier puts two lanes in order. What a GPU leaves undefined ends the launch with an error that says where.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <source_location>
#include <string>
#include <vector>

#include "fiber.h"

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
};
using uint3 = dim3;

namespace emulation {

struct Settings {
  uint64_t seed = 0;
  unsigned char poison = 0xff;  // fills shared memory when a block begins
  int capability = 90;          // 10 * major + minor
  int processors = 4;
  int built_for = 90;  // capability that the code was compiled for, at most the device's
};
extern Settings settings;

using Site = std::source_location;

struct Block;
struct Warp;

struct Thread {
  enum class State { ready, waiting, gone };

  uint3 index;
  unsigned rank, lane;
  Block* block;
  Warp* warp;
  State state;
  const char* waits_for;
  Site site;
  uint64_t value, argument;  // what it brings to that
  uint64_t result;           // and takes home
  std::unique_ptr<Fiber> fiber;
};

// Lanes of a warp that have come to the same place, and those they wait for.
struct Gathering {
  const char* name;
  Site site;
  uint32_t mask, arrived;
};

struct Warp {
  std::vector<Thread*> lanes;
  std::vector<Gathering> gatherings;
};

// All its members wait until the last of them comes.
struct Barrier {
  const char* name;
  std::vector<Thread*> members;
  size_t arrived = 0, passed = 0;  // now, and how often all have come
  Site site{};
};

struct Cluster;

struct Block {
  uint3 index;
  unsigned rank;  // in its cluster
  Cluster* cluster;
  std::vector<Thread*> threads;
  std::vector<Warp> warps;
  Barrier barrier{"__syncthreads", {}};
  std::unique_ptr<char[]> dynamic_shared;  // of exactly the size asked for
  size_t dynamic_bytes;
  std::map<const void*, std::pair<std::unique_ptr<char[]>, size_t>> shared;  // by declaration

  bool gone() const;
};

struct Cluster {
  std::vector<Block*> blocks;
  Barrier barrier{"cluster barrier", {}};
};

struct Launch {
  dim3 grid, block;
  size_t dynamic_bytes = 0;
  unsigned cluster = 1;
  bool cooperative = false;
};

extern Launch launch;          // the running one
extern Thread* self;           // the running lane
extern Barrier* grid_barrier;  // of a cooperative launch

// Runs a kernel to its end; returns what went wrong, or an empty string.
std::string run(const Launch& launch, const std::function<void()>& kernel);

// Ends the launch. For lanes.
[[noreturn]] void fail(const std::string& problem);

void wait(Barrier& barrier, Site site);

// Waits for all lanes of the mask to come to the same place; the last one calls combine(lanes, mask), which fills in
// their results from their values and arguments.
using Combine = void (*)(Warp& warp, uint32_t mask);
uint64_t warp_collective(const char* name, uint32_t mask, uint64_t value, uint64_t argument, Combine combine,
                         Site site);

// Lets others run, for a lane that waits for memory to change.
void spin(Site site);

// Memory of the running block for a __shared__ declaration, known by an address.
void* shared(const void* declaration, size_t bytes);

// The same place in the shared memory of another block of the cluster.
void* peer(void* own, unsigned rank);

}  // namespace emulation

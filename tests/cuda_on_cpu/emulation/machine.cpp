#include "machine.h"

#include <algorithm>
#include <cstring>
#include <random>

namespace emulation {

Settings settings;
Launch launch;
Thread* self = nullptr;
Barrier* grid_barrier = nullptr;

namespace {

const std::function<void()>* kernel = nullptr;
std::string failure;
std::mt19937_64 random_order;
constexpr int64_t kPatience = 20000;
int64_t spins = 0;  // since a lane came to a barrier

std::string name_of(const Site& site) {
  const char* slash = std::strrchr(site.file_name(), '/');
  return std::string(slash ? slash + 1 : site.file_name()) + ":" + std::to_string(site.line());
}

bool same(const Site& a, const Site& b) {
  return a.line() == b.line() && a.column() == b.column() && !std::strcmp(a.file_name(), b.file_name());
}

std::string name_of(const Thread& thread) {
  const auto text = [](const uint3& i) {
    return "(" + std::to_string(i.x) + "," + std::to_string(i.y) + "," + std::to_string(i.z) + ")";
  };
  return "thread " + text(thread.index) + " of block " + text(thread.block->index);
}

void begin_lane() {
  (*kernel)();
  self->state = Thread::State::gone;
}

uint3 unflatten(size_t rank, const dim3& shape) {
  return {unsigned(rank % shape.x), unsigned(rank / shape.x % shape.y), unsigned(rank / shape.x / shape.y)};
}

size_t count(const dim3& shape) { return size_t(shape.x) * shape.y * shape.z; }

std::unique_ptr<char[]> poisoned(size_t bytes) {
  std::unique_ptr<char[]> memory(new char[bytes]);
  std::memset(memory.get(), settings.poison, bytes);
  return memory;
}

// The lanes of all launches, for their stacks are dear.
Thread* borrow_thread(size_t i) {
  static std::vector<std::unique_ptr<Thread>> pool;
  while (pool.size() <= i) {
    pool.push_back(std::make_unique<Thread>());
    pool.back()->fiber = std::make_unique<Fiber>(begin_lane);
  }
  return pool[i].get();
}

// Some blocks that run together.
struct Company {
  std::vector<std::unique_ptr<Block>> blocks;
  std::vector<std::unique_ptr<Cluster>> clusters;
  Barrier everybody{"grid barrier", {}};
  std::vector<Warp*> warps;

  Company(size_t first, size_t last) {
    size_t lanes = 0;
    for (size_t rank = first; rank < last; ++rank) {
      if ((rank - first) % launch.cluster == 0) clusters.push_back(std::make_unique<Cluster>());
      blocks.push_back(std::make_unique<Block>());
      Block& block = *blocks.back();
      block.index = unflatten(rank, launch.grid);
      block.rank = unsigned((rank - first) % launch.cluster);
      block.cluster = clusters.back().get();
      block.cluster->blocks.push_back(&block);
      block.dynamic_bytes = launch.dynamic_bytes;
      block.dynamic_shared = poisoned(launch.dynamic_bytes);
      const size_t threads = count(launch.block);
      block.warps.resize((threads + 31) / 32);
      for (size_t i = 0; i < threads; ++i) {
        Thread* thread = borrow_thread(lanes++);
        thread->index = unflatten(i, launch.block);
        thread->rank = unsigned(i);
        thread->lane = unsigned(i % 32);
        thread->block = &block;
        thread->warp = &block.warps[i / 32];
        thread->state = Thread::State::ready;
        thread->fiber->restart();
        thread->warp->lanes.push_back(thread);
        block.threads.push_back(thread);
        for (Barrier* barrier : {&block.barrier, &block.cluster->barrier, &everybody}) {
          barrier->members.push_back(thread);
        }
      }
      for (Warp& warp : block.warps) warps.push_back(&warp);
    }
  }

  // Lets every ready lane of about half the warps run until it waits; returns whether any lane ran.
  bool sweep() {
    std::shuffle(warps.begin(), warps.end(), random_order);
    bool progress = false;
    for (Warp* warp : warps) {
      if (progress && random_order() % 2) continue;
      const size_t lanes = warp->lanes.size(), first = random_order() % lanes;
      for (size_t k = 0; k < lanes && failure.empty(); ++k) {
        self = warp->lanes[(first + k) % lanes];
        if (self->state != Thread::State::ready) continue;
        self->fiber->enter();
        progress = true;
      }
    }
    return progress;
  }

  bool done() const {
    return std::all_of(blocks.begin(), blocks.end(), [](const auto& block) { return block->gone(); });
  }

  void run() {
    grid_barrier = &everybody;
    while (failure.empty() && !done()) {
      if (!sweep()) failure = "deadlock: " + waiting();
    }
  }

  std::string waiting() const {
    std::string text;
    int told = 0;
    for (const auto& block : blocks) {
      for (const Thread* thread : block->threads) {
        if (thread->state != Thread::State::waiting || ++told > 4) continue;
        text += name_of(*thread) + " waits for " + thread->waits_for + " at " + name_of(thread->site) + "; ";
      }
    }
    return text + std::to_string(told) + " threads wait in all";
  }
};

void suspend(const char* what, Site site) {
  Thread* thread = self;
  thread->state = Thread::State::waiting;
  thread->waits_for = what;
  thread->site = site;
  spins = 0;
  Fiber::leave();
}

// A mask must name the caller, and lanes that are still to come.
void check_mask(const char* name, uint32_t mask, Site site) {
  const std::string text = std::string(name) + " at " + name_of(site) + ": the mask ";
  const Thread* thread = self;
  if (!(mask >> thread->lane & 1)) fail(text + "leaves out the calling lane " + std::to_string(thread->lane));
  for (unsigned lane = 0; lane < 32; ++lane) {
    if (!(mask >> lane & 1)) continue;
    if (lane >= thread->warp->lanes.size() || thread->warp->lanes[lane]->state == Thread::State::gone) {
      fail(text + "names lane " + std::to_string(lane) + ", which is not running");
    }
  }
}

}  // namespace

bool Block::gone() const {
  return std::all_of(threads.begin(), threads.end(), [](const Thread* t) { return t->state == Thread::State::gone; });
}

void fail(const std::string& problem) {
  failure = name_of(*self) + ": " + problem;
  while (true) Fiber::leave();
}

std::string run(const Launch& what, const std::function<void()>& body) {
  launch = what;
  kernel = &body;
  failure.clear();
  random_order.seed(settings.seed);
  const size_t blocks = count(launch.grid), together = launch.cooperative ? blocks : launch.cluster;
  std::vector<size_t> order;
  for (size_t first = 0; first < blocks; first += together) order.push_back(first);
  std::shuffle(order.begin(), order.end(), random_order);
  for (const size_t first : order) {
    if (failure.empty()) Company(first, first + together).run();
  }
  self = nullptr;
  return failure;
}

void wait(Barrier& barrier, Site site) {
  if (barrier.arrived == 0) barrier.site = site;
  if (!same(barrier.site, site)) {
    fail(std::string("diverged: ") + barrier.name + " at " + name_of(site) + " while others are in the one at " +
         name_of(barrier.site));
  }
  for (const Thread* other : barrier.members) {
    if (other->state == Thread::State::gone) {
      fail(std::string("diverged: ") + barrier.name + " at " + name_of(site) + ", which " + name_of(*other) +
           " has passed by or left out, being at its end");
    }
  }
  if (++barrier.arrived < barrier.members.size()) return suspend(barrier.name, site);
  barrier.arrived = 0;
  ++barrier.passed;
  for (Thread* other : barrier.members) other->state = Thread::State::ready;
}

uint64_t warp_collective(const char* name, uint32_t mask, uint64_t value, uint64_t argument, Combine combine,
                         Site site) {
  Thread* thread = self;
  Warp& warp = *thread->warp;
  const uint32_t own = 1u << thread->lane;
  if (!(mask & own)) check_mask(name, mask, site);
  thread->value = value;
  thread->argument = argument;
  auto& all = warp.gatherings;
  auto here =
      std::find_if(all.begin(), all.end(), [&](const Gathering& g) { return g.mask == mask && same(g.site, site); });
  if (here == all.end()) {
    check_mask(name, mask, site);
    here = all.insert(all.end(), {name, site, mask, 0});
  }
  here->arrived |= own;
  if (here->arrived != mask) {
    suspend(name, site);
  } else {
    all.erase(here);
    combine(warp, mask);
    for (Thread* lane : warp.lanes) {
      if (mask >> lane->lane & 1) lane->state = Thread::State::ready;
    }
  }
  return thread->result;
}

void spin(Site site) {
  if (++spins > kPatience) fail("spins for ever at " + name_of(site));
  Fiber::leave();
}

void* shared(const void* declaration, size_t bytes) {
  auto& entry = self->block->shared[declaration];
  if (!entry.first) entry = {poisoned(bytes), bytes};
  return entry.first.get();
}

void* peer(void* own, unsigned rank) {
  Block& mine = *self->block;
  if (rank >= mine.cluster->blocks.size()) fail("no block " + std::to_string(rank) + " in the cluster");
  Block& other = *mine.cluster->blocks[rank];
  if (!mine.cluster->barrier.passed) fail("shared memory of a block that may not have begun");
  if (other.gone()) fail("shared memory of a block that has ended");
  char* pointer = static_cast<char*>(own);
  const auto offset = [&](const std::unique_ptr<char[]>& memory) { return size_t(pointer - memory.get()); };
  if (offset(mine.dynamic_shared) < mine.dynamic_bytes) {
    return other.dynamic_shared.get() + offset(mine.dynamic_shared);
  }
  for (auto& [declaration, memory] : mine.shared) {
    if (offset(memory.first) >= memory.second) continue;
    auto& theirs = other.shared[declaration];
    if (!theirs.first) theirs = {poisoned(memory.second), memory.second};
    return theirs.first.get() + offset(memory.first);
  }
  fail("not an address in shared memory");
}

}  // namespace emulation

// The next launches run like this. For Python.
extern "C" __attribute__((visibility("default"))) void emulation_configure(uint64_t seed, int poison, int capability,
                                                                           int processors, int built_for) {
  emulation::settings = {seed, static_cast<unsigned char>(poison), capability, processors, built_for};
}

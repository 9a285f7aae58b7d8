// Fibers: stacks of their own that give the processor to each other by hand.
#pragma once

#include <cstddef>

namespace emulation {

class Fiber {
 public:
  explicit Fiber(void (*body)());
  ~Fiber();
  Fiber(const Fiber&) = delete;

  void restart();  // the next enter() runs body from its beginning

  // Runs this fiber until it calls leave(). From outside of any fiber only.
  void enter();

  // Back to whoever entered the running fiber.
  static void leave();

 private:
  static void begin();

  void (*body_)();
  char* stack_;
  void* context_ = nullptr;  // where it left off: a stack pointer or a ucontext_t
  void* fake_stack_ = nullptr;
};

}  // namespace emulation

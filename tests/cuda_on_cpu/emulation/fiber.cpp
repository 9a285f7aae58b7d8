#include "fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <new>

#if PCGEN_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace emulation {
namespace {

constexpr size_t kStack = 256 * 1024, kGuard = 4096;  // memory is only taken when touched

Fiber* running = nullptr;
void* outside = nullptr;  // the context that entered the running fiber
void* outside_fake_stack = nullptr;
const void* outside_stack = nullptr;
size_t outside_size = 0;

// Tell ASan which stack is in use, or it takes a switch for a wild stack pointer.
void announce_switch([[maybe_unused]] void** save, [[maybe_unused]] const void* stack, [[maybe_unused]] size_t size) {
#if PCGEN_ASAN
  __sanitizer_start_switch_fiber(save, stack, size);
#endif
}

void finish_switch([[maybe_unused]] void* fake, [[maybe_unused]] const void** stack, [[maybe_unused]] size_t* size) {
#if PCGEN_ASAN
  __sanitizer_finish_switch_fiber(fake, stack, size);
#endif
}

}  // namespace

#if defined(__x86_64__)

// Saves what the System V calling convention asks a function to keep, and continues on the other stack.
extern "C" void emulation_switch(void** save, void* load);
asm(R"(
.text
.globl emulation_switch
.type emulation_switch, @function
emulation_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size emulation_switch, .-emulation_switch
)");

namespace {

void* prepare(char* stack, void (*begin)()) {
  auto top = reinterpret_cast<uintptr_t>(stack + kStack) & ~uintptr_t(15);
  auto* frame = reinterpret_cast<void**>(top) - 8;  // six registers, the entry point, and the alignment of a call
  for (int i = 0; i < 6; ++i) frame[i] = nullptr;
  frame[6] = reinterpret_cast<void*>(begin);
  frame[7] = nullptr;
  return frame;
}

void switch_context(void** save, void** load) { emulation_switch(save, *load); }

}  // namespace

#else

namespace {

void* prepare(char* stack, void (*begin)()) {
  auto* context = new ucontext_t;
  getcontext(context);
  context->uc_stack = {stack, 0, kStack};
  context->uc_link = nullptr;
  makecontext(context, begin, 0);
  return context;
}

void switch_context(void** save, void** load) {
  if (!*save) *save = new ucontext_t;
  swapcontext(static_cast<ucontext_t*>(*save), static_cast<ucontext_t*>(*load));
}

}  // namespace

#endif

Fiber::Fiber(void (*body)()) : body_(body) {
  void* memory = mmap(nullptr, kStack + kGuard, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  mprotect(memory, kGuard, PROT_NONE);
  stack_ = static_cast<char*>(memory) + kGuard;
}

Fiber::~Fiber() { munmap(stack_ - kGuard, kStack + kGuard); }

void Fiber::restart() {
#if PCGEN_ASAN
  ASAN_UNPOISON_MEMORY_REGION(stack_, kStack);
#endif
  context_ = prepare(stack_, &Fiber::begin);
}

void Fiber::begin() {
  finish_switch(nullptr, &outside_stack, &outside_size);
  running->body_();
  leave();  // for good
}

void Fiber::enter() {
  running = this;
  announce_switch(&outside_fake_stack, stack_, kStack);
  switch_context(&outside, &context_);
  finish_switch(outside_fake_stack, nullptr, nullptr);
}

void Fiber::leave() {
  Fiber* self = running;
  announce_switch(&self->fake_stack_, outside_stack, outside_size);
  switch_context(&self->context_, &outside);
  finish_switch(self->fake_stack_, &outside_stack, &outside_size);
}

}  // namespace emulation

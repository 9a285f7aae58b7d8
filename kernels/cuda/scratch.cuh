// One piece of scratch memory, divided into arrays.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pcgen {

// Hands out aligned arrays one after the other. Without memory it only counts: the same code that divides a piece of
// scratch memory says how large it must be.
class Scratch {
 public:
  explicit Scratch(void* memory = nullptr) : memory_(static_cast<char*>(memory)) {}

  template <typename T>
  T* take(int64_t count) {
    char* at = memory_ ? memory_ + bytes_ : nullptr;
    bytes_ += (count * int64_t(sizeof(T)) + kAlign - 1) / kAlign * kAlign;
    return reinterpret_cast<T*>(at);
  }

  int64_t bytes() const { return bytes_; }

 private:
  static constexpr int64_t kAlign = 256;
  char* memory_;
  int64_t bytes_ = 0;
};

}  // namespace pcgen

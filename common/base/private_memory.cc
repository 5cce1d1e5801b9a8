#include "common/base/private_memory.h"

#include <cstdlib>
#include <cstring>
#include <new>

#include <malloc.h>
#include <sys/resource.h>

namespace registry {

void keep_memory_private() noexcept {
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  ::setrlimit(RLIMIT_CORE, &none);
}

}  // namespace registry

// A sanitizer brings its own, of which none calls another, and tells a mixture from a mistake.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace registry {
namespace {

void* allocate(std::size_t size) {
  for (;;) {
    if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
    const std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) throw std::bad_alloc();
    handler();
  }
}

void* allocate_aligned(std::size_t size, std::align_val_t alignment) {
  const auto boundary = static_cast<std::size_t>(alignment);
  const std::size_t whole = (size + boundary - 1) / boundary * boundary;
  for (;;) {
    if (void* memory = std::aligned_alloc(boundary, whole)) return memory;
    const std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) throw std::bad_alloc();
    handler();
  }
}

void wipe_and_free(void* memory) noexcept {
  if (memory == nullptr) return;
  ::explicit_bzero(memory, ::malloc_usable_size(memory));
  std::free(memory);
}

}  // namespace

}  // namespace registry

// The forms without exceptions and for arrays call these, by the standard's defaults.
// Source: [new.delete], C++20.
void* operator new(std::size_t size) {
  return registry::allocate(size);
}

void* operator new(std::size_t size, std::align_val_t alignment) {
  return registry::allocate_aligned(size, alignment);
}

void operator delete(void* memory) noexcept {
  registry::wipe_and_free(memory);
}

void operator delete(void* memory, std::size_t /*size*/) noexcept {
  registry::wipe_and_free(memory);
}

void operator delete(void* memory, std::align_val_t /*alignment*/) noexcept {
  registry::wipe_and_free(memory);
}

void operator delete(void* memory, std::size_t /*size*/, std::align_val_t /*alignment*/) noexcept {
  registry::wipe_and_free(memory);
}

#endif

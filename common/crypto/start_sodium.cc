#include "common/crypto/start_sodium.h"

#include <stdexcept>

#include <sodium.h>

namespace registry::crypto {

void start_sodium() {
  static const bool kIsStarted = ::sodium_init() >= 0;  // 1: somebody else was first
  if (!kIsStarted) throw std::runtime_error("sodium_init failed");
}

}  // namespace registry::crypto

#pragma once

#include "common/fcgi/exchange.h"

namespace registry::fcgi {

// libfcgi is to be prepared once in a process, whichever of its tests comes first.
inline void initialize_libfcgi_once() {
  [[maybe_unused]] static bool is_done = [] {
    initialize_libfcgi();
    return true;
  }();
}

}  // namespace registry::fcgi

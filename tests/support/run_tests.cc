// The runner of Catch2 version 2 is compiled from its header, here and once; version 3 brings it in
// a library.
#if !__has_include(<catch2/catch_all.hpp>)
#define CATCH_CONFIG_RUNNER
#endif
#include "tests/support/run_tests.h"

#include "tests/support/catch.h"

namespace registry::test {

int run_tests(int argc, char** argv) {
  return Catch::Session().run(argc, argv);
}

}  // namespace registry::test

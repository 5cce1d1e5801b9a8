#include <iostream>

#include <signal.h>

#include "tests/support/run_tests.h"
#include "tests/support/service.h"

// After the tests: every function of the shared service leaves in order, and no log holds what no
// run may leave behind.
namespace {

bool shared_service_ends_well() {
  registry::test::Service& service = registry::test::shared_service();
  bool is_well = true;
  for (const std::string& operation : registry::test::operation_ids()) {
    const int result = service.stop_function(operation, SIGTERM);
    if (result == 0) continue;
    std::cerr << operation << " ended with " << result << " on SIGTERM\n";
    is_well = false;
  }
  for (const std::string& problem : service.log_problems()) {
    std::cerr << problem << '\n';
    is_well = false;
  }
  return is_well;
}

}  // namespace

int main(int argc, char** argv) {
  const int result = registry::test::run_tests(argc, argv);
  return shared_service_ends_well() ? result : 1;
}

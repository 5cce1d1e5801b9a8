#include <iostream>

#include <signal.h>

#include "tests/integration/change_ledger.h"
#include "tests/support/log_search.h"
#include "tests/support/postgres.h"
#include "tests/support/run_tests.h"
#include "tests/support/service.h"

// Around the tests: the ledger counts from the first one on. After them every function of the
// shared service leaves in order, no log holds what no run may leave behind, each change has its
// one audit entry, and no log of any service or server holds a secret or a sanitizer's report.
namespace {

bool is_empty(const std::vector<std::string>& problems) {
  for (const std::string& problem : problems) std::cerr << problem << '\n';
  return problems.empty();
}

// A run of some tests alone need not change anything.
bool changes_are_audited() {
  registry::test::ChangeLedger& ledger = registry::test::shared_ledger();
  std::cerr << "changes counted: " << ledger.change_count() << '\n';
  return is_empty(ledger.differences());
}

bool shared_service_ends_well() {
  registry::test::Service& service = registry::test::shared_service();
  bool is_well = true;
  for (const std::string& operation : registry::test::operation_ids()) {
    const int result = service.stop_function(operation, SIGTERM);
    if (result == 0) continue;
    std::cerr << operation << " ended with " << result << " on SIGTERM\n";
    is_well = false;
  }
  return is_empty(service.log_problems()) && is_well;
}

bool logs_hold_nothing_bad() {
  using registry::test::search_log;
  search_log("the shared service", registry::test::shared_service().all_logs());
  if (registry::test::is_on_postgres()) {
    search_log("the shared server", registry::test::shared_cluster().log());
  }
  return is_empty(registry::test::log_findings());
}

}  // namespace

int main(int argc, char** argv) {
  static_cast<void>(registry::test::shared_ledger());
  const int result = registry::test::run_tests(argc, argv);
  const bool is_audited = changes_are_audited();
  const bool is_stopped = shared_service_ends_well();
  const bool is_clean = logs_hold_nothing_bad();
  return is_audited && is_stopped && is_clean ? result : 1;
}

#include "tests/integration/change_ledger.h"
#include "tests/integration/integration.h"
#include "tests/support/log_search.h"

// What the checks at the end of the run are worth.
namespace registry::test {

TEST_CASE("change ledger: finds a change without its entry, and an entry without its change",
          "[racing]") {
  Service service;
  HttpClient client = service.client();
  ChangeLedger ledger(service);
  const Json tenant = make_tenant(client);
  const std::string path = "/v1/tenants/" + tenant.at("id").get<std::string>();
  REQUIRE(client.post(path + "/activate").status == 200);
  REQUIRE(ledger.change_count() == 2);
  REQUIRE(ledger.differences().empty());

  SECTION("a change alone") {
    attach_database(service)->set_status(id_of(tenant), TenantStatus::kFrozen);
    REQUIRE(ledger.differences().size() == 1);
    ledger.discount(id_of(tenant));
    REQUIRE(ledger.differences().empty());
  }
  SECTION("an entry alone") {
    REQUIRE(client
                .post("/v1/audit", {{"action", "tenant.cancel"},
                                    {"actor_id", "system"},
                                    {"tenant_id", tenant.at("id")}})
                .status == 201);
    REQUIRE(ledger.differences().size() == 1);
  }
}

TEST_CASE("log search: finds a key and a stored hash, and takes a prefix for neither") {
  REQUIRE(holds_secret("x bp_1Q8ESdqsDegbJDvZhwONOw y"));
  REQUIRE(holds_secret("bp_bp_1Q8ESdqsDegbJDvZhwON_-"));
  REQUIRE(holds_secret(R"({"hash":"argon2id|5KnQ+4JXxY22M928Vgmrrw|iwJb"})"));
  REQUIRE_FALSE(holds_secret("prefix bp_1Q8ESdqs of a key"));
  REQUIRE_FALSE(holds_secret(""));
}

TEST_CASE("log search: finds what a sanitizer reports") {
  REQUIRE(holds_report("==7==ERROR: AddressSanitizer: heap-use-after-free on address 0x602000"));
  REQUIRE(holds_report("WARNING: ThreadSanitizer: data race (pid=7)"));
  REQUIRE(holds_report("a.cc:1:2: runtime error: signed integer overflow"));
  REQUIRE_FALSE(holds_report("std::runtime_error: no"));
}

}  // namespace registry::test

#include "common/app/catalog_file.h"

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace registry {
namespace {

// A manifest with one member replaced, or left out where the value is empty.
std::string manifest(const std::string& member = "", const std::string& value = "") {
  const std::vector<std::pair<std::string, std::string>> members = {
      {"id", "\"certifai\""},     {"name", "\"CertifAI\""}, {"description", "\"Certificates\""},
      {"plans", "[\"starter\"]"}, {"trial_days", "14"},     {"supports_projects", "true"}};
  std::string text;
  for (const auto& [name, usual] : members) {
    const std::string& chosen = name == member ? value : usual;
    if (chosen.empty()) continue;
    text += (text.empty() ? "{\"" : ", \"") + name + "\": " + chosen;
  }
  return text + "}";
}

std::string catalog_of(const std::string& manifests) {
  return "{\"products\": [" + manifests + "]}";
}

std::string refusal(const std::string& text) {
  const auto catalog = parse_catalog(text);
  REQUIRE_FALSE(catalog);
  CHECK(catalog.error().find('\n') == std::string::npos);
  return catalog.error();
}

TEST_CASE("parse_catalog: every member of a manifest is taken") {
  const auto catalog = parse_catalog(catalog_of(manifest()));
  REQUIRE(catalog);
  CHECK(catalog->products == std::vector<Product>{{.id = "certifai",
                                                   .name = "CertifAI",
                                                   .description = "Certificates",
                                                   .plans = {"starter"},
                                                   .trial_days = 14,
                                                   .supports_projects = true}});
}

TEST_CASE("parse_catalog: products stay in the order of the file") {
  const auto catalog = parse_catalog(catalog_of(
      manifest("id", "\"b\"") + "," + manifest("id", "\"c\"") + "," + manifest("id", "\"a\"")));
  REQUIRE(catalog);
  REQUIRE(catalog->products.size() == 3);
  CHECK(catalog->products[0].id == "b");
  CHECK(catalog->products[1].id == "c");
  CHECK(catalog->products[2].id == "a");
}

TEST_CASE("parse_catalog: an empty catalog, no plans and no trial are fine") {
  CHECK(parse_catalog(catalog_of("")).value().products.empty());
  CHECK(parse_catalog(catalog_of(manifest("plans", "[]"))));
  CHECK(parse_catalog(catalog_of(manifest("trial_days", "0"))).value().products[0].trial_days == 0);
  CHECK(parse_catalog(catalog_of(manifest("trial_days", "3650"))));
}

TEST_CASE("parse_catalog: every member is required") {
  for (const std::string member :
       {"id", "name", "description", "plans", "trial_days", "supports_projects"}) {
    CAPTURE(member);
    CHECK(refusal(catalog_of("\n" + manifest(member))) == "line 2: " + member + " is required");
  }
}

TEST_CASE("parse_catalog: a wrong member is named with the line of its product") {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"id", "5"},
      {"id", "\"\""},
      {"id", "\"A\""},
      {"id", "null"},
      {"name", "\"\""},
      {"name", "\" x\""},
      {"name", "[]"},
      {"description", "\"\""},
      {"description", "\"" + std::string(4097, 'x') + "\""},
      {"plans", "\"starter\""},
      {"plans", "[\"Starter\"]"},
      {"plans", "[5]"},
      {"trial_days", "-1"},
      {"trial_days", "3651"},
      {"trial_days", "1.5"},
      {"trial_days", "\"14\""},
      {"supports_projects", "1"},
      {"supports_projects", "\"true\""},
  };
  for (const auto& [member, value] : wrong) {
    CAPTURE(member, value);
    const std::string text =
        catalog_of("\n" + manifest("id", "\"fine\"") + ",\n\n  " + manifest(member, value) + "\n");
    CHECK(refusal(text).starts_with("line 4: " + member + " "));
  }
}

TEST_CASE("parse_catalog: the line is right where a product starts a line") {
  const std::string text =
      "{\"products\": [\n" + manifest("id", "\"fine\"") + ",\n" + manifest("id", "5") + "\n]}";
  CHECK(refusal(text).starts_with("line 3: id "));
}

TEST_CASE("parse_catalog: an unknown member of a manifest is refused") {
  std::string text = manifest();
  text.insert(1, "\"colour\": \"red\", ");
  CHECK(refusal(catalog_of(text)) == "line 1: colour is not a known member");
}

TEST_CASE("parse_catalog: an id given twice is refused") {
  const std::string text = catalog_of("\n" + manifest() + ",\n" + manifest("name", "\"Other\""));
  CHECK(refusal(text) == "line 3: the product certifai is given more than once");
}

TEST_CASE("parse_catalog: a product that is no object is refused with its own line") {
  const auto value = GENERATE(as<std::string>(), "5", "null", "\"certifai\"", "[]");
  CAPTURE(value);
  CHECK(refusal(catalog_of("\n" + manifest() + ",\n\n" + value + "\n")).starts_with("line 4: "));
}

TEST_CASE("parse_catalog: what is no object with products alone is refused") {
  const auto text =
      GENERATE(as<std::string>(), "[]", "5", "null", "{}", "{\"products\":{}}",
               "{\"products\":null}", "{\"products\":[],\"x\":1}", "{\"Products\":[]}");
  CAPTURE(text);
  CHECK(refusal(text).starts_with("line 1: "));
}

TEST_CASE("parse_catalog: a syntax error is told with its line") {
  CHECK(refusal("").starts_with("line 1: "));
  CHECK(refusal("{\"products\": [\n\n  x]}").starts_with("line 3: "));
  CHECK(refusal("{\n\"products\": []\n\n").starts_with("line 4: "));
  CHECK(refusal("{\"products\": [\n{\"id\": \"a\",\n\"id\": \"b\"}\n]}").starts_with("line 3: "));
  CHECK(refusal("{\"products\": []}\n\nx").starts_with("line 3: "));
}

TEST_CASE("load_catalog: the built-in catalog has the platform's products") {
  const auto catalog = load_catalog("");
  REQUIRE(catalog);
  REQUIRE(catalog->products.size() == 2);
  CHECK(catalog->products[0].id == "certifai");
  CHECK(catalog->products[1].id == "compliance");
}

class CatalogFileTest {
 protected:
  [[nodiscard]] std::string write(const std::string& text) const {
    std::string path = folder() + "/catalog.json";
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  [[nodiscard]] const std::string& folder() const { return folder_.path(); }

 private:
  test::TempFolder folder_;
};

TEST_CASE_METHOD(CatalogFileTest, "load_catalog: a file is read") {
  const auto catalog = load_catalog(write(catalog_of(manifest())));
  REQUIRE(catalog);
  CHECK(catalog->products.size() == 1);
}

TEST_CASE_METHOD(CatalogFileTest, "load_catalog: a broken file is told with its name and line") {
  const std::string path = write("{\"products\": [\n" + manifest("id", "5") + "]}");
  const auto catalog = load_catalog(path);
  REQUIRE_FALSE(catalog);
  CHECK(catalog.error().starts_with(path + ", line 2: id "));
}

TEST_CASE_METHOD(CatalogFileTest, "load_catalog: an empty file is broken") {
  const auto catalog = load_catalog(write(""));
  REQUIRE_FALSE(catalog);
  CHECK(catalog.error().find("line 1") != std::string::npos);
}

TEST_CASE_METHOD(CatalogFileTest, "load_catalog: a file may have 1 MiB and no more") {
  constexpr std::size_t kLimit = std::size_t{1} << 20U;
  std::string text = catalog_of(manifest());
  text.resize(kLimit, ' ');
  CHECK(load_catalog(write(text)));
  text.push_back(' ');
  const auto catalog = load_catalog(write(text));
  REQUIRE_FALSE(catalog);
  CHECK(catalog.error().find("1 MiB") != std::string::npos);
}

TEST_CASE_METHOD(CatalogFileTest, "load_catalog: what cannot be read is no empty catalog") {
  for (const std::string& path : {folder() + "/missing.json", folder()}) {
    const auto catalog = load_catalog(path);
    REQUIRE_FALSE(catalog);
    CHECK(catalog.error() == path + " cannot be read");
  }
}

}  // namespace
}  // namespace registry

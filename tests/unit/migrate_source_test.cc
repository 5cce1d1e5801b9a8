#include <fstream>
#include <string>

#include "migrations/create.h"
#include "migrations/failure.h"
#include "migrations/source.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace registry::migrate {
namespace {

using test::TempFolder;

void write(const TempFolder& folder, const std::string& name, const std::string& text = "") {
  std::ofstream(folder.path() + "/" + name, std::ios::binary) << text;
}

std::string refusal(const TempFolder& folder) {
  try {
    (void)folder_source(folder.path());
  } catch (const Failed& failed) {
    return failed.what();
  }
  return "";
}

TEST_CASE("parse_file_name: a number, a name and a direction") {
  const auto up = parse_file_name("0001_init.up.sql");
  REQUIRE(up);
  CHECK(up->version == 1);
  CHECK(up->name == "init");
  CHECK(up->direction == Direction::kUp);
  const auto down = parse_file_name("20260519101015_a.b_c.down.sql");
  REQUIRE(down);
  CHECK(down->version == 20260519101015);
  CHECK(down->name == "a.b_c");
  CHECK(down->direction == Direction::kDown);
}

TEST_CASE("parse_file_name: other files are no migrations") {
  const auto name =
      GENERATE(as<std::string>(), "", "README.md", "init.up.sql", "_init.up.sql", "1.up.sql",
               "1_init.sql", "1_init.up.sql~", "1_init.UP.sql", "-1_a.up.sql", "1a_b.up.sql", "12");
  CAPTURE(name);
  CHECK_FALSE(parse_file_name(name));
}

TEST_CASE("parse_file_name: a version that no bigint holds is an error") {
  CHECK_THROWS_AS((void)parse_file_name("9999999999999999999_a.up.sql"), Failed);
}

TEST_CASE("folder_source: in the order of numbers, with one direction or two") {
  const TempFolder folder;
  write(folder, "10_c.up.sql", "SELECT 10");
  write(folder, "0009_b.down.sql");
  write(folder, "1_a.up.sql", "SELECT 1");
  write(folder, "1_a.down.sql", "SELECT -1");
  write(folder, "notes.txt");
  const Source source = folder_source(folder.path());
  REQUIRE(source.migrations().size() == 3);
  CHECK(source.migrations()[0].up->text == "SELECT 1");
  CHECK(source.migrations()[0].down->name == "1_a.down.sql");
  CHECK(source.migrations()[1].version == 9);
  CHECK_FALSE(source.migrations()[1].up);
  CHECK(source.find(10) == &source.migrations()[2]);
  CHECK(source.find(2) == nullptr);
}

TEST_CASE("folder_source: two files of one version are refused by name") {
  const TempFolder folder;
  write(folder, "0002_b.up.sql");
  SECTION("the same number, spelt differently") {
    write(folder, "2_b.up.sql");
    CHECK(refusal(folder) == "0002_b.up.sql and 2_b.up.sql have the same version");
  }
  SECTION("another name") {
    write(folder, "0002_c.down.sql");
    CHECK(refusal(folder) == "0002_b.up.sql and 0002_c.down.sql have the same version");
  }
}

TEST_CASE("folder_source: a file that cannot be a script is refused by name") {
  const TempFolder folder;
  SECTION("not UTF-8") {
    write(folder, "1_a.up.sql", "SELECT '\xFF'");
    CHECK(refusal(folder) == "1_a.up.sql: not valid UTF-8");
  }
  SECTION("a zero byte, after which the server would see nothing") {
    write(folder, "1_a.up.sql", std::string("SELECT 1;\0DROP", 14));
    CHECK(refusal(folder) == "1_a.up.sql: holds a zero byte");
  }
  SECTION("a byte order mark") {
    write(folder, "1_a.up.sql", "\xEF\xBB\xBFSELECT 1");
    CHECK(refusal(folder) == "1_a.up.sql: begins with a byte order mark");
  }
  SECTION("too large") {
    write(folder, "1_a.up.sql", std::string(kMaxFileBytes + 1, ' '));
    CHECK(refusal(folder) == "1_a.up.sql: larger than 16777216 bytes");
  }
}

TEST_CASE("folder_source: the largest file is read whole") {
  const TempFolder folder;
  write(folder, "1_a.up.sql", std::string(kMaxFileBytes, ' '));
  CHECK(folder_source(folder.path()).migrations()[0].up->text.size() == kMaxFileBytes);
}

TEST_CASE("folder_source: a folder that is not there is an error") {
  CHECK_THROWS_AS((void)folder_source("/nonexistent/migrations"), Failed);
}

TEST_CASE("embedded_source: the newest migrations, with their checksums") {
  const Source source = embedded_source();
  REQUIRE_FALSE(source.migrations().empty());
  const Migration* init = source.find(1);
  REQUIRE(init != nullptr);
  CHECK(init->name == "init");
  CHECK(init->up->name == "0001_init.up.sql");
  CHECK(init->up->text.find("CREATE TABLE tenants") != std::string::npos);
  CHECK(init->checksum.size() == 64);
}

TEST_CASE("create_migration: the next number, padded, and an empty pair") {
  const TempFolder folder;
  write(folder, "0009_b.up.sql");
  (void)create_migration(folder.path(), "add_widgets");
  const Source source = folder_source(folder.path());
  REQUIRE(source.migrations().size() == 2);
  CHECK(source.migrations()[1].up->name == "0010_add_widgets.up.sql");
  CHECK(source.migrations()[1].down->name == "0010_add_widgets.down.sql");
  CHECK(source.migrations()[1].up->text.empty());
}

TEST_CASE("create_migration: a name that could be anything else is refused") {
  const TempFolder folder;
  const auto name = GENERATE(as<std::string>(), "", "Add", "a b", "a-b", "../a", "a.b", "ä",
                             std::string(101, 'a'));
  CAPTURE(name);
  CHECK_THROWS_AS((void)create_migration(folder.path(), name), Failed);
}

}  // namespace
}  // namespace registry::migrate

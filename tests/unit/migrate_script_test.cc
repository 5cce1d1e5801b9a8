#include <string>
#include <string_view>
#include <vector>

#include "migrations/sql_report.h"
#include "migrations/sql_script.h"
#include "tests/support/catch.h"

namespace registry::migrate {
namespace {

using Texts = std::vector<std::string>;

Texts statements(std::string_view text) {
  const SqlScript script(text);
  Texts texts;
  for (const Statement& statement : script.statements()) {
    texts.emplace_back(script.text_of(statement));
  }
  return texts;
}

std::string problem(const std::string& text) {
  const SqlScript script(text);
  const auto found = script.problem();
  return found ? std::to_string(found->at) + ": " + found->message : "";
}

TEST_CASE("SqlScript: semicolons end statements; empty ones do not count") {
  CHECK(statements("").empty());
  CHECK(statements(" ;; -- nothing\n ; /* nor here */").empty());
  CHECK(statements("SELECT 1;\n SELECT 2 ; ;SELECT 3") ==
        Texts{"SELECT 1", "SELECT 2", "SELECT 3"});
}

TEST_CASE("SqlScript: a semicolon inside of something ends nothing") {
  const auto text =
      GENERATE(as<std::string>(), "SELECT ';'", "SELECT 'it''s;'", R"(SELECT E'\';')",
               R"(SELECT E'a\\''; ')", R"(SELECT '\' AS a, ";")", R"(SELECT U&'\0061;')",
               "SELECT \"a\"\";\"", "SELECT $$ ; $$", "SELECT $a$ ; $$ ; $b$ ; $a$",
               "SELECT /* ; /* ; */ ; */ 1", "SELECT 1 -- ;\n + 1",
               "CREATE RULE r AS ON INSERT TO t DO (DELETE FROM a; DELETE FROM b)",
               "SELECT $1, a$b$c", "SELECT 1$$ ; ' ; $$", "SELECT $1$$ ; ' ; $$",
               "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END",
               "CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC SELECT CASE WHEN a THEN 1 ELSE 2 END; "
               "SELECT t.end, 1 AS case FROM t; END");
  CAPTURE(text);
  CHECK(statements(text + "; SELECT 9") == Texts{text, "SELECT 9"});
}

TEST_CASE("SqlScript: BEGIN as a name begins no body") {
  CHECK(statements("CREATE FUNCTION f() RETURNS int AS 'BEGIN ATOMIC' LANGUAGE sql; SELECT 1") ==
        Texts{"CREATE FUNCTION f() RETURNS int AS 'BEGIN ATOMIC' LANGUAGE sql", "SELECT 1"});
  CHECK(statements("BEGIN; SELECT 1; END") == Texts{"BEGIN", "SELECT 1", "END"});
}

TEST_CASE("SqlScript: what never ends is one statement") {
  const auto text = GENERATE(as<std::string>(), "SELECT 'a; b", "SELECT \"a; b", "SELECT $a$ ; $b$",
                             "SELECT (1; 2", R"(SELECT E'\)", "SELECT E'a;\\'");
  CAPTURE(text);
  CHECK(statements(text).size() == 1);
  CHECK(statements("SELECT 1 /* ; ") == Texts{"SELECT 1"});
}

TEST_CASE("SqlScript: only the first line decides on the transaction") {
  CHECK(SqlScript("-- migrate:no-transaction\nSELECT 1").runs_outside_transaction());
  CHECK(SqlScript("-- migrate:no-transaction \r\nSELECT 1").runs_outside_transaction());
  CHECK(SqlScript("-- migrate:no-transaction").runs_outside_transaction());
  CHECK_FALSE(SqlScript("\n-- migrate:no-transaction\n").runs_outside_transaction());
  CHECK_FALSE(SqlScript("-- migrate:no-transactions\n").runs_outside_transaction());
  CHECK_FALSE(SqlScript("").runs_outside_transaction());
}

TEST_CASE("SqlScript: what begins or ends a transaction is a problem inside of one") {
  const auto text = GENERATE(as<std::string>(), "BEGIN", "begin work", "START TRANSACTION",
                             "COMMIT", "COMMIT AND CHAIN", "/* x */ END", "ROLLBACK",
                             "ROLLBACK AND NO CHAIN", "ABORT", "PREPARE TRANSACTION 'a'");
  CAPTURE(text);
  CHECK_FALSE(problem("SELECT 1; " + text + ";").empty());
  CHECK(problem("-- migrate:no-transaction\n" + text).empty());
}

TEST_CASE("SqlScript: what only looks like it is none") {
  const auto text =
      GENERATE(as<std::string>(), "SAVEPOINT a", "ROLLBACK TO SAVEPOINT a", "ROLLBACK WORK TO a",
               "RELEASE SAVEPOINT a", "PREPARE q AS SELECT 1", "DO $$ BEGIN END $$",
               "SELECT 'COMMIT'", "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END",
               "COMMENT ON TABLE a IS 'b'", "COPY a FROM '/tmp/a'", R"(SELECT E'\n', '\')");
  CAPTURE(text);
  CHECK(problem(text).empty());
}

TEST_CASE("SqlScript: what only psql can do is a problem, also outside of a transaction") {
  const auto text = GENERATE(as<std::string>(), "COPY a FROM STDIN", "copy a (b, c) from stdin csv",
                             "COPY (SELECT 1) TO STDOUT", "\\connect a", "SELECT 1 \\gset");
  CAPTURE(text);
  CHECK_FALSE(problem(text).empty());
  CHECK_FALSE(problem("-- migrate:no-transaction\n" + text).empty());
}

TEST_CASE("SqlScript: a place is counted in lines and characters") {
  const SqlScript script("SELECT 1;\n  SELECT 'ä€', x;");
  const std::size_t byte = script.byte_of_character(26);
  CHECK(script.text().substr(byte) == "x;");
  CHECK(script.place_of(byte).line == 2);
  CHECK(script.place_of(byte).column == 16);
  CHECK(script.text_of(*script.statement_at(byte)) == "SELECT 'ä€', x");
  CHECK(script.statement_at(9) == &script.statements()[1]);
  CHECK(script.statement_at(1000) == &script.statements()[1]);
}

TEST_CASE("describe: a position in the text names the place; else the statement that failed does") {
  const SqlScript script("SELECT 1;\nSELECT nope;\n");
  postgres::ErrorReport report;
  report.sqlstate = "42703";
  report.message = "no such column";
  SECTION("a position") {
    report.position_characters = 18;
    CHECK(describe(report, "1_a.up.sql", script) ==
          "1_a.up.sql:2:8: no such column (42703)\n  statement: SELECT nope");
  }
  SECTION("a position in a part that was sent alone") {
    report.position_characters = 8;
    CHECK(describe(report, "1_a.up.sql", script, script.statements()[1].begin, 1) ==
          "1_a.up.sql:2:8: no such column (42703)\n  statement: SELECT nope");
  }
  SECTION("no position, and one statement went well before") {
    report.completed_statements = 1;
    report.detail = "some\nlines";
    CHECK(describe(report, "1_a.up.sql", script) ==
          "1_a.up.sql:2:1: no such column (42703)\n  statement: SELECT nope\n"
          "  detail: some\n  lines");
  }
}

TEST_CASE("describe: a long statement is shown in part, cut between characters") {
  std::string text = "SELECT '";
  for (int i = 0; i < 1000; ++i) text += "€";
  const std::string shown =
      describe({.sqlstate = "XX000", .message = "m"}, "a", SqlScript(text + "'"));
  CHECK(shown.size() < 1100);
  CHECK(shown.ends_with("€ …"));
}

TEST_CASE("SqlScript: a comment ends where the server ends it, at either end of a line") {
  CHECK(statements("-- c\rSELECT 1;\r-- d\r\nSELECT 2 -- e\r, 3") ==
        Texts{"SELECT 1", "SELECT 2 -- e\r, 3"});
  CHECK(problem("-- c\rCOMMIT;") == problem("-- c\nCOMMIT;"));
  CHECK(SqlScript("-- migrate:no-transaction\rSELECT 1").runs_outside_transaction());
}

TEST_CASE("SqlScript: only white space is blank") {
  CHECK(SqlScript("").is_blank());
  CHECK(SqlScript(" \r\n\t").is_blank());
  CHECK_FALSE(SqlScript("-- c\n").is_blank());
}

TEST_CASE("SqlScript: a text with escapes keeps them where it goes on, after a line's end") {
  const auto text = GENERATE(as<std::string>(), "SELECT E'a'\n'b\\'; '", "SELECT E'a' \r '\\';'",
                             "SELECT E'a' -- it's; not\n -- this;\n  '\\';'\n'\\';'");
  CAPTURE(text);
  CHECK(statements(text + "; SELECT 9") == Texts{text, "SELECT 9"});
}

TEST_CASE("SqlScript: on the same line, or after another comment, a text does not go on") {
  CHECK(statements("SELECT E'a' '\\'; SELECT 2") == Texts{"SELECT E'a' '\\'", "SELECT 2"});
  CHECK(statements("SELECT E'a' /*\n*/ '\\'; SELECT 2") ==
        Texts{"SELECT E'a' /*\n*/ '\\'", "SELECT 2"});
  CHECK(statements("SELECT E'a'\n, '\\'; SELECT 2") == Texts{"SELECT E'a'\n, '\\'", "SELECT 2"});
}

TEST_CASE("SqlScript: a lone carriage return ends a line for the place as well") {
  CHECK(SqlScript("a\rb\r\nc").place_of(2).line == 2);
  CHECK(SqlScript("a\rb\r\nc").place_of(5).line == 3);
}

}  // namespace
}  // namespace registry::migrate

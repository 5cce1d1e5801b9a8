#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace registry::migrate {

// A place in a text: line and column from 1, the column in characters.
struct Place {
  int line = 1;
  int column = 1;
};

// One statement of a script: bytes [begin, end) of its text, without the semicolon and without what
// stands around it.
struct Statement {
  std::size_t begin = 0;
  std::size_t end = 0;
  // Its first unquoted words outside of parentheses, in upper case.
  std::vector<std::string> words;
};

// What is wrong with a script before it runs, and where: a byte of its text.
struct ScriptProblem {
  std::size_t at = 0;
  std::string message;
};

// Cuts a script into the statements that the server sees: it reads comments (nested ones too), all
// kinds of quotes, parentheses, and bodies of functions in BEGIN ATOMIC … END. The script's text
// must outlive it.
// Source: https://www.postgresql.org/docs/current/sql-syntax-lexical.html
class SqlScript {
 public:
  explicit SqlScript(std::string_view text);

  [[nodiscard]] std::string_view text() const { return text_; }
  [[nodiscard]] const std::vector<Statement>& statements() const { return statements_; }
  [[nodiscard]] std::string_view text_of(const Statement& statement) const {
    return text_.substr(statement.begin, statement.end - statement.begin);
  }

  // Whether there is nothing in it but white space. What has no statements may still be sent: the
  // server knows best what a comment is.
  [[nodiscard]] bool is_blank() const;
  // Whether the first line says `-- migrate:no-transaction`.
  [[nodiscard]] bool runs_outside_transaction() const;
  // What this program cannot run: commands of psql, COPY from or to a client, and, in a script that
  // runs inside a transaction, statements that would end or begin one.
  [[nodiscard]] std::optional<ScriptProblem> problem() const;

  [[nodiscard]] Place place_of(std::size_t byte) const;
  // The byte where character `position`, from 1, begins. The server counts in characters.
  [[nodiscard]] std::size_t byte_of_character(int position) const;
  // The statement that a byte is in, or the next one, or the last; null when there is none.
  [[nodiscard]] const Statement* statement_at(std::size_t byte) const;

 private:
  std::string_view text_;
  std::vector<Statement> statements_;
  std::optional<std::size_t> backslash_;  // the first one outside of quotes
};

}  // namespace registry::migrate

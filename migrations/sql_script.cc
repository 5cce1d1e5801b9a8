#include "migrations/sql_script.h"

#include <algorithm>
#include <utility>

namespace registry::migrate {
namespace {

// More words than any rule here looks at.
constexpr std::size_t kMaxWords = 64;

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Letters, underscore, and everything beyond ASCII.
bool begins_word(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_' ||
         byte >= 0x80;
}

bool continues_word(char c) {
  return begins_word(c) || is_digit(c) || c == '$';
}

std::string upper_case(std::string_view word) {
  std::string upper(word);
  std::transform(upper.begin(), upper.end(), upper.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return upper;
}

// CREATE [OR REPLACE] FUNCTION or PROCEDURE: the statements whose body may be BEGIN ATOMIC … END.
bool creates_routine(const std::vector<std::string>& words) {
  if (words.empty() || words[0] != "CREATE") return false;
  const std::size_t kind = words.size() > 2 && words[1] == "OR" ? 3 : 1;
  return words.size() > kind && (words[kind] == "FUNCTION" || words[kind] == "PROCEDURE");
}

class Splitter {
 public:
  explicit Splitter(std::string_view text) : text_(text) {}

  void run() {
    while (at_ < text_.size()) step();
    end_statement();
  }

  [[nodiscard]] std::vector<Statement> take_statements() { return std::move(statements_); }
  [[nodiscard]] std::optional<std::size_t> backslash() const { return backslash_; }

 private:
  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  [[nodiscard]] bool sees(std::string_view what) const {
    return text_.substr(at_, what.size()) == what;
  }

  // Reads one token, or one stretch of what is none.
  void step() {
    if (is_space(peek())) {
      ++at_;
    } else if (sees("--")) {
      at_ = end_of_line(at_);
    } else if (sees("/*")) {
      skip_comment();
    } else if (peek() == ';' && parentheses_ == 0 && atomic_depth_ == 0) {
      end_statement();
      ++at_;
    } else {
      const std::size_t begin = at_;
      token();
      if (!is_open_) current_.begin = begin;
      is_open_ = true;
      current_.end = at_;
    }
  }

  // The server ends a line, and so a comment, at either character.
  [[nodiscard]] std::size_t end_of_line(std::size_t from) const {
    return std::min(text_.find_first_of("\r\n", from), text_.size());
  }

  void token() {
    const char c = peek();
    if (begins_word(c)) {
      word();
      return;
    }
    previous_word_.clear();
    if (c == '\'' || c == '"') {
      skip_quoted(c, false);
    } else if (c == '$' && skip_dollar_quoted()) {
      return;
    } else if (is_digit(c)) {
      // A dollar may begin a quote right behind it.
      while (begins_word(peek()) || is_digit(peek()) || peek() == '.') ++at_;
    } else {
      if (c == '\\' && !backslash_) backslash_ = at_;
      if (c == '(') ++parentheses_;
      if (c == ')' && parentheses_ > 0) --parentheses_;
      ++at_;
    }
  }

  void skip_comment() {
    int depth = 0;
    do {
      if (sees("/*")) {
        ++depth;
        at_ += 2;
      } else if (sees("*/")) {
        --depth;
        at_ += 2;
      } else {
        ++at_;
      }
    } while (depth > 0 && at_ < text_.size());
  }

  // A doubled quote within needs no care here: it ends one text and begins the next.
  void skip_quoted(char quote, bool has_escapes) {
    for (++at_; at_ < text_.size(); ++at_) {
      if (has_escapes && peek() == '\\') {
        ++at_;
      } else if (peek() == quote) {
        if (has_escapes && peek(1) == quote) {
          ++at_;  // here it does: the escapes go on
          continue;
        }
        const auto next = has_escapes ? continuation(at_ + 1) : std::nullopt;
        if (!next) {
          ++at_;
          return;
        }
        at_ = *next;
      }
    }
    at_ = text_.size();
  }

  // A text goes on, escapes and all, in the next quote when at least one line ends between the two
  // and nothing but comments to the end of a line stands there. Returns where that quote is.
  [[nodiscard]] std::optional<std::size_t> continuation(std::size_t from) const {
    bool has_line_end = false;
    for (std::size_t at = from; at < text_.size();) {
      if (text_.substr(at, 2) == "--") {
        at = end_of_line(at);
      } else if (is_space(text_[at])) {
        has_line_end |= text_[at] == '\n' || text_[at] == '\r';
        ++at;
      } else {
        return has_line_end && text_[at] == '\'' ? std::optional(at) : std::nullopt;
      }
    }
    return std::nullopt;
  }

  // $tag$…$tag$; false for a parameter like $1, or a dollar that begins nothing.
  bool skip_dollar_quoted() {
    std::size_t end = at_ + 1;
    if (end < text_.size() && is_digit(text_[end])) return false;
    while (end < text_.size() && continues_word(text_[end]) && text_[end] != '$') ++end;
    if (end >= text_.size() || text_[end] != '$') return false;
    const std::string_view tag = text_.substr(at_, end + 1 - at_);
    const std::size_t close = text_.find(tag, end + 1);
    at_ = close == std::string_view::npos ? text_.size() : close + tag.size();
    return true;
  }

  void word() {
    const std::size_t begin = at_;
    while (continues_word(peek())) ++at_;
    const std::string_view exact = text_.substr(begin, at_ - begin);
    if (peek() == '\'' && (exact == "e" || exact == "E")) {
      skip_quoted('\'', true);
      return;
    }
    std::string upper = upper_case(exact);
    // After a dot or AS anything may be a name.
    const bool is_name = (begin > 0 && text_[begin - 1] == '.') || previous_word_ == "AS";
    if (!is_name) count_body(upper);
    if (parentheses_ == 0 && current_.words.size() < kMaxWords) current_.words.push_back(upper);
    previous_word_ = std::move(upper);
  }

  // Each CASE within a body in BEGIN ATOMIC … END has an END of its own.
  void count_body(std::string_view word) {
    if (atomic_depth_ == 0) {
      const bool begins = word == "ATOMIC" && previous_word_ == "BEGIN";
      if (begins && creates_routine(current_.words)) atomic_depth_ = 1;
    } else if (word == "CASE") {
      ++atomic_depth_;
    } else if (word == "END") {
      --atomic_depth_;
    }
  }

  void end_statement() {
    if (is_open_) statements_.push_back(std::move(current_));
    current_ = {};
    is_open_ = false;
    previous_word_.clear();
    parentheses_ = 0;
    atomic_depth_ = 0;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<Statement> statements_;
  std::optional<std::size_t> backslash_;
  Statement current_;
  bool is_open_ = false;  // whether the current statement has begun
  std::string previous_word_;
  int parentheses_ = 0;
  int atomic_depth_ = 0;
};

bool controls_transaction(const std::vector<std::string>& words) {
  if (words.empty()) return false;
  const std::string& first = words[0];
  if (first == "BEGIN" || first == "COMMIT" || first == "END" || first == "ABORT") return true;
  if (first == "START" || first == "PREPARE") return words.size() > 1 && words[1] == "TRANSACTION";
  // To a savepoint it is harmless.
  return first == "ROLLBACK" && std::find(words.begin(), words.end(), "TO") == words.end();
}

bool copies_to_client(const std::vector<std::string>& words) {
  if (words.empty() || words[0] != "COPY") return false;
  for (std::size_t i = 1; i + 1 < words.size(); ++i) {
    if (words[i] == "FROM" && words[i + 1] == "STDIN") return true;
    if (words[i] == "TO" && words[i + 1] == "STDOUT") return true;
  }
  return false;
}

}  // namespace

SqlScript::SqlScript(std::string_view text) : text_(text) {
  Splitter splitter(text);
  splitter.run();
  statements_ = splitter.take_statements();
  backslash_ = splitter.backslash();
}

bool SqlScript::is_blank() const {
  return std::all_of(text_.begin(), text_.end(), is_space);
}

bool SqlScript::runs_outside_transaction() const {
  std::string_view line = text_.substr(0, text_.find_first_of("\r\n"));
  while (!line.empty() && is_space(line.back())) line.remove_suffix(1);
  return line == "-- migrate:no-transaction";
}

std::optional<ScriptProblem> SqlScript::problem() const {
  for (const Statement& statement : statements_) {
    if (copies_to_client(statement.words)) {
      return ScriptProblem{.at = statement.begin,
                           .message = "COPY from STDIN or to STDOUT works only in psql"};
    }
    if (!runs_outside_transaction() && controls_transaction(statement.words)) {
      return ScriptProblem{.at = statement.begin,
                           .message = statement.words[0] +
                                      " is not allowed here: a migration is one transaction, which "
                                      "also holds the version"};
    }
  }
  if (backslash_) {
    return ScriptProblem{.at = *backslash_,
                         .message =
                             "a backslash outside of quotes: commands of psql do not work "
                             "here"};
  }
  return std::nullopt;
}

Place SqlScript::place_of(std::size_t byte) const {
  Place place;
  for (std::size_t at = 0; at < std::min(byte, text_.size()); ++at) {
    const char c = text_[at];
    const bool ends_line = c == '\n' || (c == '\r' && text_.substr(at + 1, 1) != "\n");
    if (ends_line) {
      ++place.line;
      place.column = 1;
    } else if ((static_cast<unsigned char>(c) & 0xC0U) != 0x80U) {
      ++place.column;
    }
  }
  return place;
}

std::size_t SqlScript::byte_of_character(int position) const {
  int character = 0;
  for (std::size_t byte = 0; byte < text_.size(); ++byte) {
    if ((static_cast<unsigned char>(text_[byte]) & 0xC0U) != 0x80U) ++character;
    if (character == position) return byte;
  }
  return text_.size();
}

const Statement* SqlScript::statement_at(std::size_t byte) const {
  for (const Statement& statement : statements_) {
    if (byte < statement.end) return &statement;
  }
  return statements_.empty() ? nullptr : &statements_.back();
}

}  // namespace registry::migrate

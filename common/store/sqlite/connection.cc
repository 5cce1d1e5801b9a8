#include "common/store/sqlite/connection.h"

#include <algorithm>
#include <utility>

#include <sqlite3.h>

#include "common/store/store.h"

namespace registry::sqlite {
namespace {

// Gives a C function the address to put a handle at, and the handle to its owner on the same line.
// std::out_ptr of C++23.
template <class Owner>
class OutPointer {
 public:
  explicit OutPointer(Owner& owner) : owner_(owner) {}
  OutPointer(const OutPointer&) = delete;
  OutPointer& operator=(const OutPointer&) = delete;
  ~OutPointer() { owner_.reset(handle_); }
  operator typename Owner::pointer *() { return &handle_; }  // NOLINT(google-explicit-constructor)

 private:
  Owner& owner_;
  typename Owner::pointer handle_ = nullptr;
};

enum class Failure {
  kBusy,        // another connection holds the lock: nothing is wrong with this one
  kOutage,      // the store cannot answer, and this connection is not to be trusted any more
  kConstraint,  // a rule of the schema refused a write
  kBug,
};

// What a result code means. Source: https://www.sqlite.org/rescode.html
Failure classify(int extended_code) {
  switch (extended_code & 0xFF) {  // the primary code
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Failure::kBusy;
    case SQLITE_CANTOPEN:  // no folder, no right, too many open files
    case SQLITE_CORRUPT:
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_NOMEM:
    case SQLITE_NOTADB:  // the file is something else
    case SQLITE_PERM:
    case SQLITE_PROTOCOL:  // lost the race for the write-ahead log too often
    case SQLITE_READONLY:
      return Failure::kOutage;
    case SQLITE_CONSTRAINT:
      return Failure::kConstraint;
    default:
      return Failure::kBug;
  }
}

[[noreturn]] void throw_wrong_value(int column, const char* expected) {
  throw std::runtime_error("sqlite: column " + std::to_string(column) + " holds no " + expected);
}

template <class T>
T checked(const std::optional<T>& parsed, int column, const char* expected) {
  if (!parsed) throw_wrong_value(column, expected);
  return *parsed;
}

}  // namespace

Statement::~Statement() {
  // Tells again how the last step ended, which step() has reported.
  ::sqlite3_reset(handle_);
}

bool Statement::step() {
  const int code = ::sqlite3_step(handle_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  connection_.raise(code);
}

void Statement::require_parameters(std::size_t count) const {
  if (std::cmp_not_equal(::sqlite3_bind_parameter_count(handle_), count)) {
    throw std::logic_error("sqlite: wrong number of values for a statement");
  }
}

void Statement::bind(int index, std::nullopt_t) {
  connection_.require_ok(::sqlite3_bind_null(handle_, index));
}

void Statement::bind(int index, std::string_view text) {
  // A null pointer would bind NULL. SQLite copies the text: it is often a temporary.
  const char* data = text.empty() ? "" : text.data();
  connection_.require_ok(
      ::sqlite3_bind_text64(handle_, index, data, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
}

void Statement::bind(int index, std::int64_t number) {
  connection_.require_ok(::sqlite3_bind_int64(handle_, index, number));
}

bool Statement::is_null(int column) const {
  return ::sqlite3_column_type(handle_, column) == SQLITE_NULL;
}

std::string_view Statement::view(int column) const {
  if (::sqlite3_column_type(handle_, column) != SQLITE_TEXT) throw_wrong_value(column, "text");
  // Text first, then its length: the other order may convert twice.
  const auto* text = reinterpret_cast<const char*>(::sqlite3_column_text(handle_, column));
  if (text == nullptr) throw std::bad_alloc();
  return {text, static_cast<std::size_t>(::sqlite3_column_bytes(handle_, column))};
}

std::string Statement::value(int column, std::type_identity<std::string>) const {
  return std::string(view(column));
}

std::int64_t Statement::value(int column, std::type_identity<std::int64_t>) const {
  if (::sqlite3_column_type(handle_, column) != SQLITE_INTEGER) {
    throw_wrong_value(column, "integer");
  }
  return ::sqlite3_column_int64(handle_, column);
}

bool Statement::value(int column, std::type_identity<bool>) const {
  return value(column, std::type_identity<std::int64_t>()) != 0;
}

Timestamp Statement::value(int column, std::type_identity<Timestamp>) const {
  return checked(Timestamp::parse(view(column)), column, "timestamp");
}

Date Statement::value(int column, std::type_identity<Date>) const {
  return checked(Date::parse(view(column)), column, "date");
}

Uuid Statement::value(int column, std::type_identity<Uuid>) const {
  return checked(Uuid::parse(view(column)), column, "UUID");
}

std::array<std::uint8_t, 16> Statement::value(
    int column, std::type_identity<std::array<std::uint8_t, 16>>) const {
  std::array<std::uint8_t, 16> bytes{};
  const void* blob = ::sqlite3_column_blob(handle_, column);
  if (blob == nullptr ||
      std::cmp_not_equal(::sqlite3_column_bytes(handle_, column), bytes.size())) {
    throw_wrong_value(column, "16 bytes");
  }
  std::copy_n(static_cast<const std::uint8_t*>(blob), bytes.size(), bytes.begin());
  return bytes;
}

void Connection::CloseDatabase::operator()(sqlite3* database) const noexcept {
  ::sqlite3_close(database);
}

void Connection::FinalizeStatement::operator()(sqlite3_stmt* statement) const noexcept {
  ::sqlite3_finalize(statement);
}

Connection::Connection(const std::string& path) {
  // NOMUTEX: one thread at a time uses a connection, so SQLite need not see to it.
  constexpr int kFlags =
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  // A statement of its own: a failure leaves a handle too, and the reason is asked of it.
  const int opened = ::sqlite3_open_v2(path.c_str(), OutPointer(database_), kFlags, nullptr);
  require_ok(opened);
  require_ok(::sqlite3_busy_timeout(database_.get(), static_cast<int>(kBusyTimeout.count())));
  // FULL: with a write-ahead log, NORMAL would lose the last commits in a power failure, after
  // their callers were told that they are done.
  execute("PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL;");
}

void Connection::execute(const std::string& script) {
  require_ok(::sqlite3_exec(database_.get(), script.c_str(), nullptr, nullptr, nullptr));
}

bool Connection::is_reusable() const noexcept {
  return !is_broken_ && ::sqlite3_get_autocommit(database_.get()) != 0;
}

sqlite3_stmt* Connection::prepared(std::string_view sql) {
  if (const auto found = statements_.find(sql); found != statements_.end()) {
    if (::sqlite3_stmt_busy(found->second.get()) != 0) {
      throw std::logic_error("sqlite: a statement is used while it is in use");
    }
    return found->second.get();
  }
  StatementHandle statement;
  require_ok(::sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()),
                                  SQLITE_PREPARE_PERSISTENT, OutPointer(statement), nullptr));
  return statements_.emplace(sql, std::move(statement)).first->second.get();
}

std::int64_t Connection::finish(Statement& statement) {
  while (statement.step()) {
  }
  return ::sqlite3_changes64(database_.get());
}

void Connection::require_ok(int code) {
  if (code != SQLITE_OK) raise(code);
}

void Connection::raise(int code) {
  const std::string message =
      std::string("sqlite: ") + ::sqlite3_errstr(code) + " (" + std::to_string(code) +
      "): " + (database_ ? ::sqlite3_errmsg(database_.get()) : "out of memory");
  switch (classify(code)) {
    case Failure::kBusy:
      throw StoreUnavailable(message);
    case Failure::kOutage:
      is_broken_ = true;
      throw StoreUnavailable(message);
    case Failure::kConstraint:
      throw ConstraintViolation(message);
    case Failure::kBug:
      break;
  }
  throw std::runtime_error(message);
}

void Connection::roll_back() noexcept {
  // A full disk or an I/O error may have rolled it back already.
  if (::sqlite3_get_autocommit(database_.get()) != 0) return;
  if (::sqlite3_exec(database_.get(), "ROLLBACK", nullptr, nullptr, nullptr) != SQLITE_OK) {
    is_broken_ = true;
  }
}

Transaction::Transaction(Connection& connection) : connection_(connection) {
  connection_.run("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  connection_.roll_back();
}

void Transaction::commit() {
  connection_.run("COMMIT");
}

}  // namespace registry::sqlite

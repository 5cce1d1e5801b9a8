#pragma once

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>

#include "common/base/time.h"
#include "common/domain/uuid.h"

struct sqlite3;
struct sqlite3_stmt;

// RAII over SQLite's C interface. An outage (locked beyond the limit, full, unreadable, corrupt, no
// database) throws StoreUnavailable; a violated rule of the schema throws ConstraintViolation; any
// other failure is a bug and throws std::runtime_error.
namespace registry::sqlite {

// How long one statement waits for a lock that another connection holds. It stays well below the
// time after which nginx gives up on a function, so that the caller gets the function's own 503.
inline constexpr std::chrono::milliseconds kBusyTimeout{5'000};

// A rule of the schema refused a write. The operations look before they write, under the write
// lock, so from them it is a bug like any other.
class ConstraintViolation : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Connection;

// One use of a prepared statement. Bound when it is made, reset when it goes, so that no lock
// outlives it. It must not outlive its connection.
class Statement {
 public:
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement();

  // Goes to the next row; false when there is none.
  bool step();

  // The value of a column of the current row, the first being 0, as std::string, std::int64_t,
  // bool, Timestamp, Date, Uuid, 16 bytes, or a std::optional of these. Throws std::runtime_error
  // when the value is no such thing.
  template <class T>
  [[nodiscard]] T get(int column) const {
    return get_as(column, std::type_identity<T>());
  }

 private:
  friend class Connection;

  template <class... Values>
  Statement(Connection& connection, sqlite3_stmt* handle, const Values&... values)
      : connection_(connection), handle_(handle) {
    require_parameters(sizeof...(values));
    int index = 0;
    (bind(++index, values), ...);
  }

  void require_parameters(std::size_t count) const;

  void bind(int index, std::nullopt_t);
  void bind(int index, std::string_view text);
  void bind(int index, std::int64_t number);
  // Constrained, because a pointer would rather become a bool than a string_view.
  void bind(int index, std::same_as<bool> auto flag) { bind(index, std::int64_t{flag ? 1 : 0}); }
  void bind(int index, const Timestamp& moment) { bind(index, moment.to_string()); }
  void bind(int index, const Date& date) { bind(index, date.to_string()); }
  void bind(int index, const Uuid& id) { bind(index, id.to_string()); }
  template <class T>
  void bind(int index, const std::optional<T>& value) {
    if (value) {
      bind(index, *value);
    } else {
      bind(index, std::nullopt);
    }
  }

  template <class T>
  [[nodiscard]] T get_as(int column, std::type_identity<T> type) const {
    return value(column, type);
  }
  template <class T>
  [[nodiscard]] std::optional<T> get_as(int column, std::type_identity<std::optional<T>>) const {
    if (is_null(column)) return std::nullopt;
    return value(column, std::type_identity<T>());
  }

  [[nodiscard]] bool is_null(int column) const;
  // Valid until the next step.
  [[nodiscard]] std::string_view view(int column) const;

  [[nodiscard]] std::string value(int column, std::type_identity<std::string>) const;
  [[nodiscard]] std::int64_t value(int column, std::type_identity<std::int64_t>) const;
  [[nodiscard]] bool value(int column, std::type_identity<bool>) const;
  [[nodiscard]] Timestamp value(int column, std::type_identity<Timestamp>) const;
  [[nodiscard]] Date value(int column, std::type_identity<Date>) const;
  [[nodiscard]] Uuid value(int column, std::type_identity<Uuid>) const;
  [[nodiscard]] std::array<std::uint8_t, 16> value(
      int column, std::type_identity<std::array<std::uint8_t, 16>>) const;

  Connection& connection_;
  sqlite3_stmt* handle_;
};

// A connection to a database, for one thread at a time. Foreign keys are on; a commit is durable
// when it returns.
class Connection {
 public:
  // The path of a database that lives in memory and goes with its connection.
  static constexpr const char* kInMemory = ":memory:";

  // Opens a database file, making it when there is none.
  explicit Connection(const std::string& path);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // A statement with its parameters ?1, ?2, … bound to `values`: all of them, in this order. It is
  // prepared once per connection and kept, so `sql` is one of a bounded number of texts. While one
  // use of a text lasts, there is no second.
  template <class... Values>
  [[nodiscard]] Statement query(std::string_view sql, const Values&... values) {
    return Statement(*this, prepared(sql), values...);
  }

  // Carries out an INSERT, UPDATE or DELETE and tells how many rows it changed.
  template <class... Values>
  std::int64_t run(std::string_view sql, const Values&... values) {
    Statement statement(*this, prepared(sql), values...);
    return finish(statement);
  }

  // Carries out any number of statements without parameters; rows are ignored.
  void execute(const std::string& script);

  // False while a transaction is open, and for good after a failure from which a new connection
  // recovers more surely than this one.
  [[nodiscard]] bool is_reusable() const noexcept;

 private:
  friend class Statement;
  friend class Transaction;

  struct CloseDatabase {
    void operator()(sqlite3* database) const noexcept;
  };
  struct FinalizeStatement {
    void operator()(sqlite3_stmt* statement) const noexcept;
  };
  using StatementHandle = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;
  // Lets a string_view find a string without a copy.
  struct TextHash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  [[nodiscard]] sqlite3_stmt* prepared(std::string_view sql);
  [[nodiscard]] std::int64_t finish(Statement& statement);
  void require_ok(int code);
  [[noreturn]] void raise(int code);
  void roll_back() noexcept;

  std::unique_ptr<sqlite3, CloseDatabase> database_;
  // After database_, so that the statements go first.
  std::unordered_map<std::string, StatementHandle, TextHash, std::equal_to<>> statements_;
  bool is_broken_ = false;
};

// A transaction that holds the write lock from its beginning, so that what it reads is true until
// it commits, and no later statement of it can find the database busy. Waiting for the lock is
// bounded by kBusyTimeout and is the only retry that there is. Rolled back unless committed.
class Transaction {
 public:
  explicit Transaction(Connection& connection);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();

  // After an exception from here nobody knows whether the transaction took effect: it must not be
  // tried again.
  void commit();

 private:
  Connection& connection_;
};

}  // namespace registry::sqlite

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/base/time.h"
#include "common/domain/uuid.h"

struct pg_result;

namespace registry::postgres {

struct ClearResult {
  void operator()(pg_result* result) const noexcept;
};
using ResultHandle = std::unique_ptr<pg_result, ClearResult>;

// The rows of one answer, which came in libpq's binary format.
class Rows {
 public:
  explicit Rows(ResultHandle result) : result_(std::move(result)) {}

  [[nodiscard]] int count() const;
  // How many rows an INSERT, UPDATE or DELETE touched.
  [[nodiscard]] std::int64_t affected() const;

  // A value, rows and columns from 0, as std::string (text, varchar, enumerations), std::int64_t
  // (smallint, integer, bigint), bool, Timestamp, Date, Uuid, std::vector<std::string> (text[]), or
  // a std::optional of these. An infinite or far moment or day becomes the first or last one that
  // Timestamp and Date have a text for. Throws std::runtime_error when the value is no such thing.
  template <class T>
  [[nodiscard]] T get(int row, int column) const {
    return get_as(row, column, std::type_identity<T>());
  }

 private:
  template <class T>
  [[nodiscard]] T get_as(int row, int column, std::type_identity<T> type) const {
    return value(row, column, type);
  }
  template <class T>
  [[nodiscard]] std::optional<T> get_as(int row, int column,
                                        std::type_identity<std::optional<T>>) const {
    if (is_null(row, column)) return std::nullopt;
    return value(row, column, std::type_identity<T>());
  }

  [[nodiscard]] bool is_null(int row, int column) const;
  // Valid as long as these rows.
  [[nodiscard]] std::string_view bytes(int row, int column) const;

  [[nodiscard]] std::string value(int row, int column, std::type_identity<std::string>) const;
  [[nodiscard]] std::int64_t value(int row, int column, std::type_identity<std::int64_t>) const;
  [[nodiscard]] bool value(int row, int column, std::type_identity<bool>) const;
  [[nodiscard]] Timestamp value(int row, int column, std::type_identity<Timestamp>) const;
  [[nodiscard]] Date value(int row, int column, std::type_identity<Date>) const;
  [[nodiscard]] Uuid value(int row, int column, std::type_identity<Uuid>) const;
  [[nodiscard]] std::vector<std::string> value(int row, int column,
                                               std::type_identity<std::vector<std::string>>) const;

  ResultHandle result_;
};

}  // namespace registry::postgres

#include "common/store/postgres/rows.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include <libpq-fe.h>

namespace registry::postgres {
namespace {

// Big-endian, in two's complement.
template <class Integer>
Integer integer_from(std::string_view bytes) {
  std::make_unsigned_t<Integer> number = 0;
  for (const char byte : bytes.substr(0, sizeof(Integer))) {
    number =
        static_cast<std::make_unsigned_t<Integer>>(number << 8U | static_cast<unsigned char>(byte));
  }
  return static_cast<Integer>(number);
}

[[noreturn]] void throw_wrong_value(int column, const char* expected) {
  throw std::runtime_error("postgres: column " + std::to_string(column) + " holds no " + expected);
}

void require_size(std::string_view bytes, std::size_t size, int column, const char* expected) {
  if (bytes.size() != size) throw_wrong_value(column, expected);
}

constexpr std::int64_t kSecondUs = 1'000'000;
constexpr std::int64_t kDayUs = 86'400 * kSecondUs;
constexpr std::int64_t kPostgresEpochUs = 10'957 * kDayUs;  // 2000-01-01
constexpr std::int64_t kFirstUs = -719'162 * kDayUs;        // 0001-01-01T00:00:00
constexpr std::int64_t kLastUs = 2'932'897 * kDayUs - 1;    // 9999-12-31T23:59:59.999999
constexpr std::int64_t kFirstDay = kFirstUs / kDayUs - 10'957;
constexpr std::int64_t kLastDay = kLastUs / kDayUs - 10'957;

// Reads the elements of a text[] in the binary format, which is: the number of dimensions, a flag,
// the type of the elements, the length and lower bound of each dimension, then length and bytes of
// each element, with -1 for NULL.
class ArrayReader {
 public:
  ArrayReader(std::string_view bytes, int column) : rest_(bytes), column_(column) {}

  std::vector<std::string> texts() {
    const std::int32_t dimensions = integer();
    integer();  // whether there are NULLs
    integer();  // the type
    std::vector<std::string> found;
    if (dimensions == 0) return found;
    if (dimensions != 1) throw_wrong_value(column_, "list of texts");
    const std::int32_t length = integer();
    integer();  // the lower bound
    for (std::int32_t i = 0; i < length; ++i) found.emplace_back(take(integer()));
    return found;
  }

 private:
  std::int32_t integer() { return integer_from<std::int32_t>(take(sizeof(std::int32_t))); }

  std::string_view take(std::int64_t size) {
    if (size < 0 || static_cast<std::size_t>(size) > rest_.size()) {
      throw_wrong_value(column_, "list of texts");
    }
    const std::string_view taken = rest_.substr(0, static_cast<std::size_t>(size));
    rest_.remove_prefix(taken.size());
    return taken;
  }

  std::string_view rest_;
  int column_;
};

}  // namespace

void ClearResult::operator()(pg_result* result) const noexcept {
  ::PQclear(result);
}

int Rows::count() const {
  return ::PQntuples(result_.get());
}

std::int64_t Rows::affected() const {
  const std::string count = ::PQcmdTuples(result_.get());
  return count.empty() ? 0 : std::stoll(count);
}

bool Rows::is_null(int row, int column) const {
  return ::PQgetisnull(result_.get(), row, column) != 0;
}

std::string_view Rows::bytes(int row, int column) const {
  if (row >= count() || column >= ::PQnfields(result_.get())) {
    throw std::logic_error("postgres: no such row or column");
  }
  if (is_null(row, column)) throw_wrong_value(column, "value");
  return {::PQgetvalue(result_.get(), row, column),
          static_cast<std::size_t>(::PQgetlength(result_.get(), row, column))};
}

std::string Rows::value(int row, int column, std::type_identity<std::string>) const {
  return std::string(bytes(row, column));
}

std::int64_t Rows::value(int row, int column, std::type_identity<std::int64_t>) const {
  const std::string_view number = bytes(row, column);
  switch (number.size()) {
    case sizeof(std::int16_t):
      return integer_from<std::int16_t>(number);
    case sizeof(std::int32_t):
      return integer_from<std::int32_t>(number);
    case sizeof(std::int64_t):
      return integer_from<std::int64_t>(number);
    default:
      throw_wrong_value(column, "integer");
  }
}

bool Rows::value(int row, int column, std::type_identity<bool>) const {
  const std::string_view flag = bytes(row, column);
  require_size(flag, 1, column, "boolean");
  return flag.front() != 0;
}

Timestamp Rows::value(int row, int column, std::type_identity<Timestamp>) const {
  const std::string_view moment = bytes(row, column);
  require_size(moment, sizeof(std::int64_t), column, "moment");
  const auto since_2000_us = std::clamp(integer_from<std::int64_t>(moment),
                                        kFirstUs - kPostgresEpochUs, kLastUs - kPostgresEpochUs);
  return {since_2000_us + kPostgresEpochUs};
}

Date Rows::value(int row, int column, std::type_identity<Date>) const {
  const std::string_view day = bytes(row, column);
  require_size(day, sizeof(std::int32_t), column, "day");
  const auto since_2000 =
      std::clamp(std::int64_t{integer_from<std::int32_t>(day)}, kFirstDay, kLastDay);
  return utc_date({since_2000 * kDayUs + kPostgresEpochUs});
}

Uuid Rows::value(int row, int column, std::type_identity<Uuid>) const {
  const std::string_view id = bytes(row, column);
  std::array<std::uint8_t, 16> octets{};
  require_size(id, octets.size(), column, "UUID");
  std::copy(id.begin(), id.end(), octets.begin());
  return Uuid::from_bytes(octets);
}

std::vector<std::string> Rows::value(int row, int column,
                                     std::type_identity<std::vector<std::string>>) const {
  return ArrayReader(bytes(row, column), column).texts();
}

}  // namespace registry::postgres

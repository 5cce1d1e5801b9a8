#include "tests/migrate/session.h"

#include <stdexcept>

namespace registry::test {
namespace {

struct Clear {
  void operator()(PGresult* result) const { ::PQclear(result); }
};

std::string text_of(const PGresult* result) {
  std::string text;
  for (int row = 0; row < ::PQntuples(result); ++row) {
    if (row > 0) text += '\n';
    for (int field = 0; field < ::PQnfields(result); ++field) {
      if (field > 0) text += '|';
      text += ::PQgetvalue(result, row, field);
    }
  }
  return text;
}

}  // namespace

Session::Session(const std::string& url) : connection_(::PQconnectdb(url.c_str())) {
  if (::PQstatus(connection_.get()) != CONNECTION_OK) {
    throw std::runtime_error(::PQerrorMessage(connection_.get()));
  }
  ::PQsetNoticeProcessor(
      connection_.get(), [](void*, const char*) {}, nullptr);
}

std::string Session::sql(const std::string& script) {
  start(script);
  std::string text;
  std::string error;
  while (true) {
    const std::unique_ptr<PGresult, Clear> result(::PQgetResult(connection_.get()));
    if (!result) break;
    const ExecStatusType status = ::PQresultStatus(result.get());
    if (status == PGRES_TUPLES_OK) text = text_of(result.get());
    if (status == PGRES_FATAL_ERROR) error = ::PQresultErrorMessage(result.get());
  }
  if (!error.empty()) throw std::runtime_error(error);
  return text;
}

void Session::start(const std::string& script) {
  if (::PQsendQuery(connection_.get(), script.c_str()) != 1) {
    throw std::runtime_error(::PQerrorMessage(connection_.get()));
  }
}

bool Session::has_answered() {
  return ::PQconsumeInput(connection_.get()) != 1 || ::PQisBusy(connection_.get()) == 0;
}

int Session::backend_pid() const {
  return ::PQbackendPID(connection_.get());
}

}  // namespace registry::test

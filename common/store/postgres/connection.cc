#include "common/store/postgres/connection.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <limits>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include <libpq-fe.h>
#include <poll.h>

namespace registry::postgres {
namespace {

using Moment = std::chrono::steady_clock::time_point;

constexpr int kBinaryFormat = 1;
// What holds where neither the URL nor the environment says otherwise.
constexpr std::array<std::pair<const char*, const char*>, 5> kDefaults = {{
    {"connect_timeout", "2"},  // seconds, for each address; libpq knows no shorter one
    // How soon the kernel gives up a peer that is gone, in milliseconds while something is on its
    // way, and in seconds while we wait.
    {"tcp_user_timeout", "10000"},
    {"keepalives_idle", "30"},
    {"keepalives_interval", "10"},
    {"keepalives_count", "3"},
}};

struct FreeOptions {
  void operator()(PQconninfoOption* options) const noexcept { ::PQconninfoFree(options); }
};
using OptionsHandle = std::unique_ptr<PQconninfoOption, FreeOptions>;

struct FreeMemory {
  void operator()(char* memory) const noexcept { ::PQfreemem(memory); }
};

OptionsHandle parse_url(const std::string& url) {
  char* error = nullptr;
  OptionsHandle options(::PQconninfoParse(url.c_str(), &error));
  // It may quote a part of the URL, so it is of no use to us.
  const std::unique_ptr<char, FreeMemory> error_owner(error);
  return options;
}

// Whether a URL has an `@` elsewhere than at the end of its user and password, which for libpq is
// the first one, if it comes before any slash.
bool has_stray_at(std::string_view url) {
  constexpr std::string_view kSchemeEnd = "://";
  const std::size_t scheme_end = url.find(kSchemeEnd);
  const bool is_url = url.substr(0, 8) == "postgres" && scheme_end <= 10;
  if (!is_url) return false;
  std::string_view rest = url.substr(scheme_end + kSchemeEnd.size());
  const std::size_t end = rest.find_first_of("@/");
  if (end != std::string_view::npos && rest[end] == '@') rest.remove_prefix(end + 1);
  return rest.substr(0, rest.find('?')).find('@') != std::string_view::npos;
}

bool is_list_of_numbers(std::string_view text) {
  return text.find_first_not_of("0123456789,") == std::string_view::npos;
}

// Whether the environment says something of a connection: an option that is among the defaults.
bool is_in_environment(const OptionsHandle& defaults, std::string_view keyword) {
  for (const PQconninfoOption* option = defaults.get();
       option != nullptr && option->keyword != nullptr; ++option) {
    if (option->keyword == keyword && option->val != nullptr) return *option->val != '\0';
  }
  return false;
}

// The keywords and values that PQconnectdbParams takes.
class Keywords {
 public:
  explicit Keywords(const std::string& url) {
    const OptionsHandle parsed = parse_url(url);
    if (!parsed) throw SqlError({.message = "the URL of the database cannot be read"});
    for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option) {
      if (option->val != nullptr) set(option->keyword, option->val);
    }
  }

  void set(const std::string& keyword, std::string value) { values_[keyword] = std::move(value); }
  void set_default(const std::string& keyword, const char* value) {
    if (!is_in_environment(environment_, keyword)) values_.try_emplace(keyword, value);
  }

  [[nodiscard]] PGconn* connect() const {
    std::vector<const char*> keywords;
    std::vector<const char*> values;
    for (const auto& [keyword, value] : values_) {
      keywords.push_back(keyword.c_str());
      values.push_back(value.c_str());
    }
    keywords.push_back(nullptr);
    values.push_back(nullptr);
    return ::PQconnectdbParams(keywords.data(), values.data(), 0);
  }

 private:
  std::unordered_map<std::string, std::string> values_;
  // Reading it takes a look at the environment, and at a service file, for every option there is.
  const OptionsHandle environment_{::PQconndefaults()};
};

// libpq ends its messages with a line feed, and gives one line per host.
std::string one_line(std::string line) {
  while (!line.empty() && line.back() == '\n') line.pop_back();
  std::replace(line.begin(), line.end(), '\t', ' ');
  for (std::size_t at = 0; (at = line.find('\n', at)) != std::string::npos;) {
    line.replace(at, 1, "; ");
  }
  return line;
}

std::string text_of(const char* text) {
  return text == nullptr ? std::string() : std::string(text);
}

void call_notice_receiver(void* receiver, const PGresult* notice) {
  const auto& call = *static_cast<std::function<void(const std::string&)>*>(receiver);
  if (!call) return;
  call(text_of(::PQresultErrorField(notice, PG_DIAG_SEVERITY)) + ": " +
       text_of(::PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY)));
}

// The same text has the same name in every process, so that one that another session left behind a
// pooler is never a different statement. FNV-1a.
std::string statement_name(std::string_view sql) {
  std::uint64_t hash = 0xCBF29CE484222325U;
  for (const char character : sql) {
    hash = (hash ^ static_cast<unsigned char>(character)) * 0x100000001B3U;
  }
  std::array<char, 32> name{};
  std::snprintf(name.data(), name.size(), "registry_%016llx",
                static_cast<unsigned long long>(hash));
  return name.data();
}

std::vector<const char*> texts_of(std::span<const Parameter> parameters) {
  std::vector<const char*> texts;
  texts.reserve(parameters.size());
  for (const Parameter& parameter : parameters) texts.push_back(parameter.text());
  return texts;
}

}  // namespace

// What came of the statements that were sent.
struct Connection::Answer {
  ResultHandle last;  // of the statements that went well
  int completed = 0;
  std::optional<ErrorReport> error;
};

// A wait for the server: until when, and what to do meanwhile.
class Connection::Wait {
 public:
  Wait(std::chrono::milliseconds limit, const WaitHook& hook) : hook_(hook) {
    if (limit.count() > 0) deadline_ = std::chrono::steady_clock::now() + limit;
  }

  // Returns the events of the socket that came first; 0 when the deadline did.
  [[nodiscard]] short until(int socket, short events) const {
    for (;;) {
      std::array<pollfd, 2> ready{pollfd{.fd = socket, .events = events, .revents = 0},
                                  pollfd{.fd = hook_.fd, .events = POLLIN, .revents = 0}};
      const int count = ::poll(ready.data(), ready.size(), step_ms());
      if (count < 0 && errno != EINTR) {
        throw std::system_error(errno, std::generic_category(), "poll");
      }
      if (count > 0 && ready[0].revents != 0) return ready[0].revents;
      if (deadline_ && std::chrono::steady_clock::now() >= *deadline_) return 0;
      if (count >= 0 && hook_.call) hook_.call();
    }
  }

 private:
  [[nodiscard]] int step_ms() const {
    std::int64_t step = hook_.call ? hook_.interval.count() : -1;
    if (deadline_) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(
          *deadline_ - std::chrono::steady_clock::now());
      const std::int64_t left_ms = std::max<std::int64_t>(left.count(), 0);
      step = step < 0 ? left_ms : std::min(step, left_ms);
    }
    return static_cast<int>(std::min<std::int64_t>(step, std::numeric_limits<int>::max()));
  }

  const WaitHook& hook_;
  std::optional<Moment> deadline_;
};

void Connection::Finish::operator()(pg_conn* connection) const noexcept {
  ::PQfinish(connection);
}

bool Connection::is_valid_url(const std::string& url) {
  const OptionsHandle options = parse_url(url);
  if (!options || has_stray_at(url)) return false;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    const bool is_port = std::string_view(option->keyword) == "port";
    if (is_port && option->val != nullptr && !is_list_of_numbers(option->val)) return false;
  }
  return true;
}

Connection::Connection(const ConnectionSettings& settings)
    : answer_limit_(settings.answer_limit), prepares_(settings.prepares) {
  Keywords keywords(settings.url);
  for (const auto& [keyword, value] : kDefaults) keywords.set_default(keyword, value);
  keywords.set_default("fallback_application_name", settings.application_name.c_str());
  keywords.set("client_encoding", "UTF8");
  connection_.reset(keywords.connect());
  if (!connection_) throw std::bad_alloc();
  if (::PQstatus(connection_.get()) != CONNECTION_OK) {
    throw SqlError({.message = one_line(::PQerrorMessage(connection_.get()))});
  }
  ::PQsetNoticeReceiver(connection_.get(), call_notice_receiver, &on_notice_);
  if (::PQsetnonblocking(connection_.get(), 1) != 0) lose(::PQerrorMessage(connection_.get()));
}

Rows Connection::query_listed(std::string_view sql, std::span<const Parameter> parameters) {
  if (!prepares_) return run_unprepared(sql, parameters);
  try {
    return run_prepared(sql, parameters);
  } catch (const SqlError& error) {
    // Not there, or there already: another session's, behind a pooler.
    const bool is_not_ours = error.sqlstate() == "26000" || error.sqlstate() == "42P05";
    // A migration has changed what it answers.
    const bool is_outdated = error.sqlstate() == "0A000";
    if (!is_not_ours && !is_outdated) throw;
    if (is_not_ours) {
      prepares_ = false;
      prepared_.clear();
    }
    if (is_outdated) is_broken_ = true;  // a new session makes new plans
    // Nothing has happened, but to an open transaction: its owner may run that again.
    if (::PQtransactionStatus(connection_.get()) != PQTRANS_IDLE) throw;
  }
  return run_unprepared(sql, parameters);
}

Rows Connection::run_prepared(std::string_view sql, std::span<const Parameter> parameters) {
  const std::vector<const char*> texts = texts_of(parameters);
  const auto send = [&](const std::string& name) {
    require_sent(::PQsendQueryPrepared(connection_.get(), name.c_str(),
                                       static_cast<int>(texts.size()), texts.data(), nullptr,
                                       nullptr, kBinaryFormat));
  };
  if (const auto known = prepared_.find(sql); known != prepared_.end()) {
    send(known->second);
    return Rows(checked(collect()));
  }
  // Both at once, for one round trip.
  const std::string text(sql);
  const std::string name = statement_name(sql);
  require_sent(::PQenterPipelineMode(connection_.get()));
  require_sent(::PQsendPrepare(connection_.get(), name.c_str(), text.c_str(), 0, nullptr));
  send(name);
  require_sent(::PQpipelineSync(connection_.get()));
  Answer answer = collect();
  require_sent(::PQexitPipelineMode(connection_.get()));
  if (answer.completed > 0) prepared_.emplace(text, name);
  return Rows(checked(std::move(answer)));
}

Rows Connection::run_unprepared(std::string_view sql, std::span<const Parameter> parameters) {
  const std::vector<const char*> texts = texts_of(parameters);
  require_sent(::PQsendQueryParams(connection_.get(), std::string(sql).c_str(),
                                   static_cast<int>(texts.size()), nullptr, texts.data(), nullptr,
                                   nullptr, kBinaryFormat));
  return Rows(checked(collect()));
}

std::string Connection::execute(const std::string& script) {
  require_sent(::PQsendQuery(connection_.get(), script.c_str()));
  const ResultHandle last = checked(collect());
  return last ? ::PQcmdStatus(last.get()) : "";
}

// Reads everything that the server answers, up to where it is ready for more: only then an implicit
// transaction is committed, and an error may come that late.
Connection::Answer Connection::collect() {
  const Wait wait(answer_limit_, hook_);
  flush(wait);
  Answer answer;
  for (;;) {
    ResultHandle result = next_result(wait);
    const bool in_pipeline = ::PQpipelineStatus(connection_.get()) != PQ_PIPELINE_OFF;
    if (result) {
      if (::PQresultStatus(result.get()) == PGRES_PIPELINE_SYNC) return answer;
      note(std::move(result), answer);
    } else if (!in_pipeline || ::PQstatus(connection_.get()) != CONNECTION_OK) {
      return answer;
    }
  }
}

void Connection::note(ResultHandle result, Answer& answer) {
  // As a number, because each version of libpq adds to the enumeration.
  switch (static_cast<int>(::PQresultStatus(result.get()))) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
      answer.last = std::move(result);
      ++answer.completed;
      break;
    case PGRES_EMPTY_QUERY:
    case PGRES_PIPELINE_ABORTED:
      break;
    case PGRES_COPY_IN:
      ::PQputCopyEnd(connection_.get(), "COPY FROM STDIN has no data here");
      break;
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
      lose("COPY TO STDOUT leads nowhere here");
    default:
      if (!answer.error) answer.error = report_of(result.get());
      if (ends_connection(answer.error->sqlstate)) is_broken_ = true;
  }
}

ResultHandle Connection::checked(Answer answer) {
  if (answer.error) {
    answer.error->completed_statements = answer.completed;
    throw SqlError(std::move(*answer.error));
  }
  if (::PQstatus(connection_.get()) != CONNECTION_OK) lose(::PQerrorMessage(connection_.get()));
  return std::move(answer.last);
}

ResultHandle Connection::next_result(const Wait& wait) {
  while (::PQisBusy(connection_.get()) != 0) {
    if (wait.until(::PQsocket(connection_.get()), POLLIN) == 0) {
      lose("no answer within " + std::to_string(answer_limit_.count()) + " ms");
    }
    // When it fails, the next result says why.
    if (::PQconsumeInput(connection_.get()) == 0) break;
  }
  return ResultHandle(::PQgetResult(connection_.get()));
}

void Connection::flush(const Wait& wait) {
  for (;;) {
    const int left = ::PQflush(connection_.get());
    if (left == 0) return;
    if (left < 0) lose(::PQerrorMessage(connection_.get()));
    const short events = wait.until(::PQsocket(connection_.get()), POLLIN | POLLOUT);
    if (events == 0) {
      lose("nothing was taken within " + std::to_string(answer_limit_.count()) + " ms");
    }
    // The server may wait for us to read what it says before it takes more.
    if ((events & POLLIN) != 0 && ::PQconsumeInput(connection_.get()) == 0) {
      lose(::PQerrorMessage(connection_.get()));
    }
  }
}

void Connection::require_sent(int sent) {
  if (sent == 0) lose(::PQerrorMessage(connection_.get()));
}

void Connection::lose(const std::string& message) {
  is_broken_ = true;
  throw SqlError({.message = one_line(message)});
}

ErrorReport Connection::report_of(const pg_result* result) const {
  const auto field = [&](int code) { return text_of(::PQresultErrorField(result, code)); };
  ErrorReport report{.sqlstate = field(PG_DIAG_SQLSTATE),
                     .message = field(PG_DIAG_MESSAGE_PRIMARY),
                     .detail = field(PG_DIAG_MESSAGE_DETAIL),
                     .hint = field(PG_DIAG_MESSAGE_HINT),
                     .context = field(PG_DIAG_CONTEXT),
                     .constraint = field(PG_DIAG_CONSTRAINT_NAME)};
  const std::string position = field(PG_DIAG_STATEMENT_POSITION);
  if (!position.empty()) report.position_characters = std::stoi(position);
  // libpq's own errors have neither field.
  if (report.message.empty()) report.message = one_line(::PQresultErrorMessage(result));
  return report;
}

void Connection::cancel() const {
  std::thread([request =
                   std::shared_ptr<PGcancel>(::PQgetCancel(connection_.get()), ::PQfreeCancel)] {
    std::array<char, 256> error{};
    // Nothing follows from a failure: the statement then goes on.
    if (request) ::PQcancel(request.get(), error.data(), error.size());
  }).detach();
}

void Connection::on_notice(std::function<void(const std::string& message)> receiver) {
  on_notice_ = std::move(receiver);
}

bool Connection::is_reusable() const noexcept {
  return !is_broken_ && ::PQstatus(connection_.get()) == CONNECTION_OK &&
         ::PQtransactionStatus(connection_.get()) == PQTRANS_IDLE &&
         ::PQpipelineStatus(connection_.get()) == PQ_PIPELINE_OFF;
}

bool Connection::is_stale() const noexcept {
  pollfd socket{.fd = ::PQsocket(connection_.get()), .events = POLLIN, .revents = 0};
  return ::poll(&socket, 1, 0) != 0;
}

bool Connection::is_in_transaction() const noexcept {
  return ::PQtransactionStatus(connection_.get()) == PQTRANS_INTRANS;
}

int Connection::backend_pid() const {
  return ::PQbackendPID(connection_.get());
}

int Connection::server_version() const {
  return ::PQserverVersion(connection_.get());
}

// Transaction

Transaction::Transaction(Connection& connection) : connection_(connection) {
  connection_.execute("BEGIN");
}

Transaction::~Transaction() {
  if (!is_open_ || connection_.is_reusable()) return;
  try {
    connection_.execute("ROLLBACK");
  } catch (...) {
    connection_.is_broken_ = true;  // the server rolls back when the connection goes
  }
}

void Transaction::commit() {
  is_open_ = false;
  if (connection_.execute("COMMIT") == "COMMIT") return;
  throw SqlError({.sqlstate = "25P02", .message = "the transaction was rolled back instead"});
}

}  // namespace registry::postgres

#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/store/postgres/parameter.h"
#include "common/store/postgres/rows.h"
#include "common/store/postgres/sql_error.h"

struct pg_conn;
struct pg_result;

// RAII over libpq: the only code that calls it. Whatever fails throws SqlError; a wrong use of this
// interface throws std::logic_error.
// Source: https://www.postgresql.org/docs/current/libpq.html
namespace registry::postgres {

struct ConnectionSettings {
  std::string url = {};               // a libpq URL or conninfo; several hosts allowed
  std::string application_name = {};  // how the server's views name us, unless the URL says it
  // The longest wait for an answer; the connection is of no use afterwards. Zero: without end.
  std::chrono::milliseconds answer_limit{0};
  // Whether to prepare statements, see Connection::query().
  bool prepares = true;
};

// Something to do while the server is waited for.
struct WaitHook {
  int fd = -1;                               // call when this is readable; -1: none
  std::chrono::milliseconds interval{1000};  // and call this often
  std::function<void()> call;
};

// A connection to a server, for one thread at a time.
class Connection {
 public:
  // Whether libpq can read `url`, as what it was meant to be: an `@` or `/` of a password that is
  // not percent-encoded makes a part of it the host, the port or the database, which errors quote.
  // Nothing says why not, for the same reason.
  [[nodiscard]] static bool is_valid_url(const std::string& url);

  // Connects to the first of the URL's hosts that will have us. Waits for each host no longer than
  // the URL's connect_timeout, 2 s by default. Throws SqlError without SQLSTATE.
  explicit Connection(const ConnectionSettings& settings);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Carries out one statement with its parameters $1, $2, … in one round trip, as a transaction of
  // its own unless one is open. When this returns, that transaction has been committed.
  //
  // The statement is prepared on first use and kept, so `sql` is one of a bounded number of texts.
  // Behind a pooler another session may answer the next time: when a statement turns out to be
  // missing, or to be there already, this goes on without preparing, for good (see prepares()).
  template <class... Values>
  Rows query(std::string_view sql, const Values&... values) {
    const std::vector<Parameter> parameters{Parameter(values)...};
    return query_listed(sql, parameters);
  }
  // The same for a statement whose parameters are counted at run time.
  [[nodiscard]] Rows query_listed(std::string_view sql, std::span<const Parameter> parameters);

  // Carries out a script of any number of statements without parameters, in one round trip, and
  // gives the command tag of the last ("COMMIT"); rows are ignored. Outside of a transaction the
  // script is one, unless it says otherwise.
  std::string execute(const std::string& script);

  // Calls the hook during every wait for the server from now on; it may call cancel().
  void watch(WaitHook hook) { hook_ = std::move(hook); }

  // Asks the server to give up the statement that runs, which then fails with 57014. Returns at
  // once: the asking is a connection of its own, which a server that hangs may leave unanswered.
  void cancel() const;

  // Is called with each notice or warning of the server; without this they are dropped.
  void on_notice(std::function<void(const std::string& message)> receiver);

  // False when the next statement could not count on a sound, idle session.
  [[nodiscard]] bool is_reusable() const noexcept;
  // Whether the server has closed this idle connection, or said anything that nobody asked for.
  [[nodiscard]] bool is_stale() const noexcept;
  // Whether a transaction is open and sound.
  [[nodiscard]] bool is_in_transaction() const noexcept;
  // False once a prepared statement was found missing.
  [[nodiscard]] bool prepares() const { return prepares_; }
  // The process of the server that the session was promised. Behind a pooler pg_backend_pid() says
  // otherwise: there each transaction may have another process.
  [[nodiscard]] int backend_pid() const;
  // The server's version as a number: 150020 is 15.20.
  [[nodiscard]] int server_version() const;

 private:
  friend class Transaction;

  struct Finish {
    void operator()(pg_conn* connection) const noexcept;
  };
  // Lets a string_view find a string without a copy.
  struct TextHash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  [[nodiscard]] Rows run_prepared(std::string_view sql, std::span<const Parameter> parameters);
  [[nodiscard]] Rows run_unprepared(std::string_view sql, std::span<const Parameter> parameters);
  struct Answer;
  class Wait;

  [[nodiscard]] Answer collect();
  [[nodiscard]] ResultHandle next_result(const Wait& wait);
  void flush(const Wait& wait);
  void note(ResultHandle result, Answer& answer);
  [[nodiscard]] ResultHandle checked(Answer answer);
  void require_sent(int sent);
  [[noreturn]] void lose(const std::string& message);
  [[nodiscard]] ErrorReport report_of(const pg_result* result) const;

  std::unique_ptr<pg_conn, Finish> connection_;
  std::chrono::milliseconds answer_limit_;
  WaitHook hook_;
  std::function<void(const std::string&)> on_notice_;
  std::unordered_map<std::string, std::string, TextHash, std::equal_to<>> prepared_;  // to names
  bool prepares_;
  bool is_broken_ = false;
};

// A transaction: rolled back unless committed.
class Transaction {
 public:
  explicit Transaction(Connection& connection);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();

  // Throws SqlError: without SQLSTATE, nobody knows whether it took effect; 25P02 when the server
  // rolled back instead, because a statement had failed before.
  void commit();

 private:
  Connection& connection_;
  bool is_open_ = true;
};

}  // namespace registry::postgres

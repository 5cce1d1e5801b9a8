#pragma once

#include <string_view>

#include "tests/support/http_client.h"

// What the services answered, test by test, in the file that TEST_TRANSCRIPT names: for
// tests/integration/check_contract, which holds all of it against openapi.yaml, and
// compare_transcripts, which holds the answers over one store against those over the other. Without
// the variable nothing is written. Of an API key it has the prefix alone, of a token nothing:
// what is left on a disk after a run tells no secret.
//
// Marked as not comparable are tests of one store alone, tagged [embedded] or [postgres], and those
// tagged [racing], whose requests or answers come in no fixed order.
namespace registry::test {

// Thread-safe. A comparable exchange on another thread than the test's is noted as a mistake of
// that test, which the comparison reports: the order would be a matter of luck.
void record_exchange(const HttpRequest& request, const HttpResponse& response);
// The same for bytes sent and received as they are.
void record_exchange(std::string_view request, std::string_view answer);

// While one of these lives, exchanges are marked as not comparable: how often one polls is no part
// of the behaviour.
class TranscriptPause {
 public:
  TranscriptPause();
  TranscriptPause(const TranscriptPause&) = delete;
  TranscriptPause& operator=(const TranscriptPause&) = delete;
  ~TranscriptPause();
};

}  // namespace registry::test

#pragma once

namespace registry::crypto {

// Comes before libsodium's random source and its hashes: without it their first use from several
// threads is a race. Thread-safe, and costs nothing from the second call on. Throws
// std::runtime_error when the system has no random source.
// Source: libsodium's documentation, "Usage".
void start_sodium();

}  // namespace registry::crypto

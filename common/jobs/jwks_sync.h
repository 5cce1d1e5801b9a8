#pragma once

namespace registry::jobs {

// Keeps the issuer's public keys in JWKS_FILE, for the functions, which know no network: fetches
// them when FetchSchedule says so, and hears on the socket beside the file (see auth/key_wake.h)
// that somebody misses one. A set that cannot be had, or be used, leaves the file as it is. One
// process does so for each file.
//
// Runs until SIGTERM or SIGINT. Returns the exit code: 0, 70 for a failure inside, 75 when another
// process keeps the file, 78 for bad configuration (one line on standard error names the variable).
[[nodiscard]] int run_jwks_sync();

}  // namespace registry::jobs

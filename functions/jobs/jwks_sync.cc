#include "common/jobs/jwks_sync.h"

// Serves no operation: fetches the public keys that the functions verify tokens with.
int main() {
  return registry::jobs::run_jwks_sync();
}

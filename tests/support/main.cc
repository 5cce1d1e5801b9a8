#include "tests/support/run_tests.h"

int main(int argc, char** argv) {
  return registry::test::run_tests(argc, argv);
}

#pragma once

namespace registry::test {

// Runs the program's tests as its command line says and gives the exit code.
[[nodiscard]] int run_tests(int argc, char** argv);

}  // namespace registry::test

#pragma once

// Catch2 is a single header in version 2 (Debian 12) and many in version 3 (Debian 13). Tests keep
// to what both have: TEST_CASE, TEST_CASE_METHOD, SECTION, GENERATE with from_range, CAPTURE, INFO,
// and the REQUIRE and CHECK families. Assertions belong to the main thread of the main process.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>  // IWYU pragma: export
#else
#include <catch2/catch.hpp>  // IWYU pragma: export
#endif

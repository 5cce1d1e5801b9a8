#pragma once

#include <fstream>
#include <stdexcept>
#include <string>

#include <nlohmann/json.hpp>

#include "tests/support/service.h"

namespace registry::test {

// The array `vectors` of a file of tests/data; what computed them is in the file's note.
[[nodiscard]] inline nlohmann::json golden_vectors(const std::string& name) {
  const std::string path = source_folder() + "/tests/data/" + name;
  std::ifstream file(path);
  nlohmann::json vectors = nlohmann::json::parse(file).at("vectors");
  if (vectors.empty()) throw std::runtime_error(path + " holds no vector");
  return vectors;
}

}  // namespace registry::test

#include "common/base/private_folder.h"

#include <cerrno>

#include <sys/stat.h>

namespace registry {

std::error_code make_private_folder(const std::filesystem::path& folder) {
  constexpr mode_t kFolderMode = 0700;
  std::error_code error;
  std::filesystem::create_directories(folder.parent_path(), error);
  if (!error && ::mkdir(folder.c_str(), kFolderMode) != 0 && errno != EEXIST) {
    error.assign(errno, std::generic_category());
  }
  return error;
}

}  // namespace registry

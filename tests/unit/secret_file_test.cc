#include "common/base/secret_file.h"

#include <map>

#include "tests/support/catch.h"
#include "tests/support/process.h"
#include "tests/support/temp_folder.h"

namespace registry {
namespace {

// A folder with one file, and an environment of its own.
class SecretFile {
 public:
  [[nodiscard]] std::string path() const { return folder_.path() + "/secret"; }
  void write(const std::string& content) const { test::write_file(path(), content); }

  void set(const std::string& name, const std::string& value) { variables_[name] = value; }
  [[nodiscard]] auto secret() const {
    return secret_variable(
        [this](const char* name) -> std::optional<std::string> {
          const auto found = variables_.find(name);
          if (found == variables_.end()) return std::nullopt;
          return found->second;
        },
        "TOKEN");
  }

 private:
  test::TempFolder folder_;
  std::map<std::string, std::string> variables_;
};

}  // namespace

TEST_CASE_METHOD(SecretFile, "secret file: one line feed at the end does not belong to it") {
  for (const auto& [content, secret] :
       {std::pair<std::string, std::string>{"open-sesame", "open-sesame"},
        {"open-sesame\n", "open-sesame"},
        {"open-sesame\n\n", "open-sesame\n"},
        {" open sesame \r\n", " open sesame \r"}}) {
    CAPTURE(content);
    write(content);
    CHECK(read_secret_file(path()) == secret);
  }
}

TEST_CASE_METHOD(SecretFile, "secret file: may be as large as the limit, and no larger") {
  write(std::string(kMaxSecretBytes, 's'));
  CHECK(read_secret_file(path())->size() == kMaxSecretBytes);
  write(std::string(kMaxSecretBytes + 1, 's'));
  CHECK(read_secret_file(path()).error() == path() + " is larger than 65536 bytes");
}

TEST_CASE_METHOD(SecretFile,
                 "secret file: missing, a folder, empty or with a zero byte is refused") {
  CHECK(read_secret_file(path()).error() == "can't read " + path() + ": No such file or directory");
  CHECK(read_secret_file("/").error() == "can't read /: Is a directory");
  for (const char* content : {"", "\n"}) {
    write(content);
    CHECK(read_secret_file(path()).error() == path() + " is empty");
  }
  write(std::string("open\0sesame", 11));
  CHECK(read_secret_file(path()).error() == path() + " holds a zero byte");
}

TEST_CASE_METHOD(SecretFile, "secret variable: is its value, or in the file that _FILE names") {
  CHECK(*secret() == std::nullopt);
  set("TOKEN", "");
  set("TOKEN_FILE", "");
  CHECK(*secret() == std::nullopt);
  set("TOKEN", "open-sesame");
  CHECK(*secret() == "open-sesame");
  set("TOKEN", "");
  set("TOKEN_FILE", path());
  write("closed-sesame\n");
  CHECK(*secret() == "closed-sesame");
}

TEST_CASE_METHOD(SecretFile,
                 "secret variable: both at once is refused, and a file is named by it") {
  set("TOKEN_FILE", path());
  CHECK(secret().error().variable == "TOKEN_FILE");
  CHECK(secret().error().message == read_secret_file(path()).error());
  write("closed-sesame");
  set("TOKEN", "open-sesame");
  CHECK(secret().error().variable == "TOKEN_FILE");
  CHECK(secret().error().message == "must not be set together with TOKEN");
}

}  // namespace registry

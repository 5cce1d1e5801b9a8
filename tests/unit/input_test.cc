#include "common/http/input.h"

#include <optional>
#include <string>
#include <vector>

#include "tests/support/catch.h"

namespace registry::http {
namespace {

Request with_body(std::string body) {
  Request request;
  request.body = std::move(body);
  return request;
}

struct TenantInput {
  std::optional<Slug> slug;
  std::optional<std::string> name;
  std::optional<std::string> note;
  Status status;
};

TenantInput read_tenant(const Request& request) {
  BodyReader body(request);
  TenantInput input;
  input.slug = body.required("slug", Slug::parse);
  input.name = body.required("name", parse_name);
  input.note = body.optional("note", parse_text);
  input.status = body.finish();
  return input;
}

std::vector<FieldError> refusals(const std::string& body) {
  const Request request = with_body(body);
  const TenantInput input = read_tenant(request);
  REQUIRE_FALSE(input.status);
  CHECK(input.status.error().code == ErrorCode::kInvalidRequest);
  CHECK_FALSE(input.status.error().detail.empty());
  return input.status.error().fields;
}

TEST_CASE("BodyReader: members are read whatever their order") {
  const Request request = with_body(R"({"name":"Acme Inc.","note":"n","slug":"acme"})");
  const TenantInput input = read_tenant(request);
  REQUIRE(input.status);
  CHECK(input.slug->str() == "acme");
  CHECK(input.name == "Acme Inc.");
  CHECK(input.note == "n");
}

TEST_CASE("BodyReader: null counts as absent") {
  const Request request = with_body(R"({"name":"Acme","note":null,"slug":"acme"})");
  const TenantInput input = read_tenant(request);
  REQUIRE(input.status);
  CHECK_FALSE(input.note);
  CHECK(refusals(R"({"name":"Acme","slug":null})") ==
        std::vector<FieldError>{{.field = "slug", .message = "is required"}});
}

TEST_CASE("BodyReader: every bad member is named at once") {
  const auto errors = refusals(R"({"slug":"A","note":5,"colour":"red"})");
  REQUIRE(errors.size() == 4);
  CHECK(errors[0].field == "slug");
  CHECK(errors[0].message.starts_with("must match"));
  CHECK(errors[1] == FieldError{.field = "name", .message = "is required"});
  CHECK(errors[2] == FieldError{.field = "note", .message = "must be a string"});
  CHECK(errors[3] == FieldError{.field = "colour", .message = "is not a known member"});
}

TEST_CASE("BodyReader: a value of another type is refused") {
  const auto value = GENERATE(as<std::string>(), "5", "true", "[]", "{}", "[\"acme\"]");
  CHECK(refusals(R"({"name":"Acme","slug":)" + value + "}") ==
        std::vector<FieldError>{{.field = "slug", .message = "must be a string"}});
}

TEST_CASE("BodyReader: an unknown member is refused also when it is null") {
  CHECK(refusals(R"({"name":"Acme","slug":"acme","nmae":null})") ==
        std::vector<FieldError>{{.field = "nmae", .message = "is not a known member"}});
}

TEST_CASE("BodyReader: a body that is no JSON object is refused without naming members") {
  const auto body = GENERATE(as<std::string>(), "{", "[]", "\"x\"", "null", "5", " ", "x",
                             R"({"slug":"a","slug":"a"})");
  CAPTURE(body);
  CHECK(refusals(body).empty());
}

TEST_CASE("BodyReader: a malformed body is told with the byte at which it shows") {
  const Request request = with_body(R"({"slug":x})");
  const TenantInput input = read_tenant(request);
  REQUIRE_FALSE(input.status);
  CHECK(input.status.error().detail.find("byte 8") != std::string::npos);
}

TEST_CASE("BodyReader: a missing body has no members") {
  const Request request = with_body("");
  BodyReader optional(request);
  CHECK_FALSE(optional.optional("reason", parse_text));
  CHECK(optional.finish());
  CHECK(refusals("").size() == 2);
}

TEST_CASE("BodyReader: a flood of unknown members makes a bounded answer") {
  std::string body = "{\"0\":0";
  for (int i = 1; i < 5000; ++i) body += ",\"" + std::to_string(i) + "\":0";
  CHECK(refusals(body + "}").size() <= 100);
}

TEST_CASE("BodyReader: the name of an unknown member is repeated without what could do harm") {
  const auto errors =
      refusals(R"({"name":"A","slug":"abc","a\r\nb)" + std::string(1000, 'x') + "\":0}");
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].field.starts_with("a??bx"));
  CHECK(errors[0].field.size() == 255);
}

TEST_CASE("BodyReader: keeps what it read when the request has long text") {
  const Request request = with_body(R"({"slug":"acme","name":")" + std::string(255, 'n') + "\"}");
  const TenantInput input = read_tenant(request);
  REQUIRE(input.status);
  CHECK(input.name == std::string(255, 'n'));
}

class ObjectReaderTest {
 protected:
  ObjectReader& reader(const std::string& text, EmptyText empty_text = EmptyText::kIsText,
                       const std::string& place = {}) {
    text_ = text;
    document_ = *JsonDocument::parse(text_);
    reader_.emplace(document_->root(), place, empty_text);
    return *reader_;
  }

 private:
  std::string text_;
  std::optional<JsonDocument> document_;
  std::optional<ObjectReader> reader_;
};

TEST_CASE_METHOD(ObjectReaderTest, "ObjectReader: a bool is true or false and nothing else") {
  CHECK(reader(R"({"x":true})").required_bool("x") == true);
  CHECK(reader(R"({"x":false})").required_bool("x") == false);
  for (const std::string value : {"\"true\"", "1", "null", "[]"}) {
    ObjectReader& object = reader("{\"x\":" + value + "}");
    CHECK_FALSE(object.required_bool("x"));
    CHECK_FALSE(object.finish());
  }
}

TEST_CASE_METHOD(ObjectReaderTest, "ObjectReader: a whole number is within its limits") {
  for (const std::string value : {"0", "1", "3649", "3650"}) {
    ObjectReader& object = reader("{\"x\":" + value + "}");
    CHECK(object.required_integer("x", 0, 3650) == std::stoi(value));
    CHECK(object.finish());
  }
  for (const std::string value :
       {"-1", "3651", "1.0", "1e2", "\"1\"", "true", "99999999999999999999", "null", "0.5"}) {
    CAPTURE(value);
    ObjectReader& object = reader("{\"x\":" + value + "}");
    CHECK_FALSE(object.required_integer("x", 0, 3650));
    CHECK(object.finish().error().fields.size() == 1);
  }
}

TEST_CASE_METHOD(ObjectReaderTest, "ObjectReader: a list has texts that the parser accepts") {
  CHECK(reader(R"({"x":["b","a"]})").required_list("x", parse_plan, 2) ==
        std::vector<std::string>{"b", "a"});
  CHECK(reader(R"({"x":[]})").required_list("x", parse_plan, 2) == std::vector<std::string>{});
  for (const std::string value : {"\"a\"", "{}", "[1]", "[\"a\",null]", "[[\"a\"]]", "[\"A\"]"}) {
    CAPTURE(value);
    ObjectReader& object = reader("{\"x\":" + value + "}");
    CHECK_FALSE(object.required_list("x", parse_plan, 2));
    CHECK(object.finish().error().fields.size() == 1);
  }
}

TEST_CASE_METHOD(ObjectReaderTest, "ObjectReader: what is missing is named") {
  ObjectReader& object = reader("{}");
  CHECK_FALSE(object.required_bool("a"));
  CHECK_FALSE(object.required_integer("b", 0, 1));
  CHECK_FALSE(object.required_list("c", parse_plan, 2));
  const Status status = object.finish();
  REQUIRE_FALSE(status);
  REQUIRE(status.error().fields.size() == 3);
  for (const FieldError& error : status.error().fields) CHECK(error.message == "is required");
}

TEST_CASE_METHOD(ObjectReaderTest, "ObjectReader: a list has at most as many texts as it may") {
  ObjectReader& full = reader(R"({"x":["a","b"]})");
  CHECK(full.required_list("x", parse_plan, 2) == std::vector<std::string>{"a", "b"});
  CHECK(full.finish());
  ObjectReader& over = reader(R"({"x":["a","b","c"]})");
  CHECK_FALSE(over.required_list("x", parse_plan, 2));
  CHECK(over.finish().error().fields ==
        std::vector<FieldError>{{.field = "x", .message = "must have at most 2 elements"}});
}

TEST_CASE_METHOD(ObjectReaderTest, "ObjectReader: what is optional may be missing or null") {
  for (const std::string text : {"{}", R"({"a":null,"b":null,"c":null,"d":null,"e":null})"}) {
    ObjectReader& object = reader(text);
    CHECK_FALSE(object.optional_bool("a"));
    CHECK_FALSE(object.optional_list("b", parse_plan, 2));
    CHECK_FALSE(object.optional_object("c"));
    CHECK_FALSE(object.optional_text_map("d"));
    object.inner("e", [](ObjectReader&) { FAIL("there is no inner object"); });
    CHECK(object.finish());
  }
}

TEST_CASE_METHOD(ObjectReaderTest, "ObjectReader: what is optional is of its type all the same") {
  for (const std::string value : {"1", "\"x\"", "[1]"}) {
    CAPTURE(value);
    ObjectReader& object = reader(R"({"a":)" + value + R"(,"b":)" + value + R"(,"c":)" + value +
                                  R"(,"d":)" + value + R"(,"e":)" + value + "}");
    CHECK_FALSE(object.optional_bool("a"));
    CHECK_FALSE(object.optional_list("b", parse_plan, 2));
    CHECK_FALSE(object.optional_object("c"));
    CHECK_FALSE(object.optional_text_map("d"));
    object.inner("e", [](ObjectReader&) { FAIL("there is no inner object"); });
    CHECK(object.finish().error().fields ==
          std::vector<FieldError>{{.field = "a", .message = "must be true or false"},
                                  {.field = "b", .message = "must be an array of strings"},
                                  {.field = "c", .message = "must be an object"},
                                  {.field = "d", .message = "must be an object"},
                                  {.field = "e", .message = "must be an object"}});
  }
}

TEST_CASE_METHOD(ObjectReaderTest, "ObjectReader: an object passes through byte for byte") {
  const std::string value = "{ \"n\" : 1.50, \"a\":[ ] }";
  ObjectReader& object = reader(R"({"x":)" + value + "}");
  CHECK(object.optional_object("x")->raw() == value);
  CHECK(object.finish());
}

TEST_CASE_METHOD(ObjectReaderTest, "ObjectReader: an object that passes through is bounded") {
  const auto of_size = [](std::size_t bytes) {
    return R"({"x":{"t":")" + std::string(bytes - 8, 't') + "\"}}";
  };
  CHECK(reader(of_size(65'536)).optional_object("x"));
  ObjectReader& large = reader(of_size(65'537));
  CHECK_FALSE(large.optional_object("x"));
  CHECK(large.finish().error().fields ==
        std::vector<FieldError>{
            {.field = "x",
             .message = "must have at most 65536 bytes, its numbers written without exponents"}});

  // 1e308 is 5 bytes here and 309 in JSONB.
  const auto of_numbers = [](int count) {
    std::string numbers = "1e308";
    for (int i = 1; i < count; ++i) numbers += ",1e308";
    return R"({"x":{"n":[)" + numbers + "]}}";
  };
  CHECK(reader(of_numbers(208)).optional_object("x"));
  CHECK_FALSE(reader(of_numbers(209)).optional_object("x"));

  const auto of_depth = [](std::size_t levels) {
    return R"({"x":{"t":)" + std::string(levels - 1, '[') + "1" + std::string(levels - 1, ']') +
           ",\"u\":{}}}";
  };
  CHECK(reader(of_depth(32)).optional_object("x"));
  ObjectReader& deep = reader(of_depth(33));
  CHECK_FALSE(deep.optional_object("x"));
  CHECK(deep.finish().error().fields ==
        std::vector<FieldError>{{.field = "x", .message = "must have at most 32 levels"}});
}

TEST_CASE_METHOD(ObjectReaderTest, "ObjectReader: a map of texts has nothing but texts") {
  const auto map = reader(R"({"x":{"a":"","b":"2"}})").optional_text_map("x");
  REQUIRE(map);
  CHECK(map->raw() == R"({"a":"","b":"2"})");
  CHECK(reader(R"({"x":{}})").optional_text_map("x"));
  for (const std::string value : {"1", "true", "null", "{}", "[]"}) {
    CAPTURE(value);
    ObjectReader& object = reader(R"({"x":{"a":"1","b":)" + value + "}}");
    CHECK_FALSE(object.optional_text_map("x"));
    CHECK(object.finish().error().fields ==
          std::vector<FieldError>{
              {.field = "x", .message = "must be an object with strings as its values"}});
  }
}

TEST_CASE_METHOD(ObjectReaderTest,
                 "ObjectReader: an empty text counts as absent where it is told") {
  ObjectReader& text = reader(R"({"x":""})");
  CHECK_FALSE(text.optional("x", parse_text));
  CHECK(text.finish().error().fields.size() == 1);

  ObjectReader& absent = reader(R"({"x":"","y":"","z":{"x":""}})", EmptyText::kIsAbsent);
  CHECK_FALSE(absent.optional("x", parse_text));
  CHECK_FALSE(absent.required("y", parse_text));
  absent.inner("z", [](ObjectReader& inner) { CHECK_FALSE(inner.optional("x", parse_text)); });
  CHECK(absent.finish().error().fields ==
        std::vector<FieldError>{{.field = "y", .message = "is required"}});
}

TEST_CASE_METHOD(ObjectReaderTest, "ObjectReader: inner members are named by their whole path") {
  ObjectReader& object = reader(R"({"a":{"b":{"c":1,"d":2},"e":3}})", EmptyText::kIsText, "[3].");
  object.inner("a", [](ObjectReader& a) {
    a.inner("b", [](ObjectReader& b) { CHECK_FALSE(b.optional("c", parse_text)); });
  });
  CHECK(object.all_errors() ==
        std::vector<FieldError>{{.field = "[3].a.b.c", .message = "must be a string"},
                                {.field = "[3].a.b.d", .message = "is not a known member"},
                                {.field = "[3].a.e", .message = "is not a known member"}});
}

TEST_CASE_METHOD(ObjectReaderTest, "ObjectReader: an error names at most 100 mistakes in all") {
  std::string members = "\"0\":0";
  for (int i = 1; i < 70; ++i) members += ",\"" + std::to_string(i) + "\":0";
  ObjectReader& object =
      reader(R"({"a":{)" + members + R"(},"b":{)" + members + "}," + members + "}");
  object.inner("a", [](ObjectReader&) {});
  object.inner("b", [](ObjectReader&) {});
  object.reject("c", "is the first too many");
  const auto errors = object.all_errors();
  REQUIRE(errors.size() == 100);
  CHECK(errors[69].field == "a.69");
  CHECK(errors[99].field == "b.29");
}

}  // namespace
}  // namespace registry::http

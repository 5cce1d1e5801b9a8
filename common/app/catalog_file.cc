#include "common/app/catalog_file.h"

#include <algorithm>
#include <fstream>

#include "common/domain/rules.h"
#include "common/http/input.h"

namespace registry {
namespace {

using http::JsonType;
using http::JsonValue;

constexpr std::size_t kFileLimitBytes = std::size_t{1} << 20U;
constexpr int kTrialDaysLimit = 3650;
constexpr std::size_t kPlanLimit = 100;

Result<Product> read_product(const JsonValue& manifest) {
  if (manifest.type() != JsonType::kObject) return fail(invalid_request("a product is no object"));
  http::ObjectReader reader(manifest);
  const auto id = reader.required("id", ProductId::parse);
  const auto name = reader.required("name", parse_name);
  const auto description = reader.required("description", parse_long_text);
  const auto plans = reader.required_list("plans", parse_plan, kPlanLimit);
  const auto trial_days = reader.required_integer("trial_days", 0, kTrialDaysLimit);
  const auto supports_projects = reader.required_bool("supports_projects");
  if (auto valid = reader.finish(); !valid) {
    const FieldError& first = valid.error().fields.front();
    return fail(invalid_request(first.field + " " + first.message));
  }
  return Product{.id = id->str(),
                 .name = *name,
                 .description = *description,
                 .plans = *plans,
                 .trial_days = *trial_days,
                 .supports_projects = *supports_projects};
}

std::string at_line(std::string_view text, std::size_t offset, const std::string& what) {
  const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(offset, text.size()));
  return "line " + std::to_string(std::count(text.begin(), end, '\n') + 1) + ": " + what;
}

}  // namespace

tl::expected<Catalog, std::string> parse_catalog(std::string_view text) {
  const auto wrong = [&](std::size_t offset, const std::string& what) {
    return tl::unexpected<std::string>(at_line(text, offset, what));
  };
  const auto document = http::JsonDocument::parse(text);
  if (!document) return wrong(document.error().offset, document.error().message);
  const JsonValue root = document->root();
  const bool is_object = root.type() == JsonType::kObject && root.children().size() == 1;
  const auto products = is_object ? root.member("products") : std::nullopt;
  if (!products || products->type() != JsonType::kArray) {
    return wrong(0, "must be an object with the one member products, an array");
  }
  Catalog catalog;
  for (const JsonValue& manifest : products->children()) {
    auto product = read_product(manifest);
    if (!product) return wrong(manifest.offset(), product.error().detail);
    const auto same = [&](const Product& other) { return other.id == product->id; };
    if (std::any_of(catalog.products.begin(), catalog.products.end(), same)) {
      return wrong(manifest.offset(), "the product " + product->id + " is given more than once");
    }
    catalog.products.push_back(std::move(*product));
  }
  return catalog;
}

tl::expected<Catalog, std::string> load_catalog(const std::string& path) {
  if (path.empty()) return parse_catalog(kBuiltInCatalog);
  std::ifstream file(path, std::ios::binary);
  std::string text(kFileLimitBytes + 1, '\0');
  if (file) file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.gcount() == 0 && !file.eof()) {
    return tl::unexpected<std::string>(path + " cannot be read");
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kFileLimitBytes) return tl::unexpected<std::string>(path + " is over 1 MiB");
  return parse_catalog(text).map_error([&](const std::string& what) { return path + ", " + what; });
}

}  // namespace registry

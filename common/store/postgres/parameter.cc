#include "common/store/postgres/parameter.h"

#include <stdexcept>

namespace registry::postgres {
namespace {

// A text would end at a zero byte, unnoticed. Postgres has no text with one, and no input either.
void require_no_zero_byte(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) {
    throw std::logic_error("postgres: a text with a zero byte");
  }
}

}  // namespace

Parameter::Parameter(std::string_view text) : text_(text) {
  require_no_zero_byte(text);
}

Parameter::Parameter(std::span<const std::string> texts) {
  ArrayText array;
  for (const std::string& text : texts) array.add(text);
  text_ = array.str();
}

void ArrayText::add(std::string_view text) {
  require_no_zero_byte(text);
  begin_element();
  text_ += '"';
  for (const char character : text) {
    if (character == '"' || character == '\\') text_ += '\\';
    text_ += character;
  }
  text_ += '"';
}

void ArrayText::begin_element() {
  if (text_.size() > 1) text_ += ',';
}

}  // namespace registry::postgres

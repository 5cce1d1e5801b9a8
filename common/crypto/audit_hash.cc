#include "common/crypto/audit_hash.h"

#include <algorithm>
#include <cstdint>

#include "common/crypto/digest.h"

namespace registry::crypto {
namespace {

constexpr std::string_view kEscapedInText = "%:";
constexpr std::string_view kEscapedInMap = "%:=;";

std::string_view escape(char c) {
  switch (c) {
    case '%':
      return "%25";
    case ':':
      return "%3A";
    case '=':
      return "%3D";
    default:
      return "%3B";
  }
}

void append_escaped(std::string& out, std::string_view text, std::string_view escaped) {
  for (const char c : text) {
    if (escaped.find(c) == std::string_view::npos) {
      out += c;
    } else {
      out += escape(c);
    }
  }
}

// The bytes of UTF-8 are in the order of the code points. UTF-16 code units differ from it in one
// thing: the code points above U+FFFF begin with a surrogate, D800 to DFFF, and so come before
// U+E000 to U+FFFF, which are those with a first byte of EE or EF.
std::uint8_t utf16_rank(char utf8_byte) {
  const auto byte = static_cast<std::uint8_t>(utf8_byte);
  const bool is_above_surrogates = byte == 0xEE || byte == 0xEF;
  return is_above_surrogates ? static_cast<std::uint8_t>(byte | 0x10U) : byte;
}

bool is_before_in_utf16(const AuditHashEntry& a, const AuditHashEntry& b) {
  return std::lexicographical_compare(a.key.begin(), a.key.end(), b.key.begin(), b.key.end(),
                                      [](char x, char y) { return utf16_rank(x) < utf16_rank(y); });
}

void append_map(std::string& out, AuditHashMap map) {
  std::sort(map.begin(), map.end(), is_before_in_utf16);
  for (const auto& [key, value] : map) {
    append_escaped(out, key, kEscapedInMap);
    out += '=';
    append_escaped(out, value, kEscapedInMap);
    out += ';';
  }
}

}  // namespace

std::string audit_hash_tail(const AuditHashInput& event) {
  std::string tail;
  for (const std::string_view part :
       {event.action, event.target_id, event.actor_id, event.group_id, event.source_ip}) {
    append_escaped(tail, part, kEscapedInText);
    tail += ':';
  }
  tail += event.is_failure ? "1:" : "0:";
  tail += event.is_anonymous ? "1:" : "0:";
  if (event.fields) {
    append_map(tail, *event.fields);
  } else {
    tail += ':';
  }
  if (!event.external_id.empty()) {
    tail += ':';
    append_escaped(tail, event.external_id, kEscapedInText);
  }
  if (event.metadata) {
    tail += ':';
    append_map(tail, *event.metadata);
  }
  return tail;
}

std::string audit_hash(std::string_view id, std::string_view tail) {
  std::string text;
  append_escaped(text, id, kEscapedInText);
  text += ':';
  text += tail;
  return sha256_hex(text);
}

}  // namespace registry::crypto

#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// FastCGI from the web server's side, down to what no web server sends.
namespace registry::test {

inline constexpr int kBeginRequest = 1;
inline constexpr int kAbortRequest = 2;
inline constexpr int kEndRequest = 3;
inline constexpr int kParams = 4;
inline constexpr int kStdin = 5;
inline constexpr int kStdout = 6;
inline constexpr int kData = 8;
inline constexpr int kGetValues = 9;

using Variables = std::vector<std::pair<std::string, std::string>>;

struct RecordHeader {
  int type = kStdin;
  int request_id = 1;
  std::size_t content_bytes = 0;
  int padding_bytes = 0;
  int version = 1;
};

inline void append_bytes(std::string& bytes, std::size_t number, int count) {
  for (int shift = (count - 1) * 8; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<char>((number >> static_cast<unsigned>(shift)) & 0xFFU));
  }
}

inline std::string record_header(const RecordHeader& header) {
  std::string bytes;
  append_bytes(bytes, static_cast<std::size_t>(header.version), 1);
  append_bytes(bytes, static_cast<std::size_t>(header.type), 1);
  append_bytes(bytes, static_cast<std::size_t>(header.request_id), 2);
  append_bytes(bytes, header.content_bytes, 2);
  append_bytes(bytes, static_cast<std::size_t>(header.padding_bytes), 1);
  append_bytes(bytes, 0, 1);
  return bytes;
}

inline std::string record(int type, std::string_view content, int request_id = 1,
                          int padding_bytes = 0) {
  return record_header({.type = type,
                        .request_id = request_id,
                        .content_bytes = content.size(),
                        .padding_bytes = padding_bytes,
                        .version = 1})
      .append(content)
      .append(static_cast<std::size_t>(padding_bytes), 'P');
}

// A stream of as many records as it takes, without the empty one that ends it.
inline std::string records(int type, std::string_view content, int request_id = 1) {
  constexpr std::size_t kContentLimit = 65'535;
  std::string bytes;
  for (; !content.empty(); content.remove_prefix(std::min(content.size(), kContentLimit))) {
    bytes += record(type, content.substr(0, kContentLimit), request_id);
  }
  return bytes;
}

inline std::string begin_body(int role = 1, int flags = 1) {
  std::string body;
  append_bytes(body, static_cast<std::size_t>(role), 2);
  append_bytes(body, static_cast<std::size_t>(flags), 1);
  append_bytes(body, 0, 5);
  return body;
}

// A length of one byte where that is enough and nobody asks for four.
inline std::string length_of(std::string_view text, bool always_four = false) {
  std::string bytes;
  if (text.size() < 0x80 && !always_four) {
    append_bytes(bytes, text.size(), 1);
  } else {
    append_bytes(bytes, text.size() | 0x8000'0000U, 4);
  }
  return bytes;
}

inline std::string name_value(std::string_view name, std::string_view value,
                              bool always_four = false) {
  return length_of(name, always_four)
      .append(length_of(value, always_four))
      .append(name)
      .append(value);
}

struct WebRequest {
  Variables variables = {};
  std::string body = {};
  int request_id = 1;
  bool keep = true;
};

// A whole, well-formed request.
inline std::string fastcgi_request(const WebRequest& request) {
  std::string params;
  for (const auto& [name, value] : request.variables) params += name_value(name, value);
  const int id = request.request_id;
  return record(kBeginRequest, begin_body(1, request.keep ? 1 : 0), id) +
         records(kParams, params, id) + record(kParams, {}, id) +
         records(kStdin, request.body, id) + record(kStdin, {}, id);
}

struct Answer {
  std::string output;    // of the STDOUT records
  int ends = 0;          // END_REQUEST records
  bool is_sound = true;  // every record is whole, of a responder, and has the expected id
};

// Reads a stream of whole records.
inline Answer parse_answer(std::string_view stream, int request_id = 1) {
  Answer answer;
  const auto byte = [&](std::size_t at) {
    return static_cast<std::size_t>(static_cast<std::uint8_t>(stream[at]));
  };
  while (!stream.empty()) {
    if (stream.size() < 8 || stream.size() < 8 + byte(4) * 256 + byte(5) + byte(6)) {
      answer.is_sound = false;
      return answer;
    }
    const std::size_t content_bytes = byte(4) * 256 + byte(5);
    const std::size_t type = byte(1);
    const bool has_id = byte(2) * 256 + byte(3) == static_cast<std::size_t>(request_id);
    if (type == kEndRequest) ++answer.ends;
    if (type == kStdout) answer.output += stream.substr(8, content_bytes);
    if (byte(0) != 1 || !has_id || (type != kEndRequest && type != kStdout)) {
      answer.is_sound = false;
    }
    stream.remove_prefix(8 + content_bytes + byte(6));
  }
  return answer;
}

}  // namespace registry::test

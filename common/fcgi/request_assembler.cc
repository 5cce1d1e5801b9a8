#include "common/fcgi/request_assembler.h"

#include <algorithm>

#include "common/base/wipe.h"

namespace registry::fcgi {
namespace {

constexpr std::size_t kHeaderBytes = 8;
constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kBeginRequest = 1;
constexpr std::uint8_t kParams = 4;
constexpr std::uint8_t kStdin = 5;
constexpr std::size_t kBeginBodyBytes = 8;
constexpr std::uint16_t kRoleResponder = 1;
constexpr std::uint8_t kKeepConnection = 1;

// A client that keeps on sending over the limit is cut off here: 64 MiB is above every limit that
// nginx is given.
constexpr std::size_t kBodyHardLimitBytes = std::size_t{64} << 20U;

std::uint8_t byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint8_t>(bytes[at]);
}

std::uint16_t word_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(byte_at(bytes, at) * 256U + byte_at(bytes, at + 1));
}

// Reads the length of a name or a value (one or four bytes) and moves `rest` behind it.
bool take_length(std::string_view& rest, std::size_t& length) {
  if (rest.empty()) return false;
  length = byte_at(rest, 0);
  if (length < 0x80) {
    rest.remove_prefix(1);
    return true;
  }
  if (rest.size() < 4) return false;
  length = ((length & 0x7FU) << 24U) | (std::size_t{byte_at(rest, 1)} << 16U) | word_at(rest, 2);
  rest.remove_prefix(4);
  return true;
}

// True when the pairs of names and values fill `params` exactly and can be told as "NAME=value" in
// a C string, which is how libfcgi keeps them: a name with "=" would be taken for another one.
bool are_params_sound(std::string_view params) {
  constexpr char kNul = '\0';
  std::size_t count = 0;
  while (!params.empty()) {
    std::size_t name_bytes = 0;
    std::size_t value_bytes = 0;
    if (!take_length(params, name_bytes) || !take_length(params, value_bytes)) return false;
    if (name_bytes > params.size() || value_bytes > params.size() - name_bytes) return false;
    const std::string_view name = params.substr(0, name_bytes);
    const std::string_view value = params.substr(name_bytes, value_bytes);
    if (name.empty() || name.find('=') != std::string_view::npos) return false;
    if (name.find(kNul) != std::string_view::npos) return false;
    if (value.find(kNul) != std::string_view::npos) return false;
    if (++count > RequestAssembler::kParamsLimit) return false;
    params.remove_prefix(name_bytes + value_bytes);
  }
  return true;
}

void append_word(std::string& stream, std::size_t word) {
  stream.push_back(static_cast<char>((word >> 8U) & 0xFFU));
  stream.push_back(static_cast<char>(word & 0xFFU));
}

void append_record(std::string& stream, std::uint8_t type, std::uint16_t request_id,
                   std::string_view content) {
  stream.push_back(static_cast<char>(kVersion));
  stream.push_back(static_cast<char>(type));
  append_word(stream, request_id);
  append_word(stream, content.size());
  append_word(stream, 0);  // no padding; one reserved byte
  stream.append(content);
}

}  // namespace

std::size_t RequestAssembler::feed(std::string_view bytes) {
  std::string_view rest = bytes;
  has_started_ = has_started_ || !rest.empty();
  while (!rest.empty() && state_ == State::kIncomplete) {
    std::size_t taken = 0;
    if (header_.size() < kHeaderBytes) {
      taken = std::min(rest.size(), kHeaderBytes - header_.size());
      header_.append(rest.substr(0, taken));
      if (header_.size() == kHeaderBytes) take_header();
    } else if (content_left_ > 0) {
      taken = std::min(rest.size(), content_left_);
      take_content(rest.substr(0, taken));
      content_left_ -= taken;
    } else {
      taken = std::min(rest.size(), padding_left_);
      padding_left_ -= taken;
    }
    rest.remove_prefix(taken);
    const bool is_record_complete =
        header_.size() == kHeaderBytes && content_left_ == 0 && padding_left_ == 0;
    if (is_record_complete && state_ == State::kIncomplete) end_record();
  }
  return bytes.size() - rest.size();
}

void RequestAssembler::start_over() {
  wipe(params_);
  wipe(body_);
  *this = RequestAssembler(body_limit_bytes_);
}

// Management records, aborts, other roles and multiplexed requests end the connection: nginx sends
// none of them, and a responder of one request per connection can serve none of them.
void RequestAssembler::take_header() {
  type_ = byte_at(header_, 1);
  const std::uint16_t id = word_at(header_, 2);
  content_length_ = word_at(header_, 4);
  content_left_ = content_length_;
  padding_left_ = byte_at(header_, 6);
  if (byte_at(header_, 0) != kVersion || id == 0) return fail();
  switch (phase_) {
    case Phase::kBegin:
      if (type_ != kBeginRequest || content_length_ != kBeginBodyBytes) return fail();
      request_id_ = id;
      return;
    case Phase::kParams:
      if (type_ != kParams || id != request_id_) return fail();
      if (params_.size() + content_length_ > kParamsLimitBytes) return fail();
      return;
    case Phase::kStdin:
      if (type_ != kStdin || id != request_id_) return fail();
      if (body_bytes_ + content_length_ > kBodyHardLimitBytes) return fail();
      return;
  }
}

void RequestAssembler::take_content(std::string_view content) {
  switch (phase_) {
    case Phase::kBegin:
      begin_body_.append(content);
      return;
    case Phase::kParams:
      params_.append(content);
      return;
    case Phase::kStdin:
      body_bytes_ += content.size();
      body_.append(content.substr(0, body_limit_bytes_ - body_.size()));
      return;
  }
}

void RequestAssembler::end_record() {
  header_.clear();
  switch (phase_) {
    case Phase::kBegin:
      return begin_request();
    case Phase::kParams:
      if (content_length_ == 0) end_params();
      return;
    case Phase::kStdin:
      if (content_length_ == 0) state_ = State::kComplete;
      return;
  }
}

void RequestAssembler::begin_request() {
  if (word_at(begin_body_, 0) != kRoleResponder) return fail();
  keep_connection_ = (byte_at(begin_body_, 2) & kKeepConnection) != 0;
  phase_ = Phase::kParams;
}

void RequestAssembler::end_params() {
  if (!are_params_sound(params_)) return fail();
  phase_ = Phase::kStdin;
}

std::string RequestAssembler::params_stream() const {
  std::string stream;
  stream.reserve(params_.size() + std::size_t{4} * kHeaderBytes);
  // The connection is kept as far as libfcgi knows: closing it is the server's own task.
  constexpr std::string_view kBeginBody("\0\1\1\0\0\0\0\0", kBeginBodyBytes);
  append_record(stream, kBeginRequest, request_id_, kBeginBody);
  if (!params_.empty()) append_record(stream, kParams, request_id_, params_);
  append_record(stream, kParams, request_id_, {});
  return stream;
}

}  // namespace registry::fcgi

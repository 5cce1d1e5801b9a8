#include "tests/support/token_maker.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>
#include <vector>

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

namespace registry::test {
namespace {

using nlohmann::json;

void require(bool is_done, const char* what) {
  if (!is_done) throw std::runtime_error(std::string("OpenSSL: ") + what);
}

const unsigned char* octets(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

std::string text_of(const std::vector<unsigned char>& bytes) {
  return {bytes.begin(), bytes.end()};
}

// A number of a key, as many bytes as it needs or at least `size`.
std::string number_of(const EVP_PKEY* key, const char* name, int size = 0) {
  BIGNUM* number = nullptr;
  require(::EVP_PKEY_get_bn_param(key, name, &number) == 1, name);
  const std::unique_ptr<BIGNUM, decltype(&::BN_free)> owner(number, &::BN_free);
  std::vector<unsigned char> bytes(static_cast<std::size_t>(std::max(size, BN_num_bytes(number))));
  ::BN_bn2binpad(number, bytes.data(), static_cast<int>(bytes.size()));
  return text_of(bytes);
}

std::string raw_public(const EVP_PKEY* key) {
  std::size_t size = 0;
  require(::EVP_PKEY_get_raw_public_key(key, nullptr, &size) == 1, "raw public key");
  std::vector<unsigned char> bytes(size);
  require(::EVP_PKEY_get_raw_public_key(key, bytes.data(), &size) == 1, "raw public key");
  return text_of(bytes);
}

// The two numbers of an ECDSA signature side by side, 32 bytes each.
std::string raw_ecdsa(const std::string& der) {
  const unsigned char* at = octets(der);
  const std::unique_ptr<ECDSA_SIG, decltype(&::ECDSA_SIG_free)> signature(
      ::d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())), &::ECDSA_SIG_free);
  require(signature != nullptr, "d2i_ECDSA_SIG");
  std::array<unsigned char, 64> bytes{};
  ::BN_bn2binpad(::ECDSA_SIG_get0_r(signature.get()), bytes.data(), 32);
  ::BN_bn2binpad(::ECDSA_SIG_get0_s(signature.get()), bytes.data() + 32, 32);
  return {bytes.begin(), bytes.end()};
}

}  // namespace

std::string base64url(std::string_view bytes) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char byte : bytes) {
    bits = bits << 8U | static_cast<unsigned char>(byte);
    for (count += 8; count >= 6; count -= 6) {
      text.push_back(kAlphabet[bits >> static_cast<unsigned>(count - 6) & 63U]);
    }
  }
  if (count > 0) text.push_back(kAlphabet[bits << static_cast<unsigned>(6 - count) & 63U]);
  return text;
}

std::string compact(std::string_view header, std::string_view payload, std::string_view signature) {
  return base64url(header) + "." + base64url(payload) + "." + base64url(signature);
}

std::string hmac_sha256(std::string_view key, std::string_view message) {
  std::array<unsigned char, 32> bytes{};
  ::HMAC(::EVP_sha256(), key.data(), static_cast<int>(key.size()), octets(message), message.size(),
         bytes.data(), nullptr);
  return {bytes.begin(), bytes.end()};
}

SigningKey::SigningKey(std::string kid, evp_pkey_st* key)
    : kid_(std::move(kid)), key_(key, &::EVP_PKEY_free) {
  require(key != nullptr, "no key");
}

SigningKey SigningKey::rsa(std::string kid, int bits) {
  return {std::move(kid),
          ::EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(bits))};
}

SigningKey SigningKey::p256(std::string kid) {
  return {std::move(kid), ::EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")};
}

SigningKey SigningKey::ed25519(std::string kid) {
  return {std::move(kid), ::EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")};
}

json SigningKey::jwk() const {
  json key = {{"kid", kid_}, {"use", "sig"}};
  switch (::EVP_PKEY_get_base_id(key_.get())) {
    case EVP_PKEY_RSA:
      key["kty"] = "RSA";
      key["n"] = base64url(number_of(key_.get(), OSSL_PKEY_PARAM_RSA_N));
      key["e"] = base64url(number_of(key_.get(), OSSL_PKEY_PARAM_RSA_E));
      break;
    case EVP_PKEY_EC:
      key["kty"] = "EC";
      key["crv"] = "P-256";
      key["x"] = base64url(number_of(key_.get(), OSSL_PKEY_PARAM_EC_PUB_X, 32));
      key["y"] = base64url(number_of(key_.get(), OSSL_PKEY_PARAM_EC_PUB_Y, 32));
      break;
    default:
      key["kty"] = "OKP";
      key["crv"] = "Ed25519";
      key["x"] = base64url(raw_public(key_.get()));
  }
  return key;
}

std::string SigningKey::public_pem() const {
  const std::unique_ptr<BIO, decltype(&::BIO_free)> memory(::BIO_new(::BIO_s_mem()), &::BIO_free);
  require(::PEM_write_bio_PUBKEY(memory.get(), key_.get()) == 1, "PEM_write_bio_PUBKEY");
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string SigningKey::sign(const std::string& algorithm, std::string_view message) const {
  const std::unique_ptr<EVP_MD_CTX, decltype(&::EVP_MD_CTX_free)> context(::EVP_MD_CTX_new(),
                                                                          &::EVP_MD_CTX_free);
  EVP_PKEY_CTX* of_key = nullptr;
  const EVP_MD* hash = algorithm == "EdDSA" ? nullptr : ::EVP_sha256();
  require(::EVP_DigestSignInit(context.get(), &of_key, hash, nullptr, key_.get()) == 1, "sign");
  if (algorithm == "PS256") {
    require(::EVP_PKEY_CTX_set_rsa_padding(of_key, RSA_PKCS1_PSS_PADDING) == 1, "PSS");
    require(::EVP_PKEY_CTX_set_rsa_pss_saltlen(of_key, RSA_PSS_SALTLEN_DIGEST) == 1, "PSS");
  }
  std::size_t size = 0;
  require(::EVP_DigestSign(context.get(), nullptr, &size, octets(message), message.size()) == 1,
          "size of a signature");
  std::vector<unsigned char> bytes(size);
  require(
      ::EVP_DigestSign(context.get(), bytes.data(), &size, octets(message), message.size()) == 1,
      "signature");
  bytes.resize(size);
  return algorithm == "ES256" ? raw_ecdsa(text_of(bytes)) : text_of(bytes);
}

std::string SigningKey::token(json header, const json& claims) const {
  return token_of(std::move(header), claims.dump());
}

std::string SigningKey::token_of(json header, std::string_view payload) const {
  if (!header.contains("kid")) header["kid"] = kid_;
  const std::string signed_text = base64url(header.dump()) + "." + base64url(payload);
  return signed_text + "." + base64url(sign(header.at("alg"), signed_text));
}

}  // namespace registry::test

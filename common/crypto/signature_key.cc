#include "common/crypto/signature_key.h"

#include <algorithm>
#include <array>
#include <utility>

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <sodium.h>

namespace registry::crypto {
namespace {

constexpr std::size_t kCoordinateBytes = 32;  // of P-256
constexpr std::size_t kEd25519Bytes = 32;
constexpr int kLeastModulusBits = 2'048;
constexpr int kLargestModulusBits = 8'192;
constexpr int kLargestExponentBits = 32;

template <auto kFree>
struct Freer {
  template <class T>
  void operator()(T* handle) const {
    kFree(handle);
  }
};
using Number = std::unique_ptr<BIGNUM, Freer<::BN_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, Freer<::OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Freer<::OSSL_PARAM_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freer<::EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freer<::EVP_MD_CTX_free>>;
using EcdsaSignature = std::unique_ptr<ECDSA_SIG, Freer<::ECDSA_SIG_free>>;

// What OpenSSL notes about refused input is nobody's business, and would be taken for another's.
struct ErrorQueueCleaner {
  ErrorQueueCleaner() = default;
  ErrorQueueCleaner(const ErrorQueueCleaner&) = delete;
  ErrorQueueCleaner& operator=(const ErrorQueueCleaner&) = delete;
  ~ErrorQueueCleaner() { ::ERR_clear_error(); }
};

const unsigned char* octets(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

Number to_number(std::string_view bytes) {
  return Number(::BN_bin2bn(octets(bytes), static_cast<int>(bytes.size()), nullptr));
}

// The public key that parameters describe; null where they describe none.
std::shared_ptr<EVP_PKEY> make_key(const char* type, OSSL_PARAM_BLD* builder) {
  const Params params(::OSSL_PARAM_BLD_to_param(builder));
  const KeyContext context(::EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || ::EVP_PKEY_fromdata_init(context.get()) != 1 ||
      ::EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return nullptr;
  }
  return {key, ::EVP_PKEY_free};
}

// Whether the parts of a public key belong together, so that a point is on its curve.
bool is_sound(EVP_PKEY* key) {
  const KeyContext context(::EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  return context && ::EVP_PKEY_public_check(context.get()) == 1;
}

// An ECDSA signature of JOSE, which is its two numbers side by side, as OpenSSL takes it; empty
// where a number is zero, which no signature has. Source: RFC 7518, section 3.4.
std::string to_der(std::string_view signature) {
  if (signature.size() != 2 * kCoordinateBytes) return {};
  Number r = to_number(signature.substr(0, kCoordinateBytes));
  Number s = to_number(signature.substr(kCoordinateBytes));
  if (!r || !s || ::BN_is_zero(r.get()) || ::BN_is_zero(s.get())) return {};
  const EcdsaSignature numbers(::ECDSA_SIG_new());
  if (!numbers || ::ECDSA_SIG_set0(numbers.get(), r.get(), s.get()) != 1) return {};
  static_cast<void>(r.release());
  static_cast<void>(s.release());
  std::array<unsigned char, 80> der{};  // two integers of 33 bytes at most, and 6 of structure
  unsigned char* end = der.data();
  const int size = ::i2d_ECDSA_SIG(numbers.get(), &end);
  if (size <= 0) return {};
  return {reinterpret_cast<const char*>(der.data()), static_cast<std::size_t>(size)};
}

// PSS with the hash of the message as that of its mask, and a salt as long as the hash.
// Source: RFC 7518, section 3.5.
bool set_pss(EVP_PKEY_CTX* context) {
  return ::EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
         ::EVP_PKEY_CTX_set_rsa_mgf1_md(context, ::EVP_sha256()) == 1 &&
         ::EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

}  // namespace

std::optional<SignatureKey> SignatureKey::rsa(std::string_view modulus, std::string_view exponent) {
  const ErrorQueueCleaner cleaner;
  if (modulus.size() > kLargestModulusBits / 8 || exponent.size() > kLargestExponentBits / 8) {
    return std::nullopt;
  }
  const Number n = to_number(modulus);
  const Number e = to_number(exponent);
  const ParamBuilder builder(::OSSL_PARAM_BLD_new());
  if (!n || !e || !builder || ::BN_num_bits(n.get()) < kLeastModulusBits ||
      ::BN_is_odd(n.get()) == 0 || ::BN_is_odd(e.get()) == 0 || ::BN_is_one(e.get()) == 1 ||
      ::OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      ::OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return std::nullopt;
  }
  auto key = make_key("RSA", builder.get());
  if (!key) return std::nullopt;
  return SignatureKey(Type::kRsa, std::move(key));
}

std::optional<SignatureKey> SignatureKey::p256(std::string_view x, std::string_view y) {
  const ErrorQueueCleaner cleaner;
  if (x.size() != kCoordinateBytes || y.size() != kCoordinateBytes) return std::nullopt;
  constexpr char kUncompressed = 4;
  const std::string point = std::string(1, kUncompressed).append(x).append(y);
  const ParamBuilder builder(::OSSL_PARAM_BLD_new());
  if (!builder ||
      ::OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1",
                                        0) != 1 ||
      ::OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                         point.size()) != 1) {
    return std::nullopt;
  }
  auto key = make_key("EC", builder.get());
  if (!key || !is_sound(key.get())) return std::nullopt;
  return SignatureKey(Type::kP256, std::move(key));
}

std::optional<SignatureKey> SignatureKey::ed25519(std::string_view bytes) {
  const ErrorQueueCleaner cleaner;
  // Under some points, of small order, anybody can sign: OpenSSL takes them.
  if (bytes.size() != kEd25519Bytes || ::crypto_core_ed25519_is_valid_point(octets(bytes)) != 1) {
    return std::nullopt;
  }
  std::shared_ptr<EVP_PKEY> key(
      ::EVP_PKEY_new_raw_public_key_ex(nullptr, "ED25519", nullptr, octets(bytes), bytes.size()),
      ::EVP_PKEY_free);
  if (!key) return std::nullopt;
  return SignatureKey(Type::kEd25519, std::move(key));
}

bool SignatureKey::fits(SignatureAlgorithm algorithm) const {
  switch (algorithm) {
    case SignatureAlgorithm::kRs256:
    case SignatureAlgorithm::kPs256:
      return type_ == Type::kRsa;
    case SignatureAlgorithm::kEs256:
      return type_ == Type::kP256;
    case SignatureAlgorithm::kEdDsa:
      return type_ == Type::kEd25519;
  }
  return false;
}

bool SignatureKey::verify(SignatureAlgorithm algorithm, std::string_view message,
                          std::string_view signature) const {
  const ErrorQueueCleaner cleaner;
  if (!fits(algorithm)) return false;
  std::string der;
  if (type_ == Type::kP256) {
    der = to_der(signature);
    signature = der;
  }
  if (signature.empty()) return false;
  // OpenSSL takes PSS without its leading zeros. Source: RFC 8017, section 8.1.2.
  if (type_ == Type::kRsa &&
      std::cmp_not_equal(signature.size(), ::EVP_PKEY_get_size(key_.get()))) {
    return false;
  }
  const DigestContext context(::EVP_MD_CTX_new());
  EVP_PKEY_CTX* of_key = nullptr;  // belongs to the former
  const EVP_MD* hash = algorithm == SignatureAlgorithm::kEdDsa ? nullptr : ::EVP_sha256();
  if (!context || ::EVP_DigestVerifyInit(context.get(), &of_key, hash, nullptr, key_.get()) != 1 ||
      (algorithm == SignatureAlgorithm::kPs256 && !set_pss(of_key))) {
    return false;
  }
  return ::EVP_DigestVerify(context.get(), octets(signature), signature.size(), octets(message),
                            message.size()) == 1;
}

}  // namespace registry::crypto

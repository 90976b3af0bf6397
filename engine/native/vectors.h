// Sixteen floats at a time: AVX-512 where the compiler targets it, otherwise loops that it can vectorise.
#pragma once

#include <c10/util/BFloat16.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__) && defined(__AVX512DQ__)
#define GRAFT_AVX512 1
#include <immintrin.h>
#else
#define GRAFT_AVX512 0
#endif

#if defined(_MSC_VER)
#define GRAFT_INLINE __forceinline
#else
#define GRAFT_INLINE inline __attribute__((always_inline))
#endif

#if defined(__GNUC__) || defined(__clang__)
#define GRAFT_PREFETCH(p) __builtin_prefetch(p)
#else
#define GRAFT_PREFETCH(p) static_cast<void>(p)
#endif

namespace graft {

using BFloat16 = c10::BFloat16;

constexpr int64_t LANES = 16;

#if GRAFT_AVX512

struct Vec {
  __m512 v;
};

inline Vec fill(float value) { return {_mm512_set1_ps(value)}; }
inline Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
inline Vec widened(__m256i bits) {
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16))};
}
inline Vec load(const BFloat16* p) { return widened(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
inline __mmask16 first(int64_t count) { return static_cast<__mmask16>((1u << count) - 1u); }
inline Vec load_first(const BFloat16* p, int64_t count) {
  return widened(_mm256_maskz_loadu_epi16(first(count), p));
}
inline __m256i narrowed(Vec a) {
#if defined(__AVX512BF16__)
  return (__m256i)_mm512_cvtneps_pbh(a.v);
#else
  const __m512i bits = _mm512_castps_si512(a.v);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  return _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded, 16));
#endif
}
inline void store(float* p, Vec a) { _mm512_storeu_ps(p, a.v); }
inline void store(BFloat16* p, Vec a) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), narrowed(a)); }
inline void store_first(BFloat16* p, Vec a, int64_t count) { _mm256_mask_storeu_epi16(p, first(count), narrowed(a)); }
inline Vec operator+(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
inline Vec operator-(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline Vec operator*(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
// Where one is not a number, the second comes back.
inline Vec lower(Vec a, Vec b) { return {_mm512_min_ps(a.v, b.v)}; }
inline Vec higher(Vec a, Vec b) { return {_mm512_max_ps(a.v, b.v)}; }

// Sixteen pixels of four bytes from levels of 0 to 255, which are cut off to whole numbers.
inline void store_pixels(uint8_t* p, Vec red, Vec green, Vec blue) {
  const auto shifted = [](Vec v, unsigned bits) { return _mm512_slli_epi32(_mm512_cvttps_epi32(v.v), bits); };
  const __m512i low = _mm512_or_si512(shifted(blue, 0), shifted(green, 8));
  const __m512i high = _mm512_or_si512(shifted(red, 16), _mm512_set1_epi32(static_cast<int>(0xff000000u)));
  _mm512_storeu_si512(p, _mm512_or_si512(low, high));
}

// Lane i of the result is the sum over the lanes of rows[i].
inline Vec lane_sums(const Vec (&rows)[16]) {
  __m512 pairs[8], quads[4];
  for (int i = 0; i < 8; i++) {
    const __m512 a = rows[2 * i].v, b = rows[2 * i + 1].v;
    pairs[i] = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
  }
  for (int i = 0; i < 4; i++) {
    const __m512d a = _mm512_castps_pd(pairs[2 * i]), b = _mm512_castps_pd(pairs[2 * i + 1]);
    quads[i] = _mm512_add_ps(
        _mm512_castpd_ps(_mm512_unpacklo_pd(a, b)), _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));
  }
  const auto fold = [](__m512 a, __m512 b) {
    return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
  };
  return {fold(fold(quads[0], quads[1]), fold(quads[2], quads[3]))};
}

#else

struct Vec {
  float v[LANES];
};

template <class F>
inline Vec each(F&& f) {
  Vec out;
  for (int i = 0; i < LANES; i++) out.v[i] = f(i);
  return out;
}
inline Vec fill(float value) {
  return each([&](int) { return value; });
}
inline Vec load(const float* p) {
  return each([&](int i) { return p[i]; });
}
inline Vec load(const BFloat16* p) {
  return each([&](int i) {
    const uint32_t bits = static_cast<uint32_t>(p[i].x) << 16;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  });
}
inline Vec load_first(const BFloat16* p, int64_t count) {
  BFloat16 whole[LANES] = {};
  std::copy(p, p + count, whole);
  return load(whole);
}
inline void store(float* p, Vec a) {
  for (int i = 0; i < LANES; i++) p[i] = a.v[i];
}
inline void store(BFloat16* p, Vec a) {
  for (int i = 0; i < LANES; i++) {
    uint32_t bits;
    std::memcpy(&bits, &a.v[i], sizeof bits);
    p[i].x = static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
  }
}
inline void store_first(BFloat16* p, Vec a, int64_t count) {
  BFloat16 whole[LANES];
  store(whole, a);
  std::copy(whole, whole + count, p);
}
inline Vec operator+(const Vec& a, const Vec& b) {
  return each([&](int i) { return a.v[i] + b.v[i]; });
}
inline Vec operator-(const Vec& a, const Vec& b) {
  return each([&](int i) { return a.v[i] - b.v[i]; });
}
inline Vec operator*(const Vec& a, const Vec& b) {
  return each([&](int i) { return a.v[i] * b.v[i]; });
}
inline Vec fma(const Vec& a, const Vec& b, const Vec& c) {
  return each([&](int i) { return a.v[i] * b.v[i] + c.v[i]; });
}
inline Vec lower(const Vec& a, const Vec& b) {
  return each([&](int i) { return a.v[i] < b.v[i] ? a.v[i] : b.v[i]; });
}
inline Vec higher(const Vec& a, const Vec& b) {
  return each([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
}
inline void store_pixels(uint8_t* p, const Vec& red, const Vec& green, const Vec& blue) {
  for (int i = 0; i < LANES; i++) {
    const uint32_t pixel = static_cast<uint32_t>(blue.v[i]) | static_cast<uint32_t>(green.v[i]) << 8 |
                           static_cast<uint32_t>(red.v[i]) << 16 | 0xff000000u;
    std::memcpy(p + 4 * i, &pixel, sizeof pixel);
  }
}
inline Vec lane_sums(const Vec (&rows)[16]) {
  return each([&](int i) {
    float sum = 0;
    for (float lane : rows[i].v) sum += lane;
    return sum;
  });
}

#endif

// Operands of a product may be bfloat16 or float; these are the float ones' partial accesses.
inline Vec load_first(const float* p, int64_t count) {
  float whole[LANES] = {};
  std::copy(p, p + count, whole);
  return load(whole);
}

// `count` of sixteen, the rest zero; no byte behind them is touched.
GRAFT_INLINE Vec load_upto(const BFloat16* p, int64_t count) { return count >= LANES ? load(p) : load_first(p, count); }
GRAFT_INLINE void store_upto(BFloat16* p, Vec a, int64_t count) {
  if (count >= LANES)
    store(p, a);
  else
    store_first(p, a, count);
}

inline int64_t round_up(int64_t n, int64_t multiple) { return (n + multiple - 1) / multiple * multiple; }
inline int64_t ceil_div(int64_t n, int64_t parts) { return (n + parts - 1) / parts; }

}  // namespace graft

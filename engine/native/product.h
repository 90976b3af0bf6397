// The matrix product: bfloat16 or float operands, float sums.
#pragma once

#include <ATen/native/CPUBlas.h>

#include <utility>

#include "vectors.h"

// With matrix tiles (AMX) oneDNN's product is far ahead; with dot instructions alone a plain loop is level with it, and
// has no cost per call, which counts when the matrices are small.
#if GRAFT_AVX512 && defined(__AVX512BF16__) && !defined(__AMX_BF16__)
#define GRAFT_DOT_LOOP 1
#else
#define GRAFT_DOT_LOOP 0
#endif

namespace graft {

// How a product wants its right operand: [K / INTERLEAVE][N][INTERLEAVE].
template <class T>
struct Operand;
template <>
struct Operand<BFloat16> {
  static constexpr int64_t INTERLEAVE = 2;
};
template <>
struct Operand<float> {
  static constexpr int64_t INTERLEAVE = 1;
};

#if GRAFT_DOT_LOOP

// ROWS times 16 * COLUMNS sums, all in registers.
template <int ROWS, int COLUMNS>
void dot_tile(
    int64_t k, const BFloat16* a, int64_t a_stride, const BFloat16* b, int64_t b_columns, float* c, int64_t c_stride,
    bool add) {
  __m512 sums[ROWS][COLUMNS];
  for (int i = 0; i < ROWS; i++)
    for (int j = 0; j < COLUMNS; j++)
      sums[i][j] = add ? _mm512_loadu_ps(c + i * c_stride + j * LANES) : _mm512_setzero_ps();
  for (int64_t p = 0; p < k; p += 2, b += 2 * b_columns) {
    __m512bh columns[COLUMNS];
    for (int j = 0; j < COLUMNS; j++) columns[j] = (__m512bh)_mm512_loadu_si512(b + j * 2 * LANES);
    for (int i = 0; i < ROWS; i++) {
      int pair;
      std::memcpy(&pair, a + i * a_stride + p, sizeof pair);
      const __m512bh row = (__m512bh)_mm512_set1_epi32(pair);
      for (int j = 0; j < COLUMNS; j++) sums[i][j] = _mm512_dpbf16_ps(sums[i][j], row, columns[j]);
    }
  }
  for (int i = 0; i < ROWS; i++)
    for (int j = 0; j < COLUMNS; j++) _mm512_storeu_ps(c + i * c_stride + j * LANES, sums[i][j]);
}

using DotTile = void (*)(int64_t, const BFloat16*, int64_t, const BFloat16*, int64_t, float*, int64_t, bool);

template <int COLUMNS, size_t... ROWS>
void dot_panel(
    std::index_sequence<ROWS...>, int64_t m, int64_t k, const BFloat16* a, int64_t a_stride, const BFloat16* b,
    int64_t b_columns, float* c, int64_t c_stride, bool add) {
  constexpr DotTile tiles[] = {dot_tile<ROWS + 1, COLUMNS>...};
  constexpr int64_t MOST = sizeof...(ROWS);
  for (int64_t i = 0; i < m; i += MOST)
    tiles[std::min(MOST, m - i) - 1](k, a + i * a_stride, a_stride, b, b_columns, c + i * c_stride, c_stride, add);
}

#endif

// c[m, n] = a[m, k] b[k, n], or added to what c holds. n is a multiple of 16; k of INTERLEAVE.
template <class T>
void multiply(int64_t m, int64_t n, int64_t k, const T* a, int64_t a_stride, const T* b, float* c, bool add) {
#if GRAFT_DOT_LOOP
  if constexpr (Operand<T>::INTERLEAVE == 2) {
    int64_t j = 0;
    for (; j + 64 <= n; j += 64)
      dot_panel<4>(std::make_index_sequence<6>(), m, k, a, a_stride, b + 2 * j, n, c + j, n, add);
    for (; j + 32 <= n; j += 32)
      dot_panel<2>(std::make_index_sequence<12>(), m, k, a, a_stride, b + 2 * j, n, c + j, n, add);
    if (j < n) dot_panel<1>(std::make_index_sequence<12>(), m, k, a, a_stride, b + 2 * j, n, c + j, n, add);
    return;
  }
#endif
  at::native::cpublas::brgemm(m, n, k, a_stride, n, n, add, a, b, c, Operand<T>::INTERLEAVE == 2);
}

// To be called by each thread behind its last product: matrix tiles are a mode of the processor.
template <class T>
void end_products() {
  at::native::cpublas::brgemm_release(Operand<T>::INTERLEAVE == 2);
}

}  // namespace graft

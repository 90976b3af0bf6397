// Transposed 3x3 convolution of stride 2, the [1, 3, 3, 1] filter behind it, and the layer's ending, in one pass.
#pragma once

#include "conv3x3.h"

namespace graft {

// Along a row, the transposed convolution leaves at 2x the sum of tap 0 of pixel x and tap 2 of pixel x - 1, and at
// 2x + 1 tap 1 of pixel x. `sums` holds, for each pixel, the taps' products side by side: [.., 3, width].
// Filters one output pair at pixel x; the factor 1/16 of the whole filter is in the weights.
inline void filter_row(const float* sums, int64_t pixel_stride, int64_t width, Vec& even, Vec& odd) {
  const Vec three = fill(3);
  const float *before = sums - pixel_stride, *after = sums + pixel_stride;
  const Vec at_even = load(sums) + load(before + 2 * width);      // 2x
  const Vec at_odd = load(sums + width);                          // 2x + 1
  const Vec next_even = load(after) + load(sums + 2 * width);     // 2x + 2
  even = fma(three, at_even + at_odd, load(before + width)) + next_even;
  odd = fma(three, at_odd + next_even, at_even) + load(after + width);
}

template <class T>
void up_conv(const Features& x, const Packed<T>& w, const Ending& ending, const Output& y) {
  constexpr int64_t WIDEST_STRIP = 64, RING = 6, SHORTEST_BAND = 8;
  const int64_t channels = w.width / 9;  // per block
  const int64_t strips = ceil_div(x.width, WIDEST_STRIP), strip = ceil_div(x.width, strips);
  const int64_t wanted = ceil_div(4 * at::get_num_threads(), w.blocks * strips);
  const int64_t bands = std::clamp<int64_t>(wanted, 1, std::max<int64_t>(1, x.height / SHORTEST_BAND));
  const int64_t out_width = 2 * x.width;
  run_tasks(w.blocks * strips * bands, Operand<T>::INTERLEAVE == 2, [&](int64_t task) {
    const int64_t block = task / (strips * bands), band = task / strips % bands;
    const int64_t left = task % strips * strip, right = std::min(x.width, left + strip);
    if (left >= right) return;
    const int64_t top = x.height * band / bands, bottom = x.height * (band + 1) / bands;
    const int64_t size = right - left, read = size + 2;  // a pixel more on either side, for the filter
    const int64_t line = 2 * size * channels;
    Scratch& scratch = Scratch::of_this_thread();
    scratch.reset(
        Scratch::bytes_for<T>(read * w.depth) + Scratch::bytes_for<float>(read * w.width) +
        Scratch::bytes_for<float>(RING * line));
    T* inputs = scratch.take<T>(read * w.depth);
    float* sums = scratch.take<float>(read * w.width);
    float* ring = scratch.take<float>(RING * line);  // rows filtered along x, of the output's height plus one
    std::fill(ring, ring + RING * line, 0.f);
    const auto ring_row = [&](int64_t row) { return ring + (row + RING) % RING * line; };

    for (int64_t row = top - 1; row <= bottom; row++) {
      float *even = ring_row(2 * row), *odd = ring_row(2 * row + 1), *next_even = ring_row(2 * row + 2);
      if (row < 0 || row >= x.height) {
        std::fill(odd, odd + line, 0.f);
        std::fill(next_even, next_even + line, 0.f);
      } else {
        copy_scaled_row(x, row, left - 1, read, w.depth, inputs);
        multiply(read, w.width, w.depth, inputs, w.depth, w.at(block, 0), sums, false);
        for (int64_t i = 0; i < size; i++) {
          for (int64_t c = 0; c < channels; c += LANES) {
            const float* s = sums + (i + 1) * w.width + c;
            const int64_t at = 2 * i * channels + c;
            Vec a, b;
            filter_row(s, w.width, channels, a, b);
            store(even + at, load(even + at) + a);
            store(even + at + channels, load(even + at + channels) + b);
            filter_row(s + 3 * channels, w.width, channels, a, b);
            store(odd + at, a);
            store(odd + at + channels, b);
            filter_row(s + 6 * channels, w.width, channels, a, b);
            store(next_even + at, a);
            store(next_even + at + channels, b);
          }
        }
      }
      // Rows up to 2 row + 1 are whole now, so output rows up to 2 row - 1 are.
      for (int64_t out = std::max(2 * row - 2, 2 * top); out < std::min(2 * row, 2 * bottom); out++) {
        const float *a = ring_row(out - 1), *b = ring_row(out), *c = ring_row(out + 1), *d = ring_row(out + 2);
        const Vec three = fill(3);
        for (int64_t i = 0; i < 2 * size; i++) {
          const int64_t pixel = out * out_width + 2 * left + i;
          for (int64_t j = 0; j < channels; j += LANES) {
            const int64_t channel = block * channels + j, channels_left = y.channels - channel;
            if (channels_left <= 0) break;
            const int64_t at = i * channels + j;
            const Vec v = fma(three, load(b + at) + load(c + at), load(a + at) + load(d + at));
            store_upto(
                y.data + pixel * y.channels + channel,
                ending(v, load(ending.scale + channel), load(ending.bias + channel), pixel), channels_left);
          }
        }
      }
    }
  });
}

}  // namespace graft

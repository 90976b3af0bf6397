// Transposed 3x3 convolution of stride 2, the [1, 3, 3, 1] filter behind it, and the layer's ending, in one pass.
#pragma once

#include "conv3x3.h"

namespace graft {

// Along either axis, the transposed convolution leaves at 2x the sum of tap 0 of pixel x and tap 2 of pixel x - 1, and
// at 2x + 1 tap 1 of pixel x. The filter's result at 2x and 2x + 1 from there; its factor 1/16 is in the weights.
struct Doubled {
  Vec even, odd;
};

GRAFT_INLINE Doubled filtered(Vec before1, Vec before2, Vec here0, Vec here1, Vec here2, Vec after0, Vec after1) {
  const Vec three = fill(3), at = here0 + before2, next = after0 + here2;
  return {fma(three, at + here1, before1 + next), fma(three, here1 + next, at + after1)};
}

// A pixel's three columns of taps, filtered along y, for two output rows.
struct TapColumns {
  Doubled tap0, tap1, tap2;
};

// `before`, `here`, `after`: products of the pixels above, at and below, [3 rows of taps][3 columns][width].
GRAFT_INLINE Doubled tap_column(const float* before, const float* here, const float* after, int64_t width) {
  return filtered(
      load(before + 3 * width), load(before + 6 * width), load(here), load(here + 3 * width), load(here + 6 * width),
      load(after), load(after + 3 * width));
}

GRAFT_INLINE TapColumns tap_columns(const float* before, const float* here, const float* after, int64_t width) {
  return {
      tap_column(before, here, after, width), tap_column(before + width, here + width, after + width, width),
      tap_column(before + 2 * width, here + 2 * width, after + 2 * width, width)};
}

template <class T>
void up_conv(const Features& x, const Packed<T>& w, const Ending& layer_ending, const Output& y) {
  constexpr int64_t WIDEST_STRIP = 64, RING = 3, SHORTEST_BAND = 8;
  const int64_t block_channels = w.width / 9;
  const int64_t strips = ceil_div(x.width, WIDEST_STRIP), strip = ceil_div(x.width, strips);
  const int64_t wanted = ceil_div(4 * at::get_num_threads(), w.blocks * strips);
  const int64_t bands = std::clamp<int64_t>(wanted, 1, std::max<int64_t>(1, x.height / SHORTEST_BAND));
  run_tasks(w.blocks * strips * bands, [&](int64_t task) {
    const Ending ending = layer_ending;
    const int64_t block = task / (strips * bands), band = task / strips % bands;
    const int64_t left = task % strips * strip, right = std::min(x.width, left + strip);
    if (left >= right) return;
    const int64_t top = x.height * band / bands, bottom = x.height * (band + 1) / bands;
    const int64_t size = right - left, read = size + 2;  // a pixel more on either side, for the filter
    const int64_t stride = w.width, channels = y.channels, out_width = 2 * x.width;
    Scratch& scratch = Scratch::of_this_thread();
    scratch.reset(Scratch::bytes_for<T>(read * w.depth) + Scratch::bytes_for<float>(RING * read * stride));
    T* inputs = scratch.take<T>(read * w.depth);
    float* ring = scratch.take<float>(RING * read * stride);
    const auto products = [&](int64_t row) { return ring + (row + RING) % RING * read * stride; };
    const auto multiply_row = [&](int64_t row) {
      if (row < 0 || row >= x.height) {
        std::fill(products(row), products(row) + read * stride, 0.f);
        return;
      }
      copy_scaled_row(x, row, left - 1, read, w.depth, inputs);
      multiply(read, stride, w.depth, inputs, w.depth, w.at(block, 0), products(row), false);
    };
    multiply_row(top - 1);
    multiply_row(top);
    for (int64_t row = top; row < bottom; row++) {
      multiply_row(row + 1);
      for (int64_t c = 0; c < block_channels; c += LANES) {
        const int64_t channel = block * block_channels + c, channels_left = channels - channel;
        if (channels_left <= 0) break;
        const Vec scale = load(ending.scale + channel), bias = load(ending.bias + channel);
        const float *above = products(row - 1) + c, *here = products(row) + c, *below = products(row + 1) + c;
        int64_t pixel = 2 * row * out_width + 2 * left;
        TapColumns l = tap_columns(above, here, below, block_channels);
        TapColumns m = tap_columns(above + stride, here + stride, below + stride, block_channels);
        for (int64_t i = 2; i < read; i++, pixel += 2) {
          const int64_t at = i * stride;
          const TapColumns r = tap_columns(above + at, here + at, below + at, block_channels);
          const Doubled upper = filtered(
              l.tap1.even, l.tap2.even, m.tap0.even, m.tap1.even, m.tap2.even, r.tap0.even, r.tap1.even);
          const Doubled lower =
              filtered(l.tap1.odd, l.tap2.odd, m.tap0.odd, m.tap1.odd, m.tap2.odd, r.tap0.odd, r.tap1.odd);
          BFloat16* o = y.data + pixel * channels + channel;
          store_upto(o, ending(upper.even, scale, bias, pixel), channels_left);
          store_upto(o + channels, ending(upper.odd, scale, bias, pixel + 1), channels_left);
          o += out_width * channels;
          store_upto(o, ending(lower.even, scale, bias, pixel + out_width), channels_left);
          store_upto(o + channels, ending(lower.odd, scale, bias, pixel + out_width + 1), channels_left);
          l = m;
          m = r;
        }
      }
    }
  }, end_products<T>);
}

}  // namespace graft

// Transposed 3x3 convolution of stride 2, the [1, 3, 3, 1] filter behind it, and the layer's ending, in one pass.
#pragma once

#include "conv3x3.h"

namespace graft {

struct Doubled {
  Vec even, odd;
};

// Two results of the filter from five neighbours; its factor 1/16 is in the weights.
GRAFT_INLINE Doubled filtered(Vec a, Vec b, Vec c, Vec d, Vec e) {
  const Vec three = fill(3);
  return {fma(three, b + c, a + d), fma(three, c + d, b + e)};
}

// Along either axis, the transposed convolution leaves at 2x the sum of tap 0 of pixel x and tap 2 of pixel x - 1, and
// at 2x + 1 tap 1 of pixel x. The filter's results at 2x and 2x + 1 from the taps of pixels x - 1, x and x + 1.
GRAFT_INLINE Doubled summed(Vec before1, Vec before2, Vec here0, Vec here1, Vec here2, Vec after0, Vec after1) {
  return filtered(before1, here0 + before2, here1, after0 + here2, after1);
}

// The ends of two output pixels, side by side.
GRAFT_INLINE void store_pair(
    Doubled v, const Ending& ending, Vec scale, Vec bias, int64_t pixel, BFloat16* o, int64_t channels,
    int64_t channels_left) {
  store_upto(o, ending(v.even, scale, bias, pixel), channels_left);
  store_upto(o + channels, ending(v.odd, scale, bias, pixel + 1), channels_left);
}

// A pixel's three columns of taps, filtered along y, for two output rows.
struct TapColumns {
  Doubled tap0, tap1, tap2;
};

// `before`, `here`, `after`: products of the pixels above, at and below, [3 rows of taps][3 columns][width].
GRAFT_INLINE Doubled tap_column(const float* before, const float* here, const float* after, int64_t width) {
  return summed(
      load(before + 3 * width), load(before + 6 * width), load(here), load(here + 3 * width), load(here + 6 * width),
      load(after), load(after + 3 * width));
}

GRAFT_INLINE TapColumns tap_columns(const float* before, const float* here, const float* after, int64_t width) {
  return {
      tap_column(before, here, after, width), tap_column(before + width, here + width, after + width, width),
      tap_column(before + 2 * width, here + 2 * width, after + 2 * width, width)};
}

template <class T>
void up_conv_direct(const Features& x, const Packed<T>& w, const Ending& layer_ending, const Output& y) {
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
          const Doubled upper =
              summed(l.tap1.even, l.tap2.even, m.tap0.even, m.tap1.even, m.tap2.even, r.tap0.even, r.tap1.even);
          const Doubled lower =
              summed(l.tap1.odd, l.tap2.odd, m.tap0.odd, m.tap1.odd, m.tap2.odd, r.tap0.odd, r.tap1.odd);
          BFloat16* o = y.data + pixel * channels + channel;
          store_pair(upper, ending, scale, bias, pixel, o, channels, channels_left);
          o += out_width * channels;
          store_pair(lower, ending, scale, bias, pixel + out_width, o, channels, channels_left);
          l = m;
          m = r;
        }
      }
    }
  }, end_products<T>);
}

// --- 25 products instead of 36 for a tile of four input pixels -----------------------------------------------------
// Along an axis, pixels x0 and x1 behind x make T[0] = x0 w0 + x w2, T[1] = x0 w1, T[2] = x1 w0 + x0 w2, T[3] = x1 w1.
// In the manner of Winograd, with a = (x - x0) w2, b = x0 (w0 + w2), c = (x1 - x0) w0: T[0] = a + b, T[2] = b + c. So
// four forms of the input (x - x0, x0, x1 - x0, x1) meet four of the weight (w2, w0 + w2, w0, w1) in five products.

constexpr int64_t INPUT_FORM[5] = {0, 1, 2, 1, 3};
constexpr int64_t WEIGHT_FORM[5] = {0, 1, 2, 3, 3};

struct InputForms {
  Vec f0, f1, f2, f3;
};

GRAFT_INLINE InputForms input_forms(Vec x, Vec x0, Vec x1) { return {x - x0, x0, x1 - x0, x1}; }

GRAFT_INLINE InputForms column_forms(const TileRows& rows, int64_t i, int64_t channel, Vec style) {
  constexpr int64_t AHEAD = 16;
  const int64_t left = rows.channels - channel;
  if (i < 0 || i >= rows.width || left <= 0) return {fill(0), fill(0), fill(0), fill(0)};
  for (int r = 1; r < 3; r++) GRAFT_PREFETCH(rows.start[r] + (i + AHEAD) * rows.step[r] + channel);
  return input_forms(
      load_upto(rows.start[0] + i * rows.step[0] + channel, left) * style,
      load_upto(rows.start[1] + i * rows.step[1] + channel, left) * style,
      load_upto(rows.start[2] + i * rows.step[2] + channel, left) * style);
}

template <class T>
GRAFT_INLINE void store_forms(InputForms f, T* out, int64_t plane) {
  store(out, f.f0);
  store(out + plane, f.f1);
  store(out + 2 * plane, f.f2);
  store(out + 3 * plane, f.f3);
}

// As transform_tiles, for the forms of tiles of two by two pixels.
template <class T>
void transform_up_tiles(
    const TileRows& tile_rows, const float* styles, int64_t first, int64_t count, int64_t depth, T* out,
    int64_t plane) {
  const TileRows rows = tile_rows;
  for (int64_t channel = 0; channel < depth; channel += LANES) {
    const Vec style = load(styles + channel);
    InputForms c = column_forms(rows, 2 * first - 1, channel, style);
    T* o = out + channel;
    for (int64_t t = first; t < first + count; t++, o += depth) {
      const InputForms c0 = column_forms(rows, 2 * t, channel, style);
      const InputForms c1 = column_forms(rows, 2 * t + 1, channel, style);
      store_forms(input_forms(c.f0, c0.f0, c1.f0), o, plane);
      store_forms(input_forms(c.f1, c0.f1, c1.f1), o + 4 * plane, plane);
      store_forms(input_forms(c.f2, c0.f2, c1.f2), o + 8 * plane, plane);
      store_forms(input_forms(c.f3, c0.f3, c1.f3), o + 12 * plane, plane);
      c = c1;
    }
  }
}

// A tile's 4x4 results of the transposed convolution from its 25 sums, to four lines.
GRAFT_INLINE void untransform_up(const float* sums, int64_t plane, float* out, int64_t line, int64_t width) {
  Vec t[4][5];
  for (int64_t j = 0; j < 5; j++) {
    const Vec b = load(sums + (5 + j) * plane);
    t[0][j] = load(sums + j * plane) + b;
    t[1][j] = load(sums + (15 + j) * plane);
    t[2][j] = b + load(sums + (10 + j) * plane);
    t[3][j] = load(sums + (20 + j) * plane);
  }
  for (int64_t i = 0; i < 4; i++, out += line) {
    store(out, t[i][0] + t[i][1]);
    store(out + width, t[i][3]);
    store(out + 2 * width, t[i][1] + t[i][2]);
    store(out + 3 * width, t[i][4]);
  }
}

template <class T>
void up_conv_winograd(const Features& x, const Packed<T>& w, const Ending& layer_ending, const Output& y) {
  constexpr int64_t WIDEST_STRIP = 22, RING = 3, SHORTEST_BAND = 4;  // in tiles
  const int64_t tile_rows = ceil_div(x.height, 2), tile_columns = ceil_div(x.width, 2);
  const int64_t strips = ceil_div(tile_columns, WIDEST_STRIP), strip = ceil_div(tile_columns, strips);
  const int64_t wanted = ceil_div(4 * at::get_num_threads(), w.blocks * strips);
  const int64_t bands = std::clamp<int64_t>(wanted, 1, std::max<int64_t>(1, tile_rows / SHORTEST_BAND));
  run_tasks(w.blocks * strips * bands, [&](int64_t task) {
    const Ending ending = layer_ending;
    const int64_t block = task / (strips * bands), band = task / strips % bands;
    const int64_t left = task % strips * strip, right = std::min(tile_columns, left + strip);
    if (left >= right) return;
    const int64_t top = tile_rows * band / bands, bottom = tile_rows * (band + 1) / bands;
    const int64_t width = w.width, channels = y.channels, out_width = 2 * x.width;
    const int64_t held = right - left + 2, line = held * 4 * width;  // a tile more on either side, for the filter
    const int64_t skipped = left == 0 ? 1 : 0, count = held - skipped;  // left of the picture all is zero
    const int64_t in_plane = held * w.depth + 64 / static_cast<int64_t>(sizeof(T)), out_plane = held * width + 16;
    Scratch& scratch = Scratch::of_this_thread();
    scratch.reset(
        Scratch::bytes_for<T>(16 * in_plane) + Scratch::bytes_for<float>(25 * out_plane) +
        Scratch::bytes_for<float>(RING * 4 * line) + Scratch::bytes_for<BFloat16>(x.channels));
    T* inputs = scratch.take<T>(16 * in_plane);
    float* sums = scratch.take<float>(25 * out_plane);
    float* ring = scratch.take<float>(RING * 4 * line);
    BFloat16* zeros = scratch.take<BFloat16>(x.channels);
    std::fill(zeros, zeros + x.channels, BFloat16(0.f));
    std::fill(ring, ring + RING * 4 * line, 0.f);
    const auto ring_line = [&](int64_t row) { return ring + (row + 4 * RING) % (4 * RING) * line; };
    const auto convolve_row = [&](int64_t row) {
      if (row < 0) return;  // as the ring begins
      transform_up_tiles(
          TileRows(x, row, zeros), x.styles, left - 1 + skipped, count, w.depth, inputs, in_plane);
      for (int64_t i = 0; i < 5; i++)
        for (int64_t j = 0; j < 5; j++)
          multiply(
              count, width, w.depth, inputs + (4 * INPUT_FORM[i] + INPUT_FORM[j]) * in_plane, w.depth,
              w.at(block, 4 * WEIGHT_FORM[i] + WEIGHT_FORM[j]), sums + (5 * i + j) * out_plane, false);
      float* out = ring_line(4 * row) + skipped * 4 * width;
      for (int64_t t = 0; t < count; t++, out += 4 * width)
        for (int64_t c = 0; c < width; c += LANES)
          untransform_up(sums + t * width + c, out_plane, out + c, line, width);
    };
    convolve_row(top - 1);
    convolve_row(top);
    for (int64_t row = top; row < bottom; row++) {
      convolve_row(row + 1);
      for (int64_t out = 4 * row; out < std::min(4 * row + 4, 2 * x.height); out += 2) {
        const float *a = ring_line(out - 1), *b = ring_line(out), *c = ring_line(out + 1), *d = ring_line(out + 2),
                    *e = ring_line(out + 3);
        for (int64_t j = 0; j < width; j += LANES) {
          const int64_t channel = block * width + j, channels_left = channels - channel;
          if (channels_left <= 0) break;
          const Vec scale = load(ending.scale + channel), bias = load(ending.bias + channel);
          const auto column = [&](int64_t i) {
            const int64_t at = i * width + j;
            return filtered(load(a + at), load(b + at), load(c + at), load(d + at), load(e + at));
          };
          Doubled c0 = column(3), c1 = column(4), c2 = column(5);
          const int64_t pairs = std::min(2 * right, x.width) - 2 * left;
          int64_t pixel = out * out_width + 4 * left;
          for (int64_t i = 0; i < pairs; i++, pixel += 2) {
            const Doubled c3 = column(2 * i + 6), c4 = column(2 * i + 7);
            BFloat16* o = y.data + pixel * channels + channel;
            store_pair(
                filtered(c0.even, c1.even, c2.even, c3.even, c4.even), ending, scale, bias, pixel, o, channels,
                channels_left);
            store_pair(
                filtered(c0.odd, c1.odd, c2.odd, c3.odd, c4.odd), ending, scale, bias, pixel + out_width,
                o + out_width * channels, channels, channels_left);
            c0 = c2;
            c1 = c3;
            c2 = c4;
          }
        }
      }
    }
  }, end_products<T>);
}

}  // namespace graft

// 3x3 convolution, stride 1, zeros around, with the layer's ending in the same pass.
#pragma once

#include "layer.h"
#include "product.h"
#include "tasks.h"

namespace graft {

// A packed weight [blocks][taps][depth / INTERLEAVE][width][INTERLEAVE]: `width` output channels per block.
template <class T>
struct Packed {
  const T* data;
  int64_t blocks, taps, depth, width;
  const T* at(int64_t block, int64_t tap) const { return data + (block * taps + tap) * depth * width; }
};

struct Output {
  BFloat16* data;
  int64_t channels;
};

// Splits work into bands of the picture, and those into groups of channel blocks when bands alone are too few.
struct Split {
  int64_t bands, groups, blocks_per_group;
  Split(int64_t bands, int64_t blocks) : bands(bands) {
    const int64_t threads = at::get_num_threads();
    groups = std::min(blocks, bands >= 2 * threads ? 1 : ceil_div(2 * threads, bands));
    blocks_per_group = ceil_div(blocks, groups);
    groups = ceil_div(blocks, blocks_per_group);
  }
};

// Nine taps as three products: in a padded row, three neighbouring pixels are one operand of three times the depth.
template <class T>
void conv_direct(const Features& x, const Packed<T>& w, const Ending& layer_ending, const Output& y) {
  constexpr int64_t BAND_BYTES = 256 << 10, CHUNK = 64;
  const int64_t depth = w.depth / 3, pitch = x.width + 2;
  const int64_t row_bytes = pitch * depth * static_cast<int64_t>(sizeof(T));
  const int64_t rows = std::clamp<int64_t>(BAND_BYTES / row_bytes - 2, 1, x.height);
  const Split split(ceil_div(x.height, rows), w.blocks);
  run_tasks(split.bands * split.groups, [&](int64_t task) {
    const int64_t first_row = task / split.groups * rows, count = std::min(rows, x.height - first_row);
    const int64_t first_block = task % split.groups * split.blocks_per_group;
    const int64_t last_block = std::min(w.blocks, first_block + split.blocks_per_group);
    Scratch& scratch = Scratch::of_this_thread();
    scratch.reset(
        Scratch::bytes_for<T>((count + 2) * pitch * depth) + Scratch::bytes_for<float>(CHUNK * w.width));
    T* band = scratch.take<T>((count + 2) * pitch * depth);
    float* sums = scratch.take<float>(CHUNK * w.width);
    for (int64_t r = 0; r < count + 2; r++)
      copy_scaled_row(x, first_row + r - 1, -1, pitch, depth, band + r * pitch * depth);

    const Ending ending = layer_ending;
    // Positions run over the padded band; at its two surplus columns the sums mean nothing and are dropped.
    const int64_t positions = (count - 1) * pitch + x.width;
    for (int64_t block = first_block; block < last_block; block++) {
      for (int64_t start = 0; start < positions; start += CHUNK) {
        const int64_t size = std::min(CHUNK, positions - start);
        for (int64_t tap = 0; tap < 3; tap++)
          multiply(
              size, w.width, w.depth, band + (start + tap * pitch) * depth, depth, w.at(block, tap), sums, tap > 0);
        for (int64_t i = 0; i < size; i++) {
          const int64_t row = (start + i) / pitch, column = (start + i) % pitch;
          if (column >= x.width) continue;
          const int64_t pixel = (first_row + row) * x.width + column;
          for (int64_t c = 0; c < w.width; c += LANES) {
            const int64_t channel = block * w.width + c;
            if (channel >= y.channels) break;
            const Vec v = ending(
                load(sums + i * w.width + c), load(ending.scale + channel), load(ending.bias + channel), pixel);
            store_upto(y.data + pixel * y.channels + channel, v, y.channels - channel);
          }
        }
      }
    }
  }, end_products<T>);
}

// --- Winograd's F(2x2, 3x3): 16 products instead of 36 for a tile of four pixels ---------------------------------
// Lavin & Gray 2015, arXiv:1509.09308, section 4.1.

// Four rows of features around a tile row; a row outside is one zero pixel, read over and over.
struct TileRows {
  const BFloat16* start[4];
  int64_t step[4];
  int64_t width, channels;

  TileRows(const Features& x, int64_t tile_y, const BFloat16* zeros) : width(x.width), channels(x.channels) {
    for (int64_t r = 0; r < 4; r++) {
      const int64_t row = 2 * tile_y - 1 + r;
      const bool outside = row < 0 || row >= x.height;
      start[r] = outside ? zeros : x.data + row * x.width * x.channels;
      step[r] = outside ? 0 : x.channels;
    }
  }
};

// One column of a tile's 4x4 input, B^T applied along it.
struct TileColumn {
  Vec r0, r1, r2, r3;
};

GRAFT_INLINE TileColumn tile_column(const TileRows& rows, int64_t i, int64_t channel, Vec style) {
  constexpr int64_t AHEAD = 16;  // pixels; the processor does not see four short streams by itself
  const int64_t left = rows.channels - channel;
  if (i < 0 || i >= rows.width || left <= 0) return {fill(0), fill(0), fill(0), fill(0)};
  for (int r = 0; r < 4; r++) GRAFT_PREFETCH(rows.start[r] + (i + AHEAD) * rows.step[r] + channel);
  const Vec a = load_upto(rows.start[0] + i * rows.step[0] + channel, left) * style;
  const Vec b = load_upto(rows.start[1] + i * rows.step[1] + channel, left) * style;
  const Vec c = load_upto(rows.start[2] + i * rows.step[2] + channel, left) * style;
  const Vec d = load_upto(rows.start[3] + i * rows.step[3] + channel, left) * style;
  return {a - c, b + c, c - b, b - d};
}

// (a, b, c, d) B, to four planes.
template <class T>
GRAFT_INLINE void store_tile_row(Vec a, Vec b, Vec c, Vec d, T* out, int64_t plane) {
  store(out, a - c);
  store(out + plane, b + c);
  store(out + 2 * plane, c - b);
  store(out + 3 * plane, b - d);
}

// Tiles [first, first + count) of a tile row, to out[16][..][depth] with `plane` elements between the sixteen.
template <class T>
void transform_tiles(
    const TileRows& tile_rows, const float* styles, int64_t first, int64_t count, int64_t depth, T* out,
    int64_t plane) {
  const TileRows rows = tile_rows;
  for (int64_t channel = 0; channel < depth; channel += LANES) {
    const Vec style = load(styles + channel);
    TileColumn c0 = tile_column(rows, 2 * first - 1, channel, style);
    TileColumn c1 = tile_column(rows, 2 * first, channel, style);
    T* o = out + channel;
    for (int64_t t = first; t < first + count; t++, o += depth) {
      const TileColumn c2 = tile_column(rows, 2 * t + 1, channel, style);
      const TileColumn c3 = tile_column(rows, 2 * t + 2, channel, style);
      store_tile_row(c0.r0, c1.r0, c2.r0, c3.r0, o, plane);
      store_tile_row(c0.r1, c1.r1, c2.r1, c3.r1, o + 4 * plane, plane);
      store_tile_row(c0.r2, c1.r2, c2.r2, c3.r2, o + 8 * plane, plane);
      store_tile_row(c0.r3, c1.r3, c2.r3, c3.r3, o + 12 * plane, plane);
      c0 = c2;
      c1 = c3;
    }
  }
}

// The four pixels of a tile from its sixteen sums: A^T m A.
struct TilePixels {
  Vec p00, p01, p10, p11;
};

GRAFT_INLINE TilePixels untransform(const float* sums, int64_t plane) {
  Vec top[4], bottom[4];
  for (int64_t j = 0; j < 4; j++) {
    const Vec a = load(sums + j * plane), b = load(sums + (4 + j) * plane);
    const Vec c = load(sums + (8 + j) * plane), d = load(sums + (12 + j) * plane);
    top[j] = a + (b + c);
    bottom[j] = (b - c) - d;
  }
  return {
      top[0] + (top[1] + top[2]), (top[1] - top[2]) - top[3], bottom[0] + (bottom[1] + bottom[2]),
      (bottom[1] - bottom[2]) - bottom[3]};
}

// How many tiles to take at once: few enough that their operands, sums and the weight's block stay in the L2 cache, and
// a multiple of what the product holds in registers.
inline int64_t tiles_per_run(int64_t depth, int64_t operand_bytes, int64_t tiles) {
  constexpr int64_t L2_SHARE_BYTES = 600 << 10, STEP = 12, MOST = 60, MOST_WHEN_SHALLOW = 48, SHALLOW = 64;
  const int64_t fitting = L2_SHARE_BYTES / (16 * depth * operand_bytes) / STEP * STEP;
  return std::min(tiles, std::clamp(fitting, STEP, depth <= SHALLOW ? MOST_WHEN_SHALLOW : MOST));
}

template <class T>
void conv_winograd(const Features& x, const Packed<T>& w, const Ending& layer_ending, const Output& y) {
  constexpr int64_t BANDS_PER_THREAD = 16;
  const int64_t tile_rows = ceil_div(x.height, 2), tile_columns = ceil_div(x.width, 2);
  const int64_t tiles = tile_rows * tile_columns, run = tiles_per_run(w.depth, sizeof(T), tiles);
  const int64_t in_plane = run * w.depth + 64 / static_cast<int64_t>(sizeof(T));  // apart by a cache line,
  const int64_t out_plane = run * w.width + 16;  // so that sixteen planes do not fall on the same few cache sets
  const int64_t runs = ceil_div(tiles, run);
  const Split split(std::min<int64_t>(runs, BANDS_PER_THREAD * at::get_num_threads()), w.blocks);
  run_tasks(split.bands * split.groups, [&](int64_t task) {
    const int64_t band = task / split.groups;
    const int64_t first_block = task % split.groups * split.blocks_per_group;
    const int64_t last_block = std::min(w.blocks, first_block + split.blocks_per_group);
    Scratch& scratch = Scratch::of_this_thread();
    scratch.reset(
        Scratch::bytes_for<T>(16 * in_plane) + Scratch::bytes_for<float>(16 * out_plane) +
        Scratch::bytes_for<BFloat16>(x.channels));
    T* inputs = scratch.take<T>(16 * in_plane);
    float* sums = scratch.take<float>(16 * out_plane);
    BFloat16* zeros = scratch.take<BFloat16>(x.channels);
    std::fill(zeros, zeros + x.channels, BFloat16(0.f));
    for (int64_t i = runs * band / split.bands; i < runs * (band + 1) / split.bands; i++) {
      const int64_t first = i * run, count = std::min(run, tiles - first);
      for (int64_t done = 0; done < count;) {
        const int64_t row = (first + done) / tile_columns, column = (first + done) % tile_columns;
        const int64_t size = std::min(count - done, tile_columns - column);
        transform_tiles(
            TileRows(x, row, zeros), x.styles, column, size, w.depth, inputs + done * w.depth, in_plane);
        done += size;
      }
      for (int64_t block = first_block; block < last_block; block++) {
        for (int64_t tap = 0; tap < 16; tap++)
          multiply(
              count, w.width, w.depth, inputs + tap * in_plane, w.depth, w.at(block, tap), sums + tap * out_plane,
              false);
        const Ending ending = layer_ending;
        const int64_t width = x.width, height = x.height, channels = y.channels, block_width = w.width;
        for (int64_t t = 0; t < count; t++) {
          const int64_t top = (first + t) / tile_columns * 2, left = (first + t) % tile_columns * 2;
          const bool has_right = left + 1 < width, has_below = top + 1 < height;
          const int64_t pixel = top * width + left;
          for (int64_t c = 0; c < block_width; c += LANES) {
            const int64_t channel = block * block_width + c, channels_left = channels - channel;
            if (channels_left <= 0) break;
            const TilePixels p = untransform(sums + t * block_width + c, out_plane);
            const Vec scale = load(ending.scale + channel), bias = load(ending.bias + channel);
            BFloat16* o = y.data + pixel * channels + channel;
            store_upto(o, ending(p.p00, scale, bias, pixel), channels_left);
            if (has_right) store_upto(o + channels, ending(p.p01, scale, bias, pixel + 1), channels_left);
            if (!has_below) continue;
            o += width * channels;
            store_upto(o, ending(p.p10, scale, bias, pixel + width), channels_left);
            if (has_right) store_upto(o + channels, ending(p.p11, scale, bias, pixel + width + 1), channels_left);
          }
        }
      }
    }
  }, end_products<T>);
}

}  // namespace graft

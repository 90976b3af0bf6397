// 3x3 convolution, stride 1, zeros around, with the layer's ending in the same pass.
#pragma once

#include "layer.h"
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
void conv_direct(const Features& x, const Packed<T>& w, const Ending& ending, const Output& y) {
  constexpr int64_t BAND_BYTES = 256 << 10, CHUNK = 64;
  const int64_t depth = w.depth / 3, pitch = x.width + 2;
  const int64_t row_bytes = pitch * depth * static_cast<int64_t>(sizeof(T));
  const int64_t rows = std::clamp<int64_t>(BAND_BYTES / row_bytes - 2, 1, x.height);
  const Split split(ceil_div(x.height, rows), w.blocks);
  run_tasks(split.bands * split.groups, Operand<T>::INTERLEAVE == 2, [&](int64_t task) {
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
  });
}

// --- Winograd's F(2x2, 3x3): 16 products instead of 36 for a tile of four pixels ---------------------------------
// Lavin & Gray 2015, arXiv:1509.09308, section 4.1.

// One column of a tile's 4x4 input, B^T applied along it.
struct TileColumn {
  Vec r0, r1, r2, r3;
};

inline TileColumn tile_column(const Features& x, const BFloat16* const (&rows)[4], int64_t column, int64_t channel) {
  if (column < 0 || column >= x.width) return {fill(0), fill(0), fill(0), fill(0)};
  const auto pixel = [&](int r) {
    return rows[r] ? x.scaled(rows[r] + column * x.channels, channel) : fill(0);
  };
  const Vec a = pixel(0), b = pixel(1), c = pixel(2), d = pixel(3);
  return {a - c, b + c, c - b, b - d};
}

// Tiles [first, first + count) of tile row `tile_y`, to out[16][..][depth] with `plane` elements between the sixteen.
template <class T>
void transform_tiles(
    const Features& x, int64_t tile_y, int64_t first, int64_t count, int64_t depth, T* out, int64_t plane) {
  const BFloat16* rows[4];
  for (int64_t r = 0; r < 4; r++) {
    const int64_t row = 2 * tile_y - 1 + r;
    rows[r] = row < 0 || row >= x.height ? nullptr : x.data + row * x.width * x.channels;
  }
  for (int64_t channel = 0; channel < depth; channel += LANES) {
    TileColumn c0 = tile_column(x, rows, 2 * first - 1, channel);
    TileColumn c1 = tile_column(x, rows, 2 * first, channel);
    for (int64_t t = 0; t < count; t++) {
      const TileColumn c2 = tile_column(x, rows, 2 * (first + t) + 1, channel);
      const TileColumn c3 = tile_column(x, rows, 2 * (first + t) + 2, channel);
      T* o = out + t * depth + channel;
      const auto put = [&](int row, Vec a, Vec b, Vec c, Vec d) {
        store(o + (4 * row + 0) * plane, a - c);
        store(o + (4 * row + 1) * plane, b + c);
        store(o + (4 * row + 2) * plane, c - b);
        store(o + (4 * row + 3) * plane, b - d);
      };
      put(0, c0.r0, c1.r0, c2.r0, c3.r0);
      put(1, c0.r1, c1.r1, c2.r1, c3.r1);
      put(2, c0.r2, c1.r2, c2.r2, c3.r2);
      put(3, c0.r3, c1.r3, c2.r3, c3.r3);
      c0 = c2;
      c1 = c3;
    }
  }
}

// The four pixels of a tile from its sixteen sums: A^T m A.
inline void untransform(const float* sums, int64_t plane, Vec (&pixels)[4]) {
  Vec top[4], bottom[4];
  for (int64_t j = 0; j < 4; j++) {
    const Vec a = load(sums + j * plane), b = load(sums + (4 + j) * plane);
    const Vec c = load(sums + (8 + j) * plane), d = load(sums + (12 + j) * plane);
    top[j] = a + b + c;
    bottom[j] = b - c - d;
  }
  pixels[0] = top[0] + top[1] + top[2];
  pixels[1] = top[1] - top[2] - top[3];
  pixels[2] = bottom[0] + bottom[1] + bottom[2];
  pixels[3] = bottom[1] - bottom[2] - bottom[3];
}

template <class T>
void conv_winograd(const Features& x, const Packed<T>& w, const Ending& ending, const Output& y) {
  constexpr int64_t L2_SHARE_BYTES = 512 << 10, MOST_TILES = 64, FEWEST_TILES = 16;
  const int64_t tile_rows = ceil_div(x.height, 2), tile_columns = ceil_div(x.width, 2);
  const int64_t tiles = tile_rows * tile_columns;
  const int64_t tile_bytes = 16 * w.depth * static_cast<int64_t>(sizeof(T));
  const int64_t run = std::min(tiles, std::clamp(L2_SHARE_BYTES / tile_bytes, FEWEST_TILES, MOST_TILES));
  const int64_t in_plane = run * w.depth + 64 / static_cast<int64_t>(sizeof(T));  // apart by a cache line,
  const int64_t out_plane = run * w.width + 16;  // so that sixteen planes do not fall on the same few cache sets
  const Split split(ceil_div(tiles, run), w.blocks);
  run_tasks(split.bands * split.groups, Operand<T>::INTERLEAVE == 2, [&](int64_t task) {
    const int64_t first = task / split.groups * run, count = std::min(run, tiles - first);
    const int64_t first_block = task % split.groups * split.blocks_per_group;
    const int64_t last_block = std::min(w.blocks, first_block + split.blocks_per_group);
    Scratch& scratch = Scratch::of_this_thread();
    scratch.reset(Scratch::bytes_for<T>(16 * in_plane) + Scratch::bytes_for<float>(16 * out_plane));
    T* inputs = scratch.take<T>(16 * in_plane);
    float* sums = scratch.take<float>(16 * out_plane);
    for (int64_t done = 0; done < count;) {
      const int64_t row = (first + done) / tile_columns, column = (first + done) % tile_columns;
      const int64_t size = std::min(count - done, tile_columns - column);
      transform_tiles(x, row, column, size, w.depth, inputs + done * w.depth, in_plane);
      done += size;
    }
    for (int64_t block = first_block; block < last_block; block++) {
      for (int64_t tap = 0; tap < 16; tap++)
        multiply(
            count, w.width, w.depth, inputs + tap * in_plane, w.depth, w.at(block, tap), sums + tap * out_plane,
            false);
      for (int64_t t = 0; t < count; t++) {
        const int64_t top = (first + t) / tile_columns * 2, left = (first + t) % tile_columns * 2;
        const bool has_right = left + 1 < x.width, has_below = top + 1 < x.height;
        const int64_t pixel = top * x.width + left;
        for (int64_t c = 0; c < w.width; c += LANES) {
          const int64_t channel = block * w.width + c, channels_left = y.channels - channel;
          if (channels_left <= 0) break;
          Vec pixels[4];
          untransform(sums + t * w.width + c, out_plane, pixels);
          const Vec scale = load(ending.scale + channel), bias = load(ending.bias + channel);
          const auto put = [&](int which, int64_t at) {
            store_upto(
                y.data + at * y.channels + channel, ending(pixels[which], scale, bias, at), channels_left);
          };
          put(0, pixel);
          if (has_right) put(1, pixel + 1);
          if (has_below) put(2, pixel + x.width);
          if (has_right && has_below) put(3, pixel + x.width + 1);
        }
      }
    }
  });
}

}  // namespace graft

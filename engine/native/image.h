// From features to the image, and from the image to the screen's bytes.
#pragma once

#include "layer.h"
#include "tasks.h"

namespace graft {

// One output row of the image below, doubled by the [1, 3, 3, 1] filter, added to `out`. Zeros lie around the image.
inline void add_doubled_row(const float* plane, int64_t height, int64_t width, int64_t row, float* line, float* out) {
  const int64_t near = row / 2, far = row % 2 ? near + 1 : near - 1;
  const float* a = plane + near * width;
  const float* b = far < 0 || far >= height ? nullptr : plane + far * width;
  line[0] = line[width + 1] = 0;
  for (int64_t i = 0; i < width; i++) line[i + 1] = 0.75f * a[i] + (b ? 0.25f * b[i] : 0.f);
  for (int64_t i = 0; i < width; i++) {
    out[2 * i] += 0.75f * line[i + 1] + 0.25f * line[i];
    out[2 * i + 1] += 0.75f * line[i + 1] + 0.25f * line[i + 2];
  }
}

// Lane i: the sum over channels of pixel i times weight (padded with zeros). Of a WHOLE group all sixteen pixels are there
// and the channels fill vectors; otherwise the last pixel stands for those missing.
template <bool WHOLE>
GRAFT_INLINE Vec weighted_sums(const BFloat16* pixels, int64_t count, int64_t channels, const float* weight) {
  Vec products[LANES];
  for (int64_t i = 0; i < LANES; i++) products[i] = fill(0);
  for (int64_t c = 0; c < channels; c += LANES) {
    const Vec w = load(weight + c);
    for (int64_t i = 0; i < LANES; i++) {
      const BFloat16* p = pixels + (WHOLE ? i : std::min(i, count - 1)) * channels + c;
      products[i] = fma(WHOLE ? load(p) : load_upto(p, channels - c), w, products[i]);
    }
  }
  return lane_sums(products);
}

// img[3][height][width] = clamp(weight x + bias) + doubled image below. weight padded: [3][round_up(channels, 16)].
inline void to_image(
    const Features& x, const float* weight, const float* bias, float clamp, const float* below, float* img) {
  constexpr int64_t ROWS = 2;
  const int64_t depth = round_up(x.channels, LANES), area = x.height * x.width;
  const bool whole = depth == x.channels;
  run_tasks(ceil_div(x.height, ROWS), [&](int64_t task) {
    Scratch& scratch = Scratch::of_this_thread();
    scratch.reset(Scratch::bytes_for<float>(x.width + 2));
    float* line = scratch.take<float>(x.width + 2);
    for (int64_t row = task * ROWS; row < std::min(x.height, (task + 1) * ROWS); row++) {
      for (int64_t first = 0; first < x.width; first += LANES) {
        const int64_t count = std::min(LANES, x.width - first);
        const BFloat16* pixels = x.data + (row * x.width + first) * x.channels;
        for (int64_t ahead = 0; ahead < LANES * x.channels; ahead += 64 / sizeof(BFloat16))
          GRAFT_PREFETCH(pixels + 2 * LANES * x.channels + ahead);
        for (int64_t k = 0; k < 3; k++) {
          const float* w = weight + k * depth;
          const Vec sums = whole && count == LANES ? weighted_sums<true>(pixels, count, x.channels, w)
                                                   : weighted_sums<false>(pixels, count, x.channels, w);
          float values[LANES];
          store(values, lower(fill(clamp), higher(fill(-clamp), sums + fill(bias[k]))));
          std::copy(values, values + count, img + k * area + row * x.width + first);
        }
      }
      if (below)
        for (int64_t k = 0; k < 3; k++)
          add_doubled_row(
              below + k * area / 4, x.height / 2, x.width / 2, row, line, img + k * area + row * x.width);
    }
  });
}

GRAFT_INLINE Vec levels(Vec v) { return lower(higher(v * fill(127.5f) + fill(128.f), fill(0)), fill(255.f)); }

// Blue, green, red, 255 from three planes nominally in [-1, 1]: trunc(clamp(x * 127.5 + 128, 0, 255)).
inline void to_bgrx(const float* img, int64_t area, uint8_t* out) {
  constexpr int64_t PIECE = 1 << 14;
  run_tasks(ceil_div(area, PIECE), [&](int64_t task) {
    const int64_t end = std::min(area, (task + 1) * PIECE);
    int64_t i = task * PIECE;
    for (; i + LANES <= end; i += LANES)
      store_pixels(out + 4 * i, levels(load(img + i)), levels(load(img + area + i)), levels(load(img + 2 * area + i)));
    for (; i < end; i++) {
      const auto level = [&](int64_t plane) {
        const float v = img[plane * area + i] * 127.5f + 128.0f;
        return static_cast<uint8_t>(v > 0.f ? (v < 255.f ? v : 255.f) : 0.f);
      };
      out[4 * i] = level(2);
      out[4 * i + 1] = level(1);
      out[4 * i + 2] = level(0);
      out[4 * i + 3] = 255;
    }
  });
}

}  // namespace graft

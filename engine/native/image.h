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

// img[3][height][width] = clamp(weight x + bias) + doubled image below. weight padded: [3][round_up(channels, 16)].
inline void to_image(
    const Features& x, const float* weight, const float* bias, float clamp, const float* below, float* img) {
  constexpr int64_t ROWS = 2;
  const int64_t depth = round_up(x.channels, LANES), area = x.height * x.width;
  run_tasks(ceil_div(x.height, ROWS), false, [&](int64_t task) {
    Scratch& scratch = Scratch::of_this_thread();
    scratch.reset(Scratch::bytes_for<float>(x.width + 2));
    float* line = scratch.take<float>(x.width + 2);
    for (int64_t row = task * ROWS; row < std::min(x.height, (task + 1) * ROWS); row++) {
      for (int64_t first = 0; first < x.width; first += LANES) {
        const int64_t count = std::min(LANES, x.width - first);
        const BFloat16* pixels = x.data + (row * x.width + first) * x.channels;
        for (int64_t k = 0; k < 3; k++) {
          Vec products[LANES];
          for (int64_t i = 0; i < LANES; i++) {
            products[i] = fill(0);
            if (i >= count) continue;
            for (int64_t c = 0; c < depth; c += LANES)
              products[i] = fma(
                  load_upto(pixels + i * x.channels + c, x.channels - c), load(weight + k * depth + c), products[i]);
          }
          const Vec v = lower(fill(clamp), higher(fill(-clamp), lane_sums(products) + fill(bias[k])));
          float values[LANES];
          store(values, v);
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

// Blue, green, red, 255 from three planes nominally in [-1, 1]: trunc(clamp(x * 127.5 + 128, 0, 255)).
inline void to_bgrx(const float* img, int64_t area, uint8_t* out) {
  constexpr int64_t PIECE = 1 << 14;
  run_tasks(ceil_div(area, PIECE), false, [&](int64_t task) {
    for (int64_t i = task * PIECE; i < std::min(area, (task + 1) * PIECE); i++) {
      const auto level = [&](int64_t plane) {
        const float v = img[plane * area + i] * 127.5f + 128.0f;
        return static_cast<uint32_t>(v > 0.f ? (v < 255.f ? v : 255.f) : 0.f);
      };
      uint8_t* pixel = out + 4 * i;
      pixel[0] = static_cast<uint8_t>(level(2));
      pixel[1] = static_cast<uint8_t>(level(1));
      pixel[2] = static_cast<uint8_t>(level(0));
      pixel[3] = 255;
    }
  });
}

}  // namespace graft

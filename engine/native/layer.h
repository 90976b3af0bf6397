// What a layer reads and how it ends: features, styles, and the activation behind every convolution.
#pragma once

#include <limits>
#include <vector>

#include "vectors.h"

namespace graft {

// Features [height, width, channels], channels side by side.
struct Features {
  const BFloat16* data;
  int64_t height, width, channels;
  const float* styles;  // one per channel, padded; the features are read multiplied by them

  // Sixteen channels of a pixel from `channel` on, scaled; zero past the last channel.
  Vec scaled(const BFloat16* pixel, int64_t channel) const {
    const int64_t left = channels - channel;
    return left <= 0 ? fill(0) : load_upto(pixel + channel, left) * load(styles + channel);
  }
};

// clamp(leaky(v * scale + bias + noise)); scale and bias padded, noise one float per pixel or null. Loops take a copy:
// behind a reference, every store of a result could have changed it.
struct Ending {
  const float* scale;
  const float* bias;
  const float* noise;
  Vec slope, limit;
  bool limited;

  GRAFT_INLINE Vec operator()(Vec v, Vec scale_, Vec bias_, int64_t pixel) const {
    v = fma(v, scale_, noise ? bias_ + fill(noise[pixel]) : bias_);
    v = higher(v * slope, v);
    return limited ? lower(limit, higher(fill(0) - limit, v)) : v;
  }
};

// A row of features, scaled by the styles, as operands: pixels [first, first + count) of row y, zero outside.
template <class T>
void copy_scaled_row(const Features& x, int64_t y, int64_t first, int64_t count, int64_t depth, T* out) {
  for (int64_t i = 0; i < count; i++, out += depth) {
    const int64_t column = first + i;
    if (y < 0 || y >= x.height || column < 0 || column >= x.width) {
      std::fill(out, out + depth, T(0));
      continue;
    }
    const BFloat16* pixel = x.data + (y * x.width + column) * x.channels;
    for (int64_t c = 0; c < depth; c += LANES) {
      GRAFT_PREFETCH(pixel + x.width * x.channels + c);  // the next row, which comes after this one's product
      store(out + c, x.scaled(pixel, c));
    }
  }
}

}  // namespace graft

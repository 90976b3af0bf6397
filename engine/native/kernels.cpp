// The operators torch.ops.graft_native: checks of what comes in, then the work. See kernels.py for their contract.

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include <optional>

#include "conv3x3.h"
#include "image.h"
#include "up_conv3x3.h"

namespace graft {
namespace {

using at::Tensor;
using std::optional;

// --- arguments ----------------------------------------------------------------------------------------------------

void check_features(const Tensor& x) {
  TORCH_CHECK(x.device().is_cpu() && x.scalar_type() == at::kBFloat16, "features must be bfloat16 on the CPU");
  TORCH_CHECK(x.dim() == 4 && x.size(0) == 1 && x.numel() > 0, "features must be [1, C, H, W]");
  TORCH_CHECK(x.is_contiguous(at::MemoryFormat::ChannelsLast), "features must be channels_last");
}

void check_floats(const Tensor& t, int64_t count, const char* name) {
  TORCH_CHECK(
      t.device().is_cpu() && t.scalar_type() == at::kFloat && t.is_contiguous() && t.numel() == count, name,
      " must be ", count, " contiguous float32 on the CPU");
}

// A copy with zeros (or `rest`) behind, so that vectors may read past the end.
std::vector<float> padded(const Tensor& t, int64_t count, const char* name, int64_t size) {
  check_floats(t, count, name);
  std::vector<float> copy(static_cast<size_t>(size), 0.f);
  std::copy_n(t.const_data_ptr<float>(), count, copy.begin());
  return copy;
}

// Everything that surrounds a convolution's arithmetic, in the form in which the loops want it.
struct Layer {
  std::vector<float> styles, scale, bias, noise;
  Features x;
  Ending ending;

  Layer(
      const Tensor& features, int64_t padded_in, int64_t padded_out, const optional<Tensor>& styles_,
      const Tensor& scale_, const Tensor& bias_, int64_t pixels, const optional<Tensor>& noise_,
      const optional<Tensor>& strengths, double slope, optional<double> clamp) {
    const int64_t channels = features.size(1), outputs = scale_.numel();
    TORCH_CHECK(channels <= padded_in && padded_in < channels + 32, "the packed weight is for other features");
    TORCH_CHECK(0 < outputs && outputs <= padded_out && padded_out < outputs + 64, "scale does not fit the weight");
    TORCH_CHECK(0 <= slope && slope <= 1, "slope must be between 0 and 1");
    TORCH_CHECK(!clamp || *clamp > 0, "clamp must be positive");
    if (styles_)
      styles = padded(*styles_, channels, "styles", padded_in);
    else
      styles.assign(static_cast<size_t>(padded_in), 1.f);
    scale = padded(scale_, outputs, "scale", padded_out);
    bias = padded(bias_, outputs, "bias", padded_out);
    if (noise_ && noise_->size(0) > 0) add_noise(*noise_, strengths, pixels);
    x = {features.const_data_ptr<BFloat16>(), features.size(2), features.size(3), channels, styles.data()};
    ending = {
        scale.data(), bias.data(), noise.empty() ? nullptr : noise.data(), fill(static_cast<float>(slope)),
        fill(static_cast<float>(clamp.value_or(0))), clamp.has_value()};
  }

 private:
  void add_noise(const Tensor& maps, const optional<Tensor>& strengths, int64_t pixels) {
    const int64_t count = maps.size(0);
    TORCH_CHECK(
        maps.device().is_cpu() && maps.is_contiguous() && maps.numel() == count * pixels, "noise must be [K, H * W]");
    TORCH_CHECK(strengths, "noise needs strengths");
    check_floats(*strengths, count, "strengths");
    noise.resize(static_cast<size_t>(pixels));
    const float* strength = strengths->const_data_ptr<float>();
    const auto sum = [&](const auto* data) {
      at::parallel_for(0, pixels, 1 << 15, [&](int64_t begin, int64_t end) {
        for (int64_t k = 0; k < count; k++)
          for (int64_t i = begin; i < end; i++) {
            const float term = strength[k] * static_cast<float>(data[k * pixels + i]);
            noise[static_cast<size_t>(i)] = k ? noise[static_cast<size_t>(i)] + term : term;
          }
      });
    };
    if (maps.scalar_type() == at::kFloat)
      sum(maps.const_data_ptr<float>());
    else if (maps.scalar_type() == at::kBFloat16)
      sum(maps.const_data_ptr<BFloat16>());
    else
      TORCH_CHECK(false, "noise must be float32 or bfloat16");
  }
};

void check_packed(const Tensor& packed) {
  TORCH_CHECK(packed.device().is_cpu() && packed.dim() == 5 && packed.is_contiguous(), "not a packed weight");
  const int64_t interleave = packed.scalar_type() == at::kBFloat16 ? 2 : 1;
  TORCH_CHECK(interleave == 2 || packed.scalar_type() == at::kFloat, "packed weights are bfloat16 or float32");
  TORCH_CHECK(packed.size(4) == interleave && packed.size(3) % LANES == 0, "not a packed weight");
}

template <class F>
void with_packed(const Tensor& packed, F&& f) {
  const auto go = [&](const auto* data) {
    f(Packed<std::decay_t<decltype(*data)>>{
        data, packed.size(0), packed.size(1), packed.size(2) * packed.size(4), packed.size(3)});
  };
  if (packed.scalar_type() == at::kBFloat16)
    go(packed.const_data_ptr<BFloat16>());
  else
    go(packed.const_data_ptr<float>());
}

Tensor new_features(int64_t channels, int64_t height, int64_t width) {
  return at::empty(
      {1, channels, height, width}, at::TensorOptions(at::kBFloat16).memory_format(at::MemoryFormat::ChannelsLast));
}

// --- operators ----------------------------------------------------------------------------------------------------

Tensor conv3x3(
    const Tensor& x, const Tensor& packed, const optional<Tensor>& styles, const Tensor& scale, const Tensor& bias,
    const optional<Tensor>& noise, const optional<Tensor>& strengths, double slope, optional<double> clamp) {
  check_features(x);
  check_packed(packed);
  const int64_t taps = packed.size(1), depth = packed.size(2) * packed.size(4);
  TORCH_CHECK(taps == 16 || (taps == 3 && depth % 3 == 0), "not the packed weight of a 3x3 convolution");
  const int64_t padded_in = taps == 16 ? depth : depth / 3, height = x.size(2), width = x.size(3);
  TORCH_CHECK(padded_in % LANES == 0, "not the packed weight of a 3x3 convolution");
  const Layer layer(
      x, padded_in, packed.size(0) * packed.size(3), styles, scale, bias, height * width, noise, strengths, slope,
      clamp);
  Tensor y = new_features(scale.numel(), height, width);
  const Output out{y.data_ptr<BFloat16>(), scale.numel()};
  with_packed(packed, [&](const auto& w) {
    if (taps == 16)
      conv_winograd(layer.x, w, layer.ending, out);
    else
      conv_direct(layer.x, w, layer.ending, out);
  });
  return y;
}

Tensor up_conv3x3(
    const Tensor& x, const Tensor& packed, const optional<Tensor>& styles, const Tensor& scale, const Tensor& bias,
    const optional<Tensor>& noise, const optional<Tensor>& strengths, double slope, optional<double> clamp) {
  check_features(x);
  check_packed(packed);
  const int64_t depth = packed.size(2) * packed.size(4), height = 2 * x.size(2), width = 2 * x.size(3);
  const int64_t taps = packed.size(1), columns = taps == 16 ? 1 : 9;
  TORCH_CHECK(
      (taps == 16 || taps == 1) && packed.size(3) % (columns * LANES) == 0 && depth % LANES == 0,
      "not the packed weight of an upsampling convolution");
  const Layer layer(
      x, depth, packed.size(0) * packed.size(3) / columns, styles, scale, bias, height * width, noise, strengths, slope,
      clamp);
  Tensor y = new_features(scale.numel(), height, width);
  const Output out{y.data_ptr<BFloat16>(), scale.numel()};
  with_packed(packed, [&](const auto& w) {
    if (taps == 16)
      up_conv_winograd(layer.x, w, layer.ending, out);
    else
      up_conv_direct(layer.x, w, layer.ending, out);
  });
  return y;
}

Tensor add_rgb(
    const Tensor& x, const Tensor& weight, const Tensor& bias, optional<double> clamp,
    const optional<Tensor>& img_below) {
  check_features(x);
  const int64_t channels = x.size(1), height = x.size(2), width = x.size(3), depth = round_up(channels, LANES);
  check_floats(weight, 3 * channels, "weight");
  check_floats(bias, 3, "bias");
  TORCH_CHECK(!clamp || *clamp > 0, "clamp must be positive");
  if (img_below) {
    TORCH_CHECK(height % 2 == 0 && width % 2 == 0, "an image of odd size has none below");
    check_floats(*img_below, 3 * (height / 2) * (width / 2), "img_below");
  }
  std::vector<float> rows(static_cast<size_t>(3 * depth), 0.f);
  for (int64_t k = 0; k < 3; k++)
    std::copy_n(weight.const_data_ptr<float>() + k * channels, channels, rows.begin() + k * depth);
  Tensor img = at::empty({1, 3, height, width}, at::TensorOptions(at::kFloat));
  to_image(
      {x.const_data_ptr<BFloat16>(), height, width, channels, nullptr}, rows.data(), bias.const_data_ptr<float>(),
      clamp ? static_cast<float>(*clamp) : std::numeric_limits<float>::infinity(),
      img_below ? img_below->const_data_ptr<float>() : nullptr, img.data_ptr<float>());
  return img;
}

Tensor bgrx(const Tensor& img) {
  TORCH_CHECK(img.dim() == 4 && img.size(0) == 1 && img.size(1) == 3, "the image must be [1, 3, H, W]");
  check_floats(img, img.numel(), "the image");
  const int64_t height = img.size(2), width = img.size(3);
  Tensor out = at::empty({height, width, 4}, at::TensorOptions(at::kByte));
  to_bgrx(img.const_data_ptr<float>(), height * width, out.data_ptr<uint8_t>());
  return out;
}

}  // namespace
}  // namespace graft

TORCH_LIBRARY(graft_native, m) {
  m.def(
      "conv3x3(Tensor x, Tensor packed, Tensor? styles, Tensor scale, Tensor bias, Tensor? noise, Tensor? strengths, "
      "float slope, float? clamp) -> Tensor",
      &graft::conv3x3);
  m.def(
      "up_conv3x3(Tensor x, Tensor packed, Tensor? styles, Tensor scale, Tensor bias, Tensor? noise, "
      "Tensor? strengths, float slope, float? clamp) -> Tensor",
      &graft::up_conv3x3);
  m.def("add_rgb(Tensor x, Tensor weight, Tensor bias, float? clamp, Tensor? img_below) -> Tensor", &graft::add_rgb);
  m.def("to_bgrx(Tensor img) -> Tensor", &graft::bgrx);
}

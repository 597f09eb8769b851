//===- BlockScaling.cpp - Scales and zero points per block -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Numerics/BlockScaling.h"
#include "rung/Numerics/Storage.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace rung;

template <typename... Args>
static llvm::Error invalid(const char *format, Args &&...args) {
  return llvm::createStringError(
      std::make_error_code(std::errc::invalid_argument),
      llvm::formatv(format, std::forward<Args>(args)...).str());
}

static std::string formatShape(llvm::ArrayRef<int64_t> shape) {
  return "[" +
         llvm::join(
             llvm::map_range(shape,
                             [](int64_t size) { return std::to_string(size); }),
             ", ") +
         "]";
}

static llvm::Error checkTensor(const CodesRef &tensor, llvm::StringRef name) {
  if (llvm::any_of(tensor.shape, [](int64_t size) { return size < 0; }))
    return invalid("{0} has a negative size in its shape {1}", name,
                   formatShape(tensor.shape));
  if (static_cast<int64_t>(tensor.codes.size()) != numElements(tensor.shape))
    return invalid("{0} of shape {1} has {2} codes, expected {3}", name,
                   formatShape(tensor.shape), tensor.codes.size(),
                   numElements(tensor.shape));
  if (llvm::Error error = checkCodes(tensor.format, tensor.codes, tensor.shape))
    return invalid("{0}: {1}", name, llvm::toString(std::move(error)));
  return llvm::Error::success();
}

static llvm::Error checkBlock(llvm::ArrayRef<int64_t> block,
                              llvm::ArrayRef<int64_t> shape) {
  if (block.size() != shape.size())
    return invalid("block {0} has rank {1}, but the tensor {2} has rank {3}",
                   formatShape(block), block.size(), formatShape(shape),
                   shape.size());
  if (llvm::any_of(block, [](int64_t size) { return size < 1; }))
    return invalid("block {0} has a size below 1", formatShape(block));
  return llvm::Error::success();
}

namespace {
/// The scale or zero point of each element.
class Operand {
public:
  static llvm::Expected<Operand> create(const CodesRef &tensor,
                                        llvm::StringRef name,
                                        llvm::ArrayRef<int64_t> shape,
                                        llvm::ArrayRef<int64_t> block) {
    if (llvm::Error error = checkTensor(tensor, name))
      return error;
    Operand operand(tensor);
    if (tensor.shape.empty()) {
      operand.blocks.assign(shape.size(), 1);
      operand.strides.assign(shape.size(), 0);
      return operand;
    }
    if (tensor.shape.size() != shape.size())
      return invalid(
          "{0} has rank {1}, expected 0 or {2}, that of the scaled tensor",
          name, tensor.shape.size(), shape.size());
    if (!block.empty())
      if (llvm::Error error = checkBlock(block, shape))
        return error;
    operand.strides.assign(shape.size(), 0);
    int64_t stride = 1;
    for (size_t dim = shape.size(); dim-- > 0;) {
      int64_t found = tensor.shape[dim];
      int64_t size = block.empty()
                         ? (found == 1 ? std::max<int64_t>(shape[dim], 1) : 1)
                         : block[dim];
      int64_t expected = llvm::divideCeil(shape[dim], size);
      if (found != expected && !(block.empty() && found == 1))
        return invalid("{0} of shape {1}: dimension {2} is {3}, expected {4} "
                       "for {5} elements in blocks of {6}",
                       name, formatShape(tensor.shape), dim, found, expected,
                       shape[dim], size);
      operand.blocks.insert(operand.blocks.begin(), size);
      operand.strides[dim] = stride;
      stride *= found;
    }
    return operand;
  }

  double at(llvm::ArrayRef<int64_t> index) const {
    int64_t position = 0;
    for (size_t dim = 0; dim < index.size(); ++dim)
      position += index[dim] / blocks[dim] * strides[dim];
    return tensor.format.valueAsDouble(tensor.codes[position]);
  }

private:
  explicit Operand(const CodesRef &tensor) : tensor(tensor) {}

  CodesRef tensor;
  llvm::SmallVector<int64_t> blocks, strides;
};

/// The operands of a block scaling, checked against the tensor that they scale.
struct Operands {
  std::optional<Operand> scale, secondScale, zeroPoint;
  ZeroPointRule rule;

  static llvm::Expected<Operands> create(const BlockScaling &scaling,
                                         llvm::ArrayRef<int64_t> shape) {
    Operands operands{std::nullopt, std::nullopt, std::nullopt, scaling.rule};
    if (scaling.zeroPoint.has_value() != (scaling.rule != ZeroPointRule::None))
      return invalid("a zero point and a rule for it go together");
    if (scaling.secondScale && !scaling.scale)
      return invalid("a second scale needs a scale to multiply");
    struct Source {
      const std::optional<CodesRef> &tensor;
      llvm::StringRef name;
      llvm::ArrayRef<int64_t> block;
      std::optional<Operand> &operand;
    };
    for (const Source &source :
         {Source{scaling.scale, "scale", scaling.block, operands.scale},
          Source{scaling.secondScale, "second scale", scaling.secondBlock,
                 operands.secondScale},
          Source{scaling.zeroPoint, "zero point", scaling.block,
                 operands.zeroPoint}}) {
      if (!source.tensor)
        continue;
      llvm::Expected<Operand> operand =
          Operand::create(*source.tensor, source.name, shape, source.block);
      if (!operand)
        return operand.takeError();
      source.operand = std::move(*operand);
    }
    return operands;
  }
};

/// What one element is computed from.
struct Element {
  double s = 1, t = 1, z = 0;
  bool isFinite(double v) const {
    return std::isfinite(v) && std::isfinite(s) && std::isfinite(t) &&
           std::isfinite(z);
  }
};
} // namespace

static Element elementAt(const Operands &operands,
                         llvm::ArrayRef<int64_t> index) {
  Element element;
  if (operands.scale)
    element.s = operands.scale->at(index);
  if (operands.secondScale)
    element.t = operands.secondScale->at(index);
  if (operands.zeroPoint)
    element.z = operands.zeroPoint->at(index);
  return element;
}

namespace {
/// Arithmetic in double that knows whether it has been exact.
struct CheckedDouble {
  double value;
  bool exact = true;

  CheckedDouble operator*(const CheckedDouble &other) const {
    double product = value * other.value;
    // Below this the error of a product need not be a double.
    bool representable =
        std::fabs(product) > 0x1p-900 || value == 0 || other.value == 0;
    return {product, exact && other.exact && representable &&
                         std::isfinite(product) &&
                         std::fma(value, other.value, -product) == 0};
  }
  CheckedDouble operator-(const CheckedDouble &other) const {
    double difference = value - other.value;
    double part = difference - value;
    double error = (value - (difference - part)) - (other.value + part);
    return {difference,
            exact && other.exact && std::isfinite(difference) && error == 0};
  }
};
} // namespace

/// s * t * (v - z) or s * t * v - z, rounded once.
static std::optional<uint64_t> dequantizeElement(double v, const Element &e,
                                                 ZeroPointRule rule,
                                                 const NumberFormat &result,
                                                 Rounding rounding,
                                                 bool saturate) {
  bool rescale = rule == ZeroPointRule::Rescale;
  auto formula = [&](auto s, auto t, auto value, auto z) {
    return rescale ? s * t * value - z : s * t * (value - z);
  };
  if (!e.isFinite(v))
    return result.encode(formula(e.s, e.t, v, e.z), rounding, saturate);
  CheckedDouble quick = formula(CheckedDouble{e.s}, CheckedDouble{e.t},
                                CheckedDouble{v}, CheckedDouble{e.z});
  if (quick.exact)
    return result.encode(quick.value, rounding, saturate);
  return result.encode(formula(Dyadic::fromDouble(e.s), Dyadic::fromDouble(e.t),
                               Dyadic::fromDouble(v), Dyadic::fromDouble(e.z)),
                       rounding, saturate);
}

/// x / (s * t) + z or (x + z) / (s * t), rounded once.
static std::optional<uint64_t>
quantizeElement(double x, const Element &e, ZeroPointRule rule,
                const NumberFormat &result, Rounding rounding, bool saturate) {
  bool rescale = rule == ZeroPointRule::Rescale;
  if (!e.isFinite(x))
    return result.encode(rescale ? (x + e.z) / (e.s * e.t)
                                 : x / (e.s * e.t) + e.z,
                         rounding, saturate);
  Dyadic scale = Dyadic::fromDouble(e.s) * Dyadic::fromDouble(e.t);
  Dyadic z = Dyadic::fromDouble(e.z);
  Dyadic numerator = Dyadic::fromDouble(x) + (rescale ? z : z * scale);
  if (scale.isZero()) {
    Dyadic shifted = rescale ? numerator : Dyadic::fromDouble(x);
    if (shifted.isZero())
      return result.encode(rescale ? Dyadic() : z, rounding, saturate);
    bool isNegative =
        shifted.isNegative() ^ std::signbit(e.s) ^ std::signbit(e.t);
    double infinity = std::numeric_limits<double>::infinity();
    return result.encode(isNegative ? -infinity : infinity, rounding, saturate);
  }
  if (rule == ZeroPointRule::None && e.t == 1)
    return result.encodeQuotient(x, e.s, rounding, saturate);
  return result.encodeQuotient(numerator, scale, rounding, saturate);
}

/// Calls `encode(value, element)` for each element in row-major order and
/// collects the codes.
template <typename Encode>
static llvm::Expected<std::vector<uint64_t>>
forEachElement(const CodesRef &input, const BlockScaling &scaling,
               Encode encode) {
  if (llvm::Error error = checkTensor(input, "input"))
    return error;
  llvm::Expected<Operands> operands = Operands::create(scaling, input.shape);
  if (!operands)
    return operands.takeError();
  std::vector<uint64_t> codes;
  codes.reserve(input.codes.size());
  llvm::SmallVector<int64_t> index(input.shape.size(), 0);
  for (uint64_t inputCode : input.codes) {
    std::optional<uint64_t> code = encode(input.format.valueAsDouble(inputCode),
                                          elementAt(*operands, index));
    if (!code)
      return invalid(
          "element {0} is NaN, which the result's format does not have",
          formatIndex(static_cast<int64_t>(codes.size()), input.shape));
    codes.push_back(*code);
    for (size_t dim = index.size(); dim-- > 0;) {
      if (++index[dim] < input.shape[dim])
        break;
      index[dim] = 0;
    }
  }
  return codes;
}

llvm::Expected<std::vector<uint64_t>>
rung::dequantize(const CodesRef &input, const BlockScaling &scaling,
                 const NumberFormat &result, Rounding rounding, bool saturate) {
  return forEachElement(input, scaling, [&](double v, const Element &element) {
    return dequantizeElement(v, element, scaling.rule, result, rounding,
                             saturate);
  });
}

llvm::Expected<std::vector<uint64_t>>
rung::quantize(const CodesRef &input, const BlockScaling &scaling,
               const NumberFormat &result, Rounding rounding, bool saturate) {
  return forEachElement(input, scaling, [&](double x, const Element &element) {
    return quantizeElement(x, element, scaling.rule, result, rounding,
                           saturate);
  });
}

//===----------------------------------------------------------------------===//
// Finding scales
//===----------------------------------------------------------------------===//

llvm::Expected<ScaleFinder> ScaleFinder::create(const NumberFormat &format,
                                                const NumberFormat &scaleFormat,
                                                ScaleRule rule) {
  double low = -format.minFinite(), high = format.maxFinite();
  double greatest =
      low > 0 && high > 0 ? std::min(low, high) : format.maxMagnitude();
  if (greatest == 0 || (rule == ScaleRule::MX && high <= 0))
    return invalid("the format has no value to map the greatest element to");
  llvm::Expected<ScaleFinder> finder =
      create(rule == ScaleRule::MX ? high : greatest, scaleFormat);
  if (finder)
    finder->rule = rule;
  return finder;
}

llvm::Expected<ScaleFinder>
ScaleFinder::create(double greatest, const NumberFormat &scaleFormat) {
  if (std::optional<double> least = scaleFormat.minPositive())
    return ScaleFinder(scaleFormat, *least, greatest);
  return invalid("the scale format has no positive value");
}

llvm::Expected<uint64_t> ScaleFinder::find(double amax) const {
  if (rule == ScaleRule::MX)
    return findPowerOfTwo(amax);
  uint64_t code = scaleFormat.encodeQuotient(
      amax, greatest, Rounding::nearestEven(), /*saturate=*/true);
  if (amax > 0 && scaleFormat.valueAsDouble(code) <= 0)
    return *scaleFormat.findCode(least);
  return code;
}

bool ScaleFinder::exceedsScales(double amax) const {
  if (rule == ScaleRule::MX)
    return amax > 0 && findExponent(amax) > std::ilogb(scaleFormat.maxFinite());
  return amax / greatest > scaleFormat.maxFinite();
}

int ScaleFinder::findExponent(double amax) const {
  return std::ilogb(amax) - std::ilogb(greatest);
}

llvm::Expected<uint64_t> ScaleFinder::findPowerOfTwo(double amax) const {
  int lowest = 0, highest = std::ilogb(scaleFormat.maxFinite());
  if (std::frexp(least, &lowest) == 0.5)
    --lowest; // else the least positive value is no power of two: the next one
              // above it
  int power =
      amax == 0 ? lowest : std::clamp(findExponent(amax), lowest, highest);
  if (std::optional<uint64_t> code =
          scaleFormat.findCode(std::ldexp(1.0, power)))
    return *code;
  return invalid("the scale format does not have 2^{0}, the scale of a block "
                 "whose greatest magnitude is {1}; use e8m0",
                 power, amax);
}

/// The block of each element, row-major.
static std::vector<size_t> blockOfElements(llvm::ArrayRef<int64_t> shape,
                                           llvm::ArrayRef<int64_t> block,
                                           llvm::ArrayRef<int64_t> scaleShape) {
  std::vector<size_t> blocks(static_cast<size_t>(numElements(shape)));
  for (size_t element = 0; element < blocks.size(); ++element) {
    int64_t rest = static_cast<int64_t>(element), position = 0, stride = 1;
    for (size_t dim = shape.size(); dim-- > 0;) {
      position += rest % shape[dim] / block[dim] * stride;
      rest /= shape[dim];
      stride *= scaleShape[dim];
    }
    blocks[element] = static_cast<size_t>(position);
  }
  return blocks;
}

llvm::Expected<BlockQuantized>
rung::quantizeBlocks(llvm::ArrayRef<double> values,
                     llvm::ArrayRef<int64_t> shape,
                     llvm::ArrayRef<int64_t> block, const NumberFormat &format,
                     const NumberFormat &scaleFormat, ScaleRule rule) {
  if (llvm::Error error = checkBlock(block, shape))
    return error;
  if (static_cast<int64_t>(values.size()) != numElements(shape))
    return invalid("{0} values for the shape {1}, expected {2}", values.size(),
                   formatShape(shape), numElements(shape));
  llvm::Expected<ScaleFinder> finder =
      ScaleFinder::create(format, scaleFormat, rule);
  if (!finder)
    return finder.takeError();
  BlockQuantized result;
  for (auto [size, blockSize] : llvm::zip_equal(shape, block))
    result.scaleShape.push_back(
        static_cast<int64_t>(llvm::divideCeil(size, blockSize)));

  std::vector<size_t> blocks = blockOfElements(shape, block, result.scaleShape);
  std::vector<double> amax(static_cast<size_t>(numElements(result.scaleShape)),
                           0.0);
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i]))
      return invalid("element {0} is {1}; only finite values can be quantized",
                     formatIndex(static_cast<int64_t>(i), shape),
                     std::isnan(values[i]) ? "NaN" : "infinite");
    amax[blocks[i]] = std::max(amax[blocks[i]], std::fabs(values[i]));
  }
  for (double greatest : amax) {
    llvm::Expected<uint64_t> code = finder->find(greatest);
    if (!code)
      return code.takeError();
    result.scales.push_back(*code);
  }
  for (size_t i = 0; i < values.size(); ++i) {
    // A scale of zero belongs to a block of zeros.
    double scale = scaleFormat.valueAsDouble(result.scales[blocks[i]]);
    result.codes.push_back(
        format.encodeQuotient(values[i], scale == 0 ? 1 : scale,
                              Rounding::nearestEven(), /*saturate=*/true));
  }
  return result;
}

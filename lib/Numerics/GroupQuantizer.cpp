//===- GroupQuantizer.cpp - Rows into a format, group by group --*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Numerics/GroupQuantizer.h"
#include "rung/Numerics/NamedFormats.h"
#include "rung/Numerics/Storage.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace rung;

static constexpr unsigned maxTableBits = 16;

template <typename... Args>
static llvm::Error invalid(const char *format, Args &&...args) {
  return llvm::createStringError(
      std::make_error_code(std::errc::invalid_argument),
      llvm::formatv(format, std::forward<Args>(args)...).str());
}

//===----------------------------------------------------------------------===//
// NearestCode
//===----------------------------------------------------------------------===//

NearestCode::NearestCode(NumberFormat format) : format(std::move(format)) {
  const NumberFormat &f = this->format;
  for (uint64_t code = 0; code < f.numCodes(); ++code)
    if (f.isValid(code) && std::isfinite(f.valueAsDouble(code)))
      codes.push_back(code);
  // -0 is a neighbour of 0: negative numbers round to it. Of several codes of a
  // value the lowest counts.
  auto place = [&](uint64_t code) {
    double value = f.valueAsDouble(code);
    return std::make_pair(value, value == 0 && !std::signbit(value));
  };
  llvm::sort(codes, [&](uint64_t a, uint64_t b) {
    return std::make_pair(place(a), a) < std::make_pair(place(b), b);
  });
  codes.erase(
      llvm::unique(
          codes, [&](uint64_t a, uint64_t b) { return place(a) == place(b); }),
      codes.end());
  assert(!codes.empty() && "a format with a finite value");
  for (size_t i = 1; i < codes.size(); ++i) {
    double halfway =
        f.valueAsDouble(codes[i - 1]) / 2 + f.valueAsDouble(codes[i]) / 2;
    // Many times the error of this sum and of a quotient.
    double doubt = std::fabs(halfway) * 0x1p-50;
    low.push_back(halfway - doubt);
    high.push_back(halfway + doubt);
  }
}

uint64_t NearestCode::find(double numerator, double denominator) const {
  double quotient = numerator / denominator;
  size_t first = llvm::lower_bound(high, quotient) - high.begin();
  // Quotients below the normal range have a greater relative error.
  constexpr double normal = std::numeric_limits<double>::min();
  bool doubtful = (first < low.size() && quotient >= low[first]) ||
                  std::fabs(quotient) < normal;
  if (doubtful)
    return format.encodeQuotient(numerator, denominator,
                                 Rounding::nearestEven(), /*saturate=*/true);
  return codes[first];
}

//===----------------------------------------------------------------------===//
// GroupQuantizer
//===----------------------------------------------------------------------===//

/// Where the codes of a group go.
struct GroupQuantizer::Group {
  llvm::MutableArrayRef<uint64_t> codes;
  uint64_t &scale;
  uint64_t *zeroPoint;
};

static bool hasBothSigns(const NumberFormat &format) {
  return format.minFinite() < 0 && format.maxFinite() > 0;
}

/// Whether every finite positive value is a power of two.
static bool isPowersOfTwo(const NumberFormat &format) {
  if (format.bits() > maxTableBits)
    return false;
  for (uint64_t code = 0; code < format.numCodes(); ++code) {
    if (!format.isValid(code))
      continue;
    double value = format.valueAsDouble(code);
    int exponent = 0;
    if (std::isfinite(value) && value > 0 &&
        std::frexp(value, &exponent) != 0.5)
      return false;
  }
  return true;
}

static llvm::Error checkFormats(const NumberFormat &format,
                                const NumberFormat &scaleFormat) {
  if (format.bits() > maxTableBits)
    return invalid("the format has {0} bits, expected at most {1}",
                   format.bits(), maxTableBits);
  if (format.minFinite() == format.maxFinite())
    return invalid("the format has one value only");
  if (!hasBothSigns(format) && !hasBothSigns(scaleFormat))
    return invalid("the format has values of one sign only and needs a zero "
                   "point, but the scale format has one sign, too; use a scale "
                   "format with both, such as f16");
  return llvm::Error::success();
}

llvm::Expected<GroupQuantizer>
GroupQuantizer::create(const NumberFormat &format,
                       const NumberFormat &scaleFormat) {
  if (llvm::Error error = checkFormats(format, scaleFormat))
    return error;
  bool zeroPoint = !hasBothSigns(format);
  ScaleRule rule =
      isPowersOfTwo(scaleFormat) ? ScaleRule::MX : ScaleRule::AbsMax;
  double range = format.maxFinite() - format.minFinite();
  llvm::Expected<ScaleFinder> finder =
      zeroPoint ? ScaleFinder::create(range, scaleFormat)
                : ScaleFinder::create(format, scaleFormat, rule);
  if (!finder)
    return finder.takeError();
  return GroupQuantizer(format, scaleFormat, std::move(*finder), zeroPoint);
}

llvm::Expected<double> GroupQuantizer::findScale(double amax,
                                                 Group &group) const {
  if (finder.exceedsScales(amax))
    return invalid("a group's {0} is {1}: its scale is greater than {2}, the "
                   "greatest of the scale format; use a wider one, such as f32",
                   zeroPoint ? "range" : "greatest magnitude",
                   formatDecimal(amax), formatDecimal(scaleFormat.maxFinite()));
  llvm::Expected<uint64_t> code = finder.find(amax);
  if (!code)
    return code.takeError();
  group.scale = *code;
  // A scale of zero belongs to a group of zeros.
  double scale = scaleFormat.valueAsDouble(*code);
  return scale == 0 ? 1 : scale;
}

llvm::Expected<double> GroupQuantizer::findZeroPoint(double exact,
                                                     Group &group) const {
  if (exact < scaleFormat.minFinite() || exact > scaleFormat.maxFinite())
    return invalid("the zero point {0} of a group is beyond the scale format, "
                   "which ends at {1}; use a wider one, such as f32",
                   formatDecimal(exact),
                   formatDecimal(scaleFormat.maxFinite()));
  *group.zeroPoint = *scaleFormat.encode(exact, Rounding::nearestEven(),
                                         /*saturate=*/true);
  return scaleFormat.valueAsDouble(*group.zeroPoint);
}

llvm::Error GroupQuantizer::quantizeGroup(llvm::ArrayRef<float> values,
                                          Group &group) const {
  auto [least, greatest] = std::minmax_element(values.begin(), values.end());
  double low = *least, high = *greatest, z = 0;
  llvm::Expected<double> scale = findScale(
      zeroPoint ? high - low : std::max(std::fabs(low), std::fabs(high)),
      group);
  if (!scale)
    return scale.takeError();
  if (zeroPoint) {
    double s = scaleFormat.valueAsDouble(group.scale);
    llvm::Expected<double> point =
        findZeroPoint(s * format.minFinite() - low, group);
    if (!point)
      return point.takeError();
    z = *point;
  }
  for (auto [value, code] : llvm::zip_equal(values, group.codes))
    code = nearest.find(value + z, *scale);
  return llvm::Error::success();
}

static llvm::Error checkFinite(llvm::ArrayRef<float> values, int64_t columns,
                               int64_t firstRow) {
  for (auto [i, value] : llvm::enumerate(values))
    if (!std::isfinite(value)) {
      auto element = static_cast<int64_t>(i);
      return invalid("element [{0}, {1}] is {2}; only finite values can be "
                     "quantized",
                     firstRow + element / columns, element % columns,
                     std::isnan(value) ? "NaN" : "infinite");
    }
  return llvm::Error::success();
}

llvm::Expected<QuantizedRows>
GroupQuantizer::quantize(llvm::ArrayRef<float> values, int64_t columns,
                         int64_t group, int64_t firstRow) const {
  assert(columns > 0 && group > 0 && values.size() % columns == 0);
  if (llvm::Error error = checkFinite(values, columns, firstRow))
    return error;
  int64_t rows = static_cast<int64_t>(values.size()) / columns;
  int64_t groups = llvm::divideCeil(columns, group);
  std::vector<uint64_t> codes(values.size()),
      scales(static_cast<size_t>(rows * groups)),
      zeroPoints(zeroPoint ? scales.size() : 0);
  for (int64_t i = 0; i < rows * groups; ++i) {
    int64_t row = i / groups, column = i % groups * group;
    auto first = static_cast<size_t>(row * columns + column);
    auto size = static_cast<size_t>(std::min(group, columns - column));
    Group places{llvm::MutableArrayRef(codes).slice(first, size), scales[i],
                 zeroPoint ? &zeroPoints[i] : nullptr};
    if (llvm::Error error = quantizeGroup(values.slice(first, size), places))
      return invalid("elements [{0}, {1}] to [{0}, {2}]: {3}", firstRow + row,
                     column, column + static_cast<int64_t>(size) - 1,
                     llvm::toString(std::move(error)));
  }
  QuantizedRows result;
  result.codes = packCodes(codes, {rows, columns}, format.bits());
  result.scales = packCodes(scales, {rows, groups}, scaleFormat.bits());
  if (zeroPoint)
    result.zeroPoints =
        packCodes(zeroPoints, {rows, groups}, scaleFormat.bits());
  return result;
}

//===- NumericsModule.cpp - Python module rung._numerics --------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Number formats for the importer: what the compiler's libraries say of them.

#include "rung/Dialect/Rung/IR/FormatParser.h"
#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Numerics/GroupQuantizer.h"

#include "mlir/IR/MLIRContext.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <stdexcept>

namespace nb = nanobind;
using namespace nb::literals;
using namespace rung;

namespace {

/// FORMAT of the command lines.
struct Format {
  explicit Format(const std::string &text) : format(NumberFormat::f32()) {
    mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
    std::string problem;
    mlir::FailureOr<mlir::Type> parsed = parseFormat(text, &context, problem);
    if (mlir::failed(parsed))
      throw std::invalid_argument(problem);
    llvm::raw_string_ostream(type) << *parsed;
    format = *numberFormatOf(*parsed);
  }

  std::string type;
  NumberFormat format;
};

template <typename T>
T valueOrThrow(llvm::Expected<T> value) {
  if (!value)
    throw std::invalid_argument(llvm::toString(value.takeError()));
  return std::move(*value);
}

using Bytes = nb::ndarray<nb::numpy, uint8_t, nb::ndim<2>>;

Bytes makeArray(std::vector<uint8_t> bytes, size_t rows) {
  auto *owned = new std::vector<uint8_t>(std::move(bytes));
  nb::capsule owner(owned, [](void *pointer) noexcept {
    delete static_cast<std::vector<uint8_t> *>(pointer);
  });
  size_t rowBytes = rows ? owned->size() / rows : 0;
  return Bytes(owned->data(), {rows, rowBytes}, owner);
}

using Values =
    nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

nb::tuple quantizeRows(const GroupQuantizer &quantizer, const Values &values,
                       int64_t group, int64_t firstRow) {
  if (values.shape(1) == 0 || group < 1)
    throw std::invalid_argument("expected columns, and groups of at least 1");
  QuantizedRows rows;
  {
    nb::gil_scoped_release unlocked;
    rows = valueOrThrow(quantizer.quantize(
        llvm::ArrayRef(values.data(), values.size()),
        static_cast<int64_t>(values.shape(1)), group, firstRow));
  }
  size_t count = values.shape(0);
  return nb::make_tuple(
      makeArray(std::move(rows.codes), count),
      makeArray(std::move(rows.scales), count),
      quantizer.hasZeroPoint()
          ? nb::cast(makeArray(std::move(rows.zeroPoints), count))
          : nb::none());
}

} // namespace

NB_MODULE(_numerics, module) {
  module.doc() = "Number formats, as the compiler knows them.";

  nb::class_<Format>(module, "Format",
                     "A number format; ValueError if the text names none.")
      .def(nb::init<const std::string &>(), "text"_a)
      .def_ro("type", &Format::type, "As MLIR spells it.")
      .def_prop_ro(
          "bits", [](const Format &self) { return self.format.bits(); },
          "Of a code.");

  nb::class_<GroupQuantizer>(module, "GroupQuantizer",
                             "include/rung/Numerics/GroupQuantizer.h says what "
                             "it does. ValueError if a format does not do.")
      .def(
          "__init__",
          [](GroupQuantizer *self, const Format &format, const Format &scale) {
            new (self) GroupQuantizer(valueOrThrow(
                GroupQuantizer::create(format.format, scale.format)));
          },
          "format"_a, "scale"_a)
      .def_prop_ro("has_zero_point", &GroupQuantizer::hasZeroPoint)
      .def("quantize", &quantizeRows, "values"_a, "group"_a, "first_row"_a = 0,
           "Rows [n, k] into bytes [n, ...] of canonical storage: codes, "
           "scales, and zero points or None.");
}

//===- RuntimeModule.cpp - Python module rung._runtime ----------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The part of rung.runtime that touches memory: arrays in, arrays out, without
// copies. python/rung/runtime.py is what users see.

#include "rung-c/Runtime.h"

#include <memory>
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;
using namespace nb::literals;

namespace {

/// Python's rung.runtime.Error.
struct RuntimeError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::string takeError(char *error) {
  std::string message = error ? error : "unknown error";
  rung_string_free(error);
  return message;
}

void check(int failed, char *error) {
  if (failed)
    throw RuntimeError(takeError(error));
}

using Handle = std::shared_ptr<rung_bundle>;

/// A weight in the kernels' order. It keeps its bundle open.
struct Packed {
  Handle bundle;
  std::shared_ptr<rung_packed> data;
};

/// A tensor of a call, with what keeps its memory alive.
struct Tensor {
  nb::ndarray<nb::ro> readOnly;
  nb::ndarray<> writable;
  std::vector<int64_t> sizes;
  rung_tensor tensor{};
};

std::string dtypeName(nb::dlpack::dtype type) {
  using Code = nb::dlpack::dtype_code;
  const char *kind = "unknown";
  switch (static_cast<Code>(type.code)) {
  case Code::Int:
    kind = "int";
    break;
  case Code::UInt:
    kind = "uint";
    break;
  case Code::Float:
    kind = "float";
    break;
  case Code::Bfloat:
    kind = "bfloat";
    break;
  case Code::Complex:
    kind = "complex";
    break;
  case Code::Bool:
    return "bool";
  case Code::Float8_E3M4:
    return "float8_e3m4";
  case Code::Float8_E4M3:
    return "float8_e4m3";
  case Code::Float8_E4M3B11FNUZ:
    return "float8_e4m3b11fnuz";
  case Code::Float8_E4M3FN:
    return "float8_e4m3fn";
  case Code::Float8_E4M3FNUZ:
    return "float8_e4m3fnuz";
  case Code::Float8_E5M2:
    return "float8_e5m2";
  case Code::Float8_E5M2FNUZ:
    return "float8_e5m2fnuz";
  case Code::Float8_E8M0FNU:
    return "float8_e8m0fnu";
  default:
    break;
  }
  std::string name = kind + std::to_string(type.bits);
  return type.lanes == 1 ? name : name + "x" + std::to_string(type.lanes);
}

/// The name that DLPack and ml_dtypes have for a format that numpy lacks:
/// "float8_e4m3fn" for f8E4M3FN, "bfloat16" for bf16; else empty.
std::string foreignName(const std::string &format) {
  if (format == "bf16")
    return "bfloat16";
  if (format.compare(0, 2, "f8") != 0)
    return "";
  std::string name = "float8_";
  for (char c : format.substr(2))
    name += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return name;
}

bool accepts(const rung_argument &argument, const std::string &type) {
  // A code of 8 bits may be called signed or not.
  return type == argument.dtype || type == foreignName(argument.format) ||
         (argument.bits == 8 && (type == "int8" || type == "uint8"));
}

/// "argument 'w' of entry 'matmul'".
std::string where(const rung_entry_info &entry, const rung_argument &argument) {
  return "argument '" + std::string(argument.name) + "' of entry '" +
         entry.name + "'";
}

[[noreturn]] void wrongType(const rung_entry_info &entry,
                            const rung_argument &argument,
                            const std::string &found) {
  throw RuntimeError(where(entry, argument) + " has dtype " + found +
                     ", expected " + argument.dtype + " for format " +
                     argument.format);
}

/// Numpy arrays of dtypes that others registered do not export their memory;
/// a view of them as unsigned integers does.
nb::object viewAsBits(const rung_entry_info &entry,
                      const rung_argument &argument, nb::handle array) {
  nb::object dtype = array.attr("dtype");
  constexpr int registeredByOthers = 2;
  if (nb::cast<int>(dtype.attr("isbuiltin")) != registeredByOthers)
    return nb::borrow(array);
  std::string name = nb::cast<std::string>(dtype.attr("name"));
  if (name.empty() || name != foreignName(argument.format))
    wrongType(entry, argument, name);
  return array.attr("view")(argument.dtype);
}

template <typename Array>
void takeArray(const rung_entry_info &entry, const rung_argument &argument,
               const Array &array, Tensor &result) {
  bool onGPU = array.device_type() == nb::device::cuda::value ||
               array.device_type() == nb::device::cuda_managed::value;
  if (!onGPU && array.device_type() != nb::device::cpu::value)
    throw RuntimeError(where(entry, argument) +
                       " is neither in the memory of the CPU nor in that of an "
                       "NVIDIA GPU; copy it there");
  if (std::string name = dtypeName(array.dtype()); !accepts(argument, name))
    wrongType(entry, argument, name);
  int64_t stride = 1;
  for (size_t i = array.ndim(); i-- > 0;) {
    int64_t size = static_cast<int64_t>(array.shape(i));
    if (size > 1 && array.stride(i) != stride)
      throw RuntimeError(where(entry, argument) +
                         " is not contiguous in row-major order; pass "
                         "numpy.ascontiguousarray of it");
    stride *= size;
  }
  for (size_t i = 0; i < array.ndim(); ++i)
    result.sizes.push_back(static_cast<int64_t>(array.shape(i)));
  result.tensor = {const_cast<void *>(static_cast<const void *>(array.data())),
                   static_cast<uint32_t>(array.ndim()), result.sizes.data(),
                   nullptr, onGPU ? RUNG_DEVICE : RUNG_HOST};
}

/// A stream as DLPack numbers it, where 0 has no meaning.
constexpr intptr_t kDefaultStream = 1;

/// What a tensor on a GPU exports for use on `stream`; the object itself if it
/// lies elsewhere. The exporting library lets the stream wait for the tensor.
nb::object exportFor(nb::handle object, intptr_t stream) {
  constexpr int cuda = 2, cudaManaged = 13; // DLDeviceType
  if (!nb::hasattr(object, "__dlpack_device__"))
    return nb::borrow(object);
  int device = nb::cast<int>(object.attr("__dlpack_device__")()[0]);
  if (device != cuda && device != cudaManaged)
    return nb::borrow(object);
  return object.attr("__dlpack__")("stream"_a =
                                       stream ? stream : kDefaultStream);
}

/// Numpy, imported once.
const nb::object &numpy() {
  static const nb::object *module =
      new nb::object(nb::module_::import_("numpy"));
  return *module;
}

bool isNumpyArray(nb::handle object) {
  return nb::isinstance(object, numpy().attr("ndarray"));
}

void takeObject(const rung_entry_info &entry, const rung_argument &argument,
                nb::handle given, intptr_t stream, Tensor &result) {
  if (nb::isinstance<Packed>(given)) {
    result.tensor.packed = nb::cast<const Packed &>(given).data.get();
    return;
  }
  nb::object object = nb::borrow(given);
  bool isNumber = nb::isinstance<nb::int_>(given) ||
                  nb::isinstance<nb::float_>(given) ||
                  nb::isinstance(given, numpy().attr("generic"));
  if (isNumpyArray(given))
    object = viewAsBits(entry, argument, given);
  else if (isNumber && argument.rank == 0 && argument.kind == RUNG_INPUT &&
           foreignName(argument.format).empty())
    object = numpy().attr("array")(given, argument.dtype);
  else
    object = exportFor(given, stream);
  if (argument.kind == RUNG_INPUT) {
    if (nb::try_cast(object, result.readOnly, false) &&
        result.readOnly.is_valid())
      return takeArray(entry, argument, result.readOnly, result);
  } else {
    if (nb::try_cast(object, result.writable, false) &&
        result.writable.is_valid())
      return takeArray(entry, argument, result.writable, result);
    nb::ndarray<nb::ro> readable;
    if (nb::try_cast(object, readable, false) && readable.is_valid())
      throw RuntimeError(where(entry, argument) +
                         " is read-only, but the entry writes to it");
  }
  std::string type = nb::str(given.type()).c_str();
  if (isNumpyArray(given))
    wrongType(entry, argument,
              nb::str(nb::object(given.attr("dtype"))).c_str());
  throw nb::type_error((where(entry, argument) + " is a " + type +
                        ", expected a numpy array or a DLPack tensor")
                           .c_str());
}

nb::tuple toTuple(const rung_dimension *shape, uint32_t rank) {
  nb::list sizes;
  for (uint32_t i = 0; i < rank; ++i)
    sizes.append(shape[i].name ? nb::object(nb::str(shape[i].name))
                               : nb::object(nb::int_(shape[i].size)));
  return nb::tuple(sizes);
}

nb::dict describe(const rung_argument &argument) {
  static constexpr const char *kKinds[] = {"input", "inout", "output"};
  nb::dict result;
  result["name"] = argument.name;
  result["kind"] = kKinds[argument.kind];
  result["format"] = argument.format;
  result["bits"] = argument.bits;
  result["dtype"] = argument.dtype;
  result["shape"] = toTuple(argument.shape, argument.rank);
  result["storage_shape"] =
      toTuple(argument.storage_shape, argument.storage_rank);
  result["valid_codes"] =
      argument.valid_codes
          ? argument.valid_codes
          : (argument.bits < 64 ? uint64_t(1) << argument.bits : 0);
  result["packed_bytes"] = argument.packed_bytes;
  return result;
}

class Bundle {
public:
  Bundle(const std::string &path, const std::string &device) {
    rung_bundle *bundle = nullptr;
    char *error = nullptr;
    int failed;
    {
      nb::gil_scoped_release release;
      failed = rung_bundle_open(path.c_str(), &bundle, &error);
      if (!failed) {
        handle_ = Handle(bundle, rung_bundle_close);
        failed = rung_bundle_load(bundle, device.c_str(), &error);
      }
    }
    check(failed, error);
  }

  std::string producer() const { return rung_bundle_producer(handle_.get()); }
  std::string target() const {
    return rung_bundle_loaded_target(handle_.get());
  }
  std::vector<std::string> targets() const {
    std::vector<std::string> result;
    for (size_t i = 0; i < rung_bundle_target_count(handle_.get()); ++i)
      result.push_back(rung_bundle_target(handle_.get(), i));
    return result;
  }
  uint32_t threads() const { return rung_bundle_threads(handle_.get()); }
  void setThreads(int64_t threads) {
    char *error = nullptr;
    uint32_t count = threads < 0 || threads > UINT32_MAX
                         ? 0
                         : static_cast<uint32_t>(threads);
    check(rung_bundle_set_threads(handle_.get(), count, &error), error);
  }

  nb::list entries() const {
    nb::list result;
    for (size_t i = 0; i < rung_bundle_entry_count(handle_.get()); ++i) {
      const rung_entry_info *info = rung_bundle_entry(handle_.get(), i);
      nb::list arguments;
      for (size_t j = 0; j < info->argument_count; ++j)
        arguments.append(describe(info->arguments[j]));
      result.append(nb::make_tuple(info->name, arguments));
    }
    return result;
  }

  /// A view of the mapped file, or nothing.
  nb::object asset(const std::string &name) const {
    const void *data = nullptr;
    uint64_t bytes = 0;
    char *error = nullptr;
    if (rung_bundle_asset(handle_.get(), name.c_str(), &data, &bytes, &error))
      throw nb::key_error(takeError(error).c_str());
    auto *owner = new Handle(handle_);
    nb::capsule keep(owner, [](void *handle) noexcept {
      delete static_cast<Handle *>(handle);
    });
    size_t shape[] = {static_cast<size_t>(bytes)};
    return nb::cast(nb::ndarray<nb::numpy, const uint8_t, nb::ndim<1>>(
        static_cast<const uint8_t *>(data), 1, shape, keep));
  }

  /// Whether it computes with memory of a device of its own.
  bool hasDeviceMemory() const {
    return rung_bundle_memory(handle_.get()) == RUNG_DEVICE;
  }

  Packed pack(size_t entry, size_t argument, nb::handle array) const {
    const rung_entry_info &info = entryInfo(entry);
    Tensor tensor;
    takeObject(info, info.arguments[argument], array, 0, tensor);
    rung_packed *packed = nullptr;
    char *error = nullptr;
    int failed;
    {
      nb::gil_scoped_release release;
      failed = rung_pack(handle_.get(), entry, argument, &tensor.tensor,
                         &packed, &error);
    }
    check(failed, error);
    return {handle_, {packed, rung_packed_free}};
  }

  /// Calls an entry; returns its outputs, new arrays where `outs` is None.
  nb::list call(size_t entry, nb::list inputs, nb::object outs,
                intptr_t stream) const {
    const rung_entry_info &info = entryInfo(entry);
    std::vector<Tensor> storage(info.argument_count);
    std::vector<rung_tensor> tensors(info.argument_count);
    size_t count = inputs.size();
    nb::object like; // a tensor on the GPU
    for (size_t i = 0; i < count; ++i) {
      takeObject(info, info.arguments[i], inputs[i], stream, storage[i]);
      tensors[i] = storage[i].tensor;
      if (!like.is_valid() && tensors[i].memory == RUNG_DEVICE)
        like = nb::borrow(inputs[i]);
    }
    nb::list outputs;
    for (size_t i = count; i < info.argument_count; ++i) {
      nb::object array = outs.is_none()
                             ? allocate(entry, i, tensors, count, like)
                             : nb::object(outs[i - count]);
      takeObject(info, info.arguments[i], array, stream, storage[i]);
      tensors[i] = storage[i].tensor;
      outputs.append(array);
    }
    char *error = nullptr;
    int failed;
    {
      nb::gil_scoped_release release;
      failed = rung_call_on_stream(handle_.get(), entry, tensors.data(),
                                   tensors.size(),
                                   reinterpret_cast<void *>(stream), &error);
    }
    check(failed, error);
    return outs.is_none() && like.is_valid() && libraryOf(like) == "jax"
               ? toJax(outputs, stream)
               : outputs;
  }

private:
  const rung_entry_info &entryInfo(size_t entry) const {
    return *rung_bundle_entry(handle_.get(), entry);
  }

  /// The library that an array is of.
  static std::string libraryOf(nb::handle array) {
    auto module = nb::cast<std::string>(array.type().attr("__module__"));
    // "jaxlib._jax" is jax to its users.
    return module.compare(0, 3, "jax") == 0
               ? "jax"
               : module.substr(0, module.find('.'));
  }

  /// Jax sees no stream: its arrays are made of what is done.
  nb::list toJax(const nb::list &outputs, intptr_t stream) const {
    char *error = nullptr;
    int failed;
    {
      nb::gil_scoped_release release;
      failed = rung_device_synchronize(
          handle_.get(), reinterpret_cast<void *>(stream), &error);
    }
    check(failed, error);
    nb::object convert = nb::module_::import_("jax.dlpack").attr("from_dlpack");
    nb::list arrays;
    for (nb::handle output : outputs)
      arrays.append(convert(output));
    return arrays;
  }

  /// A tensor on the GPU by the library of the tensor `like`; of a library that
  /// lets no one write to its tensors, one of our own memory.
  nb::object allocateLike(const rung_argument &argument, nb::tuple shape,
                          const std::vector<int64_t> &sizes,
                          nb::handle like) const {
    std::string library = libraryOf(like);
    bool isBfloat = std::string(argument.format) == "bf16";
    if (nb::hasattr(like, "new_empty")) { // torch.Tensor, and what derives
      nb::object torch = nb::module_::import_("torch");
      return like.attr("new_empty")(
          shape,
          "dtype"_a = torch.attr(isBfloat ? "bfloat16" : argument.dtype));
    }
    if (library == "cupy") {
      nb::object cupy = nb::module_::import_("cupy");
      return cupy.attr("empty")(shape, argument.dtype);
    }
    uint64_t bytes = argument.element_bytes;
    for (int64_t size : sizes)
      bytes *= static_cast<uint64_t>(size);
    void *memory = nullptr;
    char *error = nullptr;
    check(rung_device_allocate(handle_.get(), bytes, &memory, &error), error);
    struct Owner {
      Handle bundle;
      void *memory;
    };
    nb::capsule owner(new Owner{handle_, memory}, [](void *given) noexcept {
      auto *owner = static_cast<Owner *>(given);
      rung_device_free(owner->bundle.get(), owner->memory);
      delete owner;
    });
    nb::dlpack::dtype type{
        static_cast<uint8_t>(
            isBfloat                   ? nb::dlpack::dtype_code::Bfloat
            : argument.dtype[0] == 'f' ? nb::dlpack::dtype_code::Float
            : argument.dtype[0] == 'i' ? nb::dlpack::dtype_code::Int
                                       : nb::dlpack::dtype_code::UInt),
        static_cast<uint8_t>(8 * argument.element_bytes), 1};
    std::vector<size_t> extents(sizes.begin(), sizes.end());
    int device = nb::cast<int>(like.attr("__dlpack_device__")()[1]);
    return nb::cast(nb::ndarray<nb::array_api>(
        memory, extents.size(), extents.data(), owner, nullptr, type,
        nb::device::cuda::value, device));
  }

  nb::object allocate(size_t entry, size_t output,
                      const std::vector<rung_tensor> &inputs, size_t count,
                      nb::handle like) const {
    const rung_argument &argument = entryInfo(entry).arguments[output];
    std::vector<int64_t> sizes(argument.storage_rank);
    char *error = nullptr;
    check(rung_output_sizes(handle_.get(), entry, inputs.data(), count, output,
                            sizes.data(), &error),
          error);
    nb::list shape;
    for (int64_t size : sizes)
      shape.append(size);
    return like.is_valid()
               ? allocateLike(argument, nb::tuple(shape), sizes, like)
               : numpy().attr("empty")(nb::tuple(shape), argument.dtype);
  }

  Handle handle_;
};

} // namespace

NB_MODULE(_runtime, module) {
  module.doc() = "Memory and calls below rung.runtime; use that module.";
  nb::exception<RuntimeError>(module, "Error", PyExc_RuntimeError)
      .attr("__doc__") = "A bundle that cannot be loaded, or a call that "
                         "cannot be made; the text says what was found and "
                         "what was expected.";

  nb::class_<Packed>(module, "PackedWeight",
                     "A weight in the order that the kernels of one bundle "
                     "read; it stands in place of the array.");

  nb::class_<Bundle>(module, "Bundle", "An open bundle.")
      .def(nb::init<const std::string &, const std::string &>(), "path"_a,
           "device"_a)
      .def_prop_ro("producer", &Bundle::producer)
      .def_prop_ro("target", &Bundle::target)
      .def_prop_ro("targets", &Bundle::targets)
      .def_prop_rw("threads", &Bundle::threads, &Bundle::setThreads)
      .def("entries", &Bundle::entries,
           "Name and arguments of each entry, as dictionaries.")
      .def("asset", &Bundle::asset, "name"_a)
      .def("pack", &Bundle::pack, "entry"_a, "argument"_a, "array"_a)
      .def_prop_ro("has_device_memory", &Bundle::hasDeviceMemory)
      .def("call", &Bundle::call, "entry"_a, "inputs"_a, "outs"_a.none(),
           "stream"_a);
}

//===- rung-run.cpp - Runs an entry of a bundle -----------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Options.h"

#include "rung-c/Runtime.h"
#include "rung/Runtime/Npy.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <map>

using namespace rung;

namespace {

/// An error that ends the program.
struct RunError {
  std::string message;
};

struct BundleCloser {
  void operator()(rung_bundle *bundle) const { rung_bundle_close(bundle); }
};
using BundleHandle = std::unique_ptr<rung_bundle, BundleCloser>;
using PackedHandle = std::unique_ptr<rung_packed, void (*)(rung_packed *)>;

} // namespace

/// Turns an error of the C interface into ours.
static void check(int failed, char *error) {
  if (!failed)
    return;
  std::string message = error ? error : "unknown error";
  rung_string_free(error);
  throw RunError{message};
}

//===----------------------------------------------------------------------===//
// --list
//===----------------------------------------------------------------------===//

static std::string toString(const rung_dimension *shape, uint32_t rank) {
  std::string text = "[";
  for (uint32_t i = 0; i < rank; ++i)
    text += (i ? ", " : "") +
            (shape[i].name ? shape[i].name : std::to_string(shape[i].size));
  return text + "]";
}

static const char *kindOf(const rung_argument &argument) {
  return argument.kind == RUNG_INPUT   ? "input"
         : argument.kind == RUNG_INOUT ? "inout"
                                       : "output";
}

/// "input w: !rung.int<4> [64, 128], array uint8 [64, 64]".
static std::string toString(const rung_argument &argument) {
  std::string text = std::string(kindOf(argument)) + " " + argument.name +
                     ": " + argument.format + " " +
                     toString(argument.shape, argument.rank);
  if (argument.bits < 8)
    text += ", array " + std::string(argument.dtype) + " " +
            toString(argument.storage_shape, argument.storage_rank);
  else if (!std::strstr(argument.dtype, "float"))
    text += ", array " + std::string(argument.dtype);
  if (argument.packed_bytes)
    text += ", packed to " + std::to_string(argument.packed_bytes) + " bytes";
  return text;
}

static void list(const rung_bundle *bundle) {
  std::printf("producer: %s\n", rung_bundle_producer(bundle));
  std::printf("targets:");
  for (size_t i = 0; i < rung_bundle_target_count(bundle); ++i)
    std::printf("%s %s", i ? "," : "", rung_bundle_target(bundle, i));
  std::printf("\n");
  for (size_t i = 0; i < rung_bundle_entry_count(bundle); ++i) {
    const rung_entry_info *entry = rung_bundle_entry(bundle, i);
    std::printf("entry %s\n", entry->name);
    for (size_t j = 0; j < entry->argument_count; ++j)
      std::printf("  %s\n", toString(entry->arguments[j]).c_str());
  }
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

/// Whether a file's elements are what an argument's array holds. A code of 8
/// bits may be called signed or not; numpy calls the types of ml_dtypes void.
static bool accepts(const rung_argument &argument, const std::string &type) {
  const std::string wanted = argument.dtype;
  if (type == wanted)
    return true;
  if (argument.bits == 8)
    return type == "int8" || type == "uint8" || type == "void1" ||
           type == "float8";
  return std::strcmp(argument.format, "bf16") == 0 && type == "void2";
}

namespace {

/// The arrays of a call.
class Call {
public:
  Call(rung_bundle *bundle, size_t entry);
  void readInputs(const std::vector<std::string> &files);
  void allocateOutputs();
  void pack();
  /// Runs the entry and returns the seconds that it took.
  double run();
  /// Keeps the inouts as they are now, for runAgain().
  void keepInouts();
  /// Has all arrays lie on the device from now on, so that runAgain() does not
  /// copy them.
  void moveToDevice();
  /// Runs it again from the inouts that were kept, and waits until it is done.
  double runAgain();
  const rung_entry_info &info() const { return info_; }
  /// The arguments that are results, in the order of --output.
  std::vector<size_t> results() const;
  void write(AtomicFile &file, size_t argument) const;

private:
  struct Array {
    std::vector<int64_t> sizes;
    std::shared_ptr<void> data;
    uint64_t bytes = 0;
    std::shared_ptr<void> before; // of an inout that is to be restored
    std::shared_ptr<void> placed; // on the device
  };
  void checkInput(const rung_argument &argument, const std::string &file,
                  const NpyArray &array) const;
  std::string inputNames() const;

  rung_bundle *bundle_;
  size_t entry_;
  const rung_entry_info &info_;
  size_t inputs_ = 0;
  std::vector<Array> arrays_;
  std::vector<PackedHandle> packed_;
  std::vector<rung_tensor> tensors_;
};

} // namespace

Call::Call(rung_bundle *bundle, size_t entry)
    : bundle_(bundle), entry_(entry), info_(*rung_bundle_entry(bundle, entry)),
      arrays_(info_.argument_count), tensors_(info_.argument_count) {
  while (inputs_ < info_.argument_count &&
         info_.arguments[inputs_].kind != RUNG_OUTPUT)
    ++inputs_;
}

std::string Call::inputNames() const {
  std::string names;
  for (size_t i = 0; i < inputs_; ++i)
    names += (i ? ", " : "") + std::string(info_.arguments[i].name);
  return names.empty() ? "none" : names;
}

void Call::checkInput(const rung_argument &argument, const std::string &file,
                      const NpyArray &array) const {
  if (!accepts(argument, array.type))
    throw RunError{"'" + file + "' for argument '" + argument.name +
                   "': dtype " + array.type + ", expected " + argument.dtype +
                   " for format " + argument.format};
}

void Call::readInputs(const std::vector<std::string> &files) {
  if (files.size() != inputs_)
    throw RunError{"entry '" + std::string(info_.name) + "' takes " +
                   std::to_string(inputs_) + " inputs (" + inputNames() +
                   "), got " + std::to_string(files.size()) + " --input"};
  for (size_t i = 0; i < inputs_; ++i) {
    NpyArray array;
    std::string error;
    if (!readNpy(files[i], array, error))
      throw RunError{error};
    checkInput(info_.arguments[i], files[i], array);
    arrays_[i] = {array.shape, array.data, array.bytes, nullptr, nullptr};
    tensors_[i] = {arrays_[i].data.get(),
                   static_cast<uint32_t>(arrays_[i].sizes.size()),
                   arrays_[i].sizes.data(), nullptr, RUNG_HOST};
  }
}

void Call::allocateOutputs() {
  for (size_t i = inputs_; i < info_.argument_count; ++i) {
    const rung_argument &argument = info_.arguments[i];
    Array &array = arrays_[i];
    array.sizes.resize(argument.storage_rank);
    char *error = nullptr;
    check(rung_output_sizes(bundle_, entry_, tensors_.data(), inputs_, i,
                            array.sizes.data(), &error),
          error);
    array.bytes = argument.element_bytes;
    bool fits = true;
    for (int64_t size : array.sizes)
      fits &= !__builtin_mul_overflow(array.bytes, static_cast<uint64_t>(size),
                                      &array.bytes);
    if (fits)
      array.data = allocateAligned(array.bytes);
    if (!array.data)
      throw RunError{"out of memory for output '" + std::string(argument.name) +
                     "'"};
    std::memset(array.data.get(), 0, array.bytes);
    tensors_[i] = {array.data.get(), argument.storage_rank, array.sizes.data(),
                   nullptr, RUNG_HOST};
  }
}

void Call::pack() {
  for (size_t i = 0; i < inputs_; ++i) {
    if (!info_.arguments[i].packed_bytes)
      continue;
    rung_packed *packed = nullptr;
    char *error = nullptr;
    check(rung_pack(bundle_, entry_, i, &tensors_[i], &packed, &error), error);
    packed_.emplace_back(packed, rung_packed_free);
    tensors_[i].packed = packed;
    arrays_[i].data.reset();
  }
}

double Call::run() {
  using Clock = std::chrono::steady_clock;
  char *error = nullptr;
  Clock::time_point start = Clock::now();
  int failed =
      rung_call(bundle_, entry_, tensors_.data(), tensors_.size(), &error);
  if (!failed && rung_bundle_memory(bundle_) == RUNG_DEVICE)
    failed = rung_device_synchronize(bundle_, nullptr, &error);
  std::chrono::duration<double> time = Clock::now() - start;
  check(failed, error);
  return time.count();
}

void Call::keepInouts() {
  for (size_t i = 0; i < inputs_; ++i) {
    Array &array = arrays_[i];
    if (info_.arguments[i].kind != RUNG_INOUT)
      continue;
    array.before = allocateAligned(array.bytes);
    if (!array.before)
      throw RunError{"out of memory for a copy of inout '" +
                     std::string(info_.arguments[i].name) + "'"};
    std::memcpy(array.before.get(), array.data.get(), array.bytes);
  }
}

void Call::moveToDevice() {
  if (rung_bundle_memory(bundle_) == RUNG_HOST)
    return;
  for (size_t i = 0; i < arrays_.size(); ++i) {
    if (tensors_[i].packed)
      continue;
    void *memory = nullptr;
    char *error = nullptr;
    check(rung_device_allocate(bundle_, arrays_[i].bytes, &memory, &error),
          error);
    rung_bundle *bundle = bundle_;
    arrays_[i].placed = std::shared_ptr<void>(
        memory, [bundle](void *given) { rung_device_free(bundle, given); });
    check(rung_device_write(bundle_, memory, arrays_[i].data.get(),
                            arrays_[i].bytes, &error),
          error);
    tensors_[i].data = memory;
    tensors_[i].memory = RUNG_DEVICE;
  }
}

double Call::runAgain() {
  for (size_t i = 0; i < inputs_; ++i) {
    char *error = nullptr;
    if (arrays_[i].before)
      check(rung_device_write(bundle_, tensors_[i].data,
                              arrays_[i].before.get(), arrays_[i].bytes,
                              &error),
            error);
  }
  return run();
}

std::vector<size_t> Call::results() const {
  std::vector<size_t> order;
  for (size_t i = inputs_; i < info_.argument_count; ++i)
    order.push_back(i);
  for (size_t i = 0; i < inputs_; ++i)
    if (info_.arguments[i].kind == RUNG_INOUT)
      order.push_back(i);
  return order;
}

void Call::write(AtomicFile &file, size_t index) const {
  const Array &array = arrays_[index];
  if (!writeNpy(file, info_.arguments[index].dtype, array.sizes,
                array.data.get(), array.bytes))
    throw RunError{file.error()};
}

//===----------------------------------------------------------------------===//
// The program
//===----------------------------------------------------------------------===//

/// The entry to run: the one named, or the only one.
static size_t chooseEntry(const rung_bundle *bundle,
                          const RunOptions &options) {
  size_t index = 0;
  char *error = nullptr;
  if (!options.entry.empty()) {
    check(rung_bundle_find_entry(bundle, options.entry.c_str(), &index, &error),
          error);
    return index;
  }
  size_t count = rung_bundle_entry_count(bundle);
  if (count == 1)
    return 0;
  std::string names;
  for (size_t i = 0; i < count; ++i)
    names += (i ? ", " : "") + std::string(rung_bundle_entry(bundle, i)->name);
  throw RunError{"'" + options.bundle + "' has " + std::to_string(count) +
                 " entries (" + names + "); choose one with --entry=NAME"};
}

using OutputFiles = std::vector<std::pair<std::unique_ptr<AtomicFile>, size_t>>;

/// Opens the outputs before anything runs, so that a path that cannot be
/// written costs no time.
static OutputFiles openOutputs(const RunOptions &options, const Call &call) {
  std::vector<size_t> results = call.results();
  if (options.outputs.size() > results.size()) {
    std::string names;
    for (size_t index : results)
      names += (names.empty() ? "" : ", ") +
               std::string(call.info().arguments[index].name);
    throw RunError{"entry '" + std::string(call.info().name) + "' has " +
                   std::to_string(results.size()) + " results (" + names +
                   "), got " + std::to_string(options.outputs.size()) +
                   " --output"};
  }
  OutputFiles files;
  for (size_t i = 0; i < options.outputs.size(); ++i) {
    for (size_t j = 0; j < i; ++j)
      if (options.outputs[i] == options.outputs[j])
        throw RunError{"--output=" + options.outputs[i] +
                       " is given twice, for two results"};
    files.emplace_back(std::make_unique<AtomicFile>(options.outputs[i]),
                       results[i]);
    if (!files.back().first->error().empty())
      throw RunError{files.back().first->error()};
  }
  return files;
}

static std::string toString(double seconds) {
  char text[32];
  if (seconds < 1e-3)
    std::snprintf(text, sizeof(text), "%.2f us", seconds * 1e6);
  else if (seconds < 1)
    std::snprintf(text, sizeof(text), "%.3f ms", seconds * 1e3);
  else
    std::snprintf(text, sizeof(text), "%.3f s", seconds);
  return text;
}

static void runRepeatedly(Call &call, int64_t count, const std::string &where) {
  std::vector<double> times;
  for (int64_t i = 0; i < count; ++i)
    times.push_back(call.runAgain());
  std::sort(times.begin(), times.end());
  double median = (times[times.size() / 2] + times[(times.size() - 1) / 2]) / 2;
  std::printf("%s: median %s of %lld runs (fastest %s, slowest %s) on %s\n",
              call.info().name, toString(median).c_str(),
              static_cast<long long>(count), toString(times.front()).c_str(),
              toString(times.back()).c_str(), where.c_str());
}

/// "8 threads", "cuda:0 (cuda:sm_90a)".
static std::string placeOf(const rung_bundle *bundle,
                           const RunOptions &options) {
  if (rung_bundle_memory(bundle) == RUNG_DEVICE)
    return options.device + " (" + rung_bundle_loaded_target(bundle) + ")";
  uint32_t threads = rung_bundle_threads(bundle);
  return std::to_string(threads) + (threads == 1 ? " thread" : " threads");
}

static void runEntry(rung_bundle *bundle, const RunOptions &options) {
  char *error = nullptr;
  size_t entry = chooseEntry(bundle, options);
  check(rung_bundle_load(bundle, options.device.c_str(), &error), error);
  if (options.threads)
    check(rung_bundle_set_threads(bundle, options.threads, &error), error);
  Call call(bundle, entry);
  call.readInputs(options.inputs);
  call.allocateOutputs();
  OutputFiles files = openOutputs(options, call);
  call.pack();
  if (options.repeat)
    call.keepInouts();
  call.run();
  if (options.repeat) {
    call.moveToDevice();
    runRepeatedly(call, options.repeat, placeOf(bundle, options));
  }
  for (auto &[file, index] : files)
    call.write(*file, index);
  for (auto &[file, index] : files)
    if (!file->commit())
      throw RunError{file->error()};
}

int main(int argc, char **argv) {
  try {
    RunOptions options;
    if (std::string problem = parseOptions(argc, argv, options);
        !problem.empty())
      throw RunError{problem};
    if (options.help) {
      std::fputs(kRunHelp, stdout);
    } else {
      rung_bundle *bundle = nullptr;
      char *error = nullptr;
      check(rung_bundle_open(options.bundle.c_str(), &bundle, &error), error);
      BundleHandle owner(bundle);
      if (options.list)
        list(bundle);
      else
        runEntry(bundle, options);
    }
    if (std::fflush(stdout) != 0)
      throw RunError{"cannot write to the standard output"};
    return 0;
  } catch (const RunError &problem) {
    std::fprintf(stderr, "rung-run: error: %s\n", problem.message.c_str());
  } catch (const std::exception &problem) {
    std::fprintf(stderr, "rung-run: error: %s\n", problem.what());
  }
  return 1;
}

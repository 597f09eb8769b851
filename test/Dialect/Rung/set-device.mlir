// RUN: rung-opt --rung-set-device=target=cpu:x86-64 %s --split-input-file | FileCheck %s --check-prefixes=CHECK,BASE
// RUN: rung-opt --rung-set-device=target=cpu:haswell %s --split-input-file | FileCheck %s --check-prefixes=CHECK,AVX2
// RUN: rung-opt --rung-set-device=target=cpu:znver4 %s --split-input-file | FileCheck %s --check-prefixes=CHECK,AVX512
// RUN: rung-opt --rung-set-device=target=cpu:x86-64-v4 %s --split-input-file | FileCheck %s --check-prefixes=CHECK,V4
// RUN: rung-opt --rung-set-device=target=cuda:sm_80 %s --split-input-file | FileCheck %s --check-prefixes=CHECK,SM80
// RUN: rung-opt --rung-set-device=target=cuda:sm_86 %s --split-input-file | FileCheck %s --check-prefixes=CHECK,SM86
// RUN: rung-opt --rung-set-device=target=cuda:sm_89 %s --split-input-file | FileCheck %s --check-prefixes=CHECK,SM89
// RUN: rung-opt --rung-set-device=target=cuda:sm_90a %s --split-input-file | FileCheck %s --check-prefixes=CHECK,SM90A
// RUN: not rung-opt --rung-set-device=target=cuda:sm_12 %s 2>&1 | FileCheck %s --check-prefix=NO-CHIP
// RUN: not rung-opt --rung-set-device=target=cpu:z80 %s 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// `registers` counts fragment registers of `lanes` 32-bit lanes: 16 of 128 bits hold 4 of 512.

// BASE: rung.device = #rung.device<"cpu:x86-64", {compute = [i32, f32, f64], computed_lookups = 0 : i64, lanes = 16 : i64, lookup = "gather", lookup_entries = 0 : i64, lookup_halves = 0 : i64, prefetch = 16384 : i64, registers = 4 : i64}>
// AVX2: rung.device = #rung.device<"cpu:haswell", {{{.*}}lookup = "permps", lookup_entries = 16 : i64, lookup_halves = 0 : i64, prefetch = 16384 : i64, registers = 8 : i64}>
// AVX512: rung.device = #rung.device<"cpu:znver4", {{{.*}}computed_lookups = 11 : i64, {{.*}}lookup = "permvar512", lookup_entries = 16 : i64, lookup_halves = 64 : i64, prefetch = 16384 : i64, registers = 32 : i64}>
// V4: rung.device = #rung.device<"cpu:x86-64-v4", {{{.*}}computed_lookups = 0 : i64, {{.*}}lookup = "permvar512", lookup_entries = 16 : i64, lookup_halves = 64 : i64, prefetch = 16384 : i64, registers = 32 : i64}>
// SM80: rung.device = #rung.device<"cuda:sm_80", {async_copies = ["cp.async"], compute = [i8, i32, f16, bf16, f32, f64], decode = "cuda:sm_80", lanes = 32 : i64, matrix = [
// SM80-SAME: #rung.matrix_instruction<"llvm.nvvm.mma.m16n8k16.row.col.f32.f32", a = f16, b = f16, c = f32, fragments = "mma.m16n8k16.f16", rate = 1024>
// SM80-SAME: memory = [{gigabytes_per_second = 2039 : i64, name = "global", transaction = 32 : i64}, {bytes = 41943040 : i64, name = "l2", transaction = 32 : i64},
// SM80-SAME: {bytes = 166912 : i64, name = "shared", transaction = 128 : i64}, {bytes = 262144 : i64, name = "registers", transaction = 4 : i64}], multiprocessors = 108 : i64, registers = 255 : i64}>
// SM86: rung.device = #rung.device<"cuda:sm_86", {{.*}}compute = [i8, i32, f16, bf16, f32, f64], decode = "cuda:sm_86"
// SM89: rung.device = #rung.device<"cuda:sm_89", {{.*}}compute = [i8, f8E4M3FN, f8E5M2, i32, f16, bf16, f32, f64]
// SM90A: rung.device = #rung.device<"cuda:sm_90a", {async_copies = ["cp.async", "cp.async.bulk.tensor"], compute = [i8, f8E4M3FN, f8E5M2, i32, f16, bf16, f32, f64]
// NO-CHIP: error: unknown CUDA architecture 'sm_12'; expected one of: sm_80, sm_86, sm_89, sm_90a
// UNKNOWN: error: {{.*}}z80
module {}

// -----

// A device written by hand stays.
// CHECK: rung.device = #rung.device<"mine", {lanes = 16 : i64}>
module attributes {rung.device = #rung.device<"mine", {lanes = 16 : i64}>} {}

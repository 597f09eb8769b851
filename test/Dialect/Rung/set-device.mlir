// RUN: rung-opt --rung-set-device=target=cpu:x86-64 %s --split-input-file | FileCheck %s --check-prefixes=CHECK,BASE
// RUN: rung-opt --rung-set-device=target=cpu:haswell %s --split-input-file | FileCheck %s --check-prefixes=CHECK,AVX2
// RUN: rung-opt --rung-set-device=target=cpu:znver4 %s --split-input-file | FileCheck %s --check-prefixes=CHECK,AVX512
// RUN: rung-opt --rung-set-device=target=cpu:x86-64-v4 %s --split-input-file | FileCheck %s --check-prefixes=CHECK,V4
// RUN: not rung-opt --rung-set-device=target=cpu:z80 %s 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// `registers` counts fragment registers of `lanes` 32-bit lanes: 16 of 128 bits hold 4 of 512.

// BASE: rung.device = #rung.device<"cpu:x86-64", {compute = [i32, f32, f64], computed_lookups = 0 : i64, lanes = 16 : i64, lookup = "gather", lookup_entries = 0 : i64, lookup_halves = 0 : i64, prefetch = 16384 : i64, registers = 4 : i64}>
// AVX2: rung.device = #rung.device<"cpu:haswell", {{{.*}}lookup = "permps", lookup_entries = 16 : i64, lookup_halves = 0 : i64, prefetch = 16384 : i64, registers = 8 : i64}>
// AVX512: rung.device = #rung.device<"cpu:znver4", {{{.*}}computed_lookups = 11 : i64, {{.*}}lookup = "permvar512", lookup_entries = 16 : i64, lookup_halves = 64 : i64, prefetch = 16384 : i64, registers = 32 : i64}>
// V4: rung.device = #rung.device<"cpu:x86-64-v4", {{{.*}}computed_lookups = 0 : i64, {{.*}}lookup = "permvar512", lookup_entries = 16 : i64, lookup_halves = 64 : i64, prefetch = 16384 : i64, registers = 32 : i64}>
// UNKNOWN: error: {{.*}}z80
module {}

// -----

// A device written by hand stays.
// CHECK: rung.device = #rung.device<"mine", {lanes = 16 : i64}>
module attributes {rung.device = #rung.device<"mine", {lanes = 16 : i64}>} {}

// RUN: rung-opt %s --pass-pipeline="builtin.module(llvm.func(rung-mark-parallel-accesses))" | FileCheck %s

#group = #llvm.access_group<id = distinct[0]<>>
#loop = #llvm.loop_annotation<parallelAccesses = #group>

// CHECK: #[[GROUP:.*]] = #llvm.access_group
// CHECK-LABEL: llvm.func @zero
llvm.func @zero(%p: !llvm.ptr, %q: !llvm.ptr, %n: i64) {
  %c0 = llvm.mlir.constant(0 : i64) : i64
  %c1 = llvm.mlir.constant(1 : i64) : i64
  // Outside of the loop.
  // CHECK: llvm.load %{{.*}} : !llvm.ptr -> f32
  %v = llvm.load %q : !llvm.ptr -> f32
  llvm.br ^header(%c0 : i64)
^header(%i: i64):
  %more = llvm.icmp "slt" %i, %n : i64
  llvm.cond_br %more, ^body, ^exit {loop_annotation = #loop}
^body:
  %address = llvm.getelementptr %p[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
  // CHECK: llvm.store %{{.*}} {access_groups = [#[[GROUP]]]
  llvm.store %v, %address : f32, !llvm.ptr
  %next = llvm.add %i, %c1 : i64
  llvm.br ^header(%next : i64)
^exit:
  // CHECK: llvm.store %{{.*}}, %{{.*}} : f32, !llvm.ptr
  llvm.store %v, %q : f32, !llvm.ptr
  llvm.return
}

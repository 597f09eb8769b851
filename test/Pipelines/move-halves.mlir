// RUN: rung-opt %s --pass-pipeline="builtin.module(llvm.func(rung-move-halves))" | FileCheck %s

// CHECK-LABEL: llvm.func @copy(
// CHECK-SAME:    %[[P:.*]]: !llvm.ptr, %[[M:.*]]: vector<16xi1>, %[[O:.*]]: vector<16xbf16>)
llvm.func @copy(%p: !llvm.ptr, %m: vector<16xi1>, %o: vector<16xbf16>) -> vector<16xbf16> {
  // CHECK: %[[OTHER:.*]] = llvm.bitcast %[[O]] : vector<16xbf16> to vector<16xi16>
  // CHECK: %[[LOADED:.*]] = llvm.intr.masked.load %[[P]], %[[M]], %[[OTHER]] {alignment = 2 : i32} : (!llvm.ptr, vector<16xi1>, vector<16xi16>) -> vector<16xi16>
  // CHECK: %[[V:.*]] = llvm.bitcast %[[LOADED]] : vector<16xi16> to vector<16xbf16>
  %v = llvm.intr.masked.load %p, %m, %o {alignment = 2 : i32} : (!llvm.ptr, vector<16xi1>, vector<16xbf16>) -> vector<16xbf16>
  // CHECK: %[[I:.*]] = llvm.bitcast %[[V]] : vector<16xbf16> to vector<16xi16>
  // CHECK: llvm.intr.masked.store %[[I]], %[[P]], %[[M]]
  llvm.intr.masked.store %v, %p, %m {alignment = 2 : i32} : vector<16xbf16>, vector<16xi1> into !llvm.ptr
  llvm.return %v : vector<16xbf16>
}

// Other elements stay.
// CHECK-LABEL: llvm.func @floats(
// CHECK-NOT: bitcast
llvm.func @floats(%p: !llvm.ptr, %m: vector<16xi1>, %v: vector<16xf32>) {
  llvm.intr.masked.store %v, %p, %m {alignment = 4 : i32} : vector<16xf32>, vector<16xi1> into !llvm.ptr
  llvm.return
}

// RUN: rung-opt %s -rung-check-host-code -split-input-file -verify-diagnostics | FileCheck %s

// Buffers may be made, viewed and passed on; kernels and pack functions do what they like.

module attributes {rung.device = #rung.device<"cuda:sm_80", {}>} {
  memref.global @weights : memref<4xf32> = uninitialized {rung.constant = 0 : i64}
  // CHECK-LABEL: func @f
  // CHECK: gpu.launch
  func.func @f(%context: !llvm.ptr, %x: memref<8xf32>, %n: index) attributes {rung.signature = []} {
    %c1 = arith.constant 1 : index
    %a = memref.alloc() : memref<4xf32>
    %w = memref.get_global @weights : memref<4xf32>
    %v = memref.subview %x[4] [4] [1] : memref<8xf32> to memref<4xf32, strided<[1], offset: 4>>
    scf.for %i = %c1 to %n step %c1 {
      gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
                 threads(%tx, %ty, %tz) in (%lx = %c1, %ly = %c1, %lz = %c1) {
        %y = memref.load %v[%bx] : memref<4xf32, strided<[1], offset: 4>>
        memref.store %y, %a[%bx] : memref<4xf32>
        gpu.terminator
      }
    }
    memref.dealloc %a : memref<4xf32>
    return
  }
  func.func @f.pack.w(%context: !llvm.ptr, %x: memref<8xf32>, %y: memref<8xf32>) attributes {rung.signature = [], rung.packer} {
    memref.copy %x, %y : memref<8xf32> to memref<8xf32>
    return
  }
}

// -----

module attributes {rung.device = #rung.device<"cuda:sm_80", {}>} {
  func.func @f(%context: !llvm.ptr, %x: memref<8xf32>, %y: memref<8xf32>, %n: index) attributes {rung.signature = []} {
    %c1 = arith.constant 1 : index
    scf.for %i = %c1 to %n step %c1 {
      // expected-error @+1 {{'linalg.exp' would run on the host, which cannot access the memory of cuda:sm_80; there, kernels are made of}}
      linalg.exp ins(%x : memref<8xf32>) outs(%y : memref<8xf32>)
    }
    return
  }
}

// -----

module attributes {rung.device = #rung.device<"cuda:sm_80", {}>} {
  func.func @f(%context: !llvm.ptr, %x: memref<i32>) attributes {rung.signature = []} {
    // expected-error @+1 {{'memref.load' would run on the host}}
    %i = memref.load %x[] : memref<i32>
    return
  }
}

// -----

module attributes {rung.device = #rung.device<"cuda:sm_80", {}>} {
  memref.global @table : memref<2xf32> = dense<[1.0, 2.0]>
  func.func @f(%context: !llvm.ptr) attributes {rung.signature = []} {
    // expected-error @+1 {{a constant tensor lies in memory of the host, which kernels of cuda:sm_80 cannot read; make it an argument or a rung.parameter}}
    %t = memref.get_global @table : memref<2xf32>
    return
  }
}

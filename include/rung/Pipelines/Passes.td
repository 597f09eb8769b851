//===- Passes.td - Passes from tensors to the CPU entry ABI ----*- tablegen -*-===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef RUNG_PIPELINES_PASSES_TD
#define RUNG_PIPELINES_PASSES_TD

include "mlir/Pass/PassBase.td"

def RungDescribeEntries : Pass<"rung-describe-entries", "::mlir::ModuleOp"> {
  let summary = "Record the signature of every public function as its users see it";
  let description = [{
    Public functions are the entries of a bundle. Their arguments and results
    are ranked tensors; later passes change those types (packed weights,
    memrefs), so this pass, the first of a pipeline, writes down what a caller
    passes: name, kind (`input`, `inout`, `output`), tensor type, and a shape in
    which equal names are equal sizes. Sizes that the function's operations
    force to agree get one name. A result with a dynamic size that no argument
    has is an error.

    Before:
    ```mlir
    func.func @twice(%x: tensor<?x4xf32> {rung.name = "x"}) -> (tensor<?x4xf32> {rung.name = "y"})
    ```
    After:
    ```mlir
    func.func @twice(%x: tensor<?x4xf32> {rung.name = "x"}) -> (tensor<?x4xf32> {rung.name = "y"})
      attributes {rung.signature = [
        {kind = "input", name = "x", shape = ["M", 4], type = tensor<?x4xf32>},
        {kind = "output", name = "y", shape = ["M", 4], type = tensor<?x4xf32>}
      ]}
    ```
  }];
}

def RungCarryInPlace : Pass<"rung-carry-in-place", "::mlir::func::FuncOp"> {
  let summary = "Let loops update the tensors that they carry in place";
  let description = [{
    What `scf.for` and `scf.while` yield takes the place of what they carry, so
    that it needs no memory that leaves the loop. Shapes must be static, or
    follow to be equal from the function's operations; a tensor that grows is
    left alone. If several tensors change places, they do so through copies.

    Before:
    ```mlir
    %r = scf.for %i = %lower to %upper step %one iter_args(%t = %x) -> (tensor<4xf32>) {
      %s = arith.addf %t, %y : tensor<4xf32>
      scf.yield %s : tensor<4xf32>
    }
    ```
    After:
    ```mlir
    %r = scf.for %i = %lower to %upper step %one iter_args(%t = %x) -> (tensor<4xf32>) {
      %s = arith.addf %t, %y : tensor<4xf32>
      %u = bufferization.materialize_in_destination %s in %t : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
      scf.yield %u : tensor<4xf32>
    }
    ```
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect", "::mlir::tensor::TensorDialect"];
}

def RungPrepareEntries : Pass<"rung-prepare-entries", "::mlir::ModuleOp"> {
  let summary = "Give public functions memref arguments in destination-passing form";
  let description = [{
    Arguments become contiguous row-major memrefs, results trailing memref
    arguments, and a pointer to the run-time context comes first. An argument
    marked `rung.inout` is writable, and its updated value (the function's last
    results, one for each, in order) is copied over its old one and written into
    it, so that bufferization updates it in place unless the old one is still
    read.

    Before:
    ```mlir
    func.func @add(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
      %0 = ... : tensor<4xf32>
      return %0 : tensor<4xf32>
    }
    ```
    After:
    ```mlir
    func.func @add(%context: !llvm.ptr, %x: memref<4xf32>, %y: memref<4xf32>, %z: memref<4xf32>) {
      %x0 = bufferization.to_tensor %x restrict : memref<4xf32> to tensor<4xf32>
      ...
      bufferization.materialize_in_destination %0 in restrict writable %z : (tensor<4xf32>, memref<4xf32>) -> ()
      return
    }
    ```
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::memref::MemRefDialect"];
}

def RungCheckIndices : Pass<"rung-check-indices", "::mlir::func::FuncOp"> {
  let summary = "Assert that elements and slices at indices from the inputs are inside of their tensors";
  let description = [{
    `tensor.extract`, `tensor.insert`, `tensor.extract_slice` and
    `tensor.insert_slice` get a `cf.assert` for each dimension in which the
    bounds of values do not prove that they stay inside, so that a bad input ends
    an entry with an error. The assertion stands where the offset is known,
    before anything depends on it. In a loop or a region of `linalg`, where an
    assertion does not end the function, the access moves to offset 0 as well.

    Before:
    ```mlir
    %v = tensor.extract %x[%i] : tensor<10xf32>
    ```
    After:
    ```mlir
    %inside = arith.cmpi ult, %i, %c10 : index
    cf.assert %inside, "tensor.extract reaches outside of dimension 0 of tensor<10xf32>"
    %v = tensor.extract %x[%i] : tensor<10xf32>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect",
                           "::mlir::tensor::TensorDialect"];
}

def RungFuseElementwise : Pass<"rung-fuse-elementwise", "::mlir::func::FuncOp"> {
  let summary = "Bring linalg to few generic operations: generalise, decompose, fuse";
  let description = [{
    `linalg.softmax` is decomposed, named operations become `linalg.generic`,
    `tensor.concat` becomes insertions, and an elementwise producer is fused
    into its only consumer where that computes nothing twice: a producer that
    is broadcast by its consumer is fused only if it is cheap (no division, no
    `math` function). Every use of a `tensor.empty` gets its own, for
    bufferization would otherwise see one buffer with several writers.

    Before:
    ```mlir
    %0 = linalg.exp ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    %1 = linalg.add ins(%0, %y : ...) outs(%e : ...) -> tensor<4xf32>
    ```
    After:
    ```mlir
    %1 = linalg.generic ... ins(%x, %y : ...) {
      %2 = math.exp %a : f32
      %3 = arith.addf %2, %b : f32
      linalg.yield %3 : f32
    }
    ```
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
                           "::mlir::tensor::TensorDialect", "::mlir::scf::SCFDialect",
                           "::mlir::arith::ArithDialect", "::mlir::affine::AffineDialect"];
}

def RungLowerLinalg : Pass<"rung-lower-linalg", "::mlir::func::FuncOp"> {
  let summary = "Lower linalg on memrefs and memref.copy to loops that LLVM vectorises";
  let description = [{
    The loop whose accesses are contiguous becomes the innermost one. A
    reduction in the innermost loop keeps its accumulator in a register and may
    be reassociated (this changes the order of a floating-point sum); the
    other parallel loops become one `scf.parallel`, whose attribute
    `rung.cost` estimates the scalar operations of one iteration.

    Before:
    ```mlir
    linalg.generic {indexing_maps = [(m, k) -> (m, k), (m, k) -> (m)], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<?x64xf32>) outs(%s : memref<?xf32>) { addf }
    ```
    After:
    ```mlir
    scf.parallel (%m) = (%c0) to (%M) step (%c1) {
      %0 = memref.load %s[%m]
      %1 = scf.for %k = %c0 to %c64 step %c1 iter_args(%a = %0) -> f32 { ... arith.addf %a, %b fastmath<reassoc> ... }
      memref.store %1, %s[%m]
    } {rung.cost = 64 : i64}
    ```
  }];
  let dependentDialects = ["::mlir::scf::SCFDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect",
                           "::mlir::affine::AffineDialect"];
}

def RungExpandMath : Pass<"rung-expand-math", "::mlir::func::FuncOp"> {
  let summary = "Replace math functions and narrow floats by plain f32 and integer arithmetic";
  let description = [{
    Generated code links with nothing, so no `math` operation may become a
    library call. `exp` and `exp2` of f32 are within 1 ulp of the exact value (results below
    2^-126 flush to 0); `tanh`, `erf`, `log`, `sin` and the others use MLIR's
    polynomials, within a few ulp. Arithmetic on f16 and bf16 is done in f32
    and rounded after each operation, as the types ask for. Where the target has no
    instruction (`f16c`, `fma`, `sse4.1`), conversions of f16, fused multiply-adds and roundings are
    expanded. This pass does not preserve values of `math` functions beyond the bounds above.

    Before:
    ```mlir
    %y = math.exp %x : f32
    ```
    After:
    ```mlir
    %n = ... // round(x * log2(e)), by adding and subtracting 1.5 * 2^23
    %p = ... // a polynomial of degree 6 in x - n * ln(2)
    %y = arith.mulf %p, %scale : f32 // 2^n
    ```
  }];
  let options = [
    ListOption<"features", "features", "std::string",
               "Instruction-set extensions of the target, in LLVM's spelling">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
                           "::mlir::vector::VectorDialect"];
}

def RungReleaseBuffers : Pass<"rung-release-buffers", "::mlir::ModuleOp"> {
  let summary = "Free every buffer after its last use";
  let description = [{
    Inserts a `memref.dealloc` behind the last operation of the allocation's
    block that uses the buffer or a view of it, so that a model of many layers
    needs the workspace of one. A buffer that a branch yields is allocated in
    front of the branch; one that a loop yields is an error.

    Before:
    ```mlir
    %0 = memref.alloc() : memref<64xf32>
    "use"(%0) : (memref<64xf32>) -> ()
    "other"() : () -> ()
    ```
    After:
    ```mlir
    %0 = memref.alloc() : memref<64xf32>
    "use"(%0) : (memref<64xf32>) -> ()
    memref.dealloc %0 : memref<64xf32>
    "other"() : () -> ()
    ```
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect"];
}

def RungOutlineParallel : Pass<"rung-outline-parallel", "::mlir::ModuleOp"> {
  let summary = "Turn outermost parallel loops into functions run by the context's threads";
  let description = [{
    The body of each outermost `scf.parallel` (or `scf.forall` without results) becomes a private
    function of (context, captured values, chunk). The caller stores what the
    body uses in a struct on its stack and calls a helper, `rung.launch`, which calls `parallel_for` of the context
    with as many chunks as the work is worth: one for each `grain` of
    `rung.cost` times iterations, at most `chunks-per-thread` for each thread;
    if that is one, it calls the body itself. A loop without `rung.cost`
    is worth a chunk for each iteration. Constants are recomputed in
    the body, and a memref is passed as a pointer to its first element, so that equal loops of different
    layers become one function. Parallel loops inside become sequential.

    Before:
    ```mlir
    func.func @f(%context: !llvm.ptr, %x: memref<?xf32>) {
      scf.parallel (%i) = (%c0) to (%n) step (%c1) { ... memref.store %v, %x[%i] ... }
    ```
    After:
    ```mlir
    func.func @f(%context: !llvm.ptr, %x: memref<?xf32>) {
      %captures = llvm.alloca ... // iterations, iterations of a chunk, %x, its size
      call @rung.launch(%context, %captures, %n, %least, @f.parallel.0)
    func.func private @f.parallel.0(%context: !llvm.ptr, %captures: !llvm.ptr, %chunk: i64) {
      scf.for %i = %begin to %end step %c1 { ... }
    ```
  }];
  let options = [
    Option<"grain", "grain", "int64_t", "65536",
           "Scalar operations that are worth a chunk">,
    Option<"chunksPerThread", "chunks-per-thread", "int64_t", "4",
           "Chunks for each thread, for balance">];
  let dependentDialects = ["::mlir::scf::SCFDialect", "::mlir::arith::ArithDialect",
                           "::mlir::LLVM::LLVMDialect", "::mlir::func::FuncDialect",
                           "::mlir::memref::MemRefDialect"];
}

def RungCheckHostCode : Pass<"rung-check-host-code", "::mlir::ModuleOp"> {
  let summary = "Refuse entries for a GPU whose host code would access memory of the device";
  let description = [{
    In an entry for a GPU (a function with a `rung.signature` that packs nothing), every memref is memory of the device.
    What is not in a `gpu.launch` runs on the host, which may allocate, release, view and pass such memory, but neither
    read nor write it. An operation that does is an error that names the device. So is a constant tensor, for it is
    memory of the host.

    Before:
    ```mlir
    linalg.exp ins(%x : memref<4xf32>) outs(%y : memref<4xf32>)
    ```
    After:
    ```mlir
    // error: 'linalg.exp' would run on the host, which cannot access the memory of cuda:sm_80; there, kernels are made of ...
    ```
  }];
}

def RungLowerLaunches : Pass<"rung-lower-launches", "::mlir::ModuleOp"> {
  let summary = "Launch kernels through the run-time context";
  let description = [{
    Each `gpu.launch_func` becomes a call of the context's `launch` (rung/Runtime/EntryABI.h) with the number of its kernel.
    The kernels, one `gpu.module` each as `gpu-kernel-outlining` leaves them, move into one, `@kernels`; equal ones
    become one, names get letters that PTX takes, and the module's `rung.kernels` lists them by their numbers.

    Before:
    ```mlir
    gpu.module @f_kernel {
      gpu.func @f_kernel(%x: memref<4xf32>) kernel { ... }
    }
    func.func @f(%context: !llvm.ptr, %x: memref<4xf32>) {
      gpu.launch_func @f_kernel::@f_kernel blocks in (%n, %c1, %c1) threads in (%c32, %c1, %c1) args(%x : memref<4xf32>)
    ```
    After:
    ```mlir
    module attributes {rung.kernels = ["f_kernel"]} {
    gpu.module @kernels {
      gpu.func @f_kernel(%x: memref<4xf32>) kernel { ... }
    }
    func.func @f(%context: !llvm.ptr, %x: memref<4xf32>) {
      // %grid and %block: arrays of three sizes; %arguments: pointers to the fields of the descriptor of %x
      llvm.call %launch(%context, %c0, %grid, %block, %shared_bytes, %arguments, %c5)
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect", "::mlir::LLVM::LLVMDialect"];
}

def RungLowerWorkspace : Pass<"rung-lower-workspace", "::mlir::ModuleOp"> {
  let summary = "Take buffers and constants from the run-time context";
  let description = [{
    `memref.alloc` and `memref.dealloc` become calls of the context's
    `allocate` and `release`. A `memref.get_global` of a global with the
    attribute `rung.constant = i` loads the context's constant pointer i. A
    `cf.assert` that does not hold is reported through the context's `fail`. It
    ends the function if it stands in its block; the code behind one in a loop
    goes on, and has to be safe.

    Before:
    ```mlir
    %0 = memref.alloc(%n) : memref<?x4xf32>
    ```
    After:
    ```mlir
    %p = llvm.call %allocate(%context, %bytes) : !llvm.ptr, (!llvm.ptr, i64) -> !llvm.ptr
    %0 = memref.view ... : memref<?xi8> to memref<?x4xf32>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"];
}

def RungFinalizeEntries : Pass<"rung-finalize-entries", "::mlir::ModuleOp"> {
  let summary = "Emit rung_entry_NAME(context, descriptors) for every entry";
  let description = [{
    Each function with a `rung.signature` becomes private and gets a wrapper with
    the entry ABI, which reads the memref descriptors of its arguments.

    Before:
    ```mlir
    func.func @f(%context: !llvm.ptr, %x: memref<4xf32>)
    ```
    After:
    ```mlir
    func.func private @f(%context: !llvm.ptr, %x: memref<4xf32>)
    llvm.func @rung_entry_f(%context: !llvm.ptr, %descriptors: !llvm.ptr) {
      %p = llvm.load %descriptors : !llvm.ptr -> !llvm.ptr
      %x = llvm.load %p : !llvm.ptr -> !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
      ...
    ```
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::func::FuncDialect"];
}

def RungExpandReshapes : Pass<"rung-expand-reshapes", "::mlir::func::FuncOp"> {
  let summary = "Write reshapes to several dynamic sizes as casts";
  let description = [{
    `expand-strided-metadata` expects that at most one size of those that a
    dimension is split into is dynamic, and takes the others from it. The
    operation has them all.

    Before:
    ```mlir
    %r = memref.expand_shape %m [[0, 1], [2]] output_shape [%a, %b, 32] : memref<?x32xf32> into memref<?x?x32xf32>
    ```
    After:
    ```mlir
    %base, %offset, %sizes:2, %strides:2 = memref.extract_strided_metadata %m : memref<?x32xf32> -> ...
    %stride = arith.muli %b, %c32 : index
    %r = memref.reinterpret_cast %base to offset: [0], sizes: [%a, %b, 32], strides: [%stride, 32, 1] : memref<f32> to memref<?x?x32xf32>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect"];
}

def RungMoveHalves : Pass<"rung-move-halves", "::mlir::LLVM::LLVMFuncOp"> {
  let summary = "Load and store f16 and bf16 as integers";
  let description = [{
    Where x86 has no arithmetic on f16 or bf16, LLVM takes masked accesses to
    them, and moves of single elements, apart and rounds each element again by
    a call to a library that generated code does not link with. As i16 they are
    moves.

    Before:
    ```mlir
    %v = llvm.intr.masked.load %p, %m, %other {alignment = 2 : i32} : (!llvm.ptr, vector<16xi1>, vector<16xbf16>) -> vector<16xbf16>
    ```
    After:
    ```mlir
    %o = llvm.bitcast %other : vector<16xbf16> to vector<16xi16>
    %i = llvm.intr.masked.load %p, %m, %o {alignment = 2 : i32} : (!llvm.ptr, vector<16xi1>, vector<16xi16>) -> vector<16xi16>
    %v = llvm.bitcast %i : vector<16xi16> to vector<16xbf16>
    ```
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def RungMarkParallelAccesses : Pass<"rung-mark-parallel-accesses", "::mlir::LLVM::LLVMFuncOp"> {
  let summary = "Put the accesses of annotated loops into their access group";
  let description = [{
    `rung-lower-linalg` names an access group for each innermost loop whose
    iterations are independent; lowering to the LLVM dialect keeps that on the loop's branch, but not
    on the loads and stores. This pass puts them there, so that
    LLVM vectorises the loop without checks for overlap.

    Before:
    ```mlir
    ^header(%i: i64):
      llvm.cond_br %c, ^body, ^exit {loop_annotation = #llvm.loop_annotation<parallelAccesses = #group>}
    ^body:
      %v = llvm.load %p : !llvm.ptr -> f32
      llvm.br ^header(%j : i64)
    ```
    After:
    ```mlir
      %v = llvm.load %p {access_groups = [#group]} : !llvm.ptr -> f32
    ```
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif // RUNG_PIPELINES_PASSES_TD

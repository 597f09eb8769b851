//===- TileOps.td - operations on tiles -*- tablegen -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_DIALECT_TILE_IR_TILEOPS_TD
#define RUNG_DIALECT_TILE_IR_TILEOPS_TD

include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "rung/Dialect/Rung/IR/RungAttrs.td"
include "rung/Dialect/Tile/IR/TileDialect.td"

class Tile_Op<string mnemonic, list<Trait> traits = []>
    : Op<Tile_Dialect, mnemonic, !listconcat([Rung_Addressable], traits)>;

def Tile_LaunchOp : Tile_Op<"launch", [
    SingleBlockImplicitTerminator<"YieldOp">, RecursiveMemoryEffects]> {
  let summary = "independent blocks of a kernel";
  let description = [{
    Runs the region once for every index below the sizes, in any order and at
    the same time: a grid of thread blocks on a GPU, a parallel loop on a CPU. A
    block has `warps` warps, which run the region at the same time, each on
    fragments of its own.

    ```mlir
    tile.launch (%i) in (%tiles) {
      %w = tile.load %weights[%i, %zero] : memref<64x64xf32> -> !tile.fragment<16x1xf32, #rows>
      tile.store %w, %out[%i, %zero] : !tile.fragment<16x1xf32, #rows>, memref<64x64xf32>
    }
    ```
  }];
  let arguments = (ins Variadic<Index>:$sizes, DefaultValuedAttr<I64Attr, "1">:$warps);
  let regions = (region SizedRegion<1>:$body);
  let builders = [OpBuilder<(ins "::mlir::ValueRange":$sizes, CArg<"int64_t", "1">:$warps)>];
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let skipDefaultBuilders = 1;
}

def Tile_WarpOp : Tile_Op<"warp", [Pure]> {
  let summary = "number of the running warp in its block";
  let description = [{
    From 0 to one below the `warps` of the `tile.launch` around it.

    ```mlir
    %w = tile.warp
    ```
  }];
  let results = (outs Index:$result);
  let assemblyFormat = "attr-dict";
  let hasVerifier = 1;
}

def Tile_YieldOp : Tile_Op<"yield", [Pure, Terminator, ReturnLike,
                                     ParentOneOf<["LaunchOp", "MapOp", "RoleOp"]>]> {
  let summary = "ends a region of this dialect";
  let description = [{
    ```mlir
    tile.yield %value : f32
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$values);
  let builders = [OpBuilder<(ins), [{}]>];
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
}

class Tile_AccessOp<string mnemonic> : Tile_Op<mnemonic, [AttrSizedOperandSegments]> {
  let hasVerifier = 1;
}

def Tile_LoadOp : Tile_AccessOp<"load"> {
  let summary = "a tile from memory into registers";
  let description = [{
    Element (r, c) of the result is element (indices + (r, c)) of the source, of
    whose dimensions the fragment covers the last two; with `transposed` element
    (c, r). A source of one dimension is a row (a column, if transposed). With
    `block [b0, b1]` it is element floor((indices + (r, c)) / block): the scale
    of each element of a tile. Elements at or beyond `bounds` (one size for
    each dimension of the source, counted before the division by `block`) are
    unspecified, and are not read.

    ```mlir
    %w = tile.load %words[%n, %k] {storage = #storage} : memref<4x8x1x16xi32> -> !tile.fragment<16x8x!rung.int<4>, #packed>
    ```
  }];
  let arguments = (ins Arg<AnyMemRef, "", [MemRead]>:$source, Variadic<Index>:$indices,
                       Variadic<Index>:$bounds, OptionalAttr<Rung_StorageAttr>:$storage,
                       OptionalAttr<DenseI64ArrayAttr>:$block, UnitAttr:$transposed);
  let results = (outs Tile_FragmentType:$result);
  let assemblyFormat = [{
    $source `[` $indices `]` (`bounds` `[` $bounds^ `]`)? (`block` $block^)? (`transposed` $transposed^)? attr-dict
    `:` type($source) `->` type($result)
  }];
}

def Tile_StoreOp : Tile_AccessOp<"store"> {
  let summary = "a tile from registers into memory";
  let description = [{
    The inverse of `tile.load`; elements at or beyond `bounds` are not written.
    Registers that hold the same element write it once.

    ```mlir
    tile.store %y, %out[%m, %n] bounds [%rows, %columns] transposed : !tile.fragment<16x8xf32, #sums>, memref<?x64xf32>
    ```
  }];
  let arguments = (ins Tile_FragmentType:$value, Arg<AnyMemRef, "", [MemWrite]>:$destination,
                       Variadic<Index>:$indices, Variadic<Index>:$bounds,
                       OptionalAttr<Rung_StorageAttr>:$storage, UnitAttr:$transposed);
  let assemblyFormat = [{
    $value `,` $destination `[` $indices `]` (`bounds` `[` $bounds^ `]`)? (`transposed` $transposed^)? attr-dict
    `:` type($value) `,` type($destination)
  }];
}

def Tile_ConvertOp : Tile_Op<"convert", [Pure]> {
  let summary = "the elements of a tile in another format";
  let description = [{
    Rounded as `rounding` says where the target lacks a value; without it every
    value of the source must be one of the target. The layouts must agree but
    for a packed source. `stochastic` takes the random bits of each element, as
    `rung.convert` does.

    ```mlir
    %f = tile.convert %w : !tile.fragment<16x8x!rung.int<4>, #packed> -> !tile.fragment<16x8xf32, #plain>
    ```
  }];
  let arguments = (ins Tile_FragmentType:$input, Optional<Tile_FragmentType>:$random,
                       OptionalAttr<Rung_RoundingModeAttr>:$rounding, UnitAttr:$saturate);
  let results = (outs Tile_FragmentType:$result);
  let assemblyFormat = [{
    $input (`random` `(` $random^ `:` type($random) `)`)? attr-dict `:` type($input) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tile_MapOp : Tile_Op<"map", [Pure, SingleBlock, RecursiveMemoryEffects]> {
  let summary = "scalar code for each element of tiles";
  let description = [{
    The region is one lane's code for one register: its arguments are the
    elements of the operands at one position (an operand with one row or column
    serves all), its yield the result's. For a packed operand, which must be the
    only one, the arguments are the words of a decode unit and the yield has
    one value for each code. Elements in formats that are no builtin arithmetic
    type pass as i32 codes.

    ```mlir
    %y = tile.map %acc, %s : !tile.fragment<16x8xf32, #sums>, !tile.fragment<16x1xf32, #rows> -> !tile.fragment<16x8xf32, #sums> {
    ^bb0(%a: f32, %b: f32):
      %p = arith.mulf %a, %b : f32
      tile.yield %p : f32
    }
    ```
  }];
  let arguments = (ins Variadic<Tile_FragmentType>:$inputs);
  let results = (outs Tile_FragmentType:$result);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$inputs attr-dict `:` type($inputs) `->` type($result) $body";
  let hasVerifier = 1;
}

def Tile_LookupOp : Tile_Op<"lookup", [Pure]> {
  let summary = "entry of a table";
  let description = [{
    Entry `index` mod 2^b of a table of 2^b entries.

    ```mlir
    %v = tile.lookup %i in dense<[0.0, 1.0, 2.0, -1.0]> : tensor<4xf32>
    ```
  }];
  let arguments = (ins I32:$index, ElementsAttr:$table);
  let results = (outs AnyType:$result);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def Tile_SplatOp : Tile_Op<"splat", [Pure]> {
  let summary = "a tile of one value";
  let description = [{
    ```mlir
    %zero = tile.splat %c0 : f32 -> !tile.fragment<16x8xf32, #sums>
    ```
  }];
  let arguments = (ins AnyType:$value);
  let results = (outs Tile_FragmentType:$result);
  let assemblyFormat = "$value attr-dict `:` type($value) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_MmaOp : Tile_Op<"mma", [Pure]> {
  let summary = "multiply tiles and add";
  let description = [{
    result[n, m] = c[n, m] + sum over k of a[n, k] * b[m, k], in the element type
    of c. Operands are fragments in registers or buffers in shared memory. With
    `async` (a token result) the sum is there once the token is waited for.

    ```mlir
    %d = tile.mma %w, %x, %c : !tile.fragment<16x8xf32, #a>, !tile.fragment<4x8xf32, #b>, !tile.fragment<16x4xf32, #c>
    ```
  }];
  let arguments = (ins AnyTypeOf<[Tile_FragmentType, Tile_BufferType]>:$a,
                       AnyTypeOf<[Tile_FragmentType, Tile_BufferType]>:$b, Tile_FragmentType:$c);
  let results = (outs Tile_FragmentType:$result, Optional<Tile_TokenType>:$token);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def Tile_ReduceOp : Tile_Op<"reduce", [Pure]> {
  let summary = "sum of each row of a tile";
  let description = [{
    Adds up the columns: across the registers, then the lanes of a row.

    ```mlir
    %s = tile.reduce %x : !tile.fragment<1x16xf32, #line> -> !tile.fragment<1x1xf32, #one>
    ```
  }];
  let arguments = (ins Tile_FragmentType:$input);
  let results = (outs Tile_FragmentType:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_ReduceWarpsOp : Tile_Op<"reduce_warps", [
    AllTypesMatch<["input", "result"]>, MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "sum of the tiles of all warps of a block, in the first";
  let description = [{
    Element by element, added up in the order of the warps. The other warps keep
    their own tiles. All warps of the block come here, as to `tile.barrier`.

    ```mlir
    %sum = tile.reduce_warps %part : !tile.fragment<16x8xf32, #sums>
    ```
  }];
  let arguments = (ins Tile_FragmentType:$input);
  let results = (outs Tile_FragmentType:$result);
  let assemblyFormat = "$input attr-dict `:` type($input)";
  let hasVerifier = 1;
}

def Tile_SliceOp : Tile_Op<"slice", [Pure]> {
  let summary = "a part of a tile";
  let description = [{
    Element (r, c) of the result is element (offset + (r, c)) of the input, whose
    lanes must hold it already.

    ```mlir
    %a = tile.slice %w [0, 32] : !tile.fragment<16x64xf16, #weights> -> !tile.fragment<16x32xf16, #half>
    ```
  }];
  let arguments = (ins Tile_FragmentType:$input, DenseI64ArrayAttr:$offset);
  let results = (outs Tile_FragmentType:$result);
  let assemblyFormat = "$input $offset attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_RelayoutOp : Tile_Op<"relayout", [Pure]> {
  let summary = "the same tile in another layout";
  let description = [{
    ```mlir
    %b = tile.relayout %a : !tile.fragment<16x8xf32, #c> -> !tile.fragment<16x8xf32, #a>
    ```
  }];
  let arguments = (ins Tile_FragmentType:$input);
  let results = (outs Tile_FragmentType:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Buffers, asynchronous copies, roles
//===----------------------------------------------------------------------===//

def Tile_AllocOp : Tile_Op<"alloc"> {
  let summary = "a buffer of a block, in a memory level";
  let description = [{
    `stages` buffers behind each other; `tile.copy` and `tile.read` name the stage.

    ```mlir
    %ring = tile.alloc {stages = 4 : i64} : !tile.buffer<64x64xf16, shared, swizzle = 3>
    ```
  }];
  let arguments = (ins DefaultValuedAttr<I64Attr, "1">:$stages);
  let results = (outs Res<Tile_BufferType, "", [MemAlloc]>:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Tile_CopyOp : Tile_Op<"copy", [AttrSizedOperandSegments]> {
  let summary = "a tile from global memory into a stage of a buffer";
  let description = [{
    Asynchronous if it gives a token. Elements at or beyond `bounds` become 0.

    ```mlir
    %t = tile.copy async %x[%m, %k] bounds [%rows, %depth] to %ring[%stage] : memref<?x?xf16>, !tile.buffer<64x64xf16, shared, swizzle = 3>
    ```
  }];
  let arguments = (ins Arg<AnyMemRef, "", [MemRead]>:$source, Variadic<Index>:$indices,
                       Variadic<Index>:$bounds, Arg<Tile_BufferType, "", [MemWrite]>:$buffer, Index:$stage);
  let results = (outs Optional<Tile_TokenType>:$token);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def Tile_ReadOp : Tile_Op<"read"> {
  let summary = "a tile from a stage of a buffer into registers";
  let description = [{
    ```mlir
    %x = tile.read %ring[%stage] : !tile.buffer<64x64xf16, shared, swizzle = 3> -> !tile.fragment<64x64xf16, #b>
    ```
  }];
  let arguments = (ins Arg<Tile_BufferType, "", [MemRead]>:$buffer, Index:$stage);
  let results = (outs Tile_FragmentType:$result);
  let assemblyFormat = "$buffer `[` $stage `]` attr-dict `:` type($buffer) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_WaitOp : Tile_Op<"wait", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "until copies and multiplications are done";
  let description = [{
    ```mlir
    tile.wait %t0, %t1
    ```
  }];
  let arguments = (ins Variadic<Tile_TokenType>:$tokens);
  let assemblyFormat = "$tokens attr-dict";
}

def Tile_BarrierOp : Tile_Op<"barrier", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "until all lanes of the block are here";
  let description = [{
    ```mlir
    tile.barrier
    ```
  }];
  let assemblyFormat = "attr-dict";
}

def Tile_RoleOp : Tile_Op<"role", [SingleBlockImplicitTerminator<"YieldOp">, RecursiveMemoryEffects]> {
  let summary = "code for some of a block's warps";
  let description = [{
    ```mlir
    tile.role producer warps 1 {
      tile.barrier
    }
    ```
  }];
  let arguments = (ins Tile_RoleAttr:$role, I64Attr:$warps);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "custom<Role>($role) `warps` $warps attr-dict-with-keyword $body";
}

#endif // RUNG_DIALECT_TILE_IR_TILEOPS_TD

// RUN: rung-opt %s -convert-tile-to-vector -canonicalize -cse | FileCheck %s

// A device that looks up 16-bit entries for each half of a lane finds two codes of one shifted word, where f32 has no more than bf16's bits.

#words = #tile.layout<"(register:0, lane:4) -> (row:4, col:0) {lane[0..3] -> row[0..3]}">
module attributes {rung.device = #rung.device<"cpu:test", {lookup = "permvar512", lookup_entries = 16 : i64, lookup_halves = 64 : i64}>} {

// The upper code's lookup leaves zeros below it, by a mask that is not a constant to LLVM.
// CHECK-LABEL: func @both_halves
// CHECK: %[[ASM:.*]] = llvm.inline_asm "", "=r,0"
// CHECK: %[[MASK:.*]] = llvm.bitcast %[[ASM]] : i32 to vector<32xi1>
// CHECK: %[[W:.*]] = vector.load
// CHECK: %[[SHIFTED:.*]] = arith.shrui %[[W]], %{{.*}} : vector<16xi32>
// CHECK: %[[LOW:.*]] = llvm.call_intrinsic "llvm.x86.avx512.permvar.sf.512"(%{{.*}}, %[[SHIFTED]])
// CHECK: %[[HALVES:.*]] = vector.bitcast %[[SHIFTED]] : vector<16xi32> to vector<32xi16>
// CHECK: %[[FOUND:.*]] = llvm.call_intrinsic "llvm.x86.avx512.permvar.hi.512"(%{{.*}}, %[[HALVES]])
// CHECK: %[[UPPER:.*]] = arith.select %[[MASK]], %[[FOUND]], %{{.*}} : vector<32xi1>, vector<32xi16>
// CHECK: %[[BITS:.*]] = vector.bitcast %[[UPPER]] : vector<32xi16> to vector<16xi32>
// CHECK: %[[HIGH:.*]] = arith.bitcast %[[BITS]] : vector<16xi32> to vector<16xf32>
// CHECK: vector.store %[[LOW]]
// CHECK: vector.store %[[HIGH]]
func.func @both_halves(%x: memref<16xi32>, %y: memref<2x16xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tile.launch (%i) in (%c1) {
    %codes = tile.load %x[%c0] transposed : memref<16xi32> -> !tile.fragment<16x1xi32, #words>
    %v = tile.map %codes : !tile.fragment<16x1xi32, #words> -> !tile.fragment<16x1xf32, #words> {
    ^bb0(%w: i32):
      %c4 = arith.constant 4 : i32
      %a = arith.shrui %w, %c4 : i32
      %e = tile.lookup %a in dense<[0.0, 1.0, -1.0, 0.5]> : tensor<4xf32>
      tile.yield %e : f32
    }
    %u = tile.map %codes : !tile.fragment<16x1xi32, #words> -> !tile.fragment<16x1xf32, #words> {
    ^bb0(%w: i32):
      %c20 = arith.constant 20 : i32
      %a = arith.shrui %w, %c20 : i32
      %e = tile.lookup %a in dense<[0.0, 1.0, -1.0, 0.5]> : tensor<4xf32>
      tile.yield %e : f32
    }
    tile.store %v, %y[%c0, %c0] transposed : !tile.fragment<16x1xf32, #words>, memref<2x16xf32>
    tile.store %u, %y[%c1, %c0] transposed : !tile.fragment<16x1xf32, #words>, memref<2x16xf32>
  }
  return
}

// An entry with more bits: each code by itself.
// CHECK-LABEL: func @more_bits
// CHECK: %[[SHIFTED:.*]] = arith.shrui
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.permvar.sf.512"(%{{.*}}, %[[SHIFTED]])
func.func @more_bits(%x: memref<16xi32>, %y: memref<2x16xf32>) {
  %c0 = arith.constant 0 : index
  %codes = tile.load %x[%c0] transposed : memref<16xi32> -> !tile.fragment<16x1xi32, #words>
  %u = tile.map %codes : !tile.fragment<16x1xi32, #words> -> !tile.fragment<16x1xf32, #words> {
  ^bb0(%w: i32):
    %c20 = arith.constant 20 : i32
    %a = arith.shrui %w, %c20 : i32
    %e = tile.lookup %a in dense<[0.0, 0.1, -1.0, 0.5]> : tensor<4xf32>
    tile.yield %e : f32
  }
  tile.store %u, %y[%c0, %c0] transposed : !tile.fragment<16x1xf32, #words>, memref<2x16xf32>
  return
}

// 256 entries: four lookups of 64, selected by bits 6 and 7 of both halves.
// CHECK-LABEL: func @four_tables
// CHECK: %[[W:.*]] = vector.load
// CHECK: %[[HALVES:.*]] = vector.bitcast %[[W]] : vector<16xi32> to vector<32xi16>
// CHECK: %[[A:.*]] = llvm.call_intrinsic "llvm.x86.avx512.vpermi2var.hi.512"(%{{.*}}, %[[HALVES]], %{{.*}})
// CHECK: %[[B:.*]] = llvm.call_intrinsic "llvm.x86.avx512.vpermi2var.hi.512"(%{{.*}}, %[[HALVES]], %{{.*}})
// CHECK: %[[C:.*]] = llvm.call_intrinsic "llvm.x86.avx512.vpermi2var.hi.512"(%{{.*}}, %[[HALVES]], %{{.*}})
// CHECK: %[[D:.*]] = llvm.call_intrinsic "llvm.x86.avx512.vpermi2var.hi.512"(%{{.*}}, %[[HALVES]], %{{.*}})
// CHECK: %[[BIT6:.*]] = arith.andi %[[HALVES]], %{{.*}}
// CHECK: %[[CLEAR6:.*]] = arith.cmpi eq, %[[BIT6]], %{{.*}}
// CHECK: %[[AB:.*]] = arith.select %[[CLEAR6]], %[[A]], %[[B]]
// CHECK: %[[CD:.*]] = arith.select %[[CLEAR6]], %[[C]], %[[D]]
// CHECK: %[[BIT7:.*]] = arith.andi %[[HALVES]], %{{.*}}
// CHECK: %[[CLEAR7:.*]] = arith.cmpi eq, %[[BIT7]], %{{.*}}
// CHECK: %[[FOUND:.*]] = arith.select %[[CLEAR7]], %[[AB]], %[[CD]]
// CHECK: %[[WORDS:.*]] = vector.bitcast %[[FOUND]] : vector<32xi16> to vector<16xi32>
// CHECK: %[[UPPER:.*]] = arith.shli %[[WORDS]], %{{.*}}
// CHECK: %[[VALUES:.*]] = arith.bitcast %[[UPPER]] : vector<16xi32> to vector<16xf32>
// CHECK: vector.store %[[VALUES]]
func.func @four_tables(%x: memref<16xi32>, %y: memref<1x16xf32>) {
  %c0 = arith.constant 0 : index
  %codes = tile.load %x[%c0] transposed : memref<16xi32> -> !tile.fragment<16x1xi32, #words>
  %u = tile.map %codes : !tile.fragment<16x1xi32, #words> -> !tile.fragment<16x1xf32, #words> {
  ^bb0(%w: i32):
    %e = tile.lookup %w in dense<"0x000000000000803F0000004000004040000080400000A0400000C0400000E0400000004100001041000020410000304100004041000050410000604100007041000080410000884100009041000098410000A0410000A8410000B0410000B8410000C0410000C8410000D0410000D8410000E0410000E8410000F0410000F84100000042000004420000084200000C4200001042000014420000184200001C4200002042000024420000284200002C4200003042000034420000384200003C4200004042000044420000484200004C4200005042000054420000584200005C4200006042000064420000684200006C4200007042000074420000784200007C42000080420000824200008442000086420000884200008A4200008C4200008E42000090420000924200009442000096420000984200009A4200009C4200009E420000A0420000A2420000A4420000A6420000A8420000AA420000AC420000AE420000B0420000B2420000B4420000B6420000B8420000BA420000BC420000BE420000C0420000C2420000C4420000C6420000C8420000CA420000CC420000CE420000D0420000D2420000D4420000D6420000D8420000DA420000DC420000DE420000E0420000E2420000E4420000E6420000E8420000EA420000EC420000EE420000F0420000F2420000F4420000F6420000F8420000FA420000FC420000FE420000004300000143000002430000034300000443000005430000064300000743000008430000094300000A4300000B4300000C4300000D4300000E4300000F430000104300001143000012430000134300001443000015430000164300001743000018430000194300001A4300001B4300001C4300001D4300001E4300001F430000204300002143000022430000234300002443000025430000264300002743000028430000294300002A4300002B4300002C4300002D4300002E4300002F430000304300003143000032430000334300003443000035430000364300003743000038430000394300003A4300003B4300003C4300003D4300003E4300003F430000404300004143000042430000434300004443000045430000464300004743000048430000494300004A4300004B4300004C4300004D4300004E4300004F430000504300005143000052430000534300005443000055430000564300005743000058430000594300005A4300005B4300005C4300005D4300005E4300005F430000604300006143000062430000634300006443000065430000664300006743000068430000694300006A4300006B4300006C4300006D4300006E4300006F430000704300007143000072430000734300007443000075430000764300007743000078430000794300007A4300007B4300007C4300007D4300007E4300007F43"> : tensor<256xf32>
    tile.yield %e : f32
  }
  tile.store %u, %y[%c0, %c0] transposed : !tile.fragment<16x1xf32, #words>, memref<1x16xf32>
  return
}
}

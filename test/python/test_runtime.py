# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""rung.runtime on a bundle of entries written by hand (test/Runtime/kernels.c)."""

import ctypes
import gc
import re
import subprocess
import sys
import threading

import ml_dtypes
import numpy as np
import pytest

from rung import runtime


@pytest.fixture(scope="module")
def kernels(build):
    return build / "test" / "bin" / "kernels.rung"


@pytest.fixture
def bundle(kernels):
    return runtime.load(kernels)


def pack_nibbles(codes):
    """Canonical storage of codes of four bits."""
    codes = np.asarray(codes, np.uint8) & 15
    codes = np.pad(codes, ((0, 0), (0, codes.shape[1] % 2)))
    return codes[:, 0::2] | codes[:, 1::2] << 4


WEIGHT = np.array([[1, -2, 3, -4, 5], [7, 6, -8, 0, 1], [0, 0, 0, 0, -1]], np.int8)


class DLPackOnly:
    """A tensor that speaks DLPack and nothing else."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


class Foreign:
    """A DLPack tensor of any dtype and device, as other frameworks export them. `array` holds its bits."""

    class _Tensor(ctypes.Structure):
        _fields_ = [("data", ctypes.c_void_p), ("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32),
                    ("ndim", ctypes.c_int32), ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16),
                    ("shape", ctypes.POINTER(ctypes.c_int64)), ("strides", ctypes.c_void_p), ("offset", ctypes.c_uint64),
                    ("manager", ctypes.c_void_p), ("deleter", ctypes.c_void_p)]

    def __init__(self, array, code, device=1):
        self.array, self.device = array, device
        self.shape = (ctypes.c_int64 * array.ndim)(*array.shape)
        self.tensor = self._Tensor(array.ctypes.data, device, 0, array.ndim, code, 8 * array.itemsize, 1, self.shape)

    def __dlpack__(self, **options):
        capsule = ctypes.pythonapi.PyCapsule_New
        capsule.restype, capsule.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        return capsule(ctypes.addressof(self.tensor), b"dltensor", None)

    def __dlpack_device__(self):
        return self.device, 0


def test_shows_what_is_inside(bundle, kernels):
    assert list(bundle)[:3] == ["twice", "matmul", "ternary"] and list(bundle.entries) == list(bundle)
    assert bundle.targets == ["cpu:impossible", "sim:cuda:sm_80", "cpu:x86-64"]
    assert bundle.target == "cpu:x86-64"
    assert bundle.producer == "rung test"
    w = bundle["matmul"].arguments[1]
    assert (w.name, w.kind, w.format, w.bits, w.dtype) == ("w", "input", "!rung.int<4>", 4, "uint8")
    assert (w.shape, w.storage_shape, w.packed_bytes) == ((3, 5), (3, 3), 15)
    assert bundle["ternary"].arguments[0].shape == ("M", 5) and bundle["ternary"].arguments[0].valid_codes == 3
    assert "matmul(x: f32['M', 5], w:" in repr(bundle["matmul"]) and str(kernels) in repr(bundle)


def test_calls_with_numpy_arrays(bundle):
    x = np.random.default_rng(0).standard_normal((4, 5)).astype(np.float32)
    y = bundle["matmul"](x, pack_nibbles(WEIGHT))
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, x @ WEIGHT.T.astype(np.float32), rtol=1e-6, atol=1e-6)


def test_arguments_by_name(bundle):
    x = np.ones((1, 5), np.float32)
    expected = bundle["matmul"](x, pack_nibbles(WEIGHT))
    np.testing.assert_array_equal(bundle["matmul"](w=pack_nibbles(WEIGHT), x=x), expected)
    np.testing.assert_array_equal(bundle["matmul"](x, w=pack_nibbles(WEIGHT)), expected)
    for call, message in [(lambda: bundle["matmul"](x), "takes 2 arrays (x, w), got 1"),
                          (lambda: bundle["matmul"](x=x), "lacks the argument 'w'"),
                          (lambda: bundle["matmul"](x, x=x, w=x), "no further argument 'x'")]:
        with pytest.raises(TypeError, match=re.escape(message)):
            call()


def test_packed_weight_serves_many_calls(bundle):
    packed = bundle["matmul"].pack(pack_nibbles(WEIGHT))
    assert isinstance(packed, runtime.PackedWeight)
    for m in (1, 3):
        x = np.full((m, 5), 2, np.float32)
        np.testing.assert_array_equal(bundle["matmul"](x, packed), x @ WEIGHT.T)
    with pytest.raises(TypeError, match="'twice' has no argument that packs"):
        bundle["twice"].pack(np.zeros(3, np.float32))
    with pytest.raises(runtime.Error, match="'x' has no packed order"):
        bundle["matmul"].pack(np.zeros((1, 5), np.float32), argument="x")
    with pytest.raises(runtime.Error, match=re.escape("'w' has shape [3, 5], expected [3, 3]")):
        bundle["matmul"].pack(np.zeros((3, 5), np.uint8))
    other = runtime.load(bundle.path)
    with pytest.raises(runtime.Error, match="packed weight for another bundle"):
        other["matmul"](np.zeros((1, 5), np.float32), packed)


def test_writes_to_out_without_a_copy(bundle):
    x, out = np.arange(6, dtype=np.float32), np.zeros(6, np.float32)
    assert bundle["twice"](x, out=out) is out
    np.testing.assert_array_equal(out, 2 * x)
    whole = np.zeros((3, 6), np.float32)
    bundle["twice"](x, out=whole[1])
    np.testing.assert_array_equal(whole, np.stack([0 * x, 2 * x, 0 * x]))
    with pytest.raises(runtime.Error, match=re.escape("'y' has shape [5], expected [6]")):
        bundle["twice"](x, out=np.zeros(5, np.float32))
    with pytest.raises(runtime.Error, match="shares memory with argument 'x'"):
        bundle["twice"](x, out=x)
    with pytest.raises(TypeError, match="has 1 outputs, got 2 in `out`"):
        bundle["twice"](x, out=(out, out))


def test_inout_is_updated_in_place(bundle):
    cache = np.array([1, 2, 3], np.float32)
    old = bundle["store"](cache, np.float32(9), 1)
    assert old == 2 and old.shape == ()
    np.testing.assert_array_equal(cache, [1, 9, 3])
    cache.setflags(write=False)
    with pytest.raises(runtime.Error, match="argument 'cache' of entry 'store' is read-only"):
        bundle["store"](cache, np.float32(9), 1)
    with pytest.raises(runtime.Error, match="'cache' of entry 'store' is not contiguous"):
        bundle["store"](np.zeros(6, np.float32)[::2], np.float32(9), 1)
    with pytest.raises(runtime.Error, match="entry 'store': position is outside the cache"):
        bundle["store"](np.zeros(3, np.float32), 0.5, 3)


def test_scalars_may_be_numbers(bundle):
    cache = np.zeros(3, np.float32)
    for position in (2, np.int32(2), np.int64(2), np.array(2, np.int32)):
        bundle["store"](cache, 1.5, position)
        assert cache[2] == 1.5
    with pytest.raises(runtime.Error, match="'position' of entry 'store' has dtype int64, expected int32"):
        bundle["store"](cache, 1.5, np.array(2))


def test_read_only_and_empty_strided_inputs(bundle):
    x = np.arange(3, dtype=np.float32)
    x.setflags(write=False)
    np.testing.assert_array_equal(bundle["twice"](x), [0, 2, 4])
    # A dimension of size 1 may have any stride.
    column = np.arange(12, dtype=np.float32).reshape(6, 2)[:, :1][:1].T
    np.testing.assert_array_equal(bundle["twice"](column[0]), [0])
    with pytest.raises(runtime.Error, match="'x' of entry 'twice' is not contiguous in row-major order; pass numpy.asc"):
        bundle["twice"](np.arange(6, dtype=np.float32)[::2])
    with pytest.raises(runtime.Error, match="not contiguous"):
        bundle["matmul"](np.zeros((5, 2), np.float32).T, pack_nibbles(WEIGHT))


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int32, np.bool_, ">f4", ml_dtypes.bfloat16, object])
def test_refuses_other_dtypes(bundle, dtype):
    with pytest.raises(runtime.Error, match="argument 'x' of entry 'twice' has dtype .*, expected float32 for format f32"):
        bundle["twice"](np.zeros(3, dtype))


def test_refuses_what_is_no_array(bundle):
    for nothing in (None, "text", [1.0, 2.0], 3.0):
        with pytest.raises(TypeError, match="'x' of entry 'twice' is a .*, expected a numpy array or a DLPack tensor"):
            bundle["twice"](nothing)


def test_bfloat16_is_uint16_or_itself(bundle):
    bits = np.array([0x3f80, 0xc000], np.uint16)
    for x in (bits, bits.view(ml_dtypes.bfloat16), DLPackOnly(bits), Foreign(bits, code=4)):
        y = bundle["copy16"](x)
        assert y.dtype == np.uint16
        np.testing.assert_array_equal(y, bits)
    out = np.zeros(2, ml_dtypes.bfloat16)
    bundle["copy16"](bits, out=out)
    np.testing.assert_array_equal(out.astype(np.float32), [1, -2])
    with pytest.raises(runtime.Error, match="has dtype float16, expected uint16 for format bf16"):
        bundle["copy16"](np.zeros(2, np.float16))


def test_float8_is_any_byte_or_itself(bundle):
    bits = np.array([0x38, 0xff], np.uint8)
    for x in (bits, bits.view(np.int8), bits.view(ml_dtypes.float8_e4m3fn), Foreign(bits, code=10)):
        np.testing.assert_array_equal(bundle["copy8"](x), bits)
    with pytest.raises(runtime.Error, match="has dtype float8_e5m2, expected uint8 for format f8E4M3FN"):
        bundle["copy8"](bits.view(ml_dtypes.float8_e5m2))
    with pytest.raises(runtime.Error, match="has dtype float8_e5m2, expected uint8"):
        bundle["copy8"](Foreign(bits, code=12))


def test_dlpack_without_copies(bundle):
    cache = np.zeros(4, np.float32)
    bundle["store"](DLPackOnly(cache), DLPackOnly(np.array(3, np.float32)), DLPackOnly(np.array(2, np.int32)))
    np.testing.assert_array_equal(cache, [0, 0, 3, 0])
    out = np.zeros(3, np.float32)
    result = bundle["twice"](DLPackOnly(np.ones(3, np.float32)), out=DLPackOnly(out))
    np.testing.assert_array_equal(out, [2, 2, 2])
    assert isinstance(result, DLPackOnly)
    with pytest.raises(runtime.Error, match="argument 'x' is said to lie on a GPU, but the bundle is loaded for cpu"):
        bundle["twice"](Foreign(np.ones(3, np.float32), code=2, device=2))


def test_invalid_codes_are_refused(bundle):
    codes = np.array([[0b00100100, 0b01], [0b10101010, 0b10]], np.uint8)
    np.testing.assert_array_equal(bundle["ternary"](codes), [[-1, 0, 1, -1, 0], [1, 1, 1, 1, 1]])
    codes[1, 1] = 0b11
    with pytest.raises(runtime.Error, match="'codes' holds code 3 in row 1, column 4"):
        bundle["ternary"](codes)


def test_sizes_must_agree(bundle):
    with pytest.raises(runtime.Error, match=re.escape("entry 'matmul': argument 'x' has shape [1, 4], expected [M, 5]")):
        bundle["matmul"](np.zeros((1, 4), np.float32), pack_nibbles(WEIGHT))
    with pytest.raises(runtime.Error, match="every size is at least 1"):
        bundle["twice"](np.zeros(0, np.float32))


def test_threads(bundle, kernels, monkeypatch):
    bundle.threads = 3
    assert bundle.threads == 3 and bundle["threads"]() == 3
    assert runtime.load(kernels, threads=2)["threads"]() == 2
    for bad in (0, -1, 5000):
        with pytest.raises(runtime.Error, match="threads, expected 1 to 1024"):
            bundle.threads = bad
    monkeypatch.setenv("RUNG_NUM_THREADS", "4")
    assert runtime.load(kernels)["threads"]() == 4
    monkeypatch.setenv("RUNG_NUM_THREADS", "many")
    with pytest.raises(runtime.Error, match="RUNG_NUM_THREADS is 'many', expected a number"):
        runtime.load(kernels)


def test_calls_from_many_threads(bundle):
    failures = []

    def work(seed):
        x = np.full(1000, seed, np.float32)
        for _ in range(100):
            if not (bundle["twice"](x) == 2 * seed).all():
                failures.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_objects_keep_their_bundle(kernels):
    entry = runtime.load(kernels)["matmul"]
    packed = entry.pack(pack_nibbles(WEIGHT))
    asset = runtime.load(kernels).asset("notes.txt")
    gc.collect()
    np.testing.assert_array_equal(entry(np.ones((1, 5), np.float32), packed), WEIGHT.sum(axis=1, keepdims=True).T)
    assert len(bytes(asset)) == 9
    del entry
    gc.collect()
    assert isinstance(packed, runtime.PackedWeight)


def test_assets(bundle):
    asset = bundle.asset("notes.txt")
    assert asset.dtype == np.uint8 and not asset.flags.writeable and len(asset) == 9
    with pytest.raises(KeyError, match="has no asset 'tokenizer'; it has notes.txt"):
        bundle.asset("tokenizer")


def test_unknown_entries_and_files(bundle, tmp_path):
    with pytest.raises(KeyError, match="has no entry 'gemm'; it has twice, matmul"):
        bundle["gemm"]
    with pytest.raises(runtime.Error, match="missing.rung': cannot open: No such file"):
        runtime.load(tmp_path / "missing.rung")
    (tmp_path / "text.rung").write_text("no bundle")
    with pytest.raises(runtime.Error, match="text.rung': not a bundle"):
        runtime.load(tmp_path / "text.rung")
    with pytest.raises(runtime.Error, match="no binary for device 'cuda'; the bundle holds cpu:impossible"):
        runtime.load(bundle.path, device="cuda")


def test_needs_no_more_than_numpy(build, kernels):
    """Neither the compiler nor ml_dtypes is loaded by it."""
    code = ("import sys; from rung import runtime; runtime.load(sys.argv[1]); "
            "assert 'ml_dtypes' not in sys.modules; assert 'libMLIR' not in open('/proc/self/maps').read()")
    subprocess.run([sys.executable, "-c", code, kernels], check=True, env={"PYTHONPATH": str(build / "python")})


def test_survives_fork(bundle):
    """In a child of fork the pool's threads are gone; its calls still end."""
    code = ("import os, signal, sys, numpy as np; from rung import runtime; signal.alarm(30); "
            "b = runtime.load(sys.argv[1], threads=4); x = np.ones(1000, np.float32); b['twice'](x); pid = os.fork(); signal.alarm(30); y = b['twice'](x); "
            "assert (y == 2).all(); b.threads = 2; b['twice'](x); "
            "sys.exit(0 if pid == 0 else os.waitpid(pid, 0)[1])")
    subprocess.run([sys.executable, "-c", code, bundle.path], check=True, timeout=60,
                   env={"PYTHONPATH": str(sys.modules["rung"].__path__[0]) + "/.."})

-- SPDX-License-Identifier: Apache-2.0
-- LuaJIT takes kdst-ffi.h as it is and uses the library: luajit test_luajit.lua LIBRARY FFI_HEADER
local ffi = require("ffi")
local header = assert(io.open(arg[2])):read("*a")
ffi.cdef(header)
local kdst = ffi.load(arg[1])

-- Every declared function is in the library: indexing one that is missing is an error.
local count = 0
for name in header:gmatch("(kdst_[%w_]+)%(") do
    assert(kdst[name], name)
    count = count + 1
end
assert(count > 50, "the header declares " .. count .. " functions")

assert(ffi.string(kdst.kdst_version()):match("^%d+%.%d+%.%d+$"))
local out = ffi.new("kdst_context *[1]")
assert(kdst.kdst_context_create(nil, out) == kdst.KDST_STATUS_OK)
local ctx = out[0]
local shape = ffi.new("int64_t[2]", 2, 3)
local data = ffi.new("float[6]", 1, 2, 3, 4, 5, 6)
local made = ffi.new("kdst_tensor *[1]")
assert(kdst.kdst_tensor_create_from(ctx, kdst.KDST_DTYPE_FLOAT32, 2, shape, data, made) == kdst.KDST_STATUS_OK)
assert(kdst.kdst_tensor_get_count(made[0]) == 6)
kdst.kdst_tensor_release(made[0])

-- A layer with several inputs and outputs, without any callback: an LSTM over two sequences of 3 and 1 steps.
local layer, number = ffi.new("kdst_layer *[1]"), ffi.new("int64_t[1]")
assert(kdst.kdst_layer_lstm_create(ctx, 1, 2, nil, layer) == kdst.KDST_STATUS_OK)
local steps = ffi.new("int64_t[3]", 3, 2, 1)
local inputs, outputs = ffi.new("kdst_tensor *[2]"), ffi.new("kdst_tensor *[3]")
assert(kdst.kdst_tensor_create_from(ctx, kdst.KDST_DTYPE_FLOAT32, 3, steps, data, inputs) == kdst.KDST_STATUS_OK)
assert(kdst.kdst_tensor_create_from(ctx, kdst.KDST_DTYPE_INT32, 1, ffi.new("int64_t[1]", 2), ffi.new("int32_t[2]", 3, 1),
    inputs + 1) == kdst.KDST_STATUS_OK)
assert(kdst.kdst_layer_run_many(layer[0], inputs, 2, outputs, 3, number) == kdst.KDST_STATUS_OK and number[0] == 3)
local y, h = ffi.new("float[12]"), ffi.new("float[4]")
assert(kdst.kdst_tensor_get_data(outputs[0], y, 48) == kdst.KDST_STATUS_OK)
assert(kdst.kdst_tensor_get_data(outputs[1], h, 16) == kdst.KDST_STATUS_OK)
assert(y[8] == h[0] and y[9] == h[1] and y[2] == h[2] and y[3] == h[3], "the last h of both")
assert(y[6] == 0 and y[10] == 0 and h[0] ~= 0, "nothing behind the end")
for i = 0, 2 do kdst.kdst_tensor_release(outputs[i]) end
for i = 0, 1 do kdst.kdst_tensor_release(inputs[i]) end
kdst.kdst_layer_release(layer[0])

assert(kdst.kdst_tensor_create_from(ctx, 99, 2, shape, data, made) == kdst.KDST_STATUS_DTYPE)
assert(made[0] == nil and kdst.kdst_context_live_count(ctx) == 0)
kdst.kdst_context_release(ctx)
print(count .. " functions, version " .. ffi.string(kdst.kdst_version()))

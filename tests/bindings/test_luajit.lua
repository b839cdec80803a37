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
assert(kdst.kdst_tensor_create_from(ctx, 99, 2, shape, data, made) == kdst.KDST_STATUS_DTYPE)
assert(made[0] == nil and kdst.kdst_context_live_count(ctx) == 0)
kdst.kdst_context_release(ctx)
print(count .. " functions, version " .. ffi.string(kdst.kdst_version()))

-- SPDX-License-Identifier: Apache-2.0
local core = require "epact.core.json"

--- JSON, strict and exact (RFC 8259): `json.decode(json.encode(x))` is x again, or one of the two raises.
---
--- | JSON | Lua |
--- |---|---|
--- | null | `json.null`, which is true in a condition |
--- | number without fraction and exponent | integer |
--- | other number | float, the nearest one |
--- | string | string; its bytes are UTF-8, `\u0000` included |
--- | array | table 1 to n; an empty one has the mark of `json.array` |
--- | object | table with string keys; of equal keys the last counts |
---@class epact.json
local json = {}

--- The null of JSON: the only value of its kind, printed as `null`. Compare with `==`; as a condition it is true.
json.null = core.null

--- The JSON text of a value.
---
--- Tables whose first key is an integer are arrays, others objects, empty ones objects; `json.array` and `json.object`
--- say it for a table where that matters. Metamethods are not called.
---
---     json.encode { name = "ci", repo_ids = json.array { id } }  --> {"name":"ci","repo_ids":["5b0f..."]}
---@param value any  nil, functions, threads and userdata other than `json.null` cannot be JSON
---@param options? { pretty?: boolean, sort?: boolean }  pretty: a line for each member, indented by two spaces; sort:
--- members in the order of their keys' bytes, else in the table's own, which is not fixed. Both false.
---@return string text
--- Raises an error of code `json` that names the place, such as `value.items[3].f`, for a value that cannot be JSON, a
--- table with holes or with mixed keys, a key that is no string, a string that is not UTF-8, a number that is not
--- finite, a cycle, and more than 1000 tables in each other.
function json.encode(value, options) return core.encode(value, options) end

--- The value of a JSON text.
---@param text string
---@param options? { max_bytes?: integer, max_depth?: integer, max_nodes?: integer }  limits: bytes of text (1 GiB),
--- arrays and objects in each other (1000, which is also the most), values in all (4,000,000)
---@return any value
--- Raises an error of code `json` that names line, column and byte when the text is not strictly JSON, holds a number
--- that cannot be kept (an integer beyond 64 bits that no float is equal to, 1e400) or is over a limit; of code
--- `too_large` when it is longer than max_bytes.
function json.decode(text, options) return core.decode(text, options) end

--- Marks a table as an array, so that it is one for `encode` also when it is empty; returns it.
---@param t? table  a new table when left out; one with a metatable of its own is an error
---@return table t
function json.array(t) return core.array(t) end

--- Marks a table as an object: it is one when it was marked as an array before, and integer keys in it are an error
--- instead of making it an array; returns it.
---@param t? table  a new table when left out; one with a metatable of its own is an error
---@return table t
function json.object(t) return core.object(t) end

--- Whether a value is a table with the mark of `json.array`.
---@param value any
---@return boolean
function json.is_array(value) return core.is_array(value) end

return json

-- SPDX-License-Identifier: Apache-2.0
--- Methods that say so when they are called with a dot: who comes from the vendor's SDK writes `client.repo.get(id)`.
local M = {}

--- A method that checks what it is called on.
-- @param class table: the metatable of the objects
-- @param name string: how an object is written, such as "client.repo"
-- @param key string: the name of the method
-- @param method function
-- @return function
function M.method(class, name, key, method)
	return function(self, ...)
		if getmetatable(self) ~= class then
			error(("%s.%s is a method: call it with a colon, %s:%s(...)"):format(name, key, name, key), 2)
		end
		return method(self, ...)
	end
end

--- Lets all methods of a class check what they are called on.
-- @param class table: the methods, and metatable of the objects
-- @param name string: how an object is written, such as "client.repo"
-- @return table: the class
function M.class(class, name)
	for key, method in pairs(class) do
		if type(method) == "function" and key:sub(1, 2) ~= "__" then class[key] = M.method(class, name, key, method) end
	end
	return class
end

return M

-- SPDX-License-Identifier: Apache-2.0
-- Writes the one stream that makes a commit: the language of git fast-import. No git here.

local fast_import = {}

local ESCAPES = { ["\n"] = "\\n", ['"'] = '\\"', ["\\"] = "\\\\" }

local function escape(byte)
	return ESCAPES[byte] or ("\\%03o"):format(byte:byte())
end

-- A path of a push may hold any byte but NUL.
local function quote(path)
	if not path:find('[%c"\\]') then return path end
	return '"' .. path:gsub('[%c"\\]', escape) .. '"'
end

--- Text of a name or an address as it may stand in a commit: without what would end it.
function fast_import.plain(text)
	return (text:gsub("[<>%c]", ""))
end

--- Returns the pieces of the stream that makes one commit and moves `ref` to it, and prints its id. `commit` holds
--- ref, message, name, email, time (seconds since 1970), parent (an id, or nil for a first commit), removed and changed
--- (lists of paths) and tree (path to {mode, id, content}): an entry with content is written, one without is there.
function fast_import.stream(commit)
	local out, count = {}, 0
	local function put(...)
		for index = 1, select("#", ...) do
			count = count + 1
			out[count] = (select(index, ...))
		end
	end
	put("feature done\ncommit ", commit.ref, "\nmark :1\n")
	put(("committer %s <%s> %d +0000\n"):format(commit.name, commit.email, commit.time))
	put(("data %d\n%s\n"):format(#commit.message, commit.message))
	if commit.parent then put("from ", commit.parent, "\n") end
	for _, path in ipairs(commit.removed) do put("D ", quote(path), "\n") end
	for _, path in ipairs(commit.changed) do
		local entry = commit.tree[path]
		if entry.content then
			put(("M %s inline %s\ndata %d\n"):format(entry.mode, quote(path), #entry.content), entry.content, "\n")
		else
			put(("M %s %s %s\n"):format(entry.mode, entry.id, quote(path)))
		end
	end
	put("get-mark :1\ndone\n")
	return out
end

return fast_import

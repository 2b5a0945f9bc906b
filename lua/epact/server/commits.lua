-- SPDX-License-Identifier: Apache-2.0
-- Which commit of a repo a request asks for.

local errors = require "epact.server.errors"
local paths = require "epact.server.paths"

local commits = {}

-- What git refuses in the name of a branch, and what would be more than a name.
local function is_branch(name)
	return not name:find("[%c%s~^:?*%[\\]") and not name:find("..", 1, true) and not name:find("@{", 1, true)
		and not paths.problem(name)
end

--- The id of the commit that the full or shortened id `wanted` names. Raises 404.
function commits.by_id(app, path, wanted)
	local is_id = #wanted >= 7 and #wanted <= 40 and wanted:find("^%x+$")
	local commit = is_id and app.git_store:find_commit(path, wanted:lower())
	if not commit then errors.fail(404, "no such commit") end
	return commit
end

--- The head of a branch; nil: the default one. Raises 404.
function commits.of_branch(app, path, repo, branch)
	branch = branch or repo.branch
	local head = is_branch(branch) and app.git_store:head(path, branch)
	if not head then errors.fail(404, "no such branch") end
	return head
end

--- The commit that `hash` names, else the head of `branch`, else that of the default branch. Raises 404.
function commits.find(app, path, repo, branch, hash)
	if hash then return commits.by_id(app, path, hash) end
	return commits.of_branch(app, path, repo, branch)
end

return commits

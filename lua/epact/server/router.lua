-- SPDX-License-Identifier: Apache-2.0
-- From a method and a raw path to the name of a route and its raw parameters. Nothing is decoded here but ids, which
-- have no characters that need it. No redirects: a trailing or a double slash is another, unknown path.

local errors = require "epact.server.errors"
local paths = require "epact.server.paths"

local router = {}

-- Each pattern stands for the whole raw path; its methods map to the names of the handlers.
local ROUTES = {
	{ "^/$", { GET = "status_page", HEAD = "status_page" } },
	{ "^/openapi%.yaml$", { GET = "openapi", HEAD = "openapi" } },
	{ "^/v1/openapi%.yaml$", { GET = "openapi", HEAD = "openapi" } },
	{ "^/v1/repo_token$", { POST = "token_create" } },
	{ "^/v1/repo_token/([^/]+)$", { GET = "token_get", DELETE = "token_delete" } },
	{ "^/v1/repo$", { POST = "repo_create", GET = "repo_list" } },
	{ "^/v1/repo/([^/]+)%.git/(.+)$", { GET = "git", POST = "git" } },
	{ "^/v1/repo/([^/]+)%.git$", { GET = "git", POST = "git" } },
	{ "^/v1/repo/([^/]+)$", { GET = "repo_get", DELETE = "repo_delete" } },
	{ "^/v1/repo/([^/]+)/update$", { POST = "repo_update" } },
	{ "^/v1/repo/([^/]+)/clone$", { GET = "repo_clone" } },
	{ "^/v1/repo/([^/]+)/retrieve$", { POST = "repo_retrieve" } },
	{ "^/v1/repo/([^/]+)/embedding_status$", { GET = "repo_embeddings" } },
	{ "^/v1/repo/([^/]+)/agent$", { POST = "repo_agent" } },
	{ "^/v1/repo/([^/]+)/search$", { POST = "repo_search" } },
	{ "^/v1/repo/([^/]+)/file/(.*)$",
		{ GET = "file_get", HEAD = "file_get", PUT = "file_put", DELETE = "file_delete" } },
}

local function allow(methods)
	local names = {}
	for name in pairs(methods) do names[#names + 1] = name end
	table.sort(names)
	return table.concat(names, ", ")
end

--- Returns the name of the route and its raw parameters. Raises 404 for an unknown path and 405, with `Allow`, for a
--- method that the path does not serve.
function router.match(method, path)
	for _, route in ipairs(ROUTES) do
		local first, second = path:match(route[1])
		if first then
			local name = route[2][method]
			if not name then
				local word = router.loggable_word(method)
				errors.fail(405, ("%s is not served here"):format(word), { headers = { Allow = allow(route[2]) } })
			end
			return name, first, second
		end
	end
	errors.fail(404, "no such route")
end

--- True for the paths that git asks for: their failures are one line of plain text.
function router.is_git(path)
	return path:find("^/v1/repo/[^/]+%.git/") ~= nil or path:find("^/v1/repo/[^/]+%.git$") ~= nil
end

local function encode(byte)
	return ("%%%02X"):format(byte:byte())
end

--- A raw path as it may stand in a log: no credential in it, however it is encoded, and no byte that could forge a line.
function router.loggable(path)
	path = (paths.decode(path) or path):gsub("^(/v1/repo_token/).+$", "%1***"):gsub("rlcr?%-[%w_%-]+", "***")
	return (path:gsub("[^\33-\36\38-\126]", encode):sub(1, 512))
end

--- The same of a method, or another single word.
function router.loggable_word(word)
	return (word:gsub("[^%w_%-]", "?"):sub(1, 20))
end

return router

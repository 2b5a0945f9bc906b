-- SPDX-License-Identifier: Apache-2.0
-- timeout: 90
-- What git has of the user's configuration: the way to the network, and nothing else.
local check = require "check"
local fs = require "epact.fs"
local git_server = require "git_server"
local process = require "epact.process"
local case, equal = check.case, check.equal

local folder <close> = fs.temp_dir()
local tmp = folder.path
fs.mkdir(tmp .. "/repos")
fs.mkdir(tmp .. "/home")
git_server.repositories(tmp .. "/repos")
local server <close> = git_server.start(tmp .. "/repos", { token = "the-right-token" })

local count = 0

-- Clones with a home of its own; the code of the error, or "done", and its words.
local function clone(url, env, more)
	count = count + 1
	local script = ([[
		local git = require "epact.git"
		local dir = %q
		local ok, err = pcall(function()
			git.clone { url = %q, directory = dir %s }
			git.open(dir):command { "fetch", "origin", remote = "origin" }
		end)
		io.write(ok and "done" or err.code or tostring(err), "\n", ok and "" or tostring(err.detail))
	]]):format(tmp .. "/c" .. count, url, more or "")
	local variables = { HOME = tmp .. "/home", no_proxy = false, NO_PROXY = false, GIT_CONFIG_NOSYSTEM = "1", GIT_CONFIG_GLOBAL = false }
	for name, value in pairs(env or {}) do variables[name] = value end
	local out = process.run({ os.getenv "EPACT_BIN", "run", "-e", script }, { env = variables }).stdout
	return out:match "^([^\n]*)\n(.*)$"
end

local function configure(text) fs.write(tmp .. "/home/.gitconfig", text) end

case("without any", function() equal(clone(server:at "open"), "done") end)

-- Whom git spoke to instead of a host that there is not.
local PROXY = "127.0.0.1 port 1"

local function way(env)
	local code, words = clone("https://host.invalid/x.git", env)
	equal(code, "network")
	return words:find(PROXY, 1, true) and "proxy" or words:find "resolve host" and "direct" or words
end

case("a proxy", function()
	equal(way(), "direct")
	configure '[http]\n\tproxy = http://127.0.0.1:1\n'
	equal(way(), "proxy")
	equal(clone(server:at "open"), "done") -- this machine is not far
	configure '[http "https://host.invalid/"]\n\tproxy = http://127.0.0.1:1\n'
	equal(way(), "proxy")
	configure '[http "https://other.invalid/"]\n\tproxy = http://127.0.0.1:1\n'
	equal(way(), "direct")
	fs.write(tmp .. "/other", '[http]\n\tproxy = http://127.0.0.1:1\n')
	equal(way { GIT_CONFIG_GLOBAL = tmp .. "/other" }, "proxy")
	fs.remove(tmp .. "/home/.gitconfig")
	fs.mkdir(tmp .. "/home/.config/git", { parents = true })
	fs.rename(tmp .. "/other", tmp .. "/home/.config/git/config")
	equal(way(), "proxy")
	fs.remove(tmp .. "/home/.config", { recursive = true })
	equal(way { https_proxy = "http://127.0.0.1:1" }, "proxy")
	equal(way(), "direct")
end)

case("certificates", function()
	configure '[http]\n\tsslCAInfo = ~/missing.pem\n'
	local code, words = clone(("https://127.0.0.1:%s/x.git"):format(server.port))
	equal(code, "tls")
	check.contains(words, "Problem with the SSL CA cert") -- it looked for that one
	-- there is no way around them
	configure '[http]\n\tsslVerify = false\n'
	equal(clone(("https://127.0.0.1:%s/x.git"):format(server.port)), "tls")
end)

case("nothing else", function()
	local mark = tmp .. "/ran"
	configure(([[
[credential]
	helper = "!touch '%s'; echo username=token; echo password=the-right-token #"
[core]
	fsmonitor = "touch '%s'"
	hooksPath = %s
[url "http://127.0.0.1:1/"]
	insteadOf = %s
[init]
	templateDir = /nonexistent
[http]
	extraHeader = "Authorization: Basic dG9rZW46dGhlLXJpZ2h0LXRva2Vu"
	cookieFile = %s
]]):format(mark, mark, tmp, server:at "open", tmp))
	equal(clone(server:at "open"), "done")
	equal(clone(server:at "ok"), "authentication")
	equal(fs.stat(mark), nil)
	configure "this is [no configuration\n"
	equal(clone(server:at "open"), "done")
	fs.remove(tmp .. "/home/.gitconfig")
end)

case("no password of .netrc", function()
	fs.write(tmp .. "/home/.netrc", "machine 127.0.0.1 login token password the-right-token\n", { mode = 384 })
	equal(clone(server:at "ok"), "authentication")
	check.lacks(server:requests(), "the-right-token")
	equal(clone(server:at "ok", nil, ', credential = "the-right-token"'), "authentication") -- of the fetch, which has none
	check.contains(server:requests(), "the-right-token")
end)

case("a home that is not there", function()
	equal(clone(server:at "open", { HOME = false }), "done")
	equal(clone(server:at "open", { HOME = "/nonexistent" }), "done")
end)

check.done()

-- SPDX-License-Identifier: Apache-2.0
-- timeout: 240
-- Hostile words: what a script may pass on from elsewhere to a clone. Refused before anything is sent, or taken literally.
local check = require "check"
local fs = require "epact.fs"
local git = require "epact.git"
local git_world = require "git_world"
local task = require "epact.task"

local case, equal = check.case, check.equal
local world <close> = git_world.open()
local tmp, server = world.tmp, world.server

-- Refused, and the server was not asked.
local function unsent(codes, options)
	local before = server:requests()
	local err = world:refused(codes, options)
	equal(server:requests(), before, "requests")
	return err
end

local function each(name, list, to_options)
	for i, value in ipairs(list) do
		case(("%s %d: %q"):format(name, i, tostring(value):sub(1, 60)), function() unsent("invalid_argument", to_options(value)) end)
	end
end

each("a URL that is none of https", {
	"-u./payload", "--upload-pack=touch ran", "--config=core.fsmonitor=touch ran", "ext::sh -c 'touch ran'", "ext::touch% ran",
	"fd::17", "file:///etc", "/etc", "../x", "./repos/repo.git", "repo.git", "ssh://-oProxyCommand=touch%20ran/x",
	"ssh://host/x", "git@host:x", "-oProxyCommand=touch ran:x", "git://127.0.0.1/x", "ftp://127.0.0.1/x", "ftps://h/x",
	"http::http://127.0.0.1/x", "https::ext::sh", "HTTPS://h/x", "javascript:x", "", " https://h/x", "https:/h/x", "rsync://h/x",
	"bundle:x", "testgit::x", "https+ext://h/x", "data:x",
}, function(url) return { url = url } end)

each("an https URL that is odd", {
	"https://", "https:///x", "https://-oProxyCommand=x/y", "https://h", "https://h/", "https://user@h/x", "https://:pw@h/x",
	"https://h:0x50/x", "https://h:/x", "https://h:999999/x", "https://h/x?y=z", "https://h/x#y", "https://h/a b", "https://h/a\tb",
	"https://h/a\nb", "https://h/a\rb", "https://h/%0a", "https://h/%0d%0aX-Evil:%201", "https://h/%00", "https://h/%", "https://h/%zz",
	"https://h\\@evil/x", "https://h/'x'", 'https://h/"x"', "https://h/`touch ran`", "https://[::1/x", "https://[x]/x",
	"http://example.com/x", "http://127.0.0.1.example.com/x", "http://localhost.evil/x", "http://127.1@evil/x",
	"http://0x7f000001.evil/x", "https://h/" .. ("x"):rep(5000),
}, function(url) return { url = url } end)

each("a branch", {
	"-u", "--upload-pack=touch ran", "-", "", "a b", "a..b", "../../x", "/a", "a/", "a//b", "a\nb", "a\rb", "a\tb", "a\27[2J", "a~1", "a^",
	"a:b", "a?", "a*", "a[b", "a\\b", "@", "a@{1}", ".a", "a/.b", "a.lock", "a.lock/b", "a.", "a\127", ("x"):rep(300), "@{-1}",
	"refs/heads/..", ":refs/heads/x", "+a:b",
}, function(branch) return { branch = branch } end)

each("a filter", {
	"--upload-pack=touch ran", "sparse:path=/etc/passwd", "sparse:oid=main", "blob:none --upload-pack=x", "blob:none\nx", "",
	"tree:0;touch ran", "combine:sparse:path=x", "blob:limit=$(touch ran)", "-", "blob",
}, function(filter) return { filter = filter } end)

each("a folder of a sparse checkout", {
	"../x", "/etc", "a/../../x", ".", "..", "a/./b", ".git", ".git/hooks", "a/.GIT/b", "a\nb", '"a"\n/b', "", "//",
	"a\\b", "a\27[2J", ("x/"):rep(3000),
}, function(folder) return { sparse = { folder } } end)

case("NUL in each word", function()
	for _, name in ipairs { "url", "directory", "branch", "filter", "reference", "ca_file" } do
		local before = server:requests()
		local ok, err = pcall(world.clone, world, { [name] = "a\0b" })
		check.ok(not ok)
		check.contains(err, name)
		equal(server:requests(), before)
	end
end)

case("a credential that would be a second line of the answer", function()
	for _, credential in ipairs { world.token .. "\nhost=evil", "a\r", "a\0b", "\n" } do
		unsent("invalid_argument", { credential = credential })
	end
end)

case("a reference that is an option, or leads nowhere", function()
	unsent("not_found", { reference = "--upload-pack=touch ran" })
	unsent("not_found", { reference = "/etc" })
	unsent("not_found", { reference = "ext::sh -c 'touch ran'" })
	unsent("not_found", { reference = tmp .. "/repos/none.git" })
end)

case("a file of certificates that is an option", function()
	world:harmless { ca_file = "--upload-pack=touch ran" } -- http does not look at it
end)

-- Folders with odd names are folders.
local folders = { "-u", "--upload-pack=touch ran", "a b", "a;touch ran", "$(touch ran)", "`touch ran`", "a\nb", 'a"b', "a'b", "a\\b", "a\27[2Jb",
	"\xff\xfe", "*", "~", "a:b", "@{u}", ":(top)x", "ext::sh", ("x"):rep(200), "-c core.fsmonitor=x" }
for i, name in ipairs(folders) do
	case(("a folder named %d: %q"):format(i, name:sub(1, 40)), function()
		world:harmless({ directory = tmp .. "/clones/" .. name }, function(directory)
			equal(fs.read(directory .. "/one.txt"), "one\nmore\n")
		end)
		equal(world:listing(), "")
	end)
end

case("a folder with a dash in front, seen from the working folder", function()
	local result = world:clone_in({}, { directory = "--upload-pack=touch ran" })
	equal(result.code, "ok")
	equal(fs.stat(tmp .. "/--upload-pack=touch ran/one.txt").type, "file")
	fs.remove(tmp .. "/--upload-pack=touch ran", { recursive = true })
end)

case("the folder is a file, a link, a link to a folder, a device or not empty", function()
	world:sh "echo mine >clones/file; ln -s nowhere clones/link; mkdir clones/full outside; echo mine >clones/full/x; ln -s ../outside clones/out"
	world:sh "echo theirs >outside/y; ln -s ../file clones/full/z"
	for _, name in ipairs { "file", "file/below", "link", "full", "out" } do
		unsent("destination_exists|not_found|io|exists", { directory = tmp .. "/clones/" .. name })
	end
	unsent("destination_exists", { directory = "/dev/null" })
	equal(fs.read(tmp .. "/clones/file"), "mine\n")
	equal(world:sh "ls outside clones/full", "clones/full:\nx\nz\n\noutside:\ny")
	world:sh "rm -rf clones/* outside"
end)

case("a parent that may not be written", function()
	if world:sh "id -u" == "0" then return end -- root may
	world:sh "mkdir clones/locked; chmod 500 clones/locked"
	unsent("permission", { directory = tmp .. "/clones/locked/x" })
	world:sh "chmod 700 clones/locked; rm -r clones/locked"
end)

case("a folder without a name", function() unsent("invalid_argument", { directory = "" }) end)

case("options that are no options", function()
	for _, name in ipairs { "upload_pack", "config", "template", "args", "c", "origin", "bare", "mirror_of", "recurse" } do
		check.contains(check.fails("unknown option", world.clone, world, { [name] = "x" }), name)
	end
end)

case("git.run places no option of its own, and takes a list only", function()
	check.ok(not pcall(git.run, tmp, "status; touch ran"))
	check.ok(not pcall(git.run, tmp, { "status", 1.5, {} }))
	world:check_clean()
end)

-- The last one: the server may still write down what it was asked here when the case is over.
case("the folder is filled, or swapped for a link, while the clone runs: what others put there stays", function()
	world:sh "mkdir victim; echo precious >victim/file"
	task.scope(function(scope)
		local clone = scope:spawn_try(world.clone, world, { url = server:at "stall" })
		while not server:requests():find("git-upload-pack\"", 1, true) do task.sleep(0.01) end
		task.sleep(0.2)
		world:sh "mv clones/c clones/moved; ln -s ../victim clones/c"
		clone:cancel()
	end)
	equal(fs.read(tmp .. "/victim/file"), "precious\n")
	world:sh "rm -rf clones/* victim"
end)

world:check_clean()
check.done()

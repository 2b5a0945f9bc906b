-- SPDX-License-Identifier: Apache-2.0
-- timeout: 240
-- Hostile repositories, made with git's own tools: their objects are refused when they come, or do nothing.
local check = require "check"
local fs = require "epact.fs"
local git_world = require "git_world"

local case, equal = check.case, check.equal
local world <close> = git_world.open()
local tmp, server = world.tmp, world.server

-- git's check of what comes refuses the objects, whichever way it is cloned.
local repository = function(script) return world:repository(script) end

local function refused(name, script)
	case("refused: " .. name, function()
		local url = repository(script)
		world:refused("corrupt", world.count % 8 == 0 and { url = url, full = true, max_files = 100 } or { url = url })
	end)
end

local EVIL = "#!/bin/sh\\ntouch %s/ran\\n"
local function blob(text) return ("$(blob '%s')"):format(text) end
local payload = blob(EVIL:format(tmp))

for _, name in ipairs { ".git", ".GIT", ".Git", ".gIt", "git~1", "GIT~1", ".git\\x20", ".git.", ".git...", ".git\\xe2\\x80\\x8c",
	".g\\xe2\\x80\\x8dit", "\\xe2\\x80\\x8e.git", ".git::$INDEX_ALLOCATION", "..", ".", "" } do
	refused(("a folder named %q"):format(name), ([[main $(raw 40000 '%s' $(raw 40000 hooks $(raw 100755 post-checkout %s))) ]])
		:format(name, payload))
end

refused("a name with a slash", ([[main $(raw 100644 '.git/hooks/post-checkout' %s)]]):format(payload))
refused("an absolute name", ([[main $(raw 100644 '%s/ran' %s)]]):format(tmp, payload))
refused("a name that leads up", ([[main $(raw 100644 '../ran' %s)]]):format(payload))
refused("a link and a folder of one name, to write through it",
	([[main $(raw 120000 a %s 40000 a $(raw 100644 ran %s))]]):format(blob(tmp), payload))
refused("two files of one name", ([[main $(raw 100644 a %s 100755 a %s)]]):format(blob("x"), payload))
refused("entries that are not sorted", ([[main $(raw 100644 b %s 100644 a %s)]]):format(blob("x"), payload))
refused("an entry without an object", [[main $(raw 100644 a 0000000000000000000000000000000000000000)]])
refused(".gitmodules as a link", ([[main $(raw 120000 .gitmodules %s)]]):format(blob("/etc/passwd")))

local function modules(text) return ([[main $(raw 100644 .gitmodules %s 160000 sub $(commit $(raw)))]]):format(blob(text)) end

refused(".gitmodules with a URL that is an option", modules '[submodule "x"]\\n\\tpath = sub\\n\\turl = -u./payload\\n')
refused(".gitmodules with a name that leads up", modules '[submodule "../../x"]\\n\\tpath = sub\\n\\turl = https://h/x\\n')
refused(".gitmodules with a path that is an option", modules '[submodule "x"]\\n\\tpath = -sub\\n\\turl = https://h/x\\n')
refused(".gitmodules with a command", modules '[submodule "x"]\\n\\tpath = sub\\n\\turl = https://h/x\\n\\tupdate = !touch ran\\n')
refused(".gitmodules with a line end in the URL", modules '[submodule "x"]\\n\\tpath = sub\\n\\turl = "https://h/x\\\\n\\\\nhost=evil"\\n')
refused(".gitattributes with a line that is too long",
	[[main $(raw 100644 .gitattributes $(python3 -c 'print("* " + "a" * 5000)' | git hash-object -w --stdin))]])
refused("a commit with a line end in the author", [[
	git update-ref refs/heads/main $(printf 'tree %s\nauthor a\nb <a> 1 +0000\ncommitter a <a> 1 +0000\n\nm' $(raw) |
		git hash-object -t commit -w --stdin --literally)]])
refused("a commit whose tree is a blob", [[
	git update-ref refs/heads/main $(printf 'tree %s\nauthor a <a> 1 +0000\ncommitter a <a> 1 +0000\n\nm' $(blob x) |
		git hash-object -t commit -w --stdin --literally)]])

-- It is cloned and does nothing; look(directory) checks what is there.
local function harmless(name, script, look, options)
	case("harmless: " .. name, function()
		options = options or {}
		options.url = repository(script)
		world:harmless(options, look)
	end)
end

harmless("links that lead out", ([[main $(raw 120000 a %s 120000 b %s 120000 c %s)]]):format(blob("/etc"), blob("../../../../etc/passwd"), blob("a/passwd")),
	function(directory) equal(world:sh("readlink a c", { cwd = directory }), "/etc\na/passwd") end)
harmless("a link on one branch where the other has a folder", ([[
	main $(raw 40000 dir $(raw 100644 ran %s)); git update-ref refs/heads/link $(commit $(raw 120000 dir %s))]])
	:format(blob("y"), blob(tmp)), function(directory)
		world:sh("git checkout -q link; git checkout -q main; git checkout -q link; git checkout -q main", { cwd = directory })
		equal(fs.stat(tmp .. "/ran"), nil)
	end, { full = true, single_branch = false })
harmless("names that collide without case", ([[main $(raw 120000 A %s 40000 a $(raw 100644 ran %s))]]):format(blob(tmp), payload))
harmless("a folder that looks like a bare repository", ([[main $(raw 100644 HEAD %s 100644 config %s 40000 hooks $(raw 100755 post-checkout %s) 40000 objects $(raw) 40000 refs $(raw))]])
	:format(blob "ref: refs/heads/main\\n", blob(("[core]\\n\\tfsmonitor = touch %s/ran\\n\\tbare = true\\n"):format(tmp)), payload),
	function(directory) equal(fs.stat(directory .. "/hooks/post-checkout").type, "file") end)
harmless("hooks in folders of the tree", ([[main $(raw 40000 .githooks $(raw 100755 post-checkout %s) 40000 .husky $(raw 100755 post-checkout %s) 40000 hooks $(raw 100755 post-checkout %s))]])
	:format(payload, payload, payload))
harmless("a .gitconfig and an .lfsconfig in the tree", ([[main $(raw 100644 .gitconfig %s 100644 .lfsconfig %s)]])
	:format(blob(("[core]\\n\\tfsmonitor = touch %s/ran\\n"):format(tmp)), blob "[lfs]\\n\\turl = http://evil/\\n"))
harmless("attributes that ask for filters", ([[main $(raw 100644 .gitattributes %s 100644 x.bin %s)]]):format(
	blob("* filter=lfs diff=lfs merge=lfs -text\\n*.bin filter=evil working-tree-encoding=UTF-16\\n"),
	blob("version https://git-lfs.github.com/spec/v1\\noid sha256:00\\nsize 1\\n")), nil)
harmless("a submodule is not fetched unless asked for", modules(('[submodule "x"]\\n\\tpath = sub\\n\\turl = %s\\n'):format(server:at "ok")),
	function(directory) equal(world:sh("ls -A sub; git config --get-regexp '^submodule' || true", { cwd = directory }), "") end)
harmless("a submodule without .gitmodules", [[main $(raw 160000 sub $(commit $(raw)))]])
harmless("setuid and other modes", ([[main $(raw 104755 s %s 100666 w %s)]]):format(payload, payload),
	function(directory) equal(fs.stat(directory .. "/s").mode & ~0x1ff, 0) end)
harmless("names that move a terminal", ([[main $(raw 100644 'a\nb' %s 100644 'a\x1b[2Jb' %s 100644 '\xff' %s)]]):format(blob "x", blob "x", blob "x"),
	function(directory) equal(#fs.list(directory), 4) end, { progress = function() end })
harmless("names that are options", ([[main $(raw 100644 '--upload-pack=touch ran' %s 100644 '-rf' %s)]]):format(blob "x", blob "x"))
harmless("names that are words of the shell", ([[main $(raw 100644 '$(touch ran)' %s 100644 ';touch ran' %s 100644 '`touch ran`' %s)]]):format(blob "x", blob "x", blob "x"))
harmless("branches and tags that are words of the shell or options", ([[
	c=$(commit $(raw 100644 x %s)); git update-ref refs/heads/main $c
	for r in 'heads/$(touch${IFS}ran)' 'heads/;touch' 'heads/`x`' tags/--upload-pack=x tags/-u 'heads/|x' heads/HEAD tags/main tags/HEAD; do
		git update-ref "refs/$r" $c; done]]):format(blob "x"), function(directory, result) equal(result.branch, "main") end,
	{ full = true, single_branch = false })
harmless("replacements, grafts and notes stay where they are", ([[
	t=$(raw 100644 x %s); main $t; git update-ref refs/replace/$(git rev-parse main) $(commit $(raw 100755 evil %s)); git update-ref refs/notes/commits $(commit $t)
	mkdir -p "$GIT_DIR/info"; git rev-parse main >"$GIT_DIR/info/grafts"]]):format(blob "x", payload),
	function(directory) equal(world:sh("ls; git for-each-ref refs/replace refs/notes", { cwd = directory }), "x") end, { full = true })
harmless("a server's configuration and hooks are the server's", ([[main $(raw 100644 x %s); git config core.fsmonitor 'touch ran'; git config filter.x.smudge 'touch ran']]):format(blob "x"),
	function(directory) check.lacks(fs.read(directory .. "/.git/config"), "touch") end)
harmless("a hundred thousand refs", ([[
	c=$(commit $(raw 100644 x %s)); git update-ref refs/heads/main $c
	{ echo '# pack-refs with: peeled fully-peeled sorted '; seq -f "$c refs/heads/a/%%06.0f" 100000; echo "$c refs/heads/main"; } >"$GIT_DIR/packed-refs"]]):format(blob "x"),
	function(_, result) equal(result.branch, "main") end)

check.done()

-- SPDX-License-Identifier: Apache-2.0
-- timeout: 120
-- What a script or an agent could leave in a repository so that our git runs it: each writes a file, which must not be there.
local check = require "check"
local errors = require "epact.error"
local fs = require "epact.fs"
local git = require "epact.git"
local git_work = require "git_work"
local task = require "epact.task"
local case, equal, fails = check.case, check.equal, check.fails

local function payload(w) return ("touch '%s/ran'"):format(w.folder.path) end

local function ran(w) return fs.stat(w.folder.path .. "/ran") ~= nil end

-- A repository in which each command has something to do, and a remote.
local function prepared(options)
	local w = git_work.new(options or { protocols = { "file" } })
	w:commit("first", { a = "1\n", b = "1\n", c = "1\n", [".gitattributes"] = "* filter=evil diff=evil merge=evil\n" })
	w:sh "git init -q --bare ../remote.git; git remote add origin ../remote.git; git push -q origin main 2>/dev/null"
	w.repo:checkout { branch = "side", new = true }
	w:commit("side", { a = "side\n" })
	w.repo:checkout { branch = "main" }
	w:commit("main", { b = "main\n" })
	w:put("c", "changed\n")
	w:put("new", "new\n")
	return w
end

local COMMANDS = {
	{ "status", function(repo) repo:status() end },
	{ "diff", function(repo) repo:diff { text = true } end },
	{ "log", function(repo) repo:log { paths = "a" } end },
	{ "show", function(repo) repo:show() end },
	{ "show path", function(repo) repo:show("HEAD", { path = "a" }) end },
	{ "ls_files", function(repo) repo:ls_files { untracked = true } end },
	{ "stash", function(repo) repo:stash { push = true, untracked = true } repo:stash { pop = true } end },
	{ "add", function(repo) repo:add() end },
	{ "commit", function(repo) repo:commit { message = "changed", all = true } end },
	{ "checkout", function(repo) repo:checkout { branch = "side" } repo:checkout { branch = "main" } end },
	{ "checkout paths", function(repo) repo:checkout { paths = "a", from = "side" } repo:reset { mode = "hard" } end },
	{ "merge", function(repo) repo:merge { branch = "side", favor = "ours" } end },
	{ "tag", function(repo) repo:tag { create = "t", message = "t" } end },
	{ "branch", function(repo) repo:branch() end },
	{ "fetch", function(repo) repo:fetch() end },
	{ "push", function(repo) repo:push() end },
	{ "pull", function(repo) repo:pull { mode = "merge" } end },
	{ "worktree", function(repo) local _ <close> = repo:worktree { branch = "side" } end },
	{ "reset", function(repo) repo:reset { mode = "hard" } end },
	{ "command", function(repo) repo:command { "blame", "a" } repo:command { "grep", "1", check = false } end },
}

-- Runs them all. refused: each that looks at the configuration must fail so.
local function run_all(w, refused)
	for _, command in ipairs(COMMANDS) do
		local ok, err = pcall(command[2], w.repo)
		if refused then
			check.ok(not ok and errors.is(err, "unsafe_config"), command[1] .. " was not refused: " .. tostring(err))
		elseif not ok then
			error(("%s: %s %s"):format(command[1], err, type(err) == "table" and err.detail or ""), 0)
		end
		check.ok(not ran(w), command[1] .. " ran it")
	end
end

local function config(w, key, value) w:sh(('git config --add "%s" "%s"'):format(key, value)) end

case("settings that have no effect", function()
	local w <close> = prepared()
	for _, key in ipairs { "core.fsmonitor", "core.sshCommand", "core.askPass", "core.editor", "core.pager", "sequence.editor",
		"credential.helper", "filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "filter.a.b.clean",
		"alias.st", "pager.log" } do
		config(w, key, (key:find "filter" and "" or "!") .. payload(w) .. "; cat #")
	end
	config(w, "filter.evil.required", "true")
	config(w, "commit.gpgSign", "true")
	config(w, "tag.gpgSign", "true")
	config(w, "push.gpgSign", "true")
	config(w, "log.showSignature", "true")
	config(w, "protocol.allow", "always")
	run_all(w)
end)

case("hooks, in both places", function()
	local w <close> = prepared()
	w:sh(([[
		mkdir -p .git/hooks .git/evil
		for hook in applypatch-msg pre-commit prepare-commit-msg commit-msg post-commit pre-rebase post-checkout post-merge pre-push \
			pre-auto-gc post-rewrite reference-transaction post-index-change pre-merge-commit fsmonitor-watchman push-to-checkout; do
			printf '#!/bin/sh\n%%s\n' "%s" >.git/hooks/$hook
			chmod +x .git/hooks/$hook
			cp .git/hooks/$hook .git/evil/
		done
		git config core.hooksPath "$PWD/.git/evil"
	]]):format(payload(w)))
	run_all(w)
end)

local REFUSED = { "include.path", "includeIf.gitdir:/**.path", "diff.external", "diff.evil.command", "diff.evil.textconv", "merge.evil.driver",
	"remote.origin.uploadpack", "remote.origin.receivepack", "remote.origin.vcs", "core.alternateRefsCommand", "core.gitProxy",
	"gpg.program", "gpg.ssh.defaultKeyCommand", "trailer.x.command", "url.ext::sh.insteadOf", "http.proxy", "http.sslVerify",
	"http.https://example.com/.curloptResolve", "submodule.x.update", "branch.main.mergeOptions", "difftool.x.cmd", "nobody.knows",
	"rebase.instructionFormat", "diff.tool", "merge.guitool", "fetch.fsck.skipList", "fsck.skipList", "receive.fsck.hasDotgit",
	"lfs.standalonetransferagent", "lfs.customtransfer.evil.path", "lfs.extension.e.clean" }

case("settings that are refused", function()
	local w <close> = prepared()
	w:sh "cp .git/config ../config"
	for i, key in ipairs(REFUSED) do
		w:sh "cp ../config .git/config"
		config(w, key, payload(w))
		if i == 1 then
			run_all(w, true)
		else
			local err = fails("unsafe_config", w.repo.status, w.repo)
			check.contains(err.message:lower(), key:lower())
			fails("unsafe_config", w.repo.fetch, w.repo)
		end
		check.ok(not ran(w), key)
	end
	w:sh "cp ../config .git/config; git config extensions.worktreeConfig true; git config --worktree diff.external evil"
	fails("unsafe_config", w.repo.status, w.repo)
	w:sh "cp ../config .git/config; printf '[x' >>.git/config"
	fails("corrupt", w.repo.status, w.repo)
	w:sh "rm .git/config; mkfifo .git/config"
	fails("corrupt", w.repo.status, w.repo)
	w:sh "rm .git/config; ln -s /dev/zero .git/config"
	fails("unsafe_config", w.repo.status, w.repo)
end)

case("filters without end", function()
	local w <close> = prepared()
	w:sh [[{ echo '[filter "one"]'; yes clean=x | head -5000; } >>.git/config]]
	w.repo:status()
	w:sh [[for i in $(seq 200); do printf '[filter "f%s"]\n\tclean = x\n' $i; done >>.git/config]]
	check.contains(fails("unsafe_config", w.repo.status, w.repo).message, "filters")
end)

-- git follows commondir however it is written; what is read there is another configuration, or another repository.
case("a git directory that names another as its own", function()
	for _, way in ipairs { "echo evil >.git/cd; ln -s cd .git/commondir", [[printf 'evil%s' "$(printf '/.%.0s' $(seq 3000))" >.git/commondir]],
		"echo evil >.git/commondir", "echo ../../other/.git >.git/commondir" } do
		local w <close> = prepared()
		w:sh(([[
			git init -q -b main ../other
			mkdir -p .git/evil/objects .git/evil/refs
			cp .git/config .git/evil/config
			git config -f .git/evil/config filter.evil.clean "%s"
			printf '* filter=evil\n' >.gitattributes
			%s]]):format(payload(w), way))
		run_all(w, true)
		equal(w:sh "git -C ../other rev-list --all --count", "0")
	end
	local w <close> = prepared()
	w:sh [[
		mkdir ../forged ../admin
		cp .git/HEAD ../admin; echo "$PWD/.git" >../admin/commondir; echo "$PWD/../forged/.git" >../admin/gitdir
		echo "gitdir: $PWD/../admin" >../forged/.git]]
	fails("unsafe_config", function() git.open(w.folder.path .. "/forged"):status() end)
end)

case("links in the git directory", function()
	for _, path in ipairs { "COMMIT_EDITMSG", "MERGE_MSG", "logs/HEAD", "logs", "refs/heads", "logs/refs/heads/main", "index", "info/exclude", "objects/pack" } do
		local w <close> = prepared()
		w:sh(([[
			echo precious >../victim; mkdir ../folder
			target=../victim; [ ! -d .git/%s ] || target=../folder
			mkdir -p "$(dirname .git/%s)"; rm -rf .git/%s; ln -s "$PWD/$target" .git/%s]]):format(path, path, path, path))
		fails("unsafe_config", w.repo.commit, w.repo, { message = "x", allow_empty = true })
		fails("unsafe_config", w.repo.status, w.repo)
		equal(w:sh "cat ../victim; ls ../folder", "precious")
	end
	local w <close> = prepared()
	w:sh "rm -rf .git/hooks; mkdir ../shared; ln -s ../../shared .git/hooks"
	w.repo:status()
end)

-- The repository within has its own configuration, which the git that enters it reads.
case("a repository within", function()
	for _, gitmodules in ipairs { false, true } do
		local w <close> = prepared()
		w:sh(([[
			git init -q -b main within
			cd within
			git config user.name a; git config user.email a@b
			echo x >g; git add g; git commit -q -m s
			cd ..
			git add within 2>/dev/null
			git -c user.name=a -c user.email=a@b commit -q -m within
			cd within
			printf '* filter=evil\n' >.git/info/attributes
			for key in filter.evil.clean filter.evil.smudge core.fsmonitor diff.external core.alternateRefsCommand; do
				git config $key "%s"
			done
			echo y >>g
		]]):format(payload(w)))
		if gitmodules then
			w:put(".gitmodules", '[submodule "within"]\n\tpath = within\n\turl = x\n\tignore = none\n\tfetchRecurseSubmodules = true\n')
		end
		for i, command in ipairs(COMMANDS) do
			if i < 10 then w:put("c", command[1]) end -- up to the commit
			local ok, err = pcall(command[2], w.repo)
			check.ok(ok or errors.is(err, "unsafe_config"), command[1] .. ": " .. tostring(err))
			check.ok(ok or command[1] == "stash" or command[1] == "merge" or command[1] == "pull", command[1] .. " was refused")
			check.ok(not ran(w), command[1] .. " ran it")
		end
		for _, words in ipairs { { "commit", "--dry-run", "--all" }, { "commit", "-a", "-v", "--dry-run" }, { "diff" }, { "diff-files" },
			{ "diff-index", "HEAD" }, { "describe", "--always", "--dirty" }, { "stash", "create" }, { "rebase", "HEAD~1" },
			{ "cherry-pick", "side" }, { "submodule", "status" }, { "submodule", "foreach", "git status" } } do
			pcall(w.repo.command, w.repo, words)
			check.ok(not ran(w), table.concat(words, " ") .. " ran it")
		end
		w:sh "git status >/dev/null"
		check.ok(ran(w), "the payload works")
	end
end)

-- Two branches that move a repository within, which merge looks into.
local function with_gitlink(w, git_dir)
	w:sh(([[
		git init -q -b main within
		cd within
		export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
		git commit -q --allow-empty -m 1; git commit -q --allow-empty -m 2; git commit -q --allow-empty -m 3
		cd ..
		git reset -q --hard
		link() { git update-index --add --cacheinfo "160000,$(git -C within rev-parse HEAD~$1),within"; git commit -q -m "link $1"; }
		git checkout -q -b base; link 2
		git checkout -q -b left; link 1
		git checkout -q -b right base; link 0
		%s]]):format(git_dir or ""))
end

case("a merge looks into repositories within, if they are harmless", function()
	local w <close> = prepared()
	with_gitlink(w)
	local ok, err = pcall(w.repo.merge, w.repo, { branch = "left" })
	check.ok(ok or err.code == "conflict", tostring(err))
	w:sh "git merge --abort || true"
	local absorb = "mkdir -p .git/modules; mv within/.git .git/modules/within; mkdir -p within; rm -rf within; mkdir within; cd .git/modules/within;"
	for _, way in ipairs { "cd within; git config core.alternateRefsCommand x", "cd within; git config credential.helper '!x'",
		"cd within; mkdir -p .git/hooks; echo >.git/hooks/post-index-change", absorb .. "git config core.fsmonitor x",
		"mv within/.git ../gone; echo 'gitdir: ../../gone' >within/.git", absorb .. "ln -s config x; git config http.proxy x" } do
		local bad <close> = prepared()
		with_gitlink(bad, way)
		fails("unsafe_config", bad.repo.merge, bad.repo, { branch = "left" })
		fails("unsafe_config", bad.repo.command, bad.repo, { "cherry-pick", "left" })
		bad.repo:status()
	end
	fails("unsafe_config", w.repo.command, w.repo, { "submodule", "update" })
end)

case("a commit without a change enters nothing", function()
	local w <close> = prepared()
	with_gitlink(w, ([[
		cd within
		echo x >g; git add g; git commit -q -m g
		cd ..; link 0; cd within
		printf '* filter=evil\n' >.git/info/attributes; git config filter.evil.clean "%s"
		echo y >g]]):format(payload(w)))
	w:put(".gitmodules", '[submodule "within"]\n\tpath = within\n\turl = x\n\tignore = none\n')
	w:sh(("rm -f '%s'"):format(w.dir .. "/../ran"))
	fails("nothing_to_commit", w.repo.commit, w.repo, { message = "x" })
	check.ok(not ran(w), "it ran")
	w:sh "git status >/dev/null"
	check.ok(ran(w), "the payload works")
end)

case("a rebase that somebody else has planned", function()
	local w <close> = prepared()
	w:sh(("mkdir .git/rebase-merge; echo 'exec %s' >.git/rebase-merge/git-rebase-todo"):format(payload(w)))
	for _, way in ipairs { "--continue", "--skip", "--edit-todo" } do
		fails("unsafe_config", w.repo.command, w.repo, { "rebase", way })
	end
end)

case("a cherry-pick goes on after a conflict", function()
	local w <close> = git_work.new()
	w:commit("first", { a = "1\n" })
	w:sh "git checkout -q -b other"
	w:commit("other", { a = "2\n" })
	w:sh "git checkout -q main"
	w:commit("main", { a = "3\n" })
	fails("conflict", w.repo.command, w.repo, { "cherry-pick", "other" })
	w:put("a", "4\n")
	w.repo:add()
	w.repo:command { "cherry-pick", "--continue" }
	equal(w.repo:log()[1].subject, "other")
end)

case("a .git that leads elsewhere", function()
	local w <close> = prepared()
	w:sh "mkdir ../link ../file ../common; ln -s ../work/.git ../link/.git; echo 'gitdir: ../work/.git' >../file/.git"
	fails("unsafe_config", function() git.open(w.folder.path .. "/link"):status() end)
	local err = fails("unsafe_config", function() git.open(w.folder.path .. "/file"):status() end)
	check.contains(err.message, "git_dir")
	git.open(w.folder.path .. "/file", { git_dir = w.dir .. "/.git" }):status()
	git.open(w.folder.path .. "/file", { trust = true }):status()
	-- folders above are not looked at
	w:sh "mkdir below"
	fails("not_found", function() git.open(w.dir .. "/below"):status() end)
	-- a work tree that is not where the configuration says
	w:sh "git config core.worktree ../common"
	w.repo:reset { mode = "hard" }
	equal(#fs.list(w.folder.path .. "/common"), 0)
end)

case("a git directory out of reach", function()
	local w <close> = prepared()
	w:sh "mv .git ../apart"
	local repo = git.open(w.dir, { git_dir = w.folder.path .. "/apart" })
	-- what a script writes into the work tree counts for nothing
	w:sh(("git init -q; git config diff.external '%s'; git config core.fsmonitor '%s'"):format(payload(w), payload(w)))
	equal(repo:current_branch(), "main")
	check.ok(#repo:diff { text = true } > 0)
	repo:commit { message = "x", all = true }
	check.ok(not ran(w))
end)

case("trust", function()
	local w <close> = prepared { trust = true }
	config(w, "core.fsmonitor", payload(w) .. "; false")
	w.repo:status()
	check.ok(ran(w), "what is trusted counts")
	local set <close> = prepared { config = { ["filter.evil.clean"] = "tr a-z A-Z", ["core.abbrev"] = 12 } }
	set.repo:add { files = "new" }
	equal(set.repo:show("", { path = "new" }), "NEW\n")
	fails("option 'config'", git.open, ".", { config = { [1] = "x" } })
	fails("unknown option", git.open, ".", { truts = true })
end)

case("templates, attributes, environment", function()
	local w <close> = prepared()
	w:sh(("mkdir -p ../home/.config/git ../home/t/hooks; printf '* filter=evil\n' >../home/.config/git/attributes; "
		.. "printf '[filter \"evil\"]\n\tclean = \"%s\"\n[core]\n\tfsmonitor = \"%s\"\n[init]\n\ttemplateDir = %s/home/t\n' >../home/.gitconfig")
		:format(payload(w), payload(w), w.folder.path))
	local script = ([[
		local repo = require("epact.git").open(%q)
		repo:add()
		repo:commit { message = "x" }
		repo:status()
	]]):format(w.dir)
	local process = require "epact.process"
	process.run({ os.getenv "EPACT_BIN", "run", "-e", script }, { env = { HOME = w.folder.path .. "/home", GIT_DIR = "/nonexistent",
		GIT_EXTERNAL_DIFF = payload(w), GIT_EDITOR = payload(w), GIT_SSH_COMMAND = payload(w), GIT_ASKPASS = payload(w),
		GIT_CONFIG_COUNT = "1", GIT_CONFIG_KEY_0 = "core.fsmonitor", GIT_CONFIG_VALUE_0 = payload(w), GIT_INDEX_FILE = "/nonexistent" } })
	check.ok(not ran(w))
	equal(w.repo:log({ max = 1 })[1].subject, "x")
end)

case("two dozen at once", function()
	local w <close> = prepared()
	config(w, "core.fsmonitor", payload(w))
	task.scope(function(s)
		for _ = 1, 24 do s:spawn(function() w.repo:diff { text = true } end) end
	end)
	check.ok(not ran(w))
end)

check.done()

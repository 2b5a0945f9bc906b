-- SPDX-License-Identifier: Apache-2.0
-- timeout: 240
-- A hostile machine: variables and configuration of the user that would run a program, lead a clone elsewhere, or learn its
-- credential. Each case clones in a program of its own.
local check = require "check"
local fs = require "epact.fs"
local git_world = require "git_world"

local case, equal = check.case, check.equal
local world <close> = git_world.open()
local tmp = world.tmp
local other = world:serve() -- where nothing may arrive

-- A program that leaves a mark, and keeps what it is told.
fs.write(tmp .. "/evil", ('#!/bin/sh\necho "$0 $*" >>%q/ran\ncat >>%q/ran\n'):format(tmp, tmp))
world:sh "chmod 755 evil"
local evil = tmp .. "/evil"

local function config(text) fs.write(tmp .. "/home/.gitconfig", text) end

-- The clone is as it would be anywhere, and nothing ran.
local function harmless(env, options)
	local result = world:clone_in(env, options)
	if result.code ~= "ok" then error("the clone failed: " .. result.stdout .. result.stderr, 2) end
	equal(result.stderr, "")
	equal(fs.read(tmp .. "/clones/c/one.txt"), "one\nmore\n")
	equal(world:sh "git -C clones/c remote get-url origin", (options or {}).url or world.server:at "ok")
	equal(world:sh("grep -rlF " .. world.token:sub(6) .. " clones home || true"), "", "the token in a file")
	equal(other:requests(), "", "requests elsewhere")
	world:clear()
end

local function with_config(name, text)
	case("configuration: " .. name, function()
		config(text)
		harmless()
	end)
end

world:sh("mkdir -p templates/hooks; cp evil templates/hooks/post-checkout; cp evil templates/hooks/reference-transaction")
with_config("init.templateDir with hooks", ("[init]\n\ttemplateDir = %s/templates\n"):format(tmp))
with_config("core.hooksPath", ("[core]\n\thooksPath = %s/templates/hooks\n"):format(tmp))
case("configuration in the folder of XDG", function()
	fs.mkdir(tmp .. "/home/xdg/git", { parents = true })
	fs.write(tmp .. "/home/xdg/git/config", ("[core]\n\thooksPath = %s/templates/hooks\n[credential]\n\thelper = %s\n"):format(tmp, evil))
	harmless { XDG_CONFIG_HOME = tmp .. "/home/xdg" }
end)
with_config("core.fsmonitor", ("[core]\n\tfsmonitor = %s\n"):format(evil))
with_config("core.sshCommand, core.gitProxy, core.askPass, core.pager, core.editor",
	("[core]\n\tsshCommand = %s\n\tgitProxy = %s\n\taskPass = %s\n\tpager = %s\n\teditor = %s\n"):format(evil, evil, evil, evil, evil))
with_config("a credential helper of all hosts", ("[credential]\n\thelper = %s\n\thelper = store\n\thelper = cache\n"):format(evil))
with_config("a credential helper of our host",
	('[credential "http://127.0.0.1:%s"]\n\thelper = %s\n\tusername = other\n'):format(world.server.port, evil))
with_config("url.insteadOf that leads elsewhere",
	('[url "%s"]\n\tinsteadOf = http://127.0.0.1:%s/\n\tpushInsteadOf = http://\n'):format(other:at "", world.server.port))
with_config("http.extraHeader, http.cookieFile", ("[http]\n\textraHeader = X-Evil: 1\n\tcookieFile = %s\n\tsaveCookies = true\n"):format(evil))
with_config("http.proxy over http", ("[http]\n\tproxy = http://127.0.0.1:%s/\n"):format(other.port))
with_config("http.proxy of our host", ('[http "http://127.0.0.1:%s"]\n\tproxy = http://127.0.0.1:%s/\n'):format(world.server.port, other.port))
with_config("http.followRedirects", "[http]\n\tfollowRedirects = true\n")
with_config("an alias of what we run", ("[alias]\n\tclone = !%s\n\tcheckout = !%s\n"):format(evil, evil))
with_config("include.path", ("[include]\n\tpath = %s\n[includeIf \"gitdir:/\"]\n\tpath = %s\n"):format(evil, evil))
with_config("filters, LFS", ("[filter \"lfs\"]\n\tsmudge = %s\n\tprocess = %s\n\trequired = true\n[core]\n\tattributesFile = %s/attributes\n")
	:format(evil, evil, tmp))
with_config("remote.origin.uploadpack, vcs, proxy",
	("[remote \"origin\"]\n\tuploadpack = %s\n\tvcs = ext\n\tproxy = http://127.0.0.1:%s\n"):format(evil, other.port))
with_config("submodule.recurse, a URL of a submodule", ("[submodule]\n\trecurse = true\n[submodule \"x\"]\n\tupdate = !%s\n"):format(evil))
with_config("protocol.ext.allow", "[protocol]\n\tallow = always\n[protocol \"ext\"]\n\tallow = always\n")
with_config("uploadpack.packObjectsHook", ("[uploadpack]\n\tpackObjectsHook = %s\n"):format(evil))
with_config("gpg.program, commit.gpgSign", ("[gpg]\n\tprogram = %s\n[commit]\n\tgpgSign = true\n"):format(evil))
with_config("trace2", ("[trace2]\n\teventTarget = %s/clones/trace\n\tnormalTarget = %s/clones/trace\n\tconfigParams = *\n"):format(tmp, tmp))
with_config("a syntax that git refuses", "[http\n\tproxy = \"\n")
with_config("core.worktree, core.bare", ("[core]\n\tworktree = %s/home\n\tbare = true\n"):format(tmp))

local function with_env(name, env)
	case("environment: " .. name, function() harmless(env) end)
end

with_env("GIT_DIR, GIT_WORK_TREE", { GIT_DIR = tmp .. "/home/x", GIT_WORK_TREE = tmp .. "/home" })
with_env("GIT_INDEX_FILE", { GIT_INDEX_FILE = tmp .. "/home/index" })
with_env("GIT_OBJECT_DIRECTORY, GIT_ALTERNATE_OBJECT_DIRECTORIES",
	{ GIT_OBJECT_DIRECTORY = tmp .. "/home/objects", GIT_ALTERNATE_OBJECT_DIRECTORIES = tmp .. "/home" })
with_env("GIT_NAMESPACE, GIT_COMMON_DIR", { GIT_NAMESPACE = "x", GIT_COMMON_DIR = tmp .. "/home" })
with_env("GIT_SSH, GIT_SSH_COMMAND, GIT_PROXY_COMMAND", { GIT_SSH = evil, GIT_SSH_COMMAND = evil, GIT_PROXY_COMMAND = evil })
with_env("GIT_ASKPASS, SSH_ASKPASS, DISPLAY", { GIT_ASKPASS = evil, SSH_ASKPASS = evil, DISPLAY = ":0" })
with_env("GIT_EDITOR, GIT_PAGER, PAGER, EDITOR, GIT_EXTERNAL_DIFF",
	{ GIT_EDITOR = evil, GIT_PAGER = evil, PAGER = evil, EDITOR = evil, GIT_EXTERNAL_DIFF = evil })
with_env("GIT_TRACE_CURL and its like, to a file and to stderr", { GIT_TRACE = tmp .. "/clones/t", GIT_TRACE_CURL = tmp .. "/clones/t",
	GIT_TRACE_REDACT = "0", GIT_CURL_VERBOSE = "1", GIT_TRACE_PACKET = "1", GIT_TRACE2_EVENT = tmp .. "/clones/t", GIT_TRACE_SETUP = "1" })
with_env("GIT_CONFIG_COUNT", { GIT_CONFIG_COUNT = "2", GIT_CONFIG_KEY_0 = "core.fsmonitor", GIT_CONFIG_VALUE_0 = evil,
	GIT_CONFIG_KEY_1 = "credential.helper", GIT_CONFIG_VALUE_1 = evil })
with_env("GIT_CONFIG_PARAMETERS", { GIT_CONFIG_PARAMETERS = ("'credential.helper=%s' 'core.hooksPath=%s/templates/hooks'"):format(evil, tmp) })
with_env("GIT_CONFIG, GIT_CONFIG_SYSTEM", { GIT_CONFIG = tmp .. "/home/.gitconfig", GIT_CONFIG_SYSTEM = tmp .. "/home/.gitconfig" })
with_env("GIT_TEMPLATE_DIR", { GIT_TEMPLATE_DIR = tmp .. "/templates" })
with_env("GIT_ALLOW_PROTOCOL, GIT_PROTOCOL_FROM_USER", { GIT_ALLOW_PROTOCOL = "ext:file", GIT_PROTOCOL_FROM_USER = "1" })
with_env("GIT_SSL_NO_VERIFY, GIT_HTTP_USER_AGENT", { GIT_SSL_NO_VERIFY = "1", GIT_HTTP_USER_AGENT = "evil" })
with_env("GIT_DEFAULT_HASH, GIT_CEILING_DIRECTORIES, GIT_QUARANTINE_PATH",
	{ GIT_DEFAULT_HASH = "sha256", GIT_CEILING_DIRECTORIES = "/", GIT_QUARANTINE_PATH = "/x" })
with_env("GIT_ATTR_SOURCE, GIT_REPLACE_REF_BASE, GIT_GRAFT_FILE, GIT_SHALLOW_FILE",
	{ GIT_ATTR_SOURCE = "x", GIT_REPLACE_REF_BASE = "refs/x", GIT_GRAFT_FILE = "/x", GIT_SHALLOW_FILE = "/x" })
with_env("http_proxy", { http_proxy = "http://127.0.0.1:" .. other.port, all_proxy = "http://127.0.0.1:" .. other.port })
with_env("BASH_ENV, ENV, BASH_FUNC", { BASH_ENV = evil, ENV = evil, ["BASH_FUNC_f%%"] = "() { " .. evil .. "; }", SHELLOPTS = "xtrace" })
with_env("LANG, LC_ALL, LANGUAGE", { LANG = "de_DE.UTF-8", LC_ALL = "C.UTF-8", LANGUAGE = "de" })
with_env("CURL_HOME, NETRC", { CURL_HOME = tmp .. "/home", NETRC = tmp .. "/home/.netrc" })
with_env("TZ, IFS, CDPATH, POSIXLY_CORRECT", { TZ = ":/etc/passwd", IFS = "/", CDPATH = "/", POSIXLY_CORRECT = "1" })

case("environment: GIT_EXEC_PATH with programs of git's names", function()
	world:sh "mkdir exec; for p in git-remote-http git-remote-https git-index-pack git-upload-pack git; do cp evil exec/$p; done"
	harmless { GIT_EXEC_PATH = tmp .. "/exec" }
end)

case("environment: LD_PRELOAD and its like do not reach git", function()
	fs.write(tmp .. "/preload.c", ([[
		#include <stdio.h>
		#include <string.h>
		extern char *program_invocation_short_name;
		__attribute__((constructor)) static void run(void) {
			if (!strncmp(program_invocation_short_name, "git", 3)) fclose(fopen("%s/ran", "w"));
		}]]):format(tmp))
	if not pcall(world.sh, world, "cc -D_GNU_SOURCE -shared -fPIC -o preload.so preload.c") then return end
	if os.getenv("EPACT_SLOWDOWN") ~= "1" then return end -- a sanitizer must come first
	harmless { LD_PRELOAD = tmp .. "/preload.so", LD_LIBRARY_PATH = tmp }
end)

case("a program named git in the working folder is not git", function()
	world:sh "mkdir here; cp evil here/git; cp evil git"
	harmless { PATH = "." .. ":" .. os.getenv "PATH" }
	world:sh "rm git"
end)

case(".netrc knows another password of the host: it is not sent", function()
	fs.write(tmp .. "/home/.netrc", "machine 127.0.0.1 login token password from-netrc\n")
	harmless()
	check.lacks(world.server:requests(), "from-netrc")
end)

case("no certificate is trusted because the configuration says so", function()
	config "[http]\n\tsslVerify = false\n"
	world:sh [[openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=127.0.0.1 \
		-addext subjectAltName=IP:127.0.0.1 2>/dev/null]]
	local tls = world:serve { ["tls-certificate"] = tmp .. "/cert.pem", ["tls-key"] = tmp .. "/key.pem" }
	local url = tls:at("ok"):gsub("^http:", "https:")
	equal(world:clone_in({ GIT_SSL_NO_VERIFY = "true" }, { url = url }).code, "tls")
	equal(tls:requests(), "")
	harmless({}, { url = url, ca_file = tmp .. "/cert.pem" }) -- the same server, trusted
	config(("[http]\n\tsslCAInfo = %s/cert.pem\n"):format(tmp))
	harmless({}, { url = url }) -- which the user's git may say, too
end)

case("a proxy of the user's configuration is what https goes through", function()
	config(("[http]\n\tproxy = http://127.0.0.1:%s/\n"):format(other.port))
	local result = world:clone_in({}, { url = "https://no-such-host.invalid/x.git" })
	check.ok(result.code ~= "ok")
	check.contains(other:requests(), "CONNECT")
	check.lacks(other:requests(), '"user": "token"')
end)

check.done()

-- SPDX-License-Identifier: Apache-2.0
-- The shape of what clients send. Each function takes a decoded value and returns plain, checked Lua data, or raises
-- the failure that names the place. Members that are not known are ignored; null is the same as absent.

local json = require "epact.json"
local errors = require "epact.server.errors"
local fields = require "epact.server.fields"
local paths = require "epact.server.paths"

local validate = {}

local MAX_TTL = 31536000
local MAX_TOKEN_REPOS = 100

local array, at, given, is_object, object = fields.array, fields.at, fields.given, fields.is_object, fields.object
local optional_boolean, optional_text, text = fields.boolean, fields.optional_text, fields.text

--- A repo id in lower case; raises 422 for what is no UUID.
function validate.uuid(value, place)
	text(value, place)
	local id = value:lower()
	if not id:find("^%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$") then
		errors.invalid(place, "must be a UUID", "uuid_parsing")
	end
	return id
end

--- The object in a JSON body; an empty body is `{}`. Raises 400 when it is not JSON, 422 when it is no object.
function validate.json_object(body)
	if body == "" then return {} end
	local ok, value = pcall(json.decode, body)
	-- Where, and what: also JSON is refused that cannot be kept exactly, such as half a surrogate pair.
	local reason = not ok and (tostring(value):match(", line .*") or "")
	if reason then errors.fail(400, "Invalid JSON in request body" .. reason, { slug = "validation_error" }) end
	if not is_object(value) then errors.invalid({ "body" }, "must be an object", "dict_type") end
	return value
end

--- `metadata` of a body: an object of strings, or nil when it was not given.
function validate.metadata(value)
	if given(value) == nil then return nil end
	return fields.texts(value, { "body", "metadata" })
end

-- Last wins; the order of the first appearance is kept.
local function file_list(value, place)
	local files, index_of = {}, {}
	for index, file in ipairs(array(value, place)) do
		local here = at(place, index - 1)
		object(file, here)
		local path = paths.check(text(file.filename, at(here, "filename")), "filename")
		local slot = index_of[path] or #files + 1
		index_of[path] = slot
		files[slot] = { path = path, content = text(file.content, at(here, "content")) }
	end
	return files
end

local function git_source(source, place)
	local url = text(source.url, at(place, "url"))
	if #url < 1 or #url > 2083 then errors.invalid(at(place, "url"), "must have 1 to 2083 characters") end
	local commit = optional_text(source.hash, at(place, "hash")) or optional_text(source.commit, at(place, "commit"))
	if commit and not commit:find("^%x+$") then errors.invalid(at(place, "hash"), "must be a commit id") end
	return {
		type = "git",
		url = url,
		branch = optional_text(source.branch, at(place, "branch")),
		hash = commit and commit:lower(),
		shallow = optional_boolean(source.shallow, at(place, "shallow"), true),
	}
end

local operation_of = {}

function operation_of.write(operation, place)
	return {
		type = "write",
		path = paths.check(text(operation.filename, at(place, "filename")), "filename"),
		content = text(operation.content, at(place, "content")),
	}
end

function operation_of.delete(operation, place)
	local path = text(operation.filename, at(place, "filename")):gsub("/$", "")
	return { type = "delete", path = paths.check(path, "filename") }
end

function operation_of.rename(operation, place)
	return {
		type = "rename",
		path = paths.check(text(operation.old_filename, at(place, "old_filename")), "old_filename"),
		target = paths.check(text(operation.new_filename, at(place, "new_filename")), "new_filename"),
	}
end

local function operations(value, place)
	local list = {}
	for index, operation in ipairs(array(value, place)) do
		local here = at(place, index - 1)
		object(operation, here)
		local read = operation_of[text(operation.type, at(here, "type"))]
		if not read then errors.fail(400, "operation type must be 'write', 'delete' or 'rename'") end
		list[index] = read(operation, here)
	end
	return list
end

local create_source, update_source = {}, {}

function create_source.files(source, place)
	return { type = "files", files = file_list(source.files, at(place, "files")) }
end

create_source.git = git_source

function create_source.relace(source, place)
	return {
		type = "relace",
		repo_id = validate.uuid(source.repo_id, at(place, "repo_id")),
		copy_metadata = optional_boolean(source.copy_metadata, at(place, "copy_metadata"), false),
		copy_remote = optional_boolean(source.copy_remote, at(place, "copy_remote"), false),
	}
end

update_source.files = create_source.files
update_source.git = git_source

function update_source.diff(source, place)
	return { type = "diff", operations = operations(source.operations, at(place, "operations")) }
end

local function read_source(value, readers, status)
	local place = { "body", "source" }
	if given(value) == nil then return nil end
	local kind = text(object(value, place).type, at(place, "type"))
	local read = readers[kind]
	if read then return read(value, place) end
	if status == 400 then errors.fail(400, "source type must be 'files', 'diff' or 'git'") end
	return errors.invalid(at(place, "type"), "must be 'files', 'git' or 'relace'", "union_tag_invalid")
end

--- The body of a create: {source or nil, metadata or nil, auto_index}.
function validate.create(body)
	return {
		source = read_source(body.source, create_source, 422),
		metadata = validate.metadata(body.metadata),
		auto_index = optional_boolean(body.auto_index, { "body", "auto_index" }, false),
	}
end

--- The body of an update: {source or nil, metadata or nil}, one of them at least.
function validate.update(body)
	local update = { source = read_source(body.source, update_source, 400), metadata = validate.metadata(body.metadata) }
	if not update.source and not update.metadata then
		errors.invalid({ "body", "source" }, "field required (source, metadata or both)", "missing")
	end
	return update
end

local function token_repos(value)
	local place = { "body", "repo_ids" }
	local ids, seen = {}, {}
	for index, id in ipairs(array(value, place)) do
		id = validate.uuid(id, at(place, index - 1))
		if not seen[id] then ids[#ids + 1] = id end
		seen[id] = true
	end
	if #value < 1 or #value > MAX_TOKEN_REPOS then
		errors.invalid(place, ("must have 1 to %d entries"):format(MAX_TOKEN_REPOS), "out_of_range")
	end
	return ids
end

--- The body of a token create: {name, repo_ids without duplicates, ttl_seconds or nil}.
function validate.token(body)
	return {
		name = text(body.name, { "body", "name" }),
		repo_ids = token_repos(body.repo_ids),
		ttl_seconds = fields.number(body.ttl_seconds, { "body", "ttl_seconds" }, "integer", nil, 1, MAX_TTL),
	}
end

return validate

-- SPDX-License-Identifier: Apache-2.0
-- The answers that are not a success: raised as tables by any handler, turned into a response in one place (app.lua).

local errors = {}

local Failure = {}
Failure.__index = Failure
Failure.__name = "epact.server.failure"
Failure.__tostring = function(failure)
	return ("%d %s: %s"):format(failure.http_status, failure.slug, failure.text)
end

local SLUGS = {
	[400] = "invalid_parameter",
	[401] = "invalid_api_key",
	[403] = "insufficient_permissions",
	[404] = "not_found",
	[405] = "method_not_allowed",
	[409] = "conflict",
	[413] = "payload_too_large",
	[422] = "validation_error",
	[423] = "resource_locked",
	[429] = "rate_limit_exceeded",
	[500] = "internal_server_error",
}

-- A lock ends by itself. Existing SDKs try again because of these.
local LOCKED = { ["Retry-After"] = "1", ["X-Should-Retry"] = "true" }

--- Makes a failure. `status` is the HTTP status, `text` one line for people; `extra` may hold `slug` (another than the
--- usual one of the status), `headers` and `detail` (the list of places of a 422).
function errors.new(status, text, extra)
	extra = extra or {}
	return setmetatable({
		http_status = status,
		slug = extra.slug or SLUGS[status] or "application_error",
		text = text,
		headers = extra.headers or status == 423 and LOCKED or {},
		detail = extra.detail,
	}, Failure)
end

--- Raises a failure; the arguments are those of `new`.
function errors.fail(status, text, extra)
	error(errors.new(status, text, extra), 0)
end

--- True for what `new` made.
function errors.is(value)
	return getmetatable(value) == Failure
end

local function place_name(place)
	local words = {}
	for index = 2, #place do words[#words + 1] = tostring(place[index]) end
	return #words > 0 and table.concat(words, ".") or tostring(place[1])
end

--- Raises 422 for one place of the request. `place` is a list like {"body", "source", "files", 0, "content"}; `text`
--- says what is wrong there, `kind` is the slug of the detail ("missing", "string_type", ...).
function errors.invalid(place, text, kind)
	errors.fail(422, place_name(place) .. ": " .. text, {
		slug = kind == "missing" and "missing_required_field" or nil,
		detail = { { loc = place, msg = text, type = kind or "value_error" } },
	})
end

--- Raises 423: another writer holds the repo.
function errors.locked()
	errors.fail(423, "repo is locked by another operation, try again")
end

--- The members of the JSON answer that every known reader understands.
function errors.body(failure)
	return { error = failure.text, code = failure.slug, message = failure.text, detail = failure.detail }
end

return errors

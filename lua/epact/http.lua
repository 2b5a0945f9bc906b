-- SPDX-License-Identifier: Apache-2.0
local core = require "epact.core.http"

--- HTTP requests, awaited. Connections are kept and shared by the whole program; more requests than a host should see
--- at once wait in a queue, and their time limits with them.
---
---     local http = require "epact.http"
---     local answer = http.get("https://api.example.com/v1/items", { query = { page = 2 }, bearer = token }):check()
---     for _, item in ipairs(answer:json().items) do print(item.name) end
---
--- A status such as 404 is an answer, not an error; `answer:check()` makes it one. What goes wrong on the way is raised
--- as an error object whose code is `dns`, `connection`, `tls`, `timeout`, `protocol`, `truncated`, `too_large`,
--- `redirect`, `decode` or `blocked_address`; `error.maybe_sent` tells whether the server may have seen the request, `error.retryable`
--- whether the same request may succeed later.
---
--- HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY are obeyed, certificates are always checked, TLS is 1.2 or later.
---@class epact.http
local M = {}

--- What a request can be told; everything is optional.
---@class epact.http.options
---@field headers? table<string, string|string[]|secret>  they replace those of the client
---@field bearer? string|secret  sent as `Authorization: Bearer ...`, masked wherever it would be shown
---@field query? string|table<string, string|number|boolean|table>  added to the URL, escaped, in the order of the names;
--- an array repeats its name
---@field body? string
---@field body_file? string  path of a file that is sent as the body, read while it is sent
---@field json? any  sent as JSON with its Content-Type
---@field timeout? number  seconds from the start of the transfer to the end of the answer, of a streamed one to its
--- headers (120)
---@field connect_timeout? number  seconds for name, connection and TLS (10)
---@field stall_timeout? number  seconds without progress in either direction (60)
---@field max_body? integer  most bytes of the answer, decoded (64 MiB; a streamed one: no limit)
---@field max_redirects? integer  redirects to follow (5); 0: a redirect is an error, -1: it is an answer like any other.
--- To another scheme, host or port no credential and no header of your own goes along; from https to http none leads
---@field once? boolean  never sent a second time, not even when a kept connection proves dead; then the error says
--- `maybe_sent`
---@field stream? boolean  the answer comes with its headers, its body is read piece by piece: see `epact.http.stream`

--- What a client can be told; `headers`, `bearer`, `timeout`, `connect_timeout`, `stall_timeout`, `max_body` and `max_redirects` are the
--- defaults of its requests.
---@class epact.http.client_options: epact.http.options
---@field base_url? string  the URLs of the requests are then paths below it, beginning with "/"
---@field user_agent? string
---@field ca_file? string  authorities to trust instead of the system's
---@field ca_dir? string  the same, a folder of them
---@field proxy? string  its URL; "" for none, whatever the environment says
---@field public_only? boolean  connects to addresses of the public internet alone, as it should with URLs that somebody else made up:
--- not to this machine, a private network or a cloud's metadata, whatever name, redirect or second answer of a name server leads
--- there. No proxy is asked. The error is `blocked_address`
---@field http2? boolean  where an https server has it
---@field min_rate? integer  bytes a second that count as progress (any)

--- A whole answer.
---@class epact.http.response
---@field status integer
---@field ok boolean  status is 200 to 299
---@field body string
---@field headers table<string, string>  names in lower case; several of one name are joined by ", "
---@field header fun(self, name: string): string?  the first header of that name, in any case
---@field header_list fun(self): { name: string, value: string }[]  all, in the order sent (for set-cookie)
---@field json fun(self): any  the decoded body; raises `json`
---@field check fun(self): epact.http.response  itself; raises for a status of 400 or more, with a code such as
--- `not_found`, `rate_limit`, `server`, the status, and the start of the body as detail

--- An answer whose body is still coming. Close it, or let `<close>` do it; what is not read is not transferred.
---
---     local answer <close> = http.get(url, { stream = true })
---     for chunk in answer:chunks() do out:write(chunk) end
---@class epact.http.stream
---@field status integer
---@field ok boolean
---@field headers table<string, string>
---@field header fun(self, name: string): string?
---@field header_list fun(self): { name: string, value: string }[]
---@field read fun(self, max?: integer): string?  the next bytes, at most max; nil at the end
---@field chunks fun(self): fun(): string?  an iterator over what `read` gives
---@field check fun(self): epact.http.stream  as that of a whole answer; its error has no detail
---@field close fun(self)

--- Sends a request and waits for its answer.
---
---     http.request { method = "PUT", url = url, body = text, headers = { ["Content-Type"] = "text/plain" } }
---@param options epact.http.options  and url (required), method (POST with a body, else GET)
---@return epact.http.response|epact.http.stream answer
--- Raises a plain error for an option that is not known or not well formed, an error object for the world's failures.
M.request = core.request

--- `request` with method GET.
---@param url string
---@param options? epact.http.options
---@return epact.http.response|epact.http.stream answer
M.get = core.get

--- `request` with method HEAD; the answer has no body.
---@param url string
---@param options? epact.http.options
---@return epact.http.response answer
M.head = core.head

--- `request` with method POST.
---
---     local created = http.post(url, { json = { name = "a" } }):check():json()
---@param url string
---@param options? epact.http.options
---@return epact.http.response|epact.http.stream answer
M.post = core.post

--- `request` with method PUT.
---@param url string
---@param options? epact.http.options
---@return epact.http.response|epact.http.stream answer
M.put = core.put

--- `request` with method PATCH.
---@param url string
---@param options? epact.http.options
---@return epact.http.response|epact.http.stream answer
M.patch = core.patch

--- `request` with method DELETE.
---@param url string
---@param options? epact.http.options
---@return epact.http.response|epact.http.stream answer
M.delete = core.delete

--- Makes a client: settings for many requests, prepared once. It has the methods request, get, head, post, put, patch
--- and delete, which are as the functions above.
---
---     local api = http.client { base_url = "https://api.example.com/v1", bearer = key, timeout = 30 }
---     local item = api:get("/items/" .. http.escape(id)):check():json()
---@param options? epact.http.client_options
---@return epact.http.client client
M.client = core.client

--- A text with all but letters, digits and `-._~` written as %XX: for one segment of a path, or a part of a query.
---@param text string
---@return string
M.escape = core.escape

--- Sets how many requests run at once in this program; more wait their turn.
---@param options { max_per_host?: integer, max_total?: integer }  to one scheme, host and port (256), in all (1024)
M.limits = core.limits

return M

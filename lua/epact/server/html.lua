-- SPDX-License-Identifier: Apache-2.0
-- Pieces of a plain HTML page. All text goes through `escape`: what it is given can only ever be text.

local html = {}

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }
local MOST = 200

local STYLE = [[
body { font: 14px/1.4 system-ui, sans-serif; margin: 2em; }
table { border-collapse: collapse; margin-bottom: 1em; }
th, td { text-align: left; padding: 2px 12px 2px 0; vertical-align: top; border-bottom: 1px solid #ddd; }
td { font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
]]

--- Text as HTML shows it: no markup, no control characters, no change of direction beyond it, at most 200 bytes.
function html.escape(value)
	local text = tostring(value)
	if #text > MOST then text = text:sub(1, utf8.offset(text, 0, MOST + 1) - 1) .. "…" end
	return (text:gsub("%c", " "):gsub("[&<>\"']", ENTITIES))
end

local function cell(value)
	return "<td><bdi>" .. html.escape(value) .. "</bdi></td>"
end

--- A table under a title: `heads` is a list of texts, `rows` one of lists of values.
function html.table(title, heads, rows)
	local parts = { "<h2>", html.escape(title), "</h2>\n<table>\n<tr>" }
	for _, head in ipairs(heads) do parts[#parts + 1] = "<th>" .. html.escape(head) .. "</th>" end
	parts[#parts + 1] = "</tr>\n"
	for _, row in ipairs(rows) do
		local cells = {}
		for place = 1, #heads do cells[place] = cell(row[place]) end
		parts[#parts + 1] = "<tr>" .. table.concat(cells) .. "</tr>\n"
	end
	parts[#parts + 1] = "</table>\n"
	return table.concat(parts)
end

--- A whole page of a title, a line of text, and parts that are HTML.
function html.page(title, line, parts)
	return table.concat { '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>', html.escape(title),
		"</title>\n<style>\n", STYLE, "</style>\n</head>\n<body>\n<h1>", html.escape(title), "</h1>\n<p>", html.escape(line),
		"</p>\n", table.concat(parts), "</body>\n</html>\n" }
end

return html

-- SPDX-License-Identifier: Apache-2.0
-- What a text is, and what its words are: the same for files and for questions about them.

local texts = {}

local MOST_WORDS = 100

--- True for bytes that are valid UTF-8 without NUL.
function texts.is_text(bytes)
	return utf8.len(bytes) ~= nil and not bytes:find("\0", 1, true)
end

--- The first `most` bytes of a text, no character cut in two.
function texts.head(text, most)
	if #text <= most then return text end
	while most > 0 and text:byte(most + 1) & 0xC0 == 0x80 do most = most - 1 end
	return text:sub(1, most)
end

--- The text with the words of its names apart: "parseHTTPHeader" is "parse HTTP Header".
function texts.split(text)
	return (text:gsub("(%l)(%u)", "%1 %2"):gsub("(%u)(%u%l)", "%1 %2"))
end

--- The words of a question, in lower case, each once; at most 100.
function texts.words(question)
	local words, seen = {}, {}
	for word in texts.split(question):gmatch("[%w\128-\255]+") do
		word = word:lower()
		if not seen[word] then words[#words + 1] = word end
		seen[word] = true
		if #words == MOST_WORDS then break end
	end
	return words
end

return texts

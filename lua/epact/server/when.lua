-- SPDX-License-Identifier: Apache-2.0
-- Times as they stand on the wire and in the database: RFC 3339, UTC, three digits of a second, which sort as text.

local when = {}

local DAY = 86400

-- Days since 1970-01-01 of a date of the Gregorian calendar.
local function days_of(year, month, day)
	if month <= 2 then year, month = year - 1, month + 12 end
	local era = year // 400
	local in_era = year - era * 400
	local in_year = (153 * (month - 3) + 2) // 5 + day - 1
	return era * 146097 + in_era * 365 + in_era // 4 - in_era // 100 + in_year - 719468
end

local function is_date(year, month, day)
	if month < 1 or month > 12 or day < 1 then return false end
	local next_year, next_month = year, month + 1
	if next_month == 13 then next_year, next_month = year + 1, 1 end
	return day <= days_of(next_year, next_month, 1) - days_of(year, month, 1)
end

local function offset_of(zone)
	if zone == "Z" or zone == "z" or zone == "" then return 0 end
	-- A plus sign that was not encoded arrives as a blank.
	local sign, hours, minutes = zone:match("^([ +-])(%d%d):?(%d%d)$")
	if not sign or tonumber(hours) > 23 or tonumber(minutes) > 59 then return nil end
	local seconds = tonumber(hours) * 3600 + tonumber(minutes) * 60
	return sign == "-" and -seconds or seconds
end

--- Text of `seconds` (an integer, since 1970) and `milliseconds` (none by default: left out of the text).
function when.format(seconds, milliseconds)
	local text = os.date("!%Y-%m-%dT%H:%M:%S", seconds)
	if milliseconds then return ("%s.%03dZ"):format(text, milliseconds) end
	return text .. "Z"
end

--- Reads an RFC 3339 time (also a date alone, a blank for the T, no zone: UTC) into the text of the database. nil when
--- it is none.
function when.parse(text)
	local year, month, day, rest = text:match("^(%d%d%d%d)%-(%d%d)%-(%d%d)(.*)$")
	if not year then return nil end
	local hour, minute, second, fraction, zone = "0", "0", "0", "", "Z"
	if rest ~= "" then
		hour, minute, second, rest = rest:match("^[Tt ](%d%d):(%d%d):?(%d?%d?)(.*)$")
		if not hour then return nil end
		fraction, zone = rest:match("^%.?(%d*)(.*)$")
	end
	local offset = offset_of(zone)
	year, month, day = tonumber(year), tonumber(month), tonumber(day)
	hour, minute, second = tonumber(hour), tonumber(minute), tonumber(second) or 0
	if not offset or not is_date(year, month, day) or hour > 23 or minute > 59 or second > 60 then return nil end
	local seconds = days_of(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset
	return when.format(seconds, tonumber((fraction .. "000"):sub(1, 3)))
end

return when

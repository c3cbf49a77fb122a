-- For wrk: checks that every answer is of exactly one configuration version, and prints the figures as JSON.
--
--   wrk --script bench/load.lua URL -- sha-0123456789ab=3 …
--
-- Each argument is a version's label and its limit. Without arguments only the status is checked.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(arguments)
  limits, checked, failed, wrong, first_wrong, versions, seen = {}, false, 0, 0, "", 0, {}
  for _, argument in pairs(arguments) do
    local label, limit = argument:match("^(%S+)=(%d+)$")
    if label then
      limits[label], checked = tonumber(limit), true
    end
  end
end

-- The version, if all parts of the answer are of it.
local function version_of(headers, body)
  local version = body:match('"version":"([^"]+)"')
  local limit = tonumber(body:match('"limit":(%d+)'))
  local names = body:match('"services":%[([^%]]*)%]')
  local _, quotes = (names or ""):gsub('"', "")
  local one = version and headers["x-config-version"] == version and limits[version] == limit and quotes == 2 * limit
  return one and version
end

function response(status, headers, body)
  if status ~= 200 then
    failed = failed + 1
  elseif checked then
    local version = version_of(headers, body)
    if not version then
      wrong, first_wrong = wrong + 1, body:sub(1, 300)
    elseif not seen[version] then
      seen[version], versions = true, versions + 1
    end
  end
end

function done(summary, latency)
  local failed, wrong, first_wrong, versions = 0, 0, "", 0
  for _, thread in ipairs(threads) do
    failed, wrong = failed + thread:get("failed"), wrong + thread:get("wrong")
    first_wrong = first_wrong .. thread:get("first_wrong")
    versions = math.max(versions, thread:get("versions"))
  end
  local errors = summary.errors
  failed = failed + errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format(
    '{"requests": %d, "seconds": %.3f, "p99": %.3f, "failed": %d, "wrong": %d, "versions": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(99) / 1e3, failed, wrong, versions))
  if wrong > 0 then
    io.stderr:write("of no version: ", first_wrong, "\n")
  end
end

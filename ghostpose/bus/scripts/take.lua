#!lua flags=allow-oom
-- take: hand the oldest waiting frames of some partitions to a worker.
--
-- KEYS[i]  frames  stream  of a partition, with the group; the group is made if it is missing
--                          (from the stream's begin: what is in the stream isn't finished)
-- ARGV[1]  group
-- ARGV[2]  consumer: the worker
-- ARGV[3]  most entries to hand out
-- Reply: {{i, {entries of KEYS[i]}}, ...}, oldest first

local function head(key)
  -- Return the id of the oldest entry that was never handed out, or nil.
  local groups = redis.pcall('XINFO', 'GROUPS', key)
  local delivered
  for _, group in ipairs(groups) do
    local fields = {}
    for f = 1, #group, 2 do
      fields[group[f]] = group[f + 1]
    end
    if fields.name == ARGV[1] then
      delivered = fields['last-delivered-id']
    end
  end
  if not delivered then
    redis.call('XGROUP', 'CREATE', key, ARGV[1], '0', 'MKSTREAM')
    delivered = '0-0'
  end
  local first = redis.call('XRANGE', key, '(' .. delivered, '+', 'COUNT', 1)[1]
  return first and first[1]
end

local function parts(id)
  local ms, seq = string.match(id, '(%d+)-(%d+)')
  return tonumber(ms), tonumber(seq)
end

local function older(a, b)
  local a_ms, a_seq = parts(a)
  local b_ms, b_seq = parts(b)
  return a_ms < b_ms or (a_ms == b_ms and a_seq < b_seq)
end

local heads, streams = {}, 0
for i, key in ipairs(KEYS) do
  heads[i] = head(key)
  streams = streams + (heads[i] and 1 or 0)
end

local taken, wanted = {}, tonumber(ARGV[3])
while wanted > 0 and streams > 0 do
  local oldest
  for i in pairs(heads) do
    if not oldest or older(heads[i], heads[oldest]) then
      oldest = i
    end
  end
  -- With one stream left there is nothing to compare: take the rest at once.
  local count = streams == 1 and wanted or 1
  local reply = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', count, 'STREAMS',
    KEYS[oldest], '>')
  local entries = reply and reply[1][2] or {}
  taken[#taken + 1] = {oldest, entries}
  wanted = wanted - math.max(#entries, 1)
  heads[oldest] = streams > 1 and wanted > 0 and head(KEYS[oldest]) or nil
  streams = streams == 1 and 0 or streams - (heads[oldest] and 0 or 1)
end
return taken

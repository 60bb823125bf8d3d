#!lua flags=allow-oom
-- take: hand the oldest waiting frames of some partitions to a worker.
--
-- KEYS[i]  frames  stream  of a partition, with the group; if entries wait and the group is
--                          missing, it is made (from the stream's begin: nothing in the stream is
--                          finished)
-- ARGV[1]  group
-- ARGV[2]  consumer: the worker
-- ARGV[3]  most entries to hand out
-- ARGV[4]  1: make missing groups of empty streams too
-- Reply: {{i, {entries of KEYS[i]}}, ...}, oldest first

local function delivered(key)
  -- Return the last id that was handed out, or nil if there is no such group.
  for _, group in ipairs(redis.pcall('XINFO', 'GROUPS', key)) do
    local fields = {}
    for f = 1, #group, 2 do
      fields[group[f]] = group[f + 1]
    end
    if fields.name == ARGV[1] then
      return fields['last-delivered-id']
    end
  end
end

local function head(key)
  -- Return the id of the oldest entry that was never handed out, or nil.
  -- Most streams are empty most of the time: that is asked first, because it is cheap.
  if ARGV[4] ~= '1' and redis.call('XLEN', key) == 0 then
    return nil
  end
  local last = delivered(key)
  if not last then
    redis.call('XGROUP', 'CREATE', key, ARGV[1], '0', 'MKSTREAM')
    last = '0-0'
  end
  local first = redis.call('XRANGE', key, '(' .. last, '+', 'COUNT', 1)[1]
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

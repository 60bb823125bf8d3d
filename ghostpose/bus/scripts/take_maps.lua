#!lua flags=allow-oom
-- take_maps: hand the new entries of partitions to the holder of their leases.
-- The consumer belongs to the partition, not to the worker: only its holder may read in its name,
-- else entries would be handed to a former owner after the next one has read the pending ones.
--
-- KEYS[2i-1]  lease  hash    of a partition
-- KEYS[2i]    maps   stream  of that partition, with the group; made if entries are there and it
--                            is missing
-- ARGV[1]     group
-- ARGV[2]     consumer
-- ARGV[3]     most entries of each partition
-- ARGV[3+i]   token of the lease of partition i
-- Reply: for each partition {{entries}, last id handed out} | {{}, "0-0"}: the stream is empty
--      | {{}, ""}: the lease is lost

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function last_delivered(key)
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

local function take(lease_key, key, token)
  -- Most streams are empty most of the time: that is asked first, because it is cheap.
  if redis.call('XLEN', key) == 0 then
    return {{}, '0-0'}
  end
  local lease = redis.call('HMGET', lease_key, 'token', 'until')
  if lease[1] ~= token or tonumber(lease[2]) <= now then
    return {{}, ''}
  end
  local last = last_delivered(key)
  if not last then
    redis.call('XGROUP', 'CREATE', key, ARGV[1], '0', 'MKSTREAM')
    last = '0-0'
  end
  local reply = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', ARGV[3], 'STREAMS',
    key, '>')
  local entries = reply and reply[1][2] or {}
  return {entries, #entries > 0 and entries[#entries][1] or last}
end

local taken = {}
for i = 1, #KEYS / 2 do
  taken[i] = take(KEYS[2 * i - 1], KEYS[2 * i], ARGV[3 + i])
end
return taken

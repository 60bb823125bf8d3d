#!lua flags=allow-oom
-- take_maps: hand the new entries of partitions to the holder of their leases.
-- The consumer belongs to the partition, not to the worker: only its holder may read in its name,
-- else entries would be handed to a former owner after the next one has read the pending ones.
--
-- KEYS[2i-1]  lease  hash    of a partition
-- KEYS[2i]    maps   stream  of that partition, with the group; made if it is missing
-- ARGV[1]     group
-- ARGV[2]     consumer
-- ARGV[3]     most entries of each partition
-- ARGV[3+i]   token of the lease of partition i
-- Reply: for each partition {{entries}, last id handed out} | {{}, ""}: the lease is lost

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

local function take(key)
  local reply = redis.pcall('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', ARGV[3], 'STREAMS',
    key, '>')
  if reply and reply.err then
    redis.call('XGROUP', 'CREATE', key, ARGV[1], '0', 'MKSTREAM')
    return take(key)
  end
  local entries = reply and reply[1][2] or {}
  local last = entries[#entries]
  return {entries, last and last[1] or last_delivered(key)}
end

local taken = {}
for i = 1, #KEYS / 2 do
  local lease = redis.call('HMGET', KEYS[2 * i - 1], 'token', 'until')
  local held = lease[1] == ARGV[3 + i] and tonumber(lease[2]) > now
  taken[i] = held and take(KEYS[2 * i]) or {{}, ''}
end
return taken

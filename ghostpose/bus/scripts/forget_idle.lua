#!lua flags=allow-oom
-- forget_idle: remove workers from a group that left nothing behind and haven't read for long.
-- One that lives still, and only had nothing to read, is made again by its next read.
--
-- KEYS[i]  stream of a partition, with the group
-- ARGV[1]  group
-- ARGV[2]  ms without a read
-- Reply: number of those removed

local forgotten = 0
for _, key in ipairs(KEYS) do
  -- No stream or no group (an error in the reply) means that there is nobody to forget.
  for _, consumer in ipairs(redis.pcall('XINFO', 'CONSUMERS', key, ARGV[1])) do
    local fields = {}
    for f = 1, #consumer, 2 do
      fields[consumer[f]] = consumer[f + 1]
    end
    if fields.pending == 0 and fields.idle >= tonumber(ARGV[2]) then
      redis.call('XGROUP', 'DELCONSUMER', key, ARGV[1], fields.name)
      forgotten = forgotten + 1
    end
  end
end
return forgotten

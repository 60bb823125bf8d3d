#!lua flags=allow-oom
-- leave: forget a worker in the group, unless entries are still lent to it.
--
-- KEYS[i]  frames  stream  of a partition, with the group
-- ARGV[1]  group
-- ARGV[2]  consumer: the worker
-- Reply: number of streams where entries are still lent to it

local lent = 0
for _, key in ipairs(KEYS) do
  local pending = redis.pcall('XPENDING', key, ARGV[1], '-', '+', 1, ARGV[2])
  if pending.err then
    -- No stream or no group: nothing to leave.
  elseif #pending > 0 then
    lent = lent + 1
  else
    redis.call('XGROUP', 'DELCONSUMER', key, ARGV[1], ARGV[2])
  end
end
return lent

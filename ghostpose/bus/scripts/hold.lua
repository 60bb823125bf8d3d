#!lua flags=allow-oom
-- hold: begin the idle time of frames anew that a worker still works on.
--
-- KEYS[i]  frames  stream  of a partition, with the group
-- ARGV[1]  group
-- ARGV[2]  consumer: the worker
-- ARGV[3]  i, ARGV[4] entry id; and so on, in pairs
-- Reply: number of entries that are still lent to the worker

local held = 0
for a = 3, #ARGV, 2 do
  local key, id = KEYS[tonumber(ARGV[a])], ARGV[a + 1]
  -- What another took over meanwhile, or finished, is no longer this worker's to hold.
  local pending = redis.pcall('XPENDING', key, ARGV[1], id, id, 1, ARGV[2])
  if not pending.err and #pending > 0 then
    -- JUSTID: this is no delivery, and isn't counted as one.
    redis.call('XCLAIM', key, ARGV[1], ARGV[2], 0, id, 'JUSTID')
    held = held + 1
  end
end
return held

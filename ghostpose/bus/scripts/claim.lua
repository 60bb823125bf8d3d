#!lua flags=allow-oom
-- claim: hand a worker the frames that were handed out before and left alone for long.
--
-- KEYS[i]  frames  stream  of a partition, with the group
-- ARGV[1]  group
-- ARGV[2]  consumer: the worker
-- ARGV[3]  left alone for at least so many ms
-- ARGV[4]  most entries to hand out
-- ARGV[5]  i, ARGV[6] id of an entry to leave out; and so on, in pairs
-- Reply: {{i, entry, times handed out, this one included}, ...}

local left_out, count_left_out = {}, 0
for a = 5, #ARGV, 2 do
  left_out[ARGV[a] .. ' ' .. ARGV[a + 1]] = true
  count_left_out = count_left_out + 1
end

local claimed, wanted = {}, tonumber(ARGV[4])
for i, key in ipairs(KEYS) do
  local idle = wanted > 0
    and redis.pcall('XPENDING', key, ARGV[1], 'IDLE', ARGV[3], '-', '+',
      wanted + count_left_out) or {}
  -- No stream or no group (an error in `idle`) means that nothing was handed out.
  for _, pending in ipairs(idle) do
    -- An entry that was finished meanwhile is gone: XCLAIM forgets it and returns nothing.
    local entry = wanted > 0 and not left_out[i .. ' ' .. pending[1]]
      and redis.call('XCLAIM', key, ARGV[1], ARGV[2], ARGV[3], pending[1])[1]
    if entry then
      claimed[#claimed + 1] = {i, entry, pending[4] + 1}
      wanted = wanted - 1
    end
  end
end
return claimed

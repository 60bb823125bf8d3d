#!lua flags=allow-oom
-- end_session: append the end of a session behind its frames. It has a ticket but needs no credit.
-- Sending it twice appends it once.
--
-- KEYS[1]  cam   hash    of the camera; read: session, seq; read and written: next, ended
-- KEYS[2]  maps  stream  of the partition; gets the end
-- ARGV[1]  camera
-- ARGV[2]  session
-- ARGV[3]  frames published in it: its next seq
-- ARGV[4]  header
-- Reply: {"ended"} | {"stale", newest session} | {"sequence", seq that comes next}
--      | {"lost"}: as publish

local cam = redis.call('HMGET', KEYS[1], 'session', 'seq', 'next', 'ended')
local known, session = tonumber(cam[1]), tonumber(ARGV[2])
if not known or known < session then
  return {'lost'}
end
if known > session then
  return {'stale', cam[1]}
end
if cam[4] == cam[1] then
  return {'ended'}
end
if tonumber(cam[2]) < tonumber(ARGV[3]) then
  return {'lost'}
end
if cam[2] ~= ARGV[3] then
  return {'sequence', cam[2]}
end
redis.call('XADD', KEYS[2], '*', 'k', 'end', 'c', ARGV[1], 's', ARGV[2], 'q', ARGV[3], 't', cam[3],
  'h', ARGV[4], 'p', '')
redis.call('HSET', KEYS[1], 'next', string.format('%.0f', tonumber(cam[3]) + 1), 'ended', cam[1])
return {'ended'}

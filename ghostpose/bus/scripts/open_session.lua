#!lua flags=allow-oom
-- open_session: give a camera its next session, which makes every older one stale.
-- The number is never given twice, not even by a server that lost its memory.
--
-- KEYS[1]  cam     hash    of the camera; read: credit; read and written: session, seq
-- KEYS[2]  events  stream  of the camera; gets the session_start event
-- ARGV[1]  the event's JSON up to the session's number
-- ARGV[2]  the event's JSON after it
-- ARGV[3]  events kept in the stream
-- ARGV[4]  ms that they are kept; the stream vanishes when no more come for so long
-- Reply: {"opened", session} | {"lost"}: the camera isn't registered (any more)

local cam = redis.call('HMGET', KEYS[1], 'credit', 'session')
if not cam[1] then
  return {'lost'}
end
local time = redis.call('TIME')
local session = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
if cam[2] then
  session = math.max(session, tonumber(cam[2]) + 1)
end
local number = string.format('%.0f', session)
redis.call('HSET', KEYS[1], 'session', number, 'seq', '0')
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*', 'd', ARGV[1] .. number .. ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return {'opened', number}

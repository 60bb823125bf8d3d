#!lua
-- publish: append one frame, if its session is the newest and the camera's credit isn't used up.
-- Without allow-oom: at maxmemory the server refuses the whole step, and nothing has happened.
--
-- KEYS[1]  cam     hash    of the camera; read: session, ended, committed, credit;
--                          read and written: seq, next, published; written: last_id
-- KEYS[2]  frames  stream  of the partition; gets the frame
-- KEYS[3]  poses   stream  of the camera; its last id is read
-- KEYS[4]  events  stream  of the camera; its last id is read
-- KEYS[5]  wanted  string  exists while somebody wants previews of the camera
-- ARGV[1]  camera
-- ARGV[2]  session
-- ARGV[3]  seq that the publisher expects this frame to get: if the frame before was it, the answer
--          of the first time is given again, so that sending twice appends once
-- ARGV[4]  header
-- ARGV[5]  picture
-- ARGV[6]  most credit that the deployment's budget allows
-- Reply: {"published", ticket, entry id, 1 if a preview is wanted, ...}, and where that used up the
--        credit also the last ids of poses and events: wait for more than these before the next
--      | {"full", last poses id, last events id}: nothing happened, wait for more than these
--      | {"stale", newest session} | {"ended"} | {"sequence", seq that comes next}
--      | {"lost"}: the server doesn't know this session (any more), or only its beginning: it
--        restarted, or another took over, without the newest data

local function last_id(stream)
  local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  return last and last[1] or '0-0'
end

local cam = redis.call('HMGET', KEYS[1], 'session', 'seq', 'next', 'committed', 'credit', 'ended',
  'published', 'last_id')
local known, session = tonumber(cam[1]), tonumber(ARGV[2])
if not known or known < session then
  return {'lost'}
end
if known > session then
  return {'stale', cam[1]}
end
if cam[6] == cam[1] then
  return {'ended'}
end
local seq, ticket, expected = tonumber(cam[2]), tonumber(cam[3]), tonumber(ARGV[3])
-- Tickets up to `committed` are done and the next is to be given: those between are in flight.
local function is_full(next)
  return next - tonumber(cam[4]) - 1 >= math.min(tonumber(cam[5]), tonumber(ARGV[6]))
end
local function published(its_ticket, its_id)
  local reply = {'published', string.format('%.0f', its_ticket), its_id,
    redis.call('EXISTS', KEYS[5])}
  if is_full(its_ticket + 1) then
    reply[5], reply[6] = last_id(KEYS[3]), last_id(KEYS[4])
  end
  return reply
end
if expected == seq - 1 then
  return published(ticket - 1, cam[8])
end
if expected > seq then
  return {'lost'}
end
if expected < seq then
  return {'sequence', cam[2]}
end
if is_full(ticket) then
  return {'full', last_id(KEYS[3]), last_id(KEYS[4])}
end
local id = redis.call('XADD', KEYS[2], '*', 'c', ARGV[1], 's', ARGV[2], 'q', ARGV[3], 't', cam[3],
  'h', ARGV[4], 'p', ARGV[5])
redis.call('HSET', KEYS[1], 'seq', string.format('%.0f', seq + 1),
  'next', string.format('%.0f', ticket + 1), 'last_id', id,
  'published', string.format('%.0f', tonumber(cam[7] or 0) + 1))
return published(ticket, id)

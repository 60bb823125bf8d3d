#!lua flags=allow-oom
-- commit: the one step that makes a pose message, a gap or the end of a session exist.
-- Refuses a lease that is lost or has run out, and any ticket but the next.
-- With allow-oom: it drains, and what it appends to is trimmed, by number, bytes and age.
--
-- KEYS[1]  lease  hash    of the partition; read
-- KEYS[2]  cam    hash    of the camera; read and written: committed, csession (that of the last
--                         commit), sposes and sgaps (of that session), the counters at ARGV's end
-- KEYS[3]  maps   stream  of the partition; loses the entry
-- KEYS[4]  out    stream  poses or events of the camera; gets the message; vanishes when no more
--                         come for ARGV[14] ms
-- KEYS[5]  state  string  tracker state of the camera; written
-- KEYS[6]  dead   stream  of the partition; gets the entry if ARGV[15] says so
-- KEYS[7]  events stream  of the camera; gets what happened to people in a pose's frame
-- ARGV[1]  token of the lease
-- ARGV[2]  group of the maps stream
-- ARGV[3]  entry id
-- ARGV[4]  session
-- ARGV[5]  ticket
-- ARGV[6]  kind: pose, gap or end
-- ARGV[7]  the message's JSON (of an end: up to the session's counters)
-- ARGV[8]  of an end: the JSON after them
-- ARGV[9]  of a pose: when its frame was published, ms
-- ARGV[10] 1: ARGV[11] is the new state; 0: leave it
-- ARGV[11] state
-- ARGV[12] messages kept in `out`
-- ARGV[13] bytes kept in `out`, taking all messages to be as long as this one
-- ARGV[14] ms that messages are kept in `out`
-- ARGV[15] detail of a dead letter; empty: none
-- ARGV[16] bytes kept of it
-- ARGV[17] dead letters kept
-- ARGV[18], ARGV[19], ARGV[20]  events kept, bytes kept of them, ms that they are kept
-- ARGV[21]  number of events, whose JSON follows
-- then, in pairs: counter of the cam hash, what to add to it
-- Reply: {"committed", id} | {"duplicate"}: it was committed before; the entry is removed
--      | {"order", ticket committed last} | {"lost"}: the lease

-- However long messages are, so many are kept: who reads now must not lose one between two reads.
local FEWEST_KEPT = 100
-- What an entry takes besides its message: its id, field names, lengths.
local ENTRY_BYTES = 64
-- Fields kept of a dead letter: ours have at most 7.
local LETTER_FIELDS = 16

local ticket = tonumber(ARGV[5])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

-- Append a message; keep so many, so many bytes if all are as long as this one, for so many ms.
local function append(stream, fields, count, bytes, age_ms)
  local fit = math.floor(tonumber(bytes) / (#fields[2] + ENTRY_BYTES))
  local kept = math.min(tonumber(count), math.max(FEWEST_KEPT, fit))
  local id = redis.call('XADD', stream, 'MAXLEN', '~', string.format('%.0f', kept), '*',
    unpack(fields))
  if ticket % 64 == 0 then
    redis.call('XTRIM', stream, 'MINID', '~', string.format('%.0f', now - tonumber(age_ms)))
  end
  redis.call('PEXPIRE', stream, age_ms)
  return id
end

local lease = redis.call('HMGET', KEYS[1], 'token', 'until')
if lease[1] ~= ARGV[1] or tonumber(lease[2]) <= now then
  return {'lost'}
end

local first_counter = 22 + tonumber(ARGV[21])
local counters = {'committed', 'csession', 'sposes', 'sgaps'}
for a = first_counter, #ARGV, 2 do
  counters[#counters + 1] = ARGV[a]
end
local cam = redis.call('HMGET', KEYS[2], unpack(counters))
local committed = tonumber(cam[1] or 0)
if ticket > committed + 1 then
  return {'order', string.format('%.0f', committed)}
end

if ticket == committed + 1 and ARGV[15] ~= '' then
  local letter, left = {'why', 'decode', 'detail', ARGV[15], 'from', KEYS[3]}, tonumber(ARGV[16])
  local entry = redis.call('XRANGE', KEYS[3], ARGV[3], ARGV[3])[1]
  for f = 1, entry and math.min(#entry[2], 2 * LETTER_FIELDS) or 0, 1 do
    letter[#letter + 1] = string.sub(entry[2][f], 1, left)
    left = left - #letter[#letter]
  end
  redis.call('XADD', KEYS[6], 'MAXLEN', '~', ARGV[17], '*', unpack(letter))
end
redis.call('XACK', KEYS[3], ARGV[2], ARGV[3])
redis.call('XDEL', KEYS[3], ARGV[3])
if ticket <= committed then
  return {'duplicate'}
end

local same = cam[2] == ARGV[4]
local poses = same and tonumber(cam[3]) or 0
local gaps = same and tonumber(cam[4]) or 0
local message = {'d', ARGV[7]}
if ARGV[6] == 'pose' then
  poses = poses + 1
  message = {'d', ARGV[7], 'p', ARGV[9]}
elseif ARGV[6] == 'gap' then
  gaps = gaps + 1
else
  message[2] = string.format('%s"poses":%.0f,"gaps":%.0f%s', ARGV[7], poses, gaps, ARGV[8])
end
local id = append(KEYS[4], message, ARGV[12], ARGV[13], ARGV[14])
for a = 22, first_counter - 1 do
  append(KEYS[7], {'d', ARGV[a]}, ARGV[18], ARGV[19], ARGV[20])
end
if ARGV[10] == '1' then
  redis.call('SET', KEYS[5], ARGV[11])
end
local changes = {'committed', ARGV[5], 'csession', ARGV[4], 'sposes', string.format('%.0f', poses),
  'sgaps', string.format('%.0f', gaps)}
for a = first_counter, #ARGV, 2 do
  local before = tonumber(cam[5 + (a - first_counter) / 2] or 0)
  changes[#changes + 1] = ARGV[a]
  changes[#changes + 1] = string.format('%.0f', before + tonumber(ARGV[a + 1]))
end
redis.call('HSET', KEYS[2], unpack(changes))
return {'committed', id}

#!lua flags=allow-oom
-- bury: move an entry to the dead letters, and put a tombstone in its frame's place.
--
-- KEYS[1]  source  stream  frames or maps of the partition; loses the entry
-- KEYS[2]  maps    stream  of the partition; gets the tombstone
-- KEYS[3]  dead    stream  of the partition; gets the entry with `why`, `detail` and `from`, and
--                         `cut` if not all of it
-- ARGV[1]  group of the source
-- ARGV[2]  entry id
-- ARGV[3]  why: the reason
-- ARGV[4]  detail: a sentence
-- ARGV[5]  bytes kept of its fields together
-- ARGV[6]  dead letters kept
-- ARGV[7]  camera of the tombstone; empty: none, the entry names no frame
-- ARGV[8]  session
-- ARGV[9]  seq
-- ARGV[10] ticket
-- ARGV[11] header of the tombstone
-- ARGV[12] 0: leave the payload out, field p
-- Reply: 1 | 0: the entry is gone, another was first

-- Fields kept of an entry: ours have at most 7.
local LETTER_FIELDS = 16

local entry = redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2])[1]
if not entry then
  return 0
end
local letter, left = {'why', ARGV[3], 'detail', ARGV[4], 'from', KEYS[1]}, tonumber(ARGV[5])
local whole = #entry[2] <= 2 * LETTER_FIELDS
for f = 1, math.min(#entry[2], 2 * LETTER_FIELDS) do
  local is_payload = f % 2 == 0 and entry[2][f - 1] == 'p'
  letter[#letter + 1] = is_payload and ARGV[12] == '0' and '' or string.sub(entry[2][f], 1, left)
  left = left - #letter[#letter]
  whole = whole and #letter[#letter] == #entry[2][f]
end
if not whole then
  letter[#letter + 1] = 'cut'
  letter[#letter + 1] = '1'
end
redis.call('XDEL', KEYS[1], ARGV[2])
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[6], '*', unpack(letter))
if ARGV[7] ~= '' then
  redis.call('XADD', KEYS[2], '*', 'k', 'gap', 'c', ARGV[7], 's', ARGV[8], 'q', ARGV[9],
    't', ARGV[10], 'h', ARGV[11], 'p', '')
end
return 1

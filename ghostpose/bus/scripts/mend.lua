#!lua flags=allow-oom
-- mend: put tombstones where a camera's tickets have holes. Every ticket that was given and not
-- committed is in the frames or the maps stream, so one that is in neither can never come.
--
-- KEYS[1]    frames  stream  of the partition
-- KEYS[2]    maps    stream  of the partition; gets the tombstones
-- KEYS[2+i]  cam     hash    of camera i of the partition; read: session, seq, next, committed,
--                            csession, ended
-- ARGV[1]    header of a tombstone
-- ARGV[2]    id of an entry that counts as gone, since it is about to be buried
-- ARGV[3]    1: it is in frames; 2: in maps
-- ARGV[3+i]  camera i
-- Reply: number of tombstones

-- Entries read at a time: they come with their payload.
local PAGE = 8

local known = {}  -- camera -> ticket -> {session, seq, is an end}
for i = 4, #ARGV do
  known[ARGV[i]] = {}
end

local function note(entry)
  local fields = {}
  for f = 1, #entry[2], 2 do
    fields[entry[2][f]] = entry[2][f + 1]
  end
  local tickets, ticket = known[fields.c or ''], tonumber(fields.t)
  if tickets and ticket then
    tickets[ticket] = {tonumber(fields.s), tonumber(fields.q), fields.k == 'end'}
  end
end

for s = 1, 2 do
  local from = '-'
  while from do
    local entries = redis.call('XRANGE', KEYS[s], from, '+', 'COUNT', PAGE)
    for _, entry in ipairs(entries) do
      if s ~= tonumber(ARGV[3]) or entry[1] ~= ARGV[2] then
        note(entry)
      end
    end
    from = #entries == PAGE and '(' .. entries[PAGE][1] or nil
  end
end

-- Return session and seq of a ticket that is nowhere, from what is known of the tickets around it.
local function frame_of(ticket, tickets, cam)
  local session, seq, after = tonumber(cam[1]), tonumber(cam[2]), tonumber(cam[3])
  local first = after - seq - (cam[6] == cam[1] and 1 or 0)
  if ticket >= first then
    return session, ticket - first
  end
  for other = ticket - 1, tonumber(cam[4]) + 1, -1 do
    local before = tickets[other]
    if before and before[1] and before[2] and not before[3] then
      return before[1], before[2] + ticket - other
    end
  end
  for other = ticket + 1, first - 1 do
    local behind = tickets[other]
    if behind and behind[1] and behind[2] and behind[2] >= other - ticket then
      return behind[1], behind[2] - (other - ticket)
    end
  end
  return tonumber(cam[5] or cam[1]), 0
end

local mended = 0
for i = 4, #ARGV do
  local tickets = known[ARGV[i]]
  local cam = redis.call('HMGET', KEYS[i - 1], 'session', 'seq', 'next', 'committed', 'csession',
    'ended')
  for ticket = tonumber(cam[4] or 0) + 1, cam[1] and tonumber(cam[3]) - 1 or 0 do
    if not tickets[ticket] then
      local session, seq = frame_of(ticket, tickets, cam)
      redis.call('XADD', KEYS[2], '*', 'k', 'gap', 'c', ARGV[i], 's',
        string.format('%.0f', session), 'q', string.format('%.0f', seq), 't',
        string.format('%.0f', ticket), 'h', ARGV[1], 'p', '')
      tickets[ticket] = {session, seq, false}
      mended = mended + 1
    end
  end
end
return mended

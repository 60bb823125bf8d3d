#!lua flags=allow-oom
-- registry: add, change or remove one camera, unless somebody else was faster.
-- A revision is never given twice, not even by a server that lost its memory.
--
-- KEYS[1]  cameras   hash    camera -> {"revision": n, "settings": {...}}, without passwords
-- KEYS[2]  sources   hash    camera -> its address, of cameras whose address holds a password
-- KEYS[3]  ended     hash    camera -> revision that was played to its end; the camera is taken off
-- KEYS[4]  revision  string  number of the last change of any camera
-- ARGV[1]  add | change | remove
-- ARGV[2]  camera
-- ARGV[3]  revision of the camera that the editor has seen (change, remove)
-- ARGV[4]  settings (add, change)
-- ARGV[5]  the address with its password; empty: it holds none; *: the one that is kept (add, change)
-- Reply: {"done", revision} | {"exists"} (add) | {"missing"} (change, remove)
--      | {"changed", revision now} (change, remove)

local function next_revision()
  local time = redis.call('TIME')
  local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  local last = tonumber(redis.call('GET', KEYS[4]) or 0)
  local number = string.format('%.0f', math.max(now, last + 1))
  redis.call('SET', KEYS[4], number)
  return number
end

local row = redis.call('HGET', KEYS[1], ARGV[2])
if ARGV[1] == 'add' then
  if row then
    return {'exists'}
  end
elseif not row then
  return {'missing'}
else
  local now = string.match(row, '^{"revision":(%d+),')
  if now ~= ARGV[3] then
    return {'changed', now or '0'}
  end
end
local revision = next_revision()
if ARGV[5] ~= '*' then
  redis.call('HDEL', KEYS[2], ARGV[2])
end
redis.call('HDEL', KEYS[3], ARGV[2])
if ARGV[1] == 'remove' then
  redis.call('HDEL', KEYS[1], ARGV[2])
  return {'done', revision}
end
redis.call('HSET', KEYS[1], ARGV[2], '{"revision":' .. revision .. ',"settings":' .. ARGV[4] .. '}')
if ARGV[5] ~= '' and ARGV[5] ~= '*' then
  redis.call('HSET', KEYS[2], ARGV[2], ARGV[5])
end
return {'done', revision}

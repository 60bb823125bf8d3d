#!lua flags=allow-oom
-- seed_registry: put cameras into a registry that nothing was ever written to, a new one or that of
-- a server that lost its memory. Once somebody has, nothing happens.
--
-- KEYS[1]  cameras   hash    as registry
-- KEYS[2]  sources   hash    as registry
-- KEYS[3]  revision  string  as registry
-- ARGV     camera, settings, the address with its password or empty: of each camera
-- Reply: cameras that were put in

if redis.call('EXISTS', KEYS[3]) == 1 then
  return 0
end
local time = redis.call('TIME')
local number = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
for i = 1, #ARGV, 3 do
  number = number + 1
  local revision = string.format('%.0f', number)
  redis.call('SET', KEYS[3], revision)
  redis.call('HSET', KEYS[1], ARGV[i],
    '{"revision":' .. revision .. ',"settings":' .. ARGV[i + 1] .. '}')
  if ARGV[i + 2] ~= '' then
    redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 2])
  end
end
return #ARGV / 3

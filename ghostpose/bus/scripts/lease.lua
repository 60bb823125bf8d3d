#!lua flags=allow-oom
-- lease: take, renew or release a partition, by the server's clock.
--
-- KEYS[1]  lease  hash  of the partition: owner, token, until (ms; when it runs out)
-- ARGV[1]  take | renew | release
-- ARGV[2]  owner: the worker
-- ARGV[3]  ms the lease lasts from now
-- ARGV[4]  token (renew, release)
-- Reply: {token, until} | {} when another holds it (take) or took it (renew, release)
--
-- A token is higher than every one before. It starts from the clock, so that this also holds for a
-- server that lost its memory.

local lease = redis.call('HMGET', KEYS[1], 'owner', 'token', 'until')
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local token, expiry = lease[2], string.format('%.0f', now + tonumber(ARGV[3]))

if ARGV[1] == 'take' then
  if token and tonumber(lease[3]) > now and lease[1] ~= ARGV[2] then
    return {}
  end
  token = string.format('%.0f', math.max(now, token and tonumber(token) + 1 or 0))
elseif token ~= ARGV[4] then
  return {}
elseif ARGV[1] == 'release' then
  expiry = '0'
end
redis.call('HSET', KEYS[1], 'owner', ARGV[2], 'token', token, 'until', expiry)
return {token, expiry}

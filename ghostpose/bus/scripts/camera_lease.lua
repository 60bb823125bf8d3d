#!lua flags=allow-oom
-- camera_lease: take, renew or release cameras of the registry, by the server's clock.
--
-- KEYS[1]  leases   hash  camera -> {"token": n, "until": ms, "cost": cores, "owner": ingest}
-- KEYS[2]  cameras  hash  as registry; a released lease of a camera that is gone is forgotten
-- ARGV[1]  take | renew | release
-- ARGV[2]  owner, as a JSON string
-- ARGV[3]  ms the leases last from now
-- ARGV     then camera, token (renew, release; 0 for take), cost: of each camera
-- Reply: the token of each camera, in order; '' when another holds it (take) or took it (renew,
--        release)
--
-- A token is higher than every one before. It starts from the clock, so that this also holds for a
-- server that lost its memory.

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local expiry = string.format('%.0f', now + tonumber(ARGV[3]))

local function lease_of(camera)
  local row = redis.call('HGET', KEYS[1], camera) or ''
  local token, untl, owner = string.match(row,
    '^{"token": (%d+), "until": (%d+), "cost": [%d.]+, "owner": (".*")}$')
  return token, tonumber(untl or 0), owner
end

local function write(camera, token, untl, cost)
  redis.call('HSET', KEYS[1], camera, '{"token": ' .. token .. ', "until": ' .. untl ..
    ', "cost": ' .. cost .. ', "owner": ' .. ARGV[2] .. '}')
end

local tokens = {}
for i = 4, #ARGV, 3 do
  local camera, cost = ARGV[i], ARGV[i + 2]
  local token, untl, owner = lease_of(camera)
  local answer = ''
  if ARGV[1] == 'take' then
    if not token or untl <= now or owner == ARGV[2] then
      answer = string.format('%.0f', math.max(now, token and tonumber(token) + 1 or 0))
      write(camera, answer, expiry, cost)
    end
  elseif token == ARGV[i + 1] then
    answer = token
    if ARGV[1] == 'renew' then
      write(camera, token, expiry, cost)
    elseif redis.call('HEXISTS', KEYS[2], camera) == 1 then
      write(camera, token, '0', cost)
    else
      redis.call('HDEL', KEYS[1], camera)
    end
  end
  tokens[#tokens + 1] = answer
end
return tokens

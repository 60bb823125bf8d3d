#!lua flags=allow-oom
-- budget: give the deployment another budget. With allow-oom: a full server may need a smaller one.
--
-- KEYS[1]  meta  hash  of the deployment; written: budget
-- ARGV[1]  bytes
-- Reply: {"set"}

redis.call('HSET', KEYS[1], 'budget', ARGV[1])
return {'set'}

#!lua flags=allow-oom
-- finish: put a frame's maps, or a tombstone, in its place. Whoever comes first wins.
-- With allow-oom: it makes data smaller, and a full server must be able to drain.
--
-- KEYS[1]  frames  stream  of the partition; loses the frame
-- KEYS[2]  maps    stream  of the partition; gets the result
-- ARGV[1]  group of the frames stream
-- ARGV[2]  the frame's entry id
-- ARGV[3]  kind: maps or gap
-- ARGV[4]  camera
-- ARGV[5]  session
-- ARGV[6]  seq
-- ARGV[7]  ticket
-- ARGV[8]  header
-- ARGV[9]  maps, empty for a gap
-- Reply: 1 | 0: the frame is gone, another was first

if redis.call('XDEL', KEYS[1], ARGV[2]) == 0 then
  return 0
end
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
redis.call('XADD', KEYS[2], '*', 'k', ARGV[3], 'c', ARGV[4], 's', ARGV[5], 'q', ARGV[6],
  't', ARGV[7], 'h', ARGV[8], 'p', ARGV[9])
return 1

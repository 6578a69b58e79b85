-- finds: Pairs with a connection a second, all day long.
-- why: So many connections are a machine's: a flood, a loop, a scan of one host, or a beacon without patience. They
--   are too many to be scored as a beacon.
-- false positives: Proxies, resolvers, monitoring, broken clients.
-- technique: T1071, T1498
-- severity: 3
-- title: {src} opened {connections} connections to {dst} in a day
-- identity: src, dst
-- entities: host:{src}, peer:{dst}
-- parameter connections_min = 86400: Connections of a pair in one day (UTC).

SELECT id_orig_h AS src, id_resp_h AS dst, date_trunc('day', ts) AS day, count(*) AS connections,
    sum(orig_bytes) AS sent_bytes, sum(resp_bytes) AS received_bytes, min(ts) AS first_ts, max(ts) AS last_ts
FROM conn
WHERE ts >= :since AND ts < :until AND is_internal(id_orig_h)
GROUP BY id_orig_h, id_resp_h, date_trunc('day', ts)
HAVING count(*) >= :connections_min
ORDER BY connections DESC, src, dst
LIMIT :limit

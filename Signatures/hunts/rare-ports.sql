-- finds: Ports outside that a single host of the site talks to, and none of the others.
-- why: What all hosts do is how the site works; a port of one host's own is worth a look.
-- false positives: Games, peer-to-peer programs, single devices, active FTP. A list to read, not an alarm.
-- technique: T1571
-- severity: 4
-- title: {src} alone talks to port {port}
-- identity: src, port
-- entities: host:{src}
-- alerts: no
-- parameter hosts_max = 1: Inside hosts that talk to the port.
-- parameter connections_min = 3: Fewer connections are chance.

SELECT id_resp_p AS port, proto, count(DISTINCT id_orig_h) AS hosts, min(id_orig_h) AS src, count(*) AS connections,
    count(DISTINCT id_resp_h) AS targets, min(id_resp_h) AS dst, sum(orig_bytes) AS sent_bytes, max(service) AS service,
    min(ts) AS first_ts, max(ts) AS last_ts
FROM conn
WHERE ts >= :since AND ts < :until AND is_internal(id_orig_h) AND NOT is_internal(id_resp_h) AND proto IN ('tcp', 'udp')
    AND orig_bytes > 0 AND resp_bytes > 0
GROUP BY id_resp_p, proto
HAVING count(DISTINCT id_orig_h) <= :hosts_max AND count(*) >= :connections_min
ORDER BY connections DESC, port
LIMIT :limit

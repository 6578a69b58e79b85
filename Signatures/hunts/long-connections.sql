-- finds: Pairs of an inside and an outside host whose connections, taken together, were open for an hour or more.
-- why: Remote control, tunnels and VPNs stay open; browsing does not. RITA grades 1, 4, 8 and 12 hours.
-- false positives: Push services, video calls, WebSockets, VPNs of the site, SSH of administrators.
-- technique: T1571, T1572
-- severity: 3
-- title: {src} was connected to {dst} for {seconds} seconds
-- identity: src, dst
-- entities: host:{src}, peer:{dst}
-- parameter seconds_min = 3600: Seconds of all connections of a pair together.

SELECT id_orig_h AS src, id_resp_h AS dst, count(*) AS connections, sum(duration) AS seconds,
    max(duration) AS longest_seconds, sum(orig_bytes) AS sent_bytes, sum(resp_bytes) AS received_bytes,
    min(id_resp_p) AS port, max(service) AS service, min(ts) AS first_ts, max(ts) AS last_ts
FROM conn
WHERE ts >= :since AND ts < :until AND is_internal(id_orig_h) AND NOT is_internal(id_resp_h)
GROUP BY id_orig_h, id_resp_h
HAVING sum(duration) >= :seconds_min
ORDER BY seconds DESC, src, dst
LIMIT :limit

-- finds: TLS client fingerprints (JA3) that very few hosts of the site use towards the outside.
-- why: Software is installed on many hosts. What only one of them runs is often what somebody brought along.
-- false positives: Developers, single devices, new versions on the first day. A list to read, not an alarm.
-- technique: T1573.002
-- severity: 4
-- title: {src} alone uses {ja3}
-- identity: ja3
-- entities: host:{src}
-- alerts: no
-- parameter hosts_max = 1: Inside hosts that use it.
-- parameter connections_min = 3: Fewer uses are chance.

SELECT ja3, count(DISTINCT id_orig_h) AS hosts, count(*) AS connections, min(id_orig_h) AS src,
    count(DISTINCT id_resp_h) AS targets, min(id_resp_h) AS dst, min(server_name) AS server_name, min(ts) AS first_ts, max(ts) AS last_ts
FROM ssl
WHERE ts >= :since AND ts < :until AND ja3 IS NOT NULL AND is_internal(id_orig_h)
    AND NOT is_internal(id_resp_h)
GROUP BY ja3
HAVING count(DISTINCT id_orig_h) <= :hosts_max AND count(*) >= :connections_min
ORDER BY connections DESC, ja3
LIMIT :limit

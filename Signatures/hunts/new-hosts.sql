-- finds: Inside hosts that were seen the first time since the time given.
-- why: A device that somebody brought along, or a spoofed address.
-- false positives: New machines, dynamic addresses. Needs records from before `since` to know what is old.
-- technique: T1200
-- severity: 4
-- title: {src} was seen the first time
-- identity: src
-- entities: host:{src}
-- alerts: no
-- history: yes
-- parameter history_min = 86400: Seconds of records before `since` without which nothing is called new.

WITH hosts AS (
    SELECT id_orig_h AS src, min(ts) AS first_ts, max(ts) AS last_ts, count(*) AS connections,
        count(DISTINCT id_resp_h) AS targets
    FROM conn
    WHERE ts < :until AND is_internal(id_orig_h)
    GROUP BY id_orig_h
), history AS (
    SELECT min(ts) AS oldest FROM conn
)
SELECT hosts.src AS src, hosts.connections AS connections, hosts.targets AS targets, hosts.first_ts AS first_ts,
    hosts.last_ts AS last_ts
FROM hosts, history
WHERE hosts.first_ts >= :since AND epoch(hosts.first_ts) - epoch(history.oldest) >= :history_min
ORDER BY connections DESC, src
LIMIT :limit

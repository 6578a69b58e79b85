-- finds: Inside hosts that began to serve a port since the time given.
-- why: A workstation that suddenly answers is a back door, a relay or a share that somebody opened.
-- false positives: New services of the site, callbacks of FTP and of peer-to-peer programs. Needs records from before
--   `since`.
-- technique: T1571, T1090.001
-- severity: 3
-- title: {dst} began to serve port {port}
-- identity: dst, port
-- entities: host:{dst}
-- history: yes
-- parameter history_min = 86400: Seconds of records before `since` without which nothing is called new.
-- parameter clients_min = 1: Different clients that it answered.
-- parameter port_max = 32767: Higher ports are mostly data connections.

WITH services AS (
    SELECT id_resp_h AS dst, id_resp_p AS port, min(ts) AS first_ts, max(ts) AS last_ts, count(*) AS connections,
        count(DISTINCT id_orig_h) AS clients, max(service) AS service, min(id_orig_h) AS example
    FROM conn
    WHERE ts < :until AND proto = 'tcp' AND is_internal(id_resp_h) AND resp_bytes > 0 AND id_resp_p <= :port_max
    GROUP BY id_resp_h, id_resp_p
), history AS (
    SELECT min(ts) AS oldest FROM conn
)
SELECT services.dst AS dst, services.port AS port, services.service AS service, services.clients AS clients,
    services.connections AS connections, services.example AS example, services.first_ts AS first_ts,
    services.last_ts AS last_ts
FROM services, history
WHERE services.first_ts >= :since AND epoch(services.first_ts) - epoch(history.oldest) >= :history_min
    AND services.clients >= :clients_min
ORDER BY connections DESC, dst, port
LIMIT :limit

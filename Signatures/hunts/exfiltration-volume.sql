-- finds: A host that sent very much to one outside host.
-- why: Stolen data has to leave. Far more than a person uploads goes to one place.
-- false positives: Backups, cloud storage, video calls, software builds that are published.
-- technique: T1041, T1048, T1567
-- severity: 2
-- title: {src} sent {sent_bytes} octets to {dst}
-- identity: src, dst
-- entities: host:{src}, peer:{dst}
-- parameter bytes_min = 500000000: Octets that a pair's originator sent.

SELECT id_orig_h AS src, id_resp_h AS dst, sum(orig_bytes) AS sent_bytes, sum(resp_bytes) AS received_bytes,
    count(*) AS connections, min(id_resp_p) AS port, max(service) AS service, max_by(ts, orig_bytes) AS first_ts, max(ts) AS last_ts
FROM conn
WHERE ts >= :since AND ts < :until AND is_internal(id_orig_h) AND NOT is_internal(id_resp_h)
GROUP BY id_orig_h, id_resp_h
HAVING sum(orig_bytes) >= :bytes_min
ORDER BY sent_bytes DESC, src, dst
LIMIT :limit

-- finds: A host that sent much more than it received, to an outside host that hardly anyone else talks to.
-- why: Who browses receives more than he sends. An upload to a place of its own turns that round, even a small one.
-- false positives: Mail and file uploads to partners, telemetry, backup agents; the first users of a new service.
-- technique: T1041, T1048
-- severity: 2
-- title: {src} sent {ratio} times as much to {dst} as it received
-- identity: src, dst
-- entities: host:{src}, peer:{dst}
-- parameter bytes_min = 250000: Octets sent.
-- parameter ratio_min = 3: Octets sent for each received.
-- parameter hosts_max = 3: Inside hosts that talk to the same outside host.

WITH pairs AS (
    SELECT id_orig_h AS src, id_resp_h AS dst, sum(orig_bytes) AS sent_bytes, sum(resp_bytes) AS received_bytes,
        count(*) AS connections, max(orig_bytes) AS largest_bytes, min(id_resp_p) AS port, max(service) AS service,
        max_by(ts, orig_bytes) AS first_ts, max(ts) AS last_ts
    FROM conn
    WHERE ts >= :since AND ts < :until AND is_internal(id_orig_h) AND NOT is_internal(id_resp_h)
    GROUP BY id_orig_h, id_resp_h
), targets AS (
    SELECT dst, count(*) AS hosts FROM pairs GROUP BY dst
)
SELECT pairs.src AS src, pairs.dst AS dst, pairs.sent_bytes AS sent_bytes, pairs.received_bytes AS received_bytes,
    round(pairs.sent_bytes * 1.0 / (coalesce(pairs.received_bytes, 0) + 1), 1) AS ratio, pairs.largest_bytes AS largest_bytes,
    pairs.connections AS connections, targets.hosts AS hosts, pairs.port AS port, pairs.service AS service,
    pairs.first_ts AS first_ts, pairs.last_ts AS last_ts
FROM pairs JOIN targets ON targets.dst = pairs.dst
WHERE pairs.sent_bytes >= :bytes_min AND pairs.sent_bytes >= :ratio_min * coalesce(pairs.received_bytes, 0)
    AND targets.hosts <= :hosts_max
ORDER BY sent_bytes DESC, src, dst
LIMIT :limit

-- finds: Conversations with the outside in no protocol that is known, where both sides sent something, with a host
--   that hardly anyone else talks to.
-- why: A shell that calls home speaks nothing but keystrokes and answers.
-- false positives: Games, voice, programs with a protocol of their own; connections whose beginning was not seen.
-- technique: T1095, T1059
-- severity: 2
-- title: {src} speaks something unknown with {dst} on port {port}
-- identity: src, dst, port
-- entities: host:{src}, peer:{dst}
-- parameter seconds_min = 5: The longest conversation of the pair; short ones are failures more often than shells.
-- parameter hosts_max = 2: Inside hosts that talk to the same outside host.

WITH pairs AS (
    SELECT id_orig_h AS src, id_resp_h AS dst, id_resp_p AS port, count(*) AS connections, sum(orig_bytes) AS sent_bytes,
        sum(resp_bytes) AS received_bytes, max(duration) AS longest_seconds, min(ts) AS first_ts, max(ts) AS last_ts
    FROM conn
    WHERE ts >= :since AND ts < :until AND proto = 'tcp' AND service IS NULL AND orig_bytes > 0 AND resp_bytes > 0
        AND substr(history, 1, 1) = 'S' AND is_internal(id_orig_h) AND NOT is_internal(id_resp_h)
    GROUP BY id_orig_h, id_resp_h, id_resp_p
), targets AS (
    SELECT id_resp_h AS dst, count(DISTINCT id_orig_h) AS hosts
    FROM conn
    WHERE ts >= :since AND ts < :until AND is_internal(id_orig_h) AND NOT is_internal(id_resp_h)
    GROUP BY id_resp_h
)
SELECT pairs.src AS src, pairs.dst AS dst, pairs.port AS port, pairs.connections AS connections,
    pairs.longest_seconds AS longest_seconds, pairs.sent_bytes AS sent_bytes, pairs.received_bytes AS received_bytes,
    targets.hosts AS hosts, pairs.first_ts AS first_ts, pairs.last_ts AS last_ts
FROM pairs JOIN targets ON targets.dst = pairs.dst
WHERE pairs.longest_seconds >= :seconds_min AND targets.hosts <= :hosts_max
ORDER BY longest_seconds DESC, src, dst, port
LIMIT :limit

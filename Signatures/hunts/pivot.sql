-- finds: A host that serves the outside and itself logs in to inside hosts by SSH, SMB, RDP or WinRM.
-- why: A web or mail server is logged in to; that it logs in elsewhere is how an intruder goes on from the first
--   host.
-- false positives: Jump hosts, backup and deployment servers that can be reached from outside.
-- technique: T1021, T1090
-- severity: 1
-- title: {src}, which serves the outside, logs in to {dst} on port {port}
-- identity: src, dst, port
-- entities: host:{src}, host:{dst}
-- parameter clients_min = 1: Outside hosts that got an answer from it.

WITH servers AS (
    SELECT id_resp_h AS server, count(DISTINCT id_orig_h) AS clients
    FROM conn
    WHERE ts >= :since AND ts < :until AND proto = 'tcp' AND resp_bytes > 0 AND NOT is_internal(id_orig_h)
        AND is_internal(id_resp_h)
    GROUP BY id_resp_h
), moves AS (
    SELECT id_orig_h AS src, id_resp_h AS dst, id_resp_p AS port, count(*) AS connections,
        sum(orig_bytes) AS sent_bytes, sum(resp_bytes) AS received_bytes, min(ts) AS first_ts, max(ts) AS last_ts
    FROM conn
    WHERE ts >= :since AND ts < :until AND proto = 'tcp' AND id_resp_p IN (22, 139, 445, 3389, 5985, 5986)
        AND orig_bytes > 0 AND resp_bytes > 0 AND is_internal(id_orig_h) AND is_internal(id_resp_h)
    GROUP BY id_orig_h, id_resp_h, id_resp_p
)
SELECT moves.src AS src, moves.dst AS dst, moves.port AS port, moves.connections AS connections,
    moves.sent_bytes AS sent_bytes, moves.received_bytes AS received_bytes, servers.clients AS clients,
    moves.first_ts AS first_ts, moves.last_ts AS last_ts
FROM moves JOIN servers ON servers.server = moves.src
WHERE servers.clients >= :clients_min
ORDER BY received_bytes DESC, src, dst, port
LIMIT :limit

-- finds: Known protocols on ports where they do not belong, between inside and outside.
-- why: A filter that goes by port is passed by SSH on 443 or HTTP on 8888; what is found by content tells.
-- false positives: Development servers, proxies, devices with web pages on their own ports.
-- technique: T1571
-- severity: 3
-- title: {src} speaks {service} with {dst} on port {port}
-- identity: src, dst, port
-- entities: host:{src}, peer:{dst}
-- parameter connections_min = 1: Connections of a pair on the port.

WITH usual AS (
    SELECT 'http' AS service, ',80,81,280,591,631,1080,3128,5000,5985,8000,8008,8080,8081,8088,8888,' AS ports
    UNION ALL SELECT 'ssl', ',443,261,448,465,563,585,614,636,853,989,990,992,993,994,995,2083,2087,2096,3269,4443,5061,5223,5228,5986,6443,8443,8883,9443,10443,'
    UNION ALL SELECT 'ssh', ',22,2222,'
    UNION ALL SELECT 'ftp', ',21,2121,'
    UNION ALL SELECT 'smtp', ',25,465,587,2525,'
    UNION ALL SELECT 'dns', ',53,137,5353,5355,'
    UNION ALL SELECT 'rdp', ',3389,'
    UNION ALL SELECT 'smb', ',139,445,'
    UNION ALL SELECT 'irc', ',6660,6661,6662,6663,6664,6665,6666,6667,6668,6669,6697,7000,'
    UNION ALL SELECT 'mysql', ',3306,'
    UNION ALL SELECT 'socks', ',1080,9050,'
), pairs AS (
    SELECT id_orig_h AS src, id_resp_h AS dst, id_resp_p AS port, service, count(*) AS connections,
        sum(orig_bytes) AS sent_bytes, sum(resp_bytes) AS received_bytes, min(ts) AS first_ts, max(ts) AS last_ts
    FROM conn
    WHERE ts >= :since AND ts < :until AND proto = 'tcp' AND service IS NOT NULL AND resp_bytes > 0
        AND is_internal(id_orig_h) AND NOT is_internal(id_resp_h)
    GROUP BY id_orig_h, id_resp_h, id_resp_p, service
)
SELECT pairs.src AS src, pairs.dst AS dst, pairs.port AS port, pairs.service AS service,
    pairs.connections AS connections, pairs.sent_bytes AS sent_bytes, pairs.received_bytes AS received_bytes,
    pairs.first_ts AS first_ts, pairs.last_ts AS last_ts
FROM pairs JOIN usual ON usual.service = pairs.service
WHERE usual.ports NOT LIKE '%,' || pairs.port || ',%' AND pairs.connections >= :connections_min
ORDER BY connections DESC, src, dst, port
LIMIT :limit

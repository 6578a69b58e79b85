-- finds: A host that tried one port of many others, most of them in vain.
-- why: Worms and intruders look for the next host by one service that they can break into.
-- false positives: Scanners and inventories of the site; clients of a server farm that is down; peer-to-peer
--   programs.
-- technique: T1046, T1018
-- severity: 3
-- title: {src} tried port {port} of {hosts} hosts
-- identity: src, port
-- entities: host:{src}
-- parameter hosts_min = 15: Different hosts that refused or did not answer.

SELECT id_orig_h AS src, id_resp_p AS port, count(DISTINCT id_resp_h) AS hosts, count(*) AS connections,
    min(id_resp_h) AS example, min(ts) AS first_ts, max(ts) AS last_ts
FROM conn
WHERE ts >= :since AND ts < :until AND proto = 'tcp'
    AND conn_state IN ('S0', 'REJ', 'RSTOS0', 'RSTRH', 'SH', 'SHR')
GROUP BY id_orig_h, id_resp_p
HAVING count(DISTINCT id_resp_h) >= :hosts_min
ORDER BY hosts DESC, src, port
LIMIT :limit

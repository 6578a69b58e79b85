-- finds: A host that tried many ports of another, most of them in vain.
-- why: Before anything is broken into it is looked at. Ports that refuse or stay silent are tried by nobody who knows
--   the host.
-- false positives: Vulnerability scanners and inventories of the site, monitoring of hosts that are down.
-- technique: T1046, T1595.001
-- severity: 3
-- title: {src} tried {ports} ports of {dst}
-- identity: src, dst
-- entities: host:{src}, host:{dst}
-- parameter ports_min = 30: Different ports that refused or did not answer.

SELECT id_orig_h AS src, id_resp_h AS dst, count(DISTINCT id_resp_p) AS ports, count(*) AS connections,
    min(id_resp_p) AS lowest_port, max(id_resp_p) AS highest_port, min(ts) AS first_ts, max(ts) AS last_ts
FROM conn
WHERE ts >= :since AND ts < :until AND proto = 'tcp'
    AND conn_state IN ('S0', 'REJ', 'RSTOS0', 'RSTRH', 'SH', 'SHR')
GROUP BY id_orig_h, id_resp_h
HAVING count(DISTINCT id_resp_p) >= :ports_min
ORDER BY ports DESC, src, dst
LIMIT :limit

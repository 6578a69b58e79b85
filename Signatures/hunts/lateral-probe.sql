-- finds: An inside host that tried several ways of administration on another and was refused.
-- why: Who has a key knows the door. SSH, SMB, RDP and WinRM tried one after the other is someone who looks for one.
-- false positives: Vulnerability scanners, inventories.
-- technique: T1046, T1021
-- severity: 2
-- title: {src} tried {ports} ports of administration on {dst}
-- identity: src, dst
-- entities: host:{src}, host:{dst}
-- parameter ports_min = 3: Different ports that refused or did not answer.

SELECT id_orig_h AS src, id_resp_h AS dst, count(DISTINCT id_resp_p) AS ports, count(*) AS connections,
    min(id_resp_p) AS lowest_port, max(id_resp_p) AS highest_port, min(ts) AS first_ts, max(ts) AS last_ts
FROM conn
WHERE ts >= :since AND ts < :until AND proto = 'tcp'
    AND id_resp_p IN (22, 23, 135, 139, 445, 1433, 2375, 3389, 5900, 5985, 5986, 6443)
    AND conn_state IN ('S0', 'REJ', 'RSTOS0', 'RSTRH', 'SH', 'SHR')
    AND is_internal(id_orig_h) AND is_internal(id_resp_h)
GROUP BY id_orig_h, id_resp_h
HAVING count(DISTINCT id_resp_p) >= :ports_min
ORDER BY ports DESC, src, dst
LIMIT :limit

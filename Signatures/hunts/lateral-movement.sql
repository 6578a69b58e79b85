-- finds: An inside host that works its way to many others by SSH, SMB, RDP, WinRM, Telnet or DCE-RPC.
-- why: Workstations talk to servers, not to each other. Who logs in to many hosts in a short time is an administrator
--   or an intruder.
-- false positives: Administrators' hosts, software distribution, monitoring, domain controllers.
-- technique: T1021
-- severity: 2
-- title: {src} reached {hosts} hosts by {protocol}
-- identity: src, protocol
-- entities: host:{src}
-- parameter hosts_min = 10: Different hosts that one protocol reached.

WITH moves AS (
    SELECT id_orig_h AS src, id_resp_h AS dst, id_resp_p AS port, orig_bytes, ts,
        CASE id_resp_p WHEN 22 THEN 'ssh' WHEN 23 THEN 'telnet' WHEN 135 THEN 'dce_rpc' WHEN 139 THEN 'smb'
            WHEN 445 THEN 'smb' WHEN 3389 THEN 'rdp' WHEN 5985 THEN 'winrm' ELSE 'winrm' END AS protocol
    FROM conn
    WHERE ts >= :since AND ts < :until AND proto = 'tcp' AND id_resp_p IN (22, 23, 135, 139, 445, 3389, 5985, 5986)
        AND conn_state IN ('SF', 'S1', 'S2', 'S3', 'RSTO', 'RSTR') AND orig_bytes > 0 AND resp_bytes > 0
        AND is_internal(id_orig_h) AND is_internal(id_resp_h)
)
SELECT src, protocol, count(DISTINCT dst) AS hosts, count(*) AS connections, min(dst) AS example,
    sum(orig_bytes) AS sent_bytes, min(ts) AS first_ts, max(ts) AS last_ts
FROM moves
GROUP BY src, protocol
HAVING count(DISTINCT dst) >= :hosts_min
ORDER BY hosts DESC, src, protocol
LIMIT :limit

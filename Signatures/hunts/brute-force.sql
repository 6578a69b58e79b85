-- finds: A host whose logins at another failed again and again, by protocol: SSH, FTP, SMB and other NTLM, Kerberos,
--   HTTP, LDAP, MySQL, RDP.
-- why: Passwords are guessed one by one; a person who forgot his gives up after a few. `succeeded` tells whether one
--   was right in the end.
-- false positives: Programs with an old password, monitoring, shared gateways.
-- technique: T1110
-- severity: 2
-- title: {src} failed {failures} times to log in to {dst} by {protocol}
-- identity: src, dst, protocol
-- entities: host:{src}, host:{dst}
-- parameter failures_min = 6: Failed attempts; of RDP connections, since the outcome is hidden.
-- parameter rdp_connections_min = 30: Connections of RDP that count as guessing.

WITH attempts AS (
    SELECT id_orig_h AS src, id_resp_h AS dst, 'ssh' AS protocol, ts,
        CASE WHEN auth_success THEN coalesce(auth_attempts, 1) - 1 ELSE coalesce(auth_attempts, 0) END AS failures,
        CASE WHEN auth_success THEN 1 ELSE 0 END AS successes
    FROM ssh WHERE ts >= :since AND ts < :until
    UNION ALL
    SELECT id_orig_h, id_resp_h, 'ftp', ts, CASE WHEN reply_code = 530 THEN 1 ELSE 0 END,
        CASE WHEN reply_code = 230 THEN 1 ELSE 0 END
    FROM ftp WHERE ts >= :since AND ts < :until
    UNION ALL
    SELECT id_orig_h, id_resp_h, 'ntlm', ts, CASE WHEN success THEN 0 ELSE 1 END, CASE WHEN success THEN 1 ELSE 0 END
    FROM ntlm WHERE ts >= :since AND ts < :until AND username IS NOT NULL
    UNION ALL
    SELECT id_orig_h, id_resp_h, 'kerberos', ts,
        CASE WHEN error_msg IN ('KDC_ERR_PREAUTH_FAILED', 'KDC_ERR_C_PRINCIPAL_UNKNOWN') THEN 1 ELSE 0 END,
        CASE WHEN success THEN 1 ELSE 0 END
    FROM kerberos WHERE ts >= :since AND ts < :until AND request_type = 'AS'
    UNION ALL
    SELECT id_orig_h, id_resp_h, 'http', ts, CASE WHEN status_code = 401 THEN 1 ELSE 0 END,
        CASE WHEN status_code < 400 AND username IS NOT NULL THEN 1 ELSE 0 END
    FROM http WHERE ts >= :since AND ts < :until AND (status_code = 401 OR username IS NOT NULL)
    UNION ALL
    SELECT id_orig_h, id_resp_h, 'mysql', ts, CASE WHEN success THEN 0 ELSE 1 END, CASE WHEN success THEN 1 ELSE 0 END
    FROM mysql WHERE ts >= :since AND ts < :until AND cmd = 'login'
    UNION ALL
    SELECT id_orig_h, id_resp_h, 'ldap', ts, CASE WHEN result = 'invalid credentials' THEN 1 ELSE 0 END,
        CASE WHEN result = 'success' THEN 1 ELSE 0 END
    FROM ldap WHERE ts >= :since AND ts < :until AND opcode IN ('bind simple', 'bind SASL')
)
SELECT src, dst, protocol, sum(failures) AS failures, sum(successes) AS succeeded, min(ts) AS first_ts,
    max(ts) AS last_ts
FROM attempts
GROUP BY src, dst, protocol
HAVING sum(failures) >= :failures_min
UNION ALL
SELECT id_orig_h, id_resp_h, 'rdp', count(*), 0, min(ts), max(ts)
FROM rdp
WHERE ts >= :since AND ts < :until
GROUP BY id_orig_h, id_resp_h
HAVING count(*) >= :rdp_connections_min
ORDER BY failures DESC, src, dst
LIMIT :limit

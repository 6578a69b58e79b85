-- finds: User names and passwords that crossed the site's border in the clear: HTTP Basic, FTP, LDAP simple bind.
-- why: Who listens on the way has the password.
-- false positives: Anonymous access under an invented name; devices that know nothing better.
-- technique: T1040, T1552
-- severity: 3
-- title: {user} logged in from {src} to {dst} by {protocol} in the clear
-- identity: src, dst, user
-- entities: host:{src}, host:{dst}, user:{user}
-- parameter inside = 0: 1 to list logins between inside hosts too.

WITH logins AS (
    SELECT id_orig_h AS src, id_resp_h AS dst, username AS user_name, 'http' AS protocol, ts
    FROM http WHERE ts >= :since AND ts < :until AND username IS NOT NULL
    UNION ALL
    SELECT id_orig_h, id_resp_h, user, 'ftp', ts
    FROM ftp
    WHERE ts >= :since AND ts < :until AND user IS NOT NULL AND lower(user) NOT IN ('anonymous', 'ftp', '<unknown>')
    UNION ALL
    SELECT id_orig_h, id_resp_h, object, 'ldap', ts
    FROM ldap WHERE ts >= :since AND ts < :until AND opcode = 'bind simple' AND object IS NOT NULL
)
SELECT src, dst, user_name AS user, protocol, count(*) AS requests, min(ts) AS first_ts, max(ts) AS last_ts
FROM logins
WHERE :inside = 1 OR NOT is_internal(src) OR NOT is_internal(dst)
GROUP BY src, dst, user_name, protocol
ORDER BY requests DESC, src, dst, user_name
LIMIT :limit

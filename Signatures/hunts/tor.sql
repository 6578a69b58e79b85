-- finds: Hosts that use Tor: its ports, its certificates, its client's fingerprint, or names under .onion.
-- why: Tor hides where data goes; ransomware publishes and negotiates there.
-- false positives: People who use it openly; other programs on 9001 or 9030.
-- technique: T1090.003
-- severity: 2
-- title: {src} uses Tor ({sign})
-- identity: src, dst
-- entities: host:{src}, peer:{dst}

SELECT id_orig_h AS src, id_resp_h AS dst, 'certificate' AS sign, min(server_name) AS example, count(*) AS connections,
    min(ts) AS first_ts, max(ts) AS last_ts
FROM ssl
WHERE ts >= :since AND ts < :until AND is_internal(id_orig_h) AND NOT is_internal(id_resp_h)
    AND (ja3 = 'e7d705a3286e19ea42f587b344ee6865'
        OR (regexp_like(subject, '^CN=www[.][a-z2-7]{8,20}[.](net|com)$')
            AND regexp_like(issuer, '^CN=www[.][a-z2-7]{8,20}[.](net|com)$') AND subject <> issuer))
GROUP BY id_orig_h, id_resp_h
UNION ALL
SELECT id_orig_h, id_resp_h, 'port', max(service), count(*), min(ts), max(ts)
FROM conn
WHERE ts >= :since AND ts < :until AND is_internal(id_orig_h) AND NOT is_internal(id_resp_h)
    AND id_resp_p IN (9001, 9030, 9040, 9050, 9051, 9150) AND resp_bytes > 0
GROUP BY id_orig_h, id_resp_h
UNION ALL
SELECT id_orig_h, id_resp_h, 'name', min(query), count(*), min(ts), max(ts)
FROM dns
WHERE ts >= :since AND ts < :until AND is_internal(id_orig_h) AND lower(query) LIKE '%.onion'
GROUP BY id_orig_h, id_resp_h
ORDER BY connections DESC, src, dst
LIMIT :limit

-- finds: Outside servers whose certificate is for another name than the client asked for.
-- why: Domain fronting and careless control servers show a name on the wire that the certificate does not know.
-- false positives: Content networks, servers of many names, captive portals.
-- technique: T1090.004, T1573.002
-- severity: 3
-- title: {dst} answers {server_name} with the certificate {subject}
-- identity: dst, server_name
-- entities: peer:{dst}, domain:{server_name}, host:{src}

SELECT id_resp_h AS dst, server_name, subject, min(issuer) AS issuer, count(DISTINCT id_orig_h) AS hosts,
    min(id_orig_h) AS src, count(*) AS connections, min(ts) AS first_ts, max(ts) AS last_ts
FROM ssl
WHERE ts >= :since AND ts < :until AND sni_matches_cert = false AND server_name IS NOT NULL
    AND is_internal(id_orig_h) AND NOT is_internal(id_resp_h)
GROUP BY id_resp_h, server_name, subject
ORDER BY connections DESC, dst, server_name, subject
LIMIT :limit

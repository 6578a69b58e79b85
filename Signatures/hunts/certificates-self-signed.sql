-- finds: Inside hosts that speak TLS with outside servers whose certificate is signed by itself.
-- why: Control servers seldom have a certificate of an authority. TLS 1.3 hides certificates; up to 1.2 they are
--   seen.
-- false positives: Appliances, cloud agents with pinned certificates, peer-to-peer programs.
-- technique: T1573.002, T1587.003
-- severity: 3
-- title: {src} trusts the self-signed certificate {subject} of {dst}
-- identity: src, dst
-- entities: host:{src}, peer:{dst}

SELECT id_orig_h AS src, id_resp_h AS dst, min(server_name) AS server_name, subject, count(*) AS connections,
    min(id_resp_p) AS port, min(ts) AS first_ts, max(ts) AS last_ts
FROM ssl
WHERE ts >= :since AND ts < :until AND subject = issuer AND is_internal(id_orig_h) AND NOT is_internal(id_resp_h)
GROUP BY id_orig_h, id_resp_h, subject
ORDER BY connections DESC, src, dst, subject
LIMIT :limit

-- finds: Outside servers whose certificate was issued a few days before it was used.
-- why: The name and the certificate of a new control server are of the same week.
-- false positives: Certificates that are renewed every few weeks, as most are. A list to read beside others.
-- technique: T1587.003, T1583.001
-- severity: 4
-- title: {dst} uses a certificate that is {age_days} days old
-- identity: dst, fingerprint
-- entities: peer:{dst}, host:{src}
-- alerts: no
-- parameter days_max = 3: Days between the certificate's first valid day and its use.

WITH shown AS (
    SELECT ssl_cert_chain_fps.value AS fingerprint, ssl.id_resp_h AS dst, ssl.id_orig_h AS src,
        ssl.server_name AS server_name, ssl.ts AS ts
    FROM ssl JOIN ssl_cert_chain_fps ON ssl_cert_chain_fps.uid = ssl.uid
    WHERE ssl.ts >= :since AND ssl.ts < :until AND NOT is_internal(ssl.id_resp_h)
), certificates AS (
    SELECT fingerprint, min(certificate_not_valid_before) AS not_before, min(certificate_subject) AS subject,
        min(certificate_issuer) AS issuer
    FROM x509
    WHERE coalesce(basic_constraints_ca, false) = false
    GROUP BY fingerprint
), used AS (
    SELECT shown.dst AS dst, min(shown.server_name) AS server_name, certificates.subject AS subject,
        certificates.issuer AS issuer, certificates.fingerprint AS fingerprint,
        min(certificates.not_before) AS not_before, count(DISTINCT shown.src) AS hosts, min(shown.src) AS src,
        count(*) AS connections, min(shown.ts) AS first_ts, max(shown.ts) AS last_ts
    FROM shown JOIN certificates ON certificates.fingerprint = shown.fingerprint
    GROUP BY shown.dst, certificates.subject, certificates.issuer, certificates.fingerprint
)
SELECT dst, server_name, subject, issuer, fingerprint, not_before,
    round((epoch(first_ts) - epoch(not_before)) / 86400, 2) AS age_days, hosts, src, connections, first_ts, last_ts
FROM used
WHERE epoch(first_ts) - epoch(not_before) BETWEEN 0 AND :days_max * 86400
ORDER BY age_days, dst, subject
LIMIT :limit

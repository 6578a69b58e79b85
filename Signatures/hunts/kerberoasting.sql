-- finds: A client that asked for tickets of many services, encrypted with RC4.
-- why: A service ticket is encrypted with the service's password. Who collects them under the weak RC4 means to guess
--   these passwords at leisure.
-- false positives: Old clients and domains that still use RC4; inventories of services.
-- technique: T1558.003
-- severity: 1
-- title: {src} ({client}) collected RC4 tickets of {services} services
-- identity: src, client
-- entities: host:{src}, user:{client}
-- parameter services_min = 5: Different services.

SELECT id_orig_h AS src, client, count(DISTINCT service) AS services, count(*) AS tickets, min(service) AS example,
    min(ts) AS first_ts, max(ts) AS last_ts
FROM kerberos
WHERE ts >= :since AND ts < :until AND request_type = 'TGS' AND success AND lower(cipher) LIKE '%rc4%'
    AND lower(service) NOT LIKE 'krbtgt/%'
GROUP BY id_orig_h, client
HAVING count(DISTINCT service) >= :services_min
ORDER BY services DESC, src, client
LIMIT :limit

-- finds: Data that goes to an autonomous system which no host of the site talked to before.
-- why: A control server or a drop stands in a network that the site has no business with.
-- false positives: New services and travelling users. Needs an MMDB file of autonomous systems (`--mmdb`) and records
--   from before `since`.
-- technique: T1041, T1583.003
-- severity: 3
-- title: {src} sent {sent_bytes} octets to {organisation} (AS{asn}), which is new
-- identity: asn
-- entities: host:{src}, peer:{dst}
-- history: yes
-- needs: asn
-- parameter bytes_min = 100000: Octets that all hosts together sent there.
-- parameter history_min = 86400: Seconds of records before `since` without which nothing is called new.

WITH targets AS (
    SELECT id_resp_h AS dst, min(ts) AS first_ts, max(ts) AS last_ts, sum(orig_bytes) AS sent_bytes,
        count(DISTINCT id_orig_h) AS hosts, min(id_orig_h) AS src
    FROM conn
    WHERE ts < :until AND is_internal(id_orig_h) AND NOT is_internal(id_resp_h)
    GROUP BY id_resp_h
), history AS (
    SELECT min(ts) AS oldest FROM conn
)
SELECT address_asn.asn AS asn, min(address_asn.organisation) AS organisation, sum(targets.sent_bytes) AS sent_bytes,
    max(targets.hosts) AS hosts, min(targets.src) AS src, min(targets.dst) AS dst, min(targets.first_ts) AS first_ts,
    max(targets.last_ts) AS last_ts
FROM targets JOIN address_asn ON address_asn.address = targets.dst, history
GROUP BY address_asn.asn
HAVING min(targets.first_ts) >= :since AND epoch(min(targets.first_ts)) - epoch(min(history.oldest)) >= :history_min
    AND sum(targets.sent_bytes) >= :bytes_min
ORDER BY sent_bytes DESC, asn
LIMIT :limit

-- finds: Registered domains that were asked for the first time since the time given.
-- why: Domains of an attack are young and were never asked for before.
-- false positives: Every day has some; sort by how many hosts ask. Needs records from before `since` to know what is
--   old.
-- technique: T1583.001, T1568
-- severity: 4
-- title: {domain} was asked for the first time
-- identity: domain
-- entities: domain:{domain}, host:{src}
-- alerts: no
-- history: yes
-- parameter history_min = 86400: Seconds of records before `since` without which nothing is called new.

WITH domains AS (
    SELECT registered_domain(query) AS domain, min(ts) AS first_ts, max(ts) AS last_ts, count(*) AS queries,
        count(DISTINCT id_orig_h) AS hosts, min(id_orig_h) AS src, min(query) AS example
    FROM dns
    WHERE ts < :until AND query IS NOT NULL AND lower(query) NOT LIKE '%.arpa' AND is_internal(id_orig_h)
    GROUP BY registered_domain(query)
), history AS (
    SELECT min(ts) AS oldest FROM dns
)
SELECT domains.domain AS domain, domains.queries AS queries, domains.hosts AS hosts, domains.src AS src,
    domains.example AS example, domains.first_ts AS first_ts, domains.last_ts AS last_ts
FROM domains, history
WHERE domains.first_ts >= :since AND epoch(domains.first_ts) - epoch(history.oldest) >= :history_min
    AND domains.domain IS NOT NULL
ORDER BY hosts, queries DESC, domain
LIMIT :limit

-- finds: Hosts that ask outside name servers although the site has a resolver.
-- why: Who goes past the resolver goes past its log and its filters; malware brings its own servers along.
-- false positives: Resolvers and mail servers of the site, phones and devices with a server built in.
-- technique: T1071.004, T1568
-- severity: 3
-- title: {src} asks the name server {dst} past the resolver
-- identity: src, dst
-- entities: host:{src}, peer:{dst}
-- parameter queries_min = 1: Queries of a pair.
-- parameter clients_min = 2: Inside clients that make an inside host a resolver.

WITH resolvers AS (
    SELECT id_resp_h AS resolver, count(DISTINCT id_orig_h) AS clients
    FROM dns
    WHERE ts >= :since AND ts < :until AND is_internal(id_orig_h) AND is_internal(id_resp_h)
    GROUP BY id_resp_h
    HAVING count(DISTINCT id_orig_h) >= :clients_min
), asked AS (
    SELECT id_orig_h AS src, id_resp_h AS dst, count(*) AS queries, count(DISTINCT query) AS names, min(query) AS example,
        min(ts) AS first_ts, max(ts) AS last_ts
    FROM dns
    WHERE ts >= :since AND ts < :until AND is_internal(id_orig_h) AND NOT is_internal(id_resp_h) AND id_resp_p = 53
    GROUP BY id_orig_h, id_resp_h
)
SELECT asked.src AS src, asked.dst AS dst, asked.queries AS queries, asked.names AS names, asked.example AS example,
    asked.first_ts AS first_ts, asked.last_ts AS last_ts
FROM asked LEFT JOIN resolvers ON resolvers.resolver = asked.src
WHERE resolvers.resolver IS NULL AND asked.queries >= :queries_min AND EXISTS (SELECT 1 FROM resolvers)
ORDER BY queries DESC, src, dst
LIMIT :limit

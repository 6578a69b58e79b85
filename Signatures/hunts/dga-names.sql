-- finds: A host that asks for many random-looking domains which do not exist.
-- why: Malware that computes its control servers' names tries them one after the other until one is registered.
-- false positives: Browsers that probe the resolver with random names (one label, no dot), broken search lists.
-- technique: T1568.002
-- severity: 2
-- title: {src} asked for {domains} random-looking domains that do not exist
-- identity: src
-- entities: host:{src}
-- parameter domains_min = 10: Different registered domains without an answer.
-- parameter entropy_min = 3.0: Bits for each octet of the domain's own label.
-- parameter length_min = 10: Octets of that label.

WITH missing AS (
    SELECT id_orig_h AS src, registered_domain(query) AS domain, count(*) AS queries, min(ts) AS first_ts,
        max(ts) AS last_ts
    FROM dns
    WHERE ts >= :since AND ts < :until AND rcode = 3 AND is_internal(id_orig_h) AND lower(query) NOT LIKE '%.arpa'
    GROUP BY id_orig_h, registered_domain(query)
)
SELECT src, count(*) AS domains, sum(queries) AS queries, avg(entropy(split_part(domain, '.', 1))) AS average_entropy,
    min(domain) AS example, min(first_ts) AS first_ts, max(last_ts) AS last_ts
FROM missing
WHERE domain IS NOT NULL AND length(split_part(domain, '.', 1)) >= :length_min
    AND entropy(split_part(domain, '.', 1)) >= :entropy_min
GROUP BY src
HAVING count(*) >= :domains_min
ORDER BY domains DESC, src
LIMIT :limit

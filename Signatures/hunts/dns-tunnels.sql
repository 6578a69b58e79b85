-- finds: A host that asks for very many different names below one registered domain.
-- why: Data that leaves through the resolver stands in the names that are asked for, each of them new. RITA grades
--   100, 500, 800 and 1,000 names.
-- false positives: Content networks, reputation services of virus scanners and mail filters, which ask by name too;
--   set `domains_known`.
-- technique: T1071.004, T1048, T1572
-- severity: 1
-- title: {src} asked for {names} names below {domain}
-- identity: src, domain
-- entities: host:{src}, domain:{domain}
-- parameter names_min = 100: Different names below one domain.
-- parameter length_min = 20: Octets of the names on average; short names carry little.
-- parameter domains_known = '': Registered domains that are left out, with commas between and around:
--   ',a.com,b.net,'.

WITH names AS (
    SELECT id_orig_h AS src, registered_domain(query) AS domain, count(DISTINCT query) AS names, count(*) AS queries,
        avg(length(query)) AS average_length, max(length(query)) AS longest, sum(length(query)) AS query_bytes,
        min(CASE WHEN length(query) >= :length_min THEN ts END) AS first_ts, max(ts) AS last_ts, max(query) AS example
    FROM dns
    WHERE ts >= :since AND ts < :until AND is_internal(id_orig_h) AND query IS NOT NULL AND lower(query) NOT LIKE '%.arpa'
    GROUP BY id_orig_h, registered_domain(query)
    HAVING count(DISTINCT query) >= :names_min
)
SELECT src, domain, names, queries, average_length, longest, query_bytes, example, first_ts, last_ts
FROM names
WHERE average_length >= :length_min AND domain IS NOT NULL
    AND :domains_known NOT LIKE '%,' || domain || ',%'
ORDER BY names DESC, src, domain
LIMIT :limit

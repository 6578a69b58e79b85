-- finds: Pairs of hosts, each with RITA's threat score: the gravest of beacon, long connection, strobe, names below
--   one domain and indicator hits, with what speaks for or against it.
-- why: One number to begin a day with: a weak beacon to a place that no other host knows is worth more than a strong
--   one to a place that all know.
-- false positives: As of the hunts that it is made of. New and rare services of the site's own in the first days.
-- technique: T1071
-- severity: 2
-- title: {src} and {dst}: {severity} ({score})
-- identity: src, dst
-- entities: host:{src}, peer:{dst}
-- alerts: no
-- parameter score_min = 0.2: Above 0.2 is low, 0.4 medium, 0.6 high, 0.8 critical.
-- parameter window = 86400: Seconds before the newest connection that are looked at; 0 is everything.

SELECT src, dst, severity, score, beacon, long_connection, strobe, dns_names, intel, prevalence, first_seen,
    missing_host, rare_signature, mime_mismatch, connections, seconds, bytes, hosts, first_ts, last_ts
FROM threats(:since, :until, :window, :internal)
WHERE score > :score_min
ORDER BY score DESC, src, dst
LIMIT :limit

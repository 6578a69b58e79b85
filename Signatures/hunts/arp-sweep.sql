-- finds: A host that asked on its own network for many addresses that nobody has.
-- why: A sweep of addresses shows in ARP even where no packet of it ever reaches a host. A router that asks so is
--   passing on a sweep from outside.
-- false positives: Inventories of the site, a host that moved from another network, a router under the noise of the
--   Internet.
-- technique: T1018
-- severity: 3
-- title: {src} asked for {addresses} addresses that do not answer
-- identity: src
-- entities: host:{src}
-- parameter addresses_min = 10: Different addresses without an answer.

WITH asked AS (
    SELECT sender_addr AS src, target_addr AS target, count(*) AS questions, min(ts) AS first_ts, max(ts) AS last_ts
    FROM arp
    WHERE ts >= :since AND ts < :until AND operation = 'request' AND sender_addr <> target_addr
        AND sender_addr <> '0.0.0.0'
    GROUP BY sender_addr, target_addr
), known AS (
    SELECT sender_addr AS host, count(*) AS packets
    FROM arp
    WHERE ts >= :since AND ts < :until
    GROUP BY sender_addr
)
SELECT asked.src AS src, count(*) AS addresses, sum(asked.questions) AS questions, min(asked.target) AS example,
    min(asked.first_ts) AS first_ts, max(asked.last_ts) AS last_ts
FROM asked LEFT JOIN known ON known.host = asked.target
WHERE known.host IS NULL
GROUP BY asked.src
HAVING count(*) >= :addresses_min
ORDER BY addresses DESC, src
LIMIT :limit

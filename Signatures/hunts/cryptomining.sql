-- finds: Hosts that ask for mining pools by name, or keep connections to ports of mining pools.
-- why: Stolen computing time is the easiest prize of a break-in, and shows that there was one.
-- false positives: People who read about it; other services on the same ports (by name is sure, by port is not).
-- technique: T1496
-- severity: 2
-- title: {src} looks like a miner ({sign}: {example})
-- identity: src, example
-- entities: host:{src}
-- parameter seconds_min = 300: Seconds that a connection to a pool's port has to last.

SELECT id_orig_h AS src, 'name' AS sign, min(lower(query)) AS example, count(*) AS connections, min(ts) AS first_ts,
    max(ts) AS last_ts
FROM dns
WHERE ts >= :since AND ts < :until AND is_internal(id_orig_h) AND regexp_like(lower(query),
    '(^|[.])(nanopool[.]org|2miners[.]com|minexmr[.]com|supportxmr[.]com|moneroocean[.]stream|hashvault[.]pro|f2pool[.]com|nicehash[.]com|unmineable[.]com|ethermine[.]org|herominers[.]com|minergate[.]com|xmrpool[.](eu|net)|poolin[.]com|antpool[.]com|viabtc[.]com|flypool[.]org|c3pool[.]com|woolypooly[.]com|kryptex[.]network|zpool[.]ca|slushpool[.]com|braiins[.]com|coinhive[.]com|xmr[.]pool[.][a-z]+)$')
GROUP BY id_orig_h
UNION ALL
SELECT id_orig_h, 'port', min(id_resp_h), count(*), min(ts), max(ts)
FROM conn
WHERE ts >= :since AND ts < :until AND is_internal(id_orig_h) AND NOT is_internal(id_resp_h) AND proto = 'tcp'
    AND service IS NULL AND id_resp_p IN (3333, 5555, 7777, 14433, 14444, 45560, 45700) AND resp_bytes > 0
    AND duration >= :seconds_min
GROUP BY id_orig_h
ORDER BY connections DESC, src
LIMIT :limit

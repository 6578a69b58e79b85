-- finds: Pairs of a host and an outside address or name whose connections come at regular times and in regular sizes.
-- why: An implant asks its control server for work again and again. RITA's score (version 5) of the spacing, sizes,
--   spread and duration of the connections is 1 for a clock.
-- false positives: Update checks, telemetry, mail and news clients, time servers, monitoring. Look at how many hosts
--   talk to the same target.
-- technique: T1071, T1573
-- severity: 2
-- title: {src} talks to {dst} as regularly as a beacon (score {score})
-- identity: src, dst
-- entities: host:{src}, peer:{dst}
-- parameter score_min = 0.9: Pairs below are left out; RITA calls 0.5 low, 0.7 medium, 0.9 high. Of pairs that meet
--   some twenty times at random one in ten thousand reaches 0.8.
-- parameter connections_min = 20: Fewer connections say little, whatever their score.
-- parameter window = 86400: Seconds before the newest connection that are looked at; 0 is everything.

WITH clocks_and_names AS (
    -- Whoever is asked for names and times alone is asked regularly by everybody.
    SELECT id_orig_h, id_resp_h
    FROM conn
    GROUP BY id_orig_h, id_resp_h
    HAVING count(*) >= :connections_min AND count_if(id_resp_p NOT IN (53, 123, 853)) = 0
)
SELECT kind, src, dst, score, ts_score, ds_score, hist_score, dur_score, connections, bytes, interval_seconds, size,
    first_ts, last_ts
FROM beacons(:since, :until, :window, :internal)
    LEFT JOIN clocks_and_names ON id_orig_h = src AND id_resp_h = dst
WHERE score >= :score_min AND connections >= :connections_min AND id_orig_h IS NULL
ORDER BY score DESC, connections DESC, src, dst
LIMIT :limit

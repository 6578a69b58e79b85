-- finds: Files whose content is of another kind than their name says: programs and scripts called pictures or texts,
--   pictures that are none.
-- why: What is meant to run is given a harmless name to pass filters and people.
-- false positives: Servers that answer a picture's address with an error page (parameter `pages`), pictures of
--   another format.
-- technique: T1036.008, T1105
-- severity: 2
-- title: {name} from {dst} is {mime_type}
-- identity: src, dst, name
-- entities: host:{src}, host:{dst}, file:{sha256}
-- parameter pages = 0: 1 to list pages and texts under a picture's name too.

WITH named AS (
    SELECT id_orig_h AS src, id_resp_h AS dst, lower(filename) AS name, mime_type, sha256, source, ts
    FROM files
    WHERE ts >= :since AND ts < :until AND filename IS NOT NULL AND mime_type IS NOT NULL
    UNION ALL
    SELECT http.id_orig_h, http.id_resp_h, lower(split_part(http.uri, '?', 1)), files.mime_type, files.sha256,
        files.source, http.ts
    FROM http JOIN http_resp_fuids ON http_resp_fuids.uid = http.uid AND http_resp_fuids.ts = http.ts
        JOIN files ON files.fuid = http_resp_fuids.value
    WHERE http.ts >= :since AND http.ts < :until AND http.status_code < 300 AND files.mime_type IS NOT NULL
)
SELECT src, dst, name, mime_type, min(source) AS source, max(sha256) AS sha256, count(*) AS files, min(ts) AS first_ts,
    max(ts) AS last_ts
FROM named
WHERE (regexp_like(name, '[.](jpe?g|png|gif|ico|bmp|webp|svg|txt|csv|log|css|woff2?|ttf|pdf|mp3|mp4|avi|mpe?g)$')
        AND mime_type IN ('application/x-dosexec', 'application/x-executable', 'application/x-elf', 'application/x-mach-o-executable', 'application/java-archive', 'application/x-shellscript', 'text/x-shellscript', 
            'application/vnd.ms-cab-compressed'))
    OR (regexp_like(name, '[.](jpe?g|png|gif|ico|bmp|webp)$') AND mime_type NOT LIKE 'image/%'
        AND mime_type NOT LIKE 'text/%' AND mime_type NOT LIKE '%xml%')
    OR (regexp_like(name, '[.](jpe?g|png|gif|ico|bmp|webp)$') AND mime_type IN ('text/x-php', 'text/x-perl',
        'text/x-python', 'application/javascript'))
    OR (:pages = 1 AND regexp_like(name, '[.](jpe?g|png|gif|ico|bmp|webp)$') AND mime_type NOT LIKE 'image/%')
GROUP BY src, dst, name, mime_type
ORDER BY files DESC, src, dst, name
LIMIT :limit

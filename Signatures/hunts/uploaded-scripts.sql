-- finds: Scripts and programs that a client sent to an inside web or FTP server.
-- why: A web shell is a script that somebody uploads where pictures belong.
-- false positives: Developers who publish by HTTP or FTP.
-- technique: T1505.003
-- severity: 2
-- title: {src} uploaded {name} ({mime_type}) to {dst}
-- identity: src, dst, name
-- entities: host:{src}, host:{dst}, file:{sha256}

SELECT id_orig_h AS src, id_resp_h AS dst, filename AS name, mime_type, min(source) AS source, max(sha256) AS sha256,
    count(*) AS files, max(seen_bytes) AS size, min(ts) AS first_ts, max(ts) AS last_ts
FROM files
WHERE ts >= :since AND ts < :until AND is_orig AND source IN ('HTTP', 'FTP_DATA') AND is_internal(id_resp_h)
    AND (mime_type IN ('text/x-php', 'text/x-perl', 'text/x-python', 'text/x-ruby', 'text/x-shellscript',
        'application/x-shellscript', 'application/x-dosexec', 'application/x-executable', 'application/x-elf',
        'application/java-archive')
        OR regexp_like(lower(coalesce(filename, '')), '[.](php[0-9]?|phtml|aspx?|jspx?|war|cgi|ashx)$'))
GROUP BY id_orig_h, id_resp_h, filename, mime_type
ORDER BY files DESC, src, dst, name
LIMIT :limit

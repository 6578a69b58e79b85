-- finds: Administrative shares (ADMIN$, C$ and other drives) that were opened over SMB.
-- why: Tools that run programs on other hosts copy them there first, through a share that only administrators may
--   open.
-- false positives: Software distribution, backup, administrators at work.
-- technique: T1021.002, T1570
-- severity: 2
-- title: {src} opened {share} of {dst}
-- identity: src, dst, share
-- entities: host:{src}, host:{dst}

SELECT id_orig_h AS src, id_resp_h AS dst, upper(path) AS share, count(*) AS opened, min(ts) AS first_ts,
    max(ts) AS last_ts
FROM smb_mapping
WHERE ts >= :since AND ts < :until AND regexp_like(upper(path), '[^A-Z0-9$ _-](ADMIN|[A-Z])[$]$')
GROUP BY id_orig_h, id_resp_h, upper(path)
ORDER BY opened DESC, src, dst, share
LIMIT :limit

-- What the hunts use and DuckDB does not have under the same name. `--engine duckdb` runs it before each question, over
-- views of the lake's logs. By hand: `.read` it, make a view of each log that the hunt names, and run what
-- `weir hunt NAME --sql` prints. Intervals are whole microseconds in the files and seconds in SQL:
--
--     CREATE VIEW conn AS SELECT * REPLACE (duration / 1e6 AS duration)
--     FROM read_parquet('/srv/lake/log=conn/*/*.parquet', union_by_name = true);

SET TimeZone = 'UTC';

CREATE OR REPLACE MACRO regexp_like(text, pattern) AS regexp_matches(text, pattern);
CREATE OR REPLACE MACRO entropy(text) AS CASE WHEN text = '' THEN 0.0 WHEN text IS NOT NULL THEN (
    SELECT coalesce(-sum(share * log2(share)), 0)
    FROM (
        SELECT count(*) * 1.0 / length(text) AS share
        FROM (SELECT unnest(string_split(text, '')) AS letter)
        GROUP BY letter
    )
) END;

-- IPv4 and IPv6 as whole numbers; NULL for what is no address.
CREATE OR REPLACE MACRO ipv4_number(ip) AS CASE WHEN regexp_matches(ip, '^[0-9]+[.][0-9]+[.][0-9]+[.][0-9]+$') THEN
    split_part(ip, '.', 1)::BIGINT * 16777216 + split_part(ip, '.', 2)::BIGINT * 65536
    + split_part(ip, '.', 3)::BIGINT * 256 + split_part(ip, '.', 4)::BIGINT END;
CREATE OR REPLACE MACRO ipv6_groups(ip) AS CASE
    WHEN ip LIKE '%::%' THEN list_concat(
        list_filter(string_split(split_part(ip, '::', 1), ':'), part -> part <> ''),
        list_concat(
            list_transform(
                range(8 - length(list_filter(string_split(split_part(ip, '::', 1), ':'), part -> part <> ''))
                    - length(list_filter(string_split(split_part(ip, '::', 2), ':'), part -> part <> ''))), n -> '0'),
            list_filter(string_split(split_part(ip, '::', 2), ':'), part -> part <> '')))
    ELSE string_split(ip, ':') END;
CREATE OR REPLACE MACRO ipv6_text(ip) AS list_aggregate(
    list_transform(ipv6_groups(ip), part -> lpad(lower(part), 4, '0')), 'string_agg', '');
-- Networks of IPv6 on a border of four bits, as the site's own networks mostly are.
CREATE OR REPLACE MACRO in_cidr(ip, cidr) AS CASE
    WHEN cidr LIKE '%:%' THEN ip LIKE '%:%'
        AND left(ipv6_text(ip), (split_part(cidr, '/', 2)::INTEGER) // 4)
            = left(ipv6_text(split_part(cidr, '/', 1)), (split_part(cidr, '/', 2)::INTEGER) // 4)
        AND (split_part(cidr, '/', 2)::INTEGER % 4 = 0
            OR (('0x' || substr(ipv6_text(ip), split_part(cidr, '/', 2)::INTEGER // 4 + 1, 1))::INTEGER
                >> (4 - split_part(cidr, '/', 2)::INTEGER % 4))
            = (('0x' || substr(ipv6_text(split_part(cidr, '/', 1)), split_part(cidr, '/', 2)::INTEGER // 4 + 1, 1))::INTEGER
                >> (4 - split_part(cidr, '/', 2)::INTEGER % 4)))
    ELSE coalesce(ipv4_number(ip) // (1::BIGINT << (32 - split_part(cidr, '/', 2)::INTEGER))
        = ipv4_number(split_part(cidr, '/', 1)) // (1::BIGINT << (32 - split_part(cidr, '/', 2)::INTEGER)), false) END;

-- The last two labels, or three where the last two are a suffix of a country. Weir goes by the public suffix list;
-- names under longer suffixes (pages of hosting services) are cut shorter here.
CREATE OR REPLACE MACRO registered_domain(name) AS CASE
    WHEN name IS NULL OR name NOT LIKE '%.%' OR regexp_matches(name, '^[0-9.]+$') OR name LIKE '%:%' THEN NULL
    WHEN regexp_matches(lower(name), '[.](co|com|net|org|gov|edu|ac|or|ne|go)[.][a-z]{2}$')
        THEN nullif(regexp_extract(lower(name), '([^.]+[.][^.]+[.][^.]+)$', 1), '')
    ELSE regexp_extract(lower(name), '([^.]+[.][^.]+)$', 1) END;

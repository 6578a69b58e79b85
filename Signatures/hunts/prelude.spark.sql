-- What the hunts use and Spark SQL (4.0 and newer) does not have under the same name. `--engine spark` runs it before each
-- question, over views of the lake's logs. By hand: give it to spark-sql with -i, make a view of each log that the hunt
-- names, and run what `weir hunt NAME --sql` prints. Intervals are whole microseconds in the files and seconds in SQL:
--
--     CREATE TEMPORARY VIEW conn_files USING parquet OPTIONS (path '/srv/lake/log=conn', mergeSchema 'true');
--     CREATE TEMPORARY VIEW conn AS SELECT * EXCEPT (duration), duration / 1e6D AS duration FROM conn_files;

SET spark.sql.session.timeZone = UTC;

CREATE OR REPLACE TEMPORARY FUNCTION epoch(moment TIMESTAMP) RETURNS DOUBLE RETURN unix_micros(moment) / 1e6D;

CREATE OR REPLACE TEMPORARY FUNCTION entropy(letters STRING) RETURNS DOUBLE RETURN
    aggregate(
        array_distinct(split(letters, '')), 0.0D,
        (sum, letter) -> sum - CASE WHEN letter = '' THEN 0.0D ELSE
            (length(letters) - length(replace(letters, letter, ''))) / length(letters)
            * log2((length(letters) - length(replace(letters, letter, ''))) / length(letters)) END);

CREATE OR REPLACE TEMPORARY FUNCTION ipv4_number(ip STRING) RETURNS BIGINT RETURN
    CASE WHEN ip RLIKE '^[0-9]+[.][0-9]+[.][0-9]+[.][0-9]+$' THEN
        CAST(split_part(ip, '.', 1) AS BIGINT) * 16777216 + CAST(split_part(ip, '.', 2) AS BIGINT) * 65536
        + CAST(split_part(ip, '.', 3) AS BIGINT) * 256 + CAST(split_part(ip, '.', 4) AS BIGINT) END;

CREATE OR REPLACE TEMPORARY FUNCTION ipv6_text(ip STRING) RETURNS STRING RETURN
    array_join(
        transform(
            CASE WHEN ip LIKE '%::%' THEN concat(
                filter(split(split_part(ip, '::', 1), ':'), part -> part <> ''),
                array_repeat('0', 8 - size(filter(split(split_part(ip, '::', 1), ':'), part -> part <> ''))
                    - size(filter(split(split_part(ip, '::', 2), ':'), part -> part <> ''))),
                filter(split(split_part(ip, '::', 2), ':'), part -> part <> ''))
            ELSE split(ip, ':') END,
            part -> lpad(lower(part), 4, '0')), '');

-- A whole network of IPv6 is digits that are alike, and the bits of one more.
CREATE OR REPLACE TEMPORARY FUNCTION in_cidr(ip STRING, cidr STRING) RETURNS BOOLEAN RETURN
    CASE WHEN cidr LIKE '%:%' THEN ip LIKE '%:%'
        AND left(ipv6_text(ip), CAST(split_part(cidr, '/', 2) AS INT) DIV 4)
            = left(ipv6_text(split_part(cidr, '/', 1)), CAST(split_part(cidr, '/', 2) AS INT) DIV 4)
        AND (split_part(cidr, '/', 2) % 4 = 0
            OR shiftright(
                CAST(conv(substr(ipv6_text(ip), CAST(split_part(cidr, '/', 2) AS INT) DIV 4 + 1, 1), 16, 10) AS INT),
                4 - CAST(split_part(cidr, '/', 2) AS INT) % 4)
            = shiftright(
                CAST(conv(substr(ipv6_text(split_part(cidr, '/', 1)),
                    CAST(split_part(cidr, '/', 2) AS INT) DIV 4 + 1, 1), 16, 10) AS INT),
                4 - CAST(split_part(cidr, '/', 2) AS INT) % 4))
    ELSE coalesce(shiftright(ipv4_number(ip), 32 - CAST(split_part(cidr, '/', 2) AS INT))
        = shiftright(ipv4_number(split_part(cidr, '/', 1)), 32 - CAST(split_part(cidr, '/', 2) AS INT)), false) END;

-- The last two labels, or three where the last two are a suffix of a country. Weir goes by the public suffix list;
-- names under longer suffixes (pages of hosting services) are cut shorter here.
CREATE OR REPLACE TEMPORARY FUNCTION registered_domain(name STRING) RETURNS STRING RETURN
    CASE WHEN name IS NULL OR name NOT LIKE '%.%' OR name RLIKE '^[0-9.]+$' OR name LIKE '%:%' THEN NULL
    WHEN lower(name) RLIKE '[.](co|com|net|org|gov|edu|ac|or|ne|go)[.][a-z]{2}$'
        THEN nullif(regexp_extract(lower(name), '([^.]+[.][^.]+[.][^.]+)$', 1), '')
    ELSE regexp_extract(lower(name), '([^.]+[.][^.]+)$', 1) END;

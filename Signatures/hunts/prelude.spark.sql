-- What the hunts use and Spark SQL (4.0 and newer) does not have under the same name. Run it once in a session, then
-- any hunt as `weir hunt NAME --sql` prints it. `${lake}` is a folder of shipped segments:
--
--     spark-sql --conf spark.sql.session.timeZone=UTC --conf spark.hadoop.lake=/srv/lake -d lake=/srv/lake \
--         -i prelude.spark.sql -f hunt.sql
--
-- Logs without a row have no folder: leave their views out.

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

-- Hexadecimal digits as bits.
CREATE OR REPLACE TEMPORARY FUNCTION conv_bits(digits STRING) RETURNS STRING RETURN
    array_join(transform(split(digits, ''), digit -> CASE WHEN digit = '' THEN '' ELSE lpad(conv(digit, 16, 2), 4, '0') END), '');

CREATE OR REPLACE TEMPORARY FUNCTION in_cidr(ip STRING, cidr STRING) RETURNS BOOLEAN RETURN
    CASE WHEN cidr LIKE '%:%' THEN ip LIKE '%:%'
        AND left(conv_bits(ipv6_text(ip)), CAST(split_part(cidr, '/', 2) AS INT))
            = left(conv_bits(ipv6_text(split_part(cidr, '/', 1))), CAST(split_part(cidr, '/', 2) AS INT))
    ELSE coalesce(shiftright(ipv4_number(ip), 32 - CAST(split_part(cidr, '/', 2) AS INT))
        = shiftright(ipv4_number(split_part(cidr, '/', 1)), 32 - CAST(split_part(cidr, '/', 2) AS INT)), false) END;

-- The last two labels, or three where the last two are a suffix of a country. Weir goes by the public suffix list;
-- names under longer suffixes (pages of hosting services) are cut shorter here.
CREATE OR REPLACE TEMPORARY FUNCTION registered_domain(name STRING) RETURNS STRING RETURN
    CASE WHEN name IS NULL OR name NOT LIKE '%.%' OR name RLIKE '^[0-9.]+$' OR name LIKE '%:%' THEN NULL
    WHEN lower(name) RLIKE '[.](co|com|net|org|gov|edu|ac|or|ne|go)[.][a-z]{2}$'
        THEN nullif(regexp_extract(lower(name), '([^.]+[.][^.]+[.][^.]+)$', 1), '')
    ELSE regexp_extract(lower(name), '([^.]+[.][^.]+)$', 1) END;

-- Intervals are whole microseconds in the files and seconds in SQL.
CREATE OR REPLACE TEMPORARY VIEW conn_files USING parquet OPTIONS (path '${lake}/conn', mergeSchema 'true');
CREATE OR REPLACE TEMPORARY VIEW conn AS SELECT * EXCEPT (duration), duration / 1e6D AS duration FROM conn_files;
CREATE OR REPLACE TEMPORARY VIEW dns_files USING parquet OPTIONS (path '${lake}/dns', mergeSchema 'true');
CREATE OR REPLACE TEMPORARY VIEW dns AS SELECT * EXCEPT (rtt), rtt / 1e6D AS rtt FROM dns_files;
CREATE OR REPLACE TEMPORARY VIEW dns_answers AS
    SELECT ts, uid, pair.answers AS answer, pair.TTLs / 1e6D AS ttl
    FROM dns_files LATERAL VIEW explode(arrays_zip(answers, TTLs)) AS pair;
CREATE OR REPLACE TEMPORARY VIEW http USING parquet OPTIONS (path '${lake}/http', mergeSchema 'true');
CREATE OR REPLACE TEMPORARY VIEW http_resp_fuids AS SELECT ts, uid, explode(resp_fuids) AS value FROM http;
CREATE OR REPLACE TEMPORARY VIEW ssl USING parquet OPTIONS (path '${lake}/ssl', mergeSchema 'true');
CREATE OR REPLACE TEMPORARY VIEW ssl_cert_chain_fps AS SELECT ts, uid, explode(cert_chain_fps) AS value FROM ssl;
CREATE OR REPLACE TEMPORARY VIEW x509 USING parquet OPTIONS (path '${lake}/x509', mergeSchema 'true');
CREATE OR REPLACE TEMPORARY VIEW files USING parquet OPTIONS (path '${lake}/files', mergeSchema 'true');
CREATE OR REPLACE TEMPORARY VIEW ssh USING parquet OPTIONS (path '${lake}/ssh', mergeSchema 'true');
CREATE OR REPLACE TEMPORARY VIEW ftp USING parquet OPTIONS (path '${lake}/ftp', mergeSchema 'true');
CREATE OR REPLACE TEMPORARY VIEW ntlm USING parquet OPTIONS (path '${lake}/ntlm', mergeSchema 'true');
CREATE OR REPLACE TEMPORARY VIEW kerberos USING parquet OPTIONS (path '${lake}/kerberos', mergeSchema 'true');
CREATE OR REPLACE TEMPORARY VIEW mysql USING parquet OPTIONS (path '${lake}/mysql', mergeSchema 'true');
CREATE OR REPLACE TEMPORARY VIEW ldap USING parquet OPTIONS (path '${lake}/ldap', mergeSchema 'true');
CREATE OR REPLACE TEMPORARY VIEW rdp USING parquet OPTIONS (path '${lake}/rdp', mergeSchema 'true');
CREATE OR REPLACE TEMPORARY VIEW smb_mapping USING parquet OPTIONS (path '${lake}/smb_mapping', mergeSchema 'true');
CREATE OR REPLACE TEMPORARY VIEW dce_rpc USING parquet OPTIONS (path '${lake}/dce_rpc', mergeSchema 'true');
CREATE OR REPLACE TEMPORARY VIEW arp USING parquet OPTIONS (path '${lake}/arp', mergeSchema 'true');

#!/usr/bin/env bash
# Makes keylog.pcap and keylog.txt: three sessions of openssl's own client and server on loopback, in a
# network namespace of their own, each with one request of HTTP inside; the first with a key update.
# To be run as root, in this folder: ./make-keylog.sh
set -euo pipefail
[ "${1:-}" = inside ] || exec unshare -n "$0" inside
ip link set lo up mtu 1500
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
out=$PWD
cd "$work"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out cert.pem \
    -subj /CN=keylog.example -days 3650 2>/dev/null
printf 'GET /page.txt HTTP/1.0\r\nHost: keylog.example\r\n\r\n' >request
printf 'What nobody reads who has not the keys.\n' >page.txt
rm -f "$out/keylog.txt"
tcpdump -i lo -w "$out/keylog.pcap" tcp port 443 2>/dev/null &
dump=$!
openssl s_server -accept 443 -cert cert.pem -key key.pem -WWW -no_ticket >/dev/null 2>&1 &
server=$!
sleep 1
ask() {
    { sleep 0.3; [ -z "${before:-}" ] || { echo "$before"; sleep 0.3; }
      cat request; sleep 0.5; } |
        openssl s_client -connect 127.0.0.1:443 -servername keylog.example -keylogfile "$out/keylog.txt" "$@" \
            >/dev/null 2>&1 || true
}
before=K ask -tls1_3 -ciphersuites TLS_AES_256_GCM_SHA384
ask -tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256
ask -tls1_2 -cipher ECDHE-ECDSA-CHACHA20-POLY1305
kill $server
sleep 0.5
kill $dump
wait 2>/dev/null || true

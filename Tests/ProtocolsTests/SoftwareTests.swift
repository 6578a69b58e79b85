// SPDX-License-Identifier: Apache-2.0
//
// Names and versions out of banners, and which of them are written when.

import Testing
import Wire

@testable import Protocols
@testable import Records

private func parsed(_ text: String) -> String {
    let banner = octets(text)
    let read = SoftwareBanner(banner.octets)
    let version = read.version
    let numbers = [version.major, version.minor, version.minor2, version.minor3].map { $0.map { "\($0)" } ?? "-" }
    let addl = String(decoding: version.addl, as: UTF8.self)
    return String(decoding: read.name, as: UTF8.self) + " " + numbers.joined(separator: ".") + " " + addl
}

@Suite("software") struct SoftwareTests {
    @Test(arguments: [
        ("mail.example.com ESMTP Postfix (Debian/GNU)", "Postfix (Debian/GNU)"),
        ("mx.example.com ESMTP Exim 4.96 Fri, 27 Nov 2026 10:00:00 +0000", "Exim 4.96"),
        (
            "srv Microsoft ESMTP MAIL Service, Version: 10.0.17763.1 ready",
            "Microsoft ESMTP MAIL Service, Version: 10.0.17763.1"
        ),
        ("(vsFTPd 3.0.3)", "vsFTPd 3.0.3"),
        ("ProFTPD 1.3.5rc4 Server (Debian) [::ffff:10.0.0.1]", "ProFTPD 1.3.5rc4"),
        ("FileZilla Server version 0.9.41 beta", "FileZilla Server version 0.9.41"),
        ("* OK [CAPABILITY IMAP4rev1] Dovecot (Ubuntu) ready.", "Dovecot (Ubuntu)"),
        ("+OK Dovecot ready.", "Dovecot"),
        ("mx.google.com ESMTP a1-20020a05600c1d01.12 - gsmtp", nil),
        ("postfix-relay.example.com ESMTP ready", nil),
        ("Exim", "Exim"),
        ("Exim ", "Exim"),
        ("", nil),
    ])
    func `a greeting names a program that is known, or none`(_ line: String, _ wanted: String?) {
        let bytes = octets(line)
        let place = ServerGreeting.program(in: bytes.octets)
        #expect(place.map { String(decoding: bytes[$0], as: UTF8.self) } == wanted)
    }

    @Test(arguments: [
        ("OpenSSH_4.4", "OpenSSH 4.4.-.- "),
        ("OpenSSH_8.9p1 Ubuntu-3", "OpenSSH 8.9.-.- p1"),
        ("Apache/2.0.63 (Unix) mod_auth_kerb/5.3 mod_ssl/2.0.63", "Apache 2.0.63.- Unix"),
        ("Apache", "Apache -.-.-.- "),
        ("ProFTPD 1.2.5rc1 Server (Debian)", "ProFTPD 1.2.5.- rc1"),
        ("curl/7.15.1 (i486-pc-linux-gnu) libcurl/7.15.1 OpenSSL/0.9.8a", "curl 7.15.1.- i486-pc-linux-gnu"),
        ("(vsFTPd 2.0.5)", "vsFTPd 2.0.5.- )"),
        ("Python-urllib/3.12", "Python-urllib 3.12.-.- "),
        ("iTunes/9.0 (Macintosh; Intel Mac OS X 10.5.8) AppleWebKit/531.9", "iTunes 9.0.-.- Macintosh"),
        ("Microsoft-IIS/10.0", "Microsoft-IIS 10.0.-.- "),
        ("Example%2f1.25", "Example 1.25.-.- "),
        ("Some Thing (v1.2.3.4.5)", "Some Thing 1.2.3.4 )"),
        ("x/99999999999999999999999.1", "x \(UInt64.max).1.-.- "),
        ("", " -.-.-.- "),
    ])
    func `a banner has a name and a version`(_ banner: String, _ wanted: String) {
        #expect(parsed(banner) == wanted)
    }

    @Test(arguments: [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:112.0) Gecko/20100101 Firefox/112.0", "Firefox 112.0.-.- "),
        ("Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0)", "MSIE 8.0.-.- "),
        ("Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)", "MSIE 6.0.-.- "),
        ("Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko", "MSIE 11.0.-.- "),
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/98.0.2149.21 Safari/537.36",
            "Chrome 98.0.2149.21 "
        ),
        (
            "Mozilla/5.0 (iPhone; U; CPU) AppleWebKit/532.9 (KHTML, like Gecko) Version/4.0.5 Mobile/8A293 Safari/65",
            "Safari 4.0.5.- Mobile"
        ),
        ("Mozilla/5.0 (Windows) AppleWebKit/537 Chrome/46 Safari/537 Edge/13.10586", "Edge 13.10586.-.- "),
        ("Opera/9.80 (J2ME/MIDP; Opera Mini/9.80 (S60; SymbOS)/23.348; U; en) Presto/2.5", "Opera Mini 9.80.-.- "),
        ("Opera/9.80 (Windows NT 6.1; U; sv) Presto/2.7.62 Version/11.01", "Opera 11.1.-.- "),
        ("Mozilla/5.0 (Macintosh) AppleWebKit/533.21.1 (KHTML, like Gecko)", "Unspecified WebKit 533.21.1.- "),
        ("Mozilla/5.0 (unknown)", "<unknown browser> -.-.-.- "),
        ("Mozilla/x", "Mozilla/x -.-.-.- "),
    ])
    func `a browser is told by what it is, not by what it says first`(_ banner: String, _ wanted: String) {
        #expect(parsed(banner) == wanted)
    }

    @Test func `every banner is read, whatever it is`() {
        var banner: [UInt8] = []
        for step in 0..<2000 {
            banner.append(UInt8(truncatingIfNeeded: step &* 167 &+ step >> 3))
            let read = SoftwareBanner(banner.octets)
            #expect(read.name.count <= SoftwareBanner.bytesMax)
        }
    }

    // MARK: what is written

    private func rows(_ log: LogID, _ act: (inout AnalyzerContext) -> Void) -> [LogRow] {
        let bench = DatagramBench(
            HTTP(), port: 80, .tcp,
            logs: [SoftwareRecord.makeSchema(), KnownHostRecord.makeSchema(), KnownServiceRecord.makeSchema()])
        bench.context.now = Timestamp(seconds: 1_000_000)
        bench.context.started = bench.context.now
        act(&bench.context)
        return bench.rows(log)
    }

    @Test func `a program of a local host is written once a day, and when its version changes`() throws {
        let day: Int64 = 86_400_000_000_000
        let found = rows(.software) { context in
            let host = context.id.responder
            let (one, other) = (octets("nginx/1.18.0 (Ubuntu)"), octets("nginx/1.24.0"))
            for banner in [one, one, other] { context.software(.httpServer, banner.octets, of: host) }
            context.software(.httpServer, one.octets, of: Address(v4: 0x0808_0808))
            context.now = context.now.adding(day)
            context.software(.httpServer, one.octets, of: host)
        }
        #expect(found.map { $0.number("version.minor") } == [18, 24, 18])
        let row = try #require(found.first)
        let wanted = [
            "software_type=HTTP::SERVER name=nginx version.major=1 version.minor=18 version.minor2=0",
            "version.addl=Ubuntu unparsed_version=nginx/1.18.0 (Ubuntu)",
        ]
        #expect(row.text() == wanted.joined(separator: " "))
        #expect(row.number("host_p") == 80)
        #expect(row.address("host") == Address(v4: 0x0A00_0002))
    }

    @Test func `a version of MySQL alone has the program's name`() {
        let found = rows(.software) { context in
            for banner in ["8.0.33", "5.5.5-10.6.12-MariaDB"] {
                let text = octets(banner)
                context.software(.mysqlServer, text.octets, of: context.id.responder)
            }
        }
        #expect(found.map { $0.text("name") } == ["MySQL", "MariaDB"])
    }

    private func kinds(_ all: AnalyzerKind...) -> KindList {
        var list = KindList()
        for kind in all { list.append(kind) }
        return list
    }

    @Test func `hosts of whole connections are known, and services by port and protocols`() {
        let act = { (context: inout AnalyzerContext) in
            context.connectionEnded(isWhole: false, services: kinds(.http))
            context.connectionEnded(isWhole: true, services: kinds())
            context.connectionEnded(isWhole: true, services: kinds(.http))
            context.connectionEnded(isWhole: true, services: kinds(.http))
            context.id.responderPort = 443
            context.connectionEnded(isWhole: true, services: kinds(.ssl, .http))
            context.id.transport = .udp
            context.connectionEnded(isWhole: true, services: kinds())
        }
        let hosts = rows(.knownHosts, act).compactMap { $0.address("host") }
        #expect(hosts == [Address(v4: 0x0A00_0001), Address(v4: 0x0A00_0002)])
        let services = rows(.knownServices, act)
        #expect(services.map { $0.list("service") } == [[], ["HTTP"], ["SSL", "HTTP"]])
        #expect(services.map { $0.number("port_num") } == [80, 80, 443])
    }
}

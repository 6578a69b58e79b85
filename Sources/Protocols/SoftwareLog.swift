// SPDX-License-Identifier: Apache-2.0
//
// Software and assets: what runs on local hosts, which of them speak, what they offer.
//
// Reads   banners that analyzers hand over; connections and certificates as they end.
// Writes  logs "software", "known_hosts", "known_services", "known_certs": a row for each, once a day.
// Leaves  what another worker has seen already (the collector).

package import Files
package import Records
import Wire

/// Where a banner came from.
enum SoftwareKind: UInt8 {
    case httpServer, httpApplication, httpBrowser, sshServer, sshClient, mailClient, ftpClient, mysqlServer, dhcpClient
    case mailServer, ftpServer, popServer, imapServer, postgresServer, redisServer, rdpClient, sipClient, sipServer
    case smbClient, smbServer, windows

    var name: StaticString {
        switch self {
        case .httpServer: "HTTP::SERVER"
        case .httpApplication: "HTTP::APPSERVER"
        case .httpBrowser: "HTTP::BROWSER"
        case .sshServer: "SSH::SERVER"
        case .sshClient: "SSH::CLIENT"
        case .mailClient: "SMTP::MAIL_CLIENT"
        case .ftpClient: "FTP::CLIENT"
        case .mysqlServer: "MySQL::SERVER"
        case .dhcpClient: "DHCP::CLIENT"
        case .mailServer: "SMTP::MAIL_SERVER"
        case .ftpServer: "FTP::SERVER"
        case .popServer: "POP3::SERVER"
        case .imapServer: "IMAP::SERVER"
        case .postgresServer: "PostgreSQL::SERVER"
        case .redisServer: "Redis::SERVER"
        case .rdpClient: "RDP::CLIENT"
        case .sipClient: "SIP::CLIENT"
        case .sipServer: "SIP::SERVER"
        case .smbClient: "SMB::CLIENT"
        case .smbServer: "SMB::SERVER"
        case .windows: "OS::WINDOWS"
        }
    }

    /// Whether a port belongs to it.
    var isServer: Bool {
        switch self {
        case .httpServer, .httpApplication, .sshServer, .mysqlServer, .mailServer, .ftpServer, .popServer, .imapServer,
            .postgresServer, .redisServer, .sipServer, .smbServer:
            true
        default: false
        }
    }

    /// The program of a banner that is a version alone; nil where such a banner says nothing.
    fileprivate func program(of banner: RawSpan) -> StaticString? {
        switch self {
        // The fork puts its name behind the version.
        case .mysqlServer: RDP.find("MariaDB", in: banner) != nil ? "MariaDB" : "MySQL"
        case .postgresServer: "PostgreSQL"
        case .redisServer: "Redis"
        default: nil
        }
    }
}

/// One program on one host.
package struct SoftwareRecord: LogRecord {
    package var ts = Timestamp.zero
    package var host: Address?
    package var port: UInt16?
    package var kind: StaticString?
    package var name = Text.absent
    package var major: UInt64?
    package var minor: UInt64?
    package var minor2: UInt64?
    package var minor3: UInt64?
    package var addl = Text.absent
    package var banner = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.software
    package static let summary: StaticString = "A program on a local host, once a day and when its version changes."

    package func write(to row: inout RowBatch) {
        row.time("ts", ts, "When it was seen.")
        row.address("host", host, "The host that it runs on.")
        row.port("host_p", port, "The port on which it answers, of servers.")
        row.enumeration("software_type", kind, "What it is, such as `HTTP::SERVER`.")
        row.text("name", name, in: text, "Its name.", isKey: true)
        row.count("version.major", major, "First number of the version.")
        row.count("version.minor", minor, "Second number.")
        row.count("version.minor2", minor2, "Third number.")
        row.count("version.minor3", minor3, "Fourth number.")
        row.text("version.addl", addl, in: text, "What follows the numbers.")
        row.text("unparsed_version", banner, in: text, "What the program said of itself.")
    }
}

/// A local host that has completed a handshake of TCP.
package struct KnownHostRecord: LogRecord {
    package var ts = Timestamp.zero
    package var host: Address?

    package init() {}

    package static let log = LogID.knownHosts
    package static let summary: StaticString = "A local host that had a whole TCP connection, once a day."

    package func write(to row: inout RowBatch) {
        row.time("ts", ts, "When it was seen.")
        row.address("host", host, "The host.")
    }
}

/// A service that a local host offers.
package struct KnownServiceRecord: LogRecord {
    package var ts = Timestamp.zero
    package var host: Address?
    package var port: UInt16?
    package var transport: StaticString?
    package var services: [Text]? = []
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.knownServices
    package static let summary: StaticString = "A service of a local host that was used, once a day."

    package func write(to row: inout RowBatch) {
        row.time("ts", ts, "When it was seen.")
        row.address("host", host, "The host.")
        row.port("port_num", port, "Its port.")
        row.enumeration("port_proto", transport, "The transport.")
        row.textSet("service", services, in: text, "Protocols that were recognised there, in capitals.")
    }
}

/// A certificate that a local host shows.
package struct KnownCertificateRecord: LogRecord {
    package var ts = Timestamp.zero
    package var host: Address?
    package var port: UInt16?
    package var certificate: X509Certificate?

    package init() {}

    package static let log = LogID.knownCerts
    package static let summary: StaticString = "A certificate that a local server showed, once a day."

    package func write(to row: inout RowBatch) {
        let text = certificate?.text ?? TextBuffer()
        row.time("ts", ts, "When it was seen.")
        row.address("host", host, "The server.")
        row.port("port_num", port, "Its port.")
        row.text("subject", certificate?.subject ?? .absent, in: text, "Whom the certificate names.")
        row.text("issuer_subject", certificate?.issuer ?? .absent, in: text, "Who made it.")
        row.text("serial", certificate?.serial ?? .absent, in: text, "Its serial number.", isKey: true)
    }
}

/// What a worker has written already: it spares the collector the repeats. A table of fixed size, in
/// which a newer entry takes the place of an older one; what is forgotten is written again, and the
/// collector leaves it out.
struct RecentlySeen: Sendable {
    private static let entryCount = 8192

    private var keys: [UInt64] = []
    private var days: [Int64] = []
    private let seed = UInt64.random(in: .min ... .max)

    /// A hash to which words and octets are added.
    func begin(_ kind: UInt64) -> UInt64 { RecentlySeen.mix(seed, kind) }

    static func mix(_ hash: UInt64, _ word: UInt64) -> UInt64 {
        let product = (hash ^ word).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        return product.high ^ product.low
    }

    static func mix(_ hash: UInt64, _ octets: RawSpan) -> UInt64 {
        var hash = mix(hash, UInt64(octets.byteCount))
        var at = 0
        while at &+ 8 <= octets.byteCount {
            hash = mix(hash, octets.load(at, as: UInt64.self))
            at &+= 8
        }
        var rest: UInt64 = 0
        while at < octets.byteCount {
            rest = rest << 8 | UInt64(octets.octet(at))
            at &+= 1
        }
        return mix(hash, rest)
    }

    /// Whether a key is new on a day, as `Timestamp.day` counts them.
    mutating func admits(_ key: UInt64, on day: Int64) -> Bool {
        if keys.isEmpty {
            keys = Array(repeating: 0, count: RecentlySeen.entryCount)
            days = Array(repeating: 0, count: RecentlySeen.entryCount)
        }
        let place = Int(truncatingIfNeeded: key >> 51)
        if keys[place] == key, days[place] >= day { return false }
        keys[place] = key
        days[place] = day
        return true
    }
}

extension AnalyzerContext {
    /// A program has said what it is. Only local hosts count (`Software::asset_tracking`).
    mutating func software(_ kind: SoftwareKind, _ banner: RawSpan, of host: Address) {
        guard banner.byteCount > 0, settings.isLocal(host) else { return }
        var key = RecentlySeen.mix(seen.begin(UInt64(kind.rawValue)), host.high)
        key = RecentlySeen.mix(RecentlySeen.mix(key, host.low), banner)
        guard seen.admits(key, on: day) else { return }
        let read = SoftwareBanner(banner)
        var record = SoftwareRecord()
        record.ts = now
        record.host = host
        record.port = kind.isServer ? id.responderPort : nil
        record.kind = kind.name
        record.name = record.text.add(read.name.octets)
        if read.name.isEmpty, let program = kind.program(of: banner) { record.name = record.text.add(program) }
        (record.major, record.minor) = (read.version.major, read.version.minor)
        (record.minor2, record.minor3) = (read.version.minor2, read.version.minor3)
        if !read.version.addl.isEmpty { record.addl = record.text.add(read.version.addl.octets) }
        record.banner = record.text.add(banner, limit: SoftwareBanner.bytesMax)
        output.emit(record)
    }

    /// A server greets: the first line that names a program that is known tells which it is. What else a greeting
    /// has, such as a host, a time or a number of its own, is no program.
    mutating func greeting(_ kind: SoftwareKind, _ line: RawSpan) {
        guard settings.isLocal(id.responder), let place = ServerGreeting.program(in: line) else { return }
        software(kind, line.extracting(place), of: id.responder)
    }

    /// What NTLM tells of Windows: two numbers, an octet each, and that of the build in two (MS-NLMP section 2.2.2.10).
    mutating func windowsVersion(_ version: UInt64, of host: Address) {
        guard version >> 56 != 0 else { return }
        var text = TextBuffer()
        text.append("Windows ")
        text.append(decimal: version >> 56)
        text.append(".")
        text.append(decimal: version >> 48 & 0xFF)
        text.append(".")
        text.append(decimal: UInt64(UInt16(truncatingIfNeeded: version >> 32).byteSwapped))
        software(.windows, text.bytes.octets, of: host)
    }

    /// A server has shown a certificate of its own.
    mutating func certificateShown(_ found: ReadCertificate, from direction: Direction) {
        let (host, port) = (id.address(of: direction), id.port(of: direction))
        guard settings.isLocal(host), let certificate = found.certificate else { return }
        let fingerprint = certificate.text[certificate.fingerprint]
        var key = RecentlySeen.mix(RecentlySeen.mix(seen.begin(0x63), host.high), host.low)
        key = RecentlySeen.mix(key, UInt64(port))
        for octet in fingerprint.prefix(32) { key = RecentlySeen.mix(key, UInt64(octet)) }
        guard seen.admits(key, on: day) else { return }
        var record = KnownCertificateRecord()
        record.ts = now
        record.host = host
        record.port = port
        record.certificate = certificate
        output.emit(record)
    }

    /// A connection has ended: its hosts are known if it was whole, and what the responder offered.
    ///
    /// - Parameter isWhole: both sides have spoken; over TCP, a handshake was completed.
    package mutating func connectionEnded(isWhole: Bool, services: KindList) {
        guard isWhole, id.transport == .tcp || !services.isEmpty else { return }
        if id.transport == .tcp {
            noteHost(id.originator)
            noteHost(id.responder)
        }
        guard settings.isLocal(id.responder), !services.contains(where: \.isDataConnection) else { return }
        var key = RecentlySeen.mix(RecentlySeen.mix(seen.begin(0x73), id.responder.high), id.responder.low)
        key = RecentlySeen.mix(key, UInt64(id.responderPort) << 8 | UInt64(id.transport.rawValue))
        for service in services { key = RecentlySeen.mix(key, UInt64(service.rawValue)) }
        guard seen.admits(key, on: day) else { return }
        var record = KnownServiceRecord()
        record.ts = now
        record.host = id.responder
        record.port = id.responderPort
        record.transport = id.transport.name
        record.services = services.map { record.text.add(capitals: $0.serviceName) }
        output.emit(record)
    }

    private mutating func noteHost(_ host: Address) {
        guard settings.isLocal(host) else { return }
        let key = RecentlySeen.mix(RecentlySeen.mix(seen.begin(0x68), host.high), host.low)
        guard seen.admits(key, on: day) else { return }
        var record = KnownHostRecord()
        record.ts = now
        record.host = host
        output.emit(record)
    }
}

extension AnalyzerKind {
    /// Whether a connection of it is part of a service that another port offers.
    fileprivate var isDataConnection: Bool { self == .ftpData || self == .ircData }
}

extension TextBuffer {
    /// A literal in capitals.
    mutating func add(capitals literal: StaticString) -> Text {
        let text = add(literal)
        for place in Int(text.offset)..<Int(text.offset &+ text.count) where (0x61...0x7A).contains(bytes[place]) {
            bytes[place] &-= 0x20
        }
        return text
    }
}

extension Timestamp {
    /// Which day it is, from 0, where the first begins at `first`: a thing is logged once on each. What a worker has
    /// told of on a day is logged for that day, so that it may be silent whatever other workers meet.
    package func day(since first: Timestamp?) -> Int64 {
        max(0, first.map { since($0) } ?? 0) / (86_400 * second)
    }
}

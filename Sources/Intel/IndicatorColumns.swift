// SPDX-License-Identifier: Apache-2.0
//
// Which column of which log can show an indicator, and how its cells are looked up.
//
// Reads   schemas; texts and addresses of cells.
// Writes  hits.
// Leaves  what becomes of a hit (IndicatorMatcher.swift, RetroHunt.swift).

import Records

/// How the value of a cell is looked up.
enum IndicatorLookup: Sendable, Equatable {
    case address
    /// The responder's address, with the port in the column behind it.
    case endpoint
    /// A name, or an address as text.
    case host
    case url
    case digest([IndicatorKind])
    case text(IndicatorKind)
    /// A text without regard to case.
    case folded(IndicatorKind)
    /// A mail address, bare or as `Name <user@host>`.
    case mail

    var kinds: [IndicatorKind] {
        switch self {
        case .address: [.address, .network]
        case .endpoint: [.address, .network, .endpoint]
        case .host: [.domain, .hostname, .address, .network]
        case .url: [.url]
        case .digest(let kinds): kinds
        case .text(let kind), .folded(let kind): [kind]
        case .mail: [.email]
        }
    }
}

/// One column that is looked at.
struct IndicatorColumn: Sendable {
    /// `dns.query`: where an indicator was seen.
    var place: String
    var lookup: IndicatorLookup
    /// The column itself, and a second one that the lookup needs.
    var column: Column
    var index: Int
    var second: Column?
    var secondIndex: Int?

    private static let table: [(log: LogID, column: String, second: String?, lookup: IndicatorLookup)] = [
        (.conn, "id.orig_h", nil, .address), (.conn, "id.resp_h", "id.resp_p", .endpoint),
        (.connOpen, "id.orig_h", nil, .address), (.connOpen, "id.resp_h", "id.resp_p", .endpoint),
        (.dns, "query", nil, .host), (.dns, "answers", nil, .host),
        (.http, "host", nil, .host), (.http, "host", "uri", .url), (.http, "user_agent", nil, .text(.userAgent)),
        (.http, "username", nil, .text(.userName)),
        (.ssl, "server_name", nil, .host), (.ssl, "ja3", nil, .digest([.ja3])), (.ssl, "ja3s", nil, .digest([.ja3s])),
        (.ssl, "ja4", nil, .folded(.ja4)), (.ssl, "cert_chain_fps", nil, .digest([.certificate])),
        (.ssl, "client_cert_chain_fps", nil, .digest([.certificate])),
        (.quic, "server_name", nil, .host),
        (.x509, "fingerprint", nil, .digest([.certificate])), (.x509, "san.dns", nil, .host),
        (.x509, "san.email", nil, .mail), (.x509, "san.ip", nil, .address),
        (.files, "md5", nil, .digest([.file])), (.files, "sha1", nil, .digest([.file, .certificate])),
        (.files, "sha256", nil, .digest([.file, .certificate])), (.files, "filename", nil, .text(.fileName)),
        (.smtp, "mailfrom", nil, .mail), (.smtp, "rcptto", nil, .mail), (.smtp, "from", nil, .mail),
        (.smtp, "to", nil, .mail), (.smtp, "reply_to", nil, .mail), (.smtp, "x_originating_ip", nil, .address),
        (.smtp, "user_agent", nil, .text(.userAgent)),
        (.ftp, "user", nil, .text(.userName)), (.ntlm, "username", nil, .text(.userName)),
        (.software, "unparsed_version", nil, .text(.software)),
        (.cloudAudit, "src_ip", nil, .address), (.cloudAudit, "src_domain", nil, .host),
        (.cloudAudit, "user_agent", nil, .text(.userAgent)),
        (.socks, "request.name", nil, .host), (.socks, "request.host", nil, .address),
    ]

    /// The columns of a log; none where it cannot show an indicator.
    static func columns(_ schema: LogSchema) -> [IndicatorColumn] {
        table.compactMap { entry in
            guard entry.log == schema.log, let index = schema.index(of: entry.column) else { return nil }
            let second = entry.second.flatMap { schema.index(of: $0) }
            if entry.second != nil, second == nil { return nil }
            let name = entry.lookup == .url ? "uri" : entry.column
            return IndicatorColumn(
                place: "\(schema.path).\(name)", lookup: entry.lookup, column: schema.columns[index], index: index,
                second: second.map { schema.columns[$0] }, secondIndex: second)
        }
    }

    /// Looks up a text.
    func find(_ text: ArraySlice<UInt8>, in index: IndicatorIndex, _ found: inout [IndicatorHit]) {
        switch lookup {
        case .host:
            let octets = text.span
            var (count, colons, colon) = (octets.count, 0, 0)
            if count > 2, octets[0] == 0x5B { return findBracketed(text, in: index, &found) }
            for place in octets.indices where octets[place] == 0x3A {
                colons &+= 1
                colon = place
            }
            // A Host header has a port where it is not the usual one.
            if colons == 1 { count = colon }
            guard count > 0 else { return }
            let last = octets[count &- 1]
            let host = text.prefix(count)
            // Addresses end in a digit, or have colons; no top-level domain ends so.
            if (0x30...0x39).contains(last) || colons > 1 {
                if let address = Address(octets: host) { return index.find(address, port: nil, &found) }
            }
            index.find(name: host, &found)
        case .digest(let kinds): for kind in kinds { index.find(digest: kind, text, &found) }
        case .text(let kind): index.find(kind, text, &found)
        case .folded(let kind): index.findFolded(kind, text, &found)
        case .mail:
            var mail = text
            if let open = mail.lastIndex(of: 0x3C), let close = mail.lastIndex(of: 0x3E), open < close {
                mail = mail[(open + 1)..<close]
            }
            index.findFolded(.email, mail, &found)
        case .address, .endpoint:
            if let address = Address(octets: text) { index.find(address, port: nil, &found) }
        case .url: break
        }
    }

    /// Looks up `[address]`, the form of IPv6 in a Host header, with a port behind it or without.
    private func findBracketed(_ text: ArraySlice<UInt8>, in index: IndicatorIndex, _ found: inout [IndicatorHit]) {
        guard let close = text.firstIndex(of: 0x5D), close + 1 == text.endIndex || text[close + 1] == 0x3A,
            let address = Address(octets: text[(text.startIndex + 1)..<close])
        else { return }
        index.find(address, port: nil, &found)
    }
}

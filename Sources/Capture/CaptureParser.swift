// SPDX-License-Identifier: Apache-2.0
// Which format a capture has, and its parser.
//
// Reads   the first octets of a capture.
// Writes  a parser, or what the file is instead.
// Leaves  gzip to `ByteStream`.

/// The formats that are read.
package enum CaptureFormat: Sendable, Equatable {
    case pcap
    case pcapng
}

/// The parser of one capture; it knows nothing of files.
enum CaptureParser {
    case pcap(PcapParser)
    case pcapng(PcapngParser)
    /// Only while the other case is worked on in place.
    case absent

    /// What the first octets were.
    enum Beginning {
        case parser(CaptureParser, headerByteCount: Int)
        /// A known beginning, but not whole yet.
        case needsMore
        case foreign(String)
    }

    static func begin(_ start: RawSpan, isLenient: Bool) -> Beginning {
        guard start.byteCount >= 4 else { return .foreign("it has only \(start.byteCount) octets") }
        if PcapParser.Magic(start.u32(0, false)) != nil {
            guard start.byteCount >= PcapParser.fileHeaderByteCount else { return .needsMore }
            guard let parser = PcapParser(fileHeader: start.extracting(0..<PcapParser.fileHeaderByteCount)) else {
                return .foreign("it is of a pcap version other than 2")
            }
            return .parser(.pcap(parser), headerByteCount: PcapParser.fileHeaderByteCount)
        }
        if start.u32(0, false) == PcapngParser.sectionHeader {
            guard start.byteCount >= 12 else { return .needsMore }
            guard PcapngParser.isSection(start) else { return .foreign("its first block has no byte-order mark") }
            return .parser(.pcapng(PcapngParser(isLenient: isLenient)), headerByteCount: 0)
        }
        return .foreign(foreignName(start))
    }

    /// Names what operators have lying beside captures, so that the next step is plain.
    private static func foreignName(_ start: RawSpan) -> String {
        let octets = (0..<4).map { start.u8($0) }
        switch octets {
        case [0x28, 0xB5, 0x2F, 0xFD]: return "it is packed with zstd, which must be unpacked first"
        case [0xFD, 0x37, 0x7A, 0x58]: return "it is packed with xz, which must be unpacked first"
        case [0x04, 0x22, 0x4D, 0x18]: return "it is packed with lz4, which must be unpacked first"
        case [0x50, 0x4B, 0x03, 0x04]: return "it is a zip archive, which must be unpacked first"
        case [0x73, 0x6E, 0x6F, 0x6F]: return "it is a snoop capture; editcap can convert it"
        default: break
        }
        if octets.prefix(3) == [0x42, 0x5A, 0x68] { return "it is packed with bzip2, which must be unpacked first" }
        let digits = octets.map { $0 < 16 ? "0" + String($0, radix: 16) : String($0, radix: 16) }
        return "it begins with \(digits.joined(separator: " "))"
    }

    var format: CaptureFormat {
        if case .pcap = self { .pcap } else { .pcapng }
    }

    /// The link type, where the file's header says it.
    var linkType: UInt32? {
        if case .pcap(let parser) = self { parser.linkType } else { nil }
    }

    /// Packets that were left out because nothing here decodes their link type.
    var skippedPackets: Int {
        if case .pcapng(let parser) = self { parser.skippedPackets } else { 0 }
    }

    mutating func parse(
        _ window: RawSpan, from start: Int, at fileOffset: Int, into packets: inout [CapturePacket], limit: Int
    ) -> ParseOutcome {
        switch self {
        case .pcap(let parser):
            return parser.parse(window, from: start, at: fileOffset, into: &packets, limit: limit)
        case .pcapng(var parser):
            self = .absent  // so that the interfaces have one owner, and are changed in place
            defer { self = .pcapng(parser) }
            return parser.parse(window, from: start, at: fileOffset, into: &packets, limit: limit)
        case .absent:
            return ParseOutcome(consumed: start, recordOffset: fileOffset, stop: .damaged("it has no parser"))
        }
    }

    mutating func takeRefusals() -> [PcapngParser.Refusal] {
        guard case .pcapng(var parser) = self, !parser.refusals.isEmpty else { return [] }
        let refusals = parser.refusals
        parser.refusals.removeAll()
        self = .pcapng(parser)
        return refusals
    }
}

// SPDX-License-Identifier: Apache-2.0
// Classic capture files (draft-ietf-opsawg-pcap).
//
// Reads   both byte orders; micro- and nanoseconds; the longer record header of Kuznetzov's libpcap.
// Writes  one `CapturePacket` a record.
// Leaves  the snapshot length (writers lie) and frame check sequences (dissectors go by length).

/// What a parser did with one window of a capture.
struct ParseOutcome {
    /// Octets of the window that need not be seen again.
    var consumed: Int
    /// Where the record that was not taken starts, from the beginning of the capture.
    var recordOffset: Int
    var stop: ParseStop
}

enum ParseStop: Equatable {
    /// The packet limit was reached.
    case full
    /// What follows is not whole in this window. `isInsideRecord` is false exactly at the end of a record.
    case needsMore(isInsideRecord: Bool)
    case damaged(String)
    case unsupported(UInt32)
}

struct PcapParser {
    static let fileHeaderByteCount = 24

    let isSwapped: Bool
    let unitNanoseconds: Int64
    let recordHeaderByteCount: Int
    let linkType: UInt32

    //   0                   1                   2                   3
    //   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    //  |                         Magic Number                          |
    //  |        Major Version          |         Minor Version         |
    //  |            Reserved (time zone, accuracy), 8 octets           |
    //  |                         Snapshot Length                       |
    //  | FCS |f|   0                   |          Link Type            |
    /// Nil when the magic number or the version is another one. Needs 24 octets.
    init?(fileHeader: RawSpan) {
        guard let magic = Magic(fileHeader.u32(0, false)) else { return nil }
        isSwapped = magic.isSwapped
        unitNanoseconds = magic.unitNanoseconds
        recordHeaderByteCount = magic.recordHeaderByteCount
        guard fileHeader.u16(4, magic.isSwapped) == 2 else { return nil }
        linkType = CaptureLinkType.number(inFileField: fileHeader.u32(20, magic.isSwapped))
    }

    /// The four octets that begin the file, loaded in this machine's byte order.
    struct Magic {
        var isSwapped: Bool
        var unitNanoseconds: Int64 = 1000
        var recordHeaderByteCount = 16

        init?(_ value: UInt32) {
            switch value {
            case 0xA1B2_C3D4, 0xA1B2_3C4D, 0xA1B2_CD34: isSwapped = false
            case 0xD4C3_B2A1, 0x4D3C_B2A1, 0x34CD_B2A1: isSwapped = true
            default: return nil
            }
            switch isSwapped ? value.byteSwapped : value {
            case 0xA1B2_3C4D: unitNanoseconds = 1
            case 0xA1B2_CD34: recordHeaderByteCount = 24  // interface, protocol, direction after the lengths
            default: break
            }
        }
    }

    //  |                      Timestamp (Seconds)                      |
    //  |            Timestamp (Microseconds or nanoseconds)            |
    //  |                    Captured Packet Length                     |
    //  |                    Original Packet Length                     |
    /// Appends every whole record of `window` from `start` on, until `limit` packets are there.
    /// `fileOffset` is the place of the window's first octet in the capture.
    func parse(
        _ window: RawSpan, from start: Int, at fileOffset: Int, into packets: inout [CapturePacket], limit: Int
    ) -> ParseOutcome {
        guard CaptureLinkType.isSupported(linkType) else {
            return ParseOutcome(consumed: start, recordOffset: fileOffset &+ start, stop: .unsupported(linkType))
        }
        let number = UInt16(truncatingIfNeeded: linkType)
        var at = start
        var stop = ParseStop.full
        while packets.count < limit {
            let left = window.byteCount &- at
            guard left >= recordHeaderByteCount else {
                stop = .needsMore(isInsideRecord: left > 0)
                break
            }
            let captured = window.u32(at &+ 8, isSwapped)
            guard captured <= CaptureLimits.packetByteCountMax else {
                stop = .damaged("a record claims a packet of \(captured) octets")
                break
            }
            let octets = at &+ recordHeaderByteCount
            guard window.byteCount &- octets >= Int(captured) else {
                stop = .needsMore(isInsideRecord: true)
                break
            }
            // Two 32 bit numbers: 2^32 s and 2^32 us are below 2^63 ns together.
            let seconds = Int64(window.u32(at, isSwapped)) &* 1_000_000_000
            let fraction = Int64(window.u32(at &+ 4, isSwapped)) &* unitNanoseconds
            packets.append(
                CapturePacket(
                    timestampNanoseconds: seconds &+ fraction, offset: octets, capturedLength: captured,
                    wireLength: window.u32(at &+ 12, isSwapped), linkType: number))
            at = octets &+ Int(captured)
        }
        return ParseOutcome(consumed: at, recordOffset: fileOffset &+ at, stop: stop)
    }
}

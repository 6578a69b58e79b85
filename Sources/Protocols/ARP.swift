// SPDX-License-Identifier: Apache-2.0
//
// Address resolution (RFC 826, 903): which hardware has an address of IPv4.
//
// Reads   one packet per frame, of Ethernet and IPv4.
// Writes  log "arp": a row for each packet.
// Leaves  other hardware and other protocols.

package import Records
import Wire

/// One packet.
package struct ARPRecord: LogRecord {
    package var ts = Timestamp.zero
    package var operation: StaticString?
    package var source = Text.absent
    package var target = Text.absent
    package var senderMAC = Text.absent
    package var sender: Address?
    package var wantedMAC = Text.absent
    package var wanted: Address?
    package var isGratuitous: Bool?
    package var text = TextBuffer()

    package init() {}

    static let etherType: UInt16 = 0x0806
    package static let log = LogID.arp
    package static let summary: StaticString = "A question or an answer about the hardware behind an address."

    package func write(to row: inout RowBatch) {
        row.time("ts", ts, "When it was seen.")
        row.text("operation", operation, "`request`, `reply`, `rarp_request` or `rarp_reply`.")
        row.text("src_mac", source, in: text, "Who sent the frame.")
        row.text("dst_mac", target, in: text, "Whom the frame is for.")
        row.text("sender_mac", senderMAC, in: text, "The hardware that the packet speaks for.", isKey: true)
        row.address("sender_addr", sender, "Its address.")
        row.text("target_mac", wantedMAC, in: text, "The hardware that is asked or told.")
        row.address("target_addr", wanted, "The address that is asked for, or told.")
        row.boolean("gratuitous", isGratuitous, "Whether a host speaks of its own address unasked.")
    }

    //  | hardware: 2 | protocol: 2 | sizes: 1, 1 | operation: 2 |
    //  | sender: 6, 4 | target: 6, 4 |
    /// False where this is no packet of Ethernet and IPv4.
    mutating func read(_ bytes: RawSpan, from source: UInt64, to target: UInt64) -> Bool {
        guard bytes.byteCount >= 28, bytes.load(0, as: UInt64.self) >> 16 == 0x0001_0800_0604 else { return false }
        switch bytes.load(6, as: UInt16.self) {
        case 1: operation = "request"
        case 2: operation = "reply"
        case 3: operation = "rarp_request"
        case 4: operation = "rarp_reply"
        default: return false
        }
        text.clear()
        self.source = text.hardwareAddress(source)
        self.target = text.hardwareAddress(target)
        senderMAC = text.hardwareAddress(bytes, at: 8)
        sender = Address(v4: bytes.load(14))
        wantedMAC = text.hardwareAddress(bytes, at: 18)
        wanted = Address(v4: bytes.load(24))
        isGratuitous = sender == wanted
        return true
    }
}

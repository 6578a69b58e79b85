// SPDX-License-Identifier: Apache-2.0
//
// Cisco discovery protocol, versions 1 and 2: what stands at the other end of a cable.
//
// Reads   one list of values per frame.
// Writes  log "cdp": a row for each frame.
// Leaves  power, voice and VTP values.

package import Records
import Wire

/// What a neighbour says of itself.
package struct CDPRecord: LogRecord {
    package var ts = Timestamp.zero
    package var source = Text.absent
    package var version: UInt64?
    package var lifetime: UInt64?
    package var device = Text.absent
    package var port = Text.absent
    package var platform = Text.absent
    package var software = Text.absent
    package var capabilities: UInt64?
    package var addresses: [Address] = []
    package var vlan: UInt64?
    package var isFullDuplex: Bool?
    package var text = TextBuffer()

    /// Addresses of one frame that are listed.
    private static let addressesMax = 16

    package init() {}

    /// The number of its frames among those of Cisco.
    static let type: UInt16 = 0x2000
    package static let log = LogID.cdp
    package static let summary: StaticString = "What a neighbour on a link says of itself, in Cisco's form."

    package func write(to row: inout RowBatch) {
        row.time("ts", ts, "When it was seen.")
        row.text("src_mac", source, in: text, "Who sent the frame.")
        row.count("version", version, "Version of the protocol.")
        row.count("ttl", lifetime, "Seconds for which this holds.")
        row.text("device_id", device, in: text, "The device.", isKey: true)
        row.text("port_id", port, in: text, "Its port.")
        row.text("platform", platform, in: text, "Its hardware.")
        row.text("software", software, in: text, "Its software.")
        row.count("capabilities", capabilities, "Bits of what it is: 1 router, 2 bridge, 8 switch, 16 host, and so on.")
        row.addressVector("addrs", addresses, "Its addresses.")
        row.count("native_vlan", vlan, "VLAN of untagged frames.")
        row.boolean("full_duplex", isFullDuplex, "Whether both sides may send at once.")
    }

    //  | version | lifetime | checksum: 2 | then: type: 2, length with both: 2, value
    /// False where no device is named, or a length cannot be.
    mutating func read(_ bytes: RawSpan, from sender: UInt64) -> Bool {
        guard bytes.byteCount >= 4, bytes.octet(0) == 1 || bytes.octet(0) == 2 else { return false }
        clear()
        source = text.hardwareAddress(sender)
        version = UInt64(bytes.octet(0))
        lifetime = UInt64(bytes.octet(1))
        var at = 4
        while bytes.byteCount &- at >= 4 {
            let length = Int(bytes.load(at &+ 2, as: UInt16.self))
            guard length >= 4, length <= bytes.byteCount &- at else { return false }
            take(bytes.load(at), bytes.extracting(at &+ 4 ..< at &+ length))
            at &+= length
        }
        return !device.isAbsent
    }

    private mutating func take(_ type: UInt16, _ value: RawSpan) {
        switch type {
        case 1: device = text.add(value)
        case 2, 0x16: endpoints(value)
        case 3: port = text.add(value)
        case 4 where value.byteCount >= 4: capabilities = UInt64(value.load(0, as: UInt32.self))
        case 5: software = text.add(value)
        case 6: platform = text.add(value)
        case 0x0A where value.byteCount >= 2: vlan = UInt64(value.load(0, as: UInt16.self))
        case 0x0B where value.byteCount >= 1: isFullDuplex = value.octet(0) == 1
        default: break
        }
    }

    //  | count: 4 | then: protocol type, length, protocol, address length: 2, address
    private mutating func endpoints(_ value: RawSpan) {
        guard value.byteCount >= 4 else { return }
        var at = 4
        while value.byteCount &- at >= 4, addresses.count < CDPRecord.addressesMax {
            let nameLength = Int(value.octet(at &+ 1))
            guard value.byteCount &- at &- 4 >= nameLength else { return }
            let length = Int(value.load(at &+ 2 &+ nameLength, as: UInt16.self))
            let start = at &+ 4 &+ nameLength
            guard length <= value.byteCount &- start else { return }
            if length == 4 { addresses.append(Address(v4: value.load(start))) }
            if length == 16 { addresses.append(Address(high: value.load(start), low: value.load(start &+ 8))) }
            at = start &+ length
        }
    }

    private mutating func clear() {
        (device, port, platform, software) = (.absent, .absent, .absent, .absent)
        (capabilities, vlan, isFullDuplex) = (nil, nil, nil)
        addresses.removeAll(keepingCapacity: true)
        text.clear()
    }
}

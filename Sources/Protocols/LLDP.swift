// SPDX-License-Identifier: Apache-2.0
//
// Link layer discovery (IEEE 802.1AB): what stands at the other end of a cable.
//
// Reads   one list of values per frame.
// Writes  log "lldp": a row for each frame.
// Leaves  values of organisations but for the port's VLAN.

package import Records
import Wire

/// What a neighbour says of itself.
package struct LLDPRecord: LogRecord {
    package var ts = Timestamp.zero
    package var source = Text.absent
    package var chassis = Text.absent
    package var port = Text.absent
    package var lifetime: UInt64?
    package var portDescription = Text.absent
    package var systemName = Text.absent
    package var systemDescription = Text.absent
    package var capabilities: [Text] = []
    package var addresses: [Address] = []
    package var vlan: UInt64?
    package var text = TextBuffer()

    /// Addresses of one frame that are listed.
    private static let addressesMax = 16

    package init() {}

    static let etherType: UInt16 = 0x88CC
    package static let log = LogID.lldp
    package static let summary: StaticString = "What a neighbour on a link says of itself."

    package func write(to row: inout RowBatch) {
        row.time("ts", ts, "When it was seen.")
        row.text("src_mac", source, in: text, "Who sent the frame.")
        row.text("chassis_id", chassis, in: text, "The device.", isKey: true)
        row.text("port_id", port, in: text, "Its port.")
        row.count("ttl", lifetime, "Seconds for which this holds.")
        row.text("port_desc", portDescription, in: text, "What the port is called.")
        row.text("system_name", systemName, in: text, "What the device is called.", isKey: true)
        row.text("system_desc", systemDescription, in: text, "Hardware and software of the device.")
        row.textVector("capabilities", capabilities, in: text, "What it is at work as, such as `bridge`.")
        row.addressVector("mgmt_addrs", addresses, "Addresses at which it is managed.")
        row.count("vlan", vlan, "VLAN of untagged frames on the port.")
    }

    //  | type: 7 | length: 9 | value |
    /// False where the three values that every frame has are not there, or a length cannot be.
    mutating func read(_ bytes: RawSpan, from sender: UInt64) -> Bool {
        clear()
        source = text.hardwareAddress(sender)
        var at = 0
        while bytes.byteCount &- at >= 2 {
            let head = bytes.load(at, as: UInt16.self)
            let (type, length) = (head >> 9, Int(head & 0x1FF))
            at &+= 2
            if type == 0 { break }
            guard length <= bytes.byteCount &- at else { return false }
            take(type, bytes.extracting(at ..< at &+ length))
            at &+= length
        }
        return !chassis.isAbsent && !port.isAbsent && lifetime != nil
    }

    private mutating func take(_ type: UInt16, _ value: RawSpan) {
        switch type {
        case 1 where value.byteCount > 1: chassis = identity(value, hardware: 4, network: 5)
        case 2 where value.byteCount > 1: port = identity(value, hardware: 3, network: 4)
        case 3 where value.byteCount >= 2: lifetime = UInt64(value.load(0, as: UInt16.self))
        case 4: portDescription = text.add(value)
        case 5: systemName = text.add(value)
        case 6: systemDescription = text.add(value)
        // What it can do, and what is switched on.
        case 7 where value.byteCount >= 4: capabilities(value.load(2, as: UInt16.self))
        case 8: address(value)
        // IEEE 802.1, subtype 1.
        case 127 where value.byteCount >= 6 && value.load(0, as: UInt32.self) == 0x0080_C201:
            vlan = UInt64(value.load(4, as: UInt16.self))
        default: break
        }
    }

    /// A subtype and an identity of that form: text, a hardware address, or a network address.
    private mutating func identity(_ value: RawSpan, hardware: UInt8, network: UInt8) -> Text {
        let rest = value.extracting(1..<value.byteCount)
        switch value.octet(0) {
        case hardware where rest.byteCount == 6: return text.hardwareAddress(rest, at: 0)
        case network where rest.byteCount == 5 && rest.octet(0) == 1:
            let start = text.begin()
            for place in 1..<5 {
                if place > 1 { text.append(".") }
                text.append(decimal: UInt64(rest.octet(place)))
            }
            return text.end(start)
        default: return text.add(rest)
        }
    }

    private mutating func capabilities(_ enabled: UInt16) {
        let names: [StaticString] = [
            "other", "repeater", "bridge", "wlan_access_point", "router", "telephone", "docsis", "station", "cvlan",
            "svlan", "two_port_relay",
        ]
        capabilities.removeAll(keepingCapacity: true)
        for (bit, name) in names.enumerated() where enabled & 1 << UInt16(bit) != 0 {
            capabilities.append(text.add(name))
        }
    }

    //  | length with the family | family | address | ...
    private mutating func address(_ value: RawSpan) {
        guard value.byteCount >= 2, addresses.count < LLDPRecord.addressesMax else { return }
        let length = Int(value.octet(0))
        guard length <= value.byteCount &- 1 else { return }
        switch (value.octet(1), length) {
        case (1, 5): addresses.append(Address(v4: value.load(2)))
        case (2, 17): addresses.append(Address(high: value.load(2), low: value.load(10)))
        default: break
        }
    }

    private mutating func clear() {
        (chassis, port, portDescription, systemName, systemDescription) = (.absent, .absent, .absent, .absent, .absent)
        (lifetime, vlan) = (nil, nil)
        capabilities.removeAll(keepingCapacity: true)
        addresses.removeAll(keepingCapacity: true)
        text.clear()
    }
}

// SPDX-License-Identifier: Apache-2.0
//
// PROFINET's Discovery and basic Configuration Protocol (IEC 61158-6-10 clause 4.3): who is on the wire, under
// which name and address, and orders to change them. Ethernet frames of type 0x8892, without IP.
//
// Reads   DCP frames and their blocks.
// Writes  one `ProfinetDCPRecord` for each frame.
// Leaves  cyclic data and alarms of the same EtherType, which are no DCP.

package import Records
import Wire

package struct ProfinetDCPRecord: LogRecord {
    package var ts = Timestamp.zero
    var source = Text.absent
    var target = Text.absent
    var vlan: UInt64?
    var service: StaticString?
    var kind: StaticString?
    var transaction = Text.absent
    var blocks: [Text]?
    var stationName = Text.absent
    var stationType = Text.absent
    var alias = Text.absent
    var vendor = Text.absent
    var device = Text.absent
    var role = Text.absent
    var address: Address?
    var mask: Address?
    var gateway: Address?
    var result = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.profinetDCP
    package static let summary: StaticString = "One frame of PROFINET's discovery and configuration."

    package func write(to row: inout RowBatch) {
        row.time("ts", ts, "When the frame was seen.")
        row.text("source_mac", source, in: text, "Hardware address of the sender.")
        row.text("destination_mac", target, in: text, "Hardware address that it is for.")
        row.count("vlan", vlan, "Tag of the frame.")
        row.text("service", service, "Identify, Get, Set or Hello.")
        row.text("service_type", kind, "Request, Response or Not Supported.")
        row.text("xid", transaction, in: text, "Number that request and response share.")
        row.textVector("blocks", blocks, in: text, "What is asked for, told or changed.")
        row.text("station_name", stationName, in: text, "Name of the station.")
        row.text("station_type", stationType, in: text, "What the maker calls the station.")
        row.text("alias", alias, in: text, "Another name, made of those of a port and a station.")
        row.text("vendor_id", vendor, in: text, "Vendor as a number.")
        row.text("device_id", device, in: text, "Device, as the vendor numbers it.")
        row.text("role", role, in: text, "Roles: device, controller, multidevice, supervisor.")
        row.address("ip", address, "Address of the station.")
        row.address("netmask", mask, "Its mask.")
        row.address("gateway", gateway, "Its gateway.")
        row.text("result", result, in: text, "What came of an order.")
    }

    mutating func clear() {
        text.clear()
        (service, kind, transaction, blocks, vlan) = (nil, nil, .absent, nil, nil)
        (stationName, stationType, alias, vendor, device) = (.absent, .absent, .absent, .absent, .absent)
        (role, address, mask, gateway, result) = (.absent, nil, nil, nil, .absent)
    }
}

struct ProfinetDCP {
    static let etherType: UInt16 = 0x8892
    /// Blocks of one frame that are named.
    private static let blocksMax = 32
    private static let textBytesMax = 256

    private var record = ProfinetDCPRecord()
    private var service: UInt8 = 0
    private var isRequest = false

    private static let get: UInt8 = 3
    private static let identify: UInt8 = 5

    mutating func read(_ frame: LinkFrame, _ bytes: RawSpan, _ context: inout AnalyzerContext) {
        record.clear()
        record.ts = context.now
        record.source = record.text.hardwareAddress(frame.sourceMAC)
        record.target = record.text.hardwareAddress(frame.targetMAC)
        record.vlan = frame.vlan == 0xFFFF ? nil : UInt64(frame.vlan)
        var cursor = Cursor(bytes)
        // What is cut costs the columns that are not there, not the row.
        guard let isDCP = try? head(&cursor), isDCP else { return }
        try? blocks(&cursor)
        context.output.emit(record)
    }

    //  |   frame id    | service | type |      transaction      | delay or reserved | octets of blocks |
    private mutating func head(_ input: inout Cursor) throws(WireError) -> Bool {
        // Four frame ids are DCP's; all others are data and alarms.
        guard (0xFEFC...0xFEFF).contains(try input.read(UInt16.self)) else { return false }
        service = try input.read()
        switch service {
        case 3: record.service = "Get"
        case 4: record.service = "Set"
        case 5: record.service = "Identify"
        case 6: record.service = "Hello"
        default: return false
        }
        let type = try input.read(UInt8.self)
        isRequest = type == 0
        switch type {
        case 0: record.kind = "Request"
        case 1: record.kind = "Response"
        case 5: record.kind = "Not Supported"
        default: return false
        }
        record.transaction = record.text.hexadecimal(UInt64(try input.read(UInt32.self)), digits: 8)
        try input.skip(2)
        return true
    }

    /// Blocks: option, suboption, octets, and those, to whole words. A Get asks with options alone.
    private mutating func blocks(_ input: inout Cursor) throws(WireError) {
        var rest = Cursor(try input.take(Int(try input.read(UInt16.self))))
        // Answers begin a block with its state, a Set with its qualifier; both have two octets.
        let hasInfo = !isRequest || service != ProfinetDCP.identify
        var names: [Text] = []
        defer { record.blocks = names.isEmpty ? nil : names }
        while rest.remaining >= 2, names.count < ProfinetDCP.blocksMax {
            let option = try rest.read(UInt8.self)
            let suboption = try rest.read(UInt8.self)
            names.append(name(option, suboption))
            if isRequest, service == ProfinetDCP.get { continue }
            let length = Int(try rest.read(UInt16.self))
            var block = Cursor(try rest.take(length))
            if length & 1 != 0, rest.remaining > 0 { try rest.skip(1) }
            if option == 5, suboption == 4 {
                try response(&block)
            } else {
                if hasInfo { try block.skip(min(2, length)) }
                try value(option, suboption, &block)
            }
        }
    }

    /// What came of an order: which one, and an error.
    private mutating func response(_ block: inout Cursor) throws(WireError) {
        try block.skip(2)
        switch try block.read(UInt8.self) {
        case 0: record.result = record.text.add("ok")
        case 1: record.result = record.text.add("option not supported")
        case 2: record.result = record.text.add("suboption not supported or no data set")
        case 3: record.result = record.text.add("suboption not set")
        case 4: record.result = record.text.add("resource error")
        case 5: record.result = record.text.add("set not possible for local reasons")
        case 6: record.result = record.text.add("set not possible in operation")
        case let code: record.result = record.text.hexadecimal(UInt64(code))
        }
    }

    private mutating func value(
        _ option: UInt8, _ suboption: UInt8, _ block: inout Cursor
    ) throws(WireError) {
        switch (option, suboption) {
        case (1, 2), (1, 3):
            record.address = Address(v4: try block.read())
            record.mask = Address(v4: try block.read())
            record.gateway = Address(v4: try block.read())
        case (2, 1): record.stationType = record.text.add(block.rest(), limit: ProfinetDCP.textBytesMax)
        case (2, 2): record.stationName = record.text.add(block.rest(), limit: ProfinetDCP.textBytesMax)
        case (2, 3):
            record.vendor = record.text.hexadecimal(UInt64(try block.read(UInt16.self)), digits: 4)
            record.device = record.text.hexadecimal(UInt64(try block.read(UInt16.self)), digits: 4)
        case (2, 4): record.role = roles(try block.read())
        case (2, 6): record.alias = record.text.add(block.rest(), limit: ProfinetDCP.textBytesMax)
        default: break
        }
    }

    private mutating func roles(_ bits: UInt8) -> Text {
        let names: [4 of StaticString] = ["device", "controller", "multidevice", "supervisor"]
        let start = record.text.begin()
        for bit in 0..<4 where bits >> UInt8(bit) & 1 != 0 {
            if record.text.bytes.count > start { record.text.append(",") }
            record.text.append(names[bit])
        }
        return record.text.end(start)
    }

    private mutating func name(_ option: UInt8, _ suboption: UInt8) -> Text {
        if let name = ProfinetDCP.blockName(option, suboption) { return record.text.add(name) }
        let start = record.text.begin()
        record.text.append(decimal: UInt64(option))
        record.text.append("/")
        record.text.append(decimal: UInt64(suboption))
        return record.text.end(start)
    }

    private static func blockName(_ option: UInt8, _ suboption: UInt8) -> StaticString? {
        switch (option, suboption) {
        case (1, 1): "IP/MAC address"
        case (1, 2): "IP/IP parameter"
        case (1, 3): "IP/Full IP suite"
        case (2, 1): "Device/Type of station"
        case (2, 2): "Device/Name of station"
        case (2, 3): "Device/Device ID"
        case (2, 4): "Device/Device role"
        case (2, 5): "Device/Device options"
        case (2, 6): "Device/Alias name"
        case (2, 7): "Device/Device instance"
        case (2, 8): "Device/OEM device ID"
        case (2, 9): "Device/Standard gateway"
        case (5, 1): "Control/Start transaction"
        case (5, 2): "Control/End transaction"
        case (5, 3): "Control/Signal"
        case (5, 4): "Control/Response"
        case (5, 5): "Control/Factory reset"
        case (5, 6): "Control/Reset to factory"
        case (6, 1): "Device initiative"
        case (255, 255): "All"
        default: nil
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
//
// The events `dnp3`: one for each application fragment (Suricata 8 user guide, "Event type: DNP3").
//
// Reads   link headers, application fragments and the objects in them (IEEE 1815-2012, sections 4 and 9).
// Writes  the object `dnp3`: of type request, response or unsolicited_response.
// Leaves  confirmations below the application layer; what the fields of objects are (DNP3+Objects.swift).

import Records
import Wire

/// What the event has of a side's fragment that the row has not.
struct DNP3Fragment {
    /// Octets of one fragment, as many as Suricata puts together; outstations send 2048 at most (section 4.3).
    static let bytesMax = 16_064

    var control: UInt8 = 0
    var target: UInt16 = 0
    var source: UInt16 = 0
    var octets: [UInt8] = []

    /// A link frame of the fragment; the last one is told of.
    mutating func frame(_ header: RawSpan) {
        control = header.octet(3)
        target = header.load16(4).byteSwapped
        source = header.load16(6).byteSwapped
    }

    /// There was more than is kept.
    private(set) var isTooLong = false

    mutating func clear() {
        octets.removeAll(keepingCapacity: true)
        isTooLong = false
    }

    mutating func append(_ octet: UInt8) {
        if octets.count < DNP3Fragment.bytesMax { octets.append(octet) } else { isTooLong = true }
    }

    /// Writes the members of `dnp3`. The fragment has its head.
    ///
    /// - Returns: group and variation of each object header, an octet each, and what is wrong with the objects.
    func write(isRequest: Bool, to event: inout EVEBuilder) -> (kinds: [UInt16], event: StaticString?) {
        let function = octets[1]
        event.text("type", isRequest ? "request" : function == 0x82 ? "unsolicited_response" : "response")
        event.open("control")
        event.boolean("dir", control & 0x80 != 0)
        event.boolean("pri", control & 0x40 != 0)
        event.boolean("fcb", control & 0x20 != 0)
        event.boolean("fcv", control & 0x10 != 0)
        event.count("function_code", UInt64(control & 0x0F))
        event.close()
        event.count("src", UInt64(source))
        event.count("dst", UInt64(target))
        event.open("application")
        event.open("control")
        event.boolean("fir", octets[0] & 0x80 != 0)
        event.boolean("fin", octets[0] & 0x40 != 0)
        event.boolean("con", octets[0] & 0x20 != 0)
        event.boolean("uns", octets[0] & 0x10 != 0)
        event.count("sequence", UInt64(octets[0] & 0x0F))
        event.close()
        event.count("function_code", UInt64(function))
        var walk = DNP3Walk(carriesData: !isRequest || hasData(function))
        let objects = octets[(isRequest ? 2 : 4)...]
        var input = Cursor(objects.octets)
        walk.writeObjects(&input, to: &event)
        event.boolean("complete", walk.isComplete)
        event.close()
        if !isRequest {
            event.open("iin")
            writeIndications(UInt16(octets[2]) << 8 | UInt16(octets[3]), to: &event)
            event.close()
        }
        return (walk.kinds, walk.isComplete ? nil : walk.isUnknown ? "dnp3.unknown_object" : "dnp3.malformed")
    }

    /// Requests that send objects; the others only name them (section 4.4). Those about files and security
    /// have lengths of their own and say so in the qualifier.
    private func hasData(_ function: UInt8) -> Bool { 2...6 ~= function || 25...33 ~= function }

    private func writeIndications(_ bits: UInt16, to event: inout EVEBuilder) {
        guard bits != 0 else { return }
        let names: [(UInt16, StaticString)] = [
            (0x8000, "device_restart"), (0x4000, "device_trouble"), (0x2000, "local_control"),
            (0x1000, "need_time"), (0x0800, "class_3_events"), (0x0400, "class_2_events"),
            (0x0200, "class_1_events"), (0x0100, "all_stations"), (0x0080, "reserved_1"), (0x0040, "reserved_2"),
            (0x0020, "config_corrupt"), (0x0010, "already_executing"), (0x0008, "event_buffer_overflow"),
            (0x0004, "parameter_error"), (0x0002, "object_unknown"), (0x0001, "no_func_code_support"),
        ]
        event.openList("indicators")
        for (bit, name) in names where bits & bit != 0 { event.item(name) }
        event.closeList()
    }
}

/// One object header: which points follow.
private struct DNP3ObjectHeader {
    let group: UInt8
    let variation: UInt8
    let qualifier: UInt8
    var start: UInt32 = 0
    var stop: UInt32 = 0
    var count: UInt32 = 0

    var prefixCode: UInt8 { qualifier >> 4 & 7 }
    var rangeCode: UInt8 { qualifier & 15 }
    var prefixIsSize: Bool { 4...6 ~= prefixCode }

    init(parsing input: inout Cursor) throws(WireError) {
        group = try input.read(UInt8.self)
        variation = try input.read(UInt8.self)
        qualifier = try input.read(UInt8.self)
        switch rangeCode {
        case 0, 3: try range(UInt8.self, &input)
        case 1, 4: try range(UInt16.self, &input)
        case 2, 5: try range(UInt32.self, &input)
        case 6: break
        case 7, 0x0B: count = UInt32(try input.read(UInt8.self))
        case 8: count = UInt32(try input.readLittle(UInt16.self))
        case 9: count = try input.readLittle(UInt32.self)
        default: throw .malformed(at: 2)
        }
    }

    private mutating func range<T: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
        _ type: T.Type, _ input: inout Cursor
    ) throws(WireError) {
        start = UInt32(try input.readLittle(T.self))
        stop = UInt32(try input.readLittle(T.self))
        guard stop >= start, stop &- start < UInt32.max else { throw .malformed(at: 3) }
        count = stop &- start &+ 1
    }

    /// The index or the size that stands before a point; 0 where none does.
    func prefix(_ input: inout Cursor) throws(WireError) -> UInt32 {
        switch prefixCode {
        case 1, 4: UInt32(try input.read(UInt8.self))
        case 2, 5: UInt32(try input.readLittle(UInt16.self))
        case 3, 6: try input.readLittle(UInt32.self)
        default: 0
        }
    }
}

/// Walks over the objects of a fragment and writes them.
private struct DNP3Walk {
    /// Points of one fragment that an event has; the rest is left out, and the fragment is not complete.
    private static let pointsMax = 2048

    let carriesData: Bool
    private var pointCount = 0
    /// All objects were understood.
    private(set) var isComplete = true
    /// What ends the walk is an object of a kind that is not known.
    private(set) var isUnknown = false
    private(set) var kinds: [UInt16] = []
    /// Values of the point at work by place, for the lengths among them.
    private var values: [UInt64] = []

    init(carriesData: Bool) { self.carriesData = carriesData }

    mutating func writeObjects(_ input: inout Cursor, to event: inout EVEBuilder) {
        guard input.remaining > 0 else { return }
        event.openList("objects")
        while input.remaining > 0, isComplete {
            let mark = event.mark
            do throws(WireError) {
                let header = try DNP3ObjectHeader(parsing: &input)
                kinds.append(UInt16(header.group) << 8 | UInt16(header.variation))
                event.openItem()
                write(header, &input, to: &event)
                event.closeItem()
            } catch {
                event.goBack(to: mark)
                isComplete = false
            }
        }
        event.closeList()
    }

    private mutating func write(_ header: DNP3ObjectHeader, _ input: inout Cursor, to event: inout EVEBuilder) {
        event.count("group", UInt64(header.group))
        event.count("variation", UInt64(header.variation))
        event.count("qualifier", UInt64(header.qualifier))
        event.count("prefix_code", UInt64(header.prefixCode))
        event.count("range_code", UInt64(header.rangeCode))
        event.count("start", UInt64(header.start))
        event.count("stop", UInt64(header.stop))
        event.count("count", UInt64(header.count))
        // A time is sent with requests that otherwise name objects only (section 4.4.11).
        let hasPoints = carriesData || header.rangeCode == 0x0B || header.prefixCode != 0 || header.group == 50
        guard hasPoints, header.count > 0, header.variation > 0 else { return }
        guard let layout = DNP3Objects.layout(header.group, header.variation) else {
            // How long it is is not known, so nothing behind it can be read.
            (isComplete, isUnknown) = (false, true)
            return
        }
        let mark = event.mark
        event.openList("points")
        let before = pointCount
        do throws(WireError) {
            switch layout {
            case .packed(let name, let width): try writePacked(name, width, header, &input, to: &event)
            case .fields(let fields): try writePoints(fields, header, &input, to: &event)
            }
        } catch {
            isComplete = false
        }
        if pointCount == before { event.goBack(to: mark) } else { event.closeList() }
    }

    private mutating func beginPoint(_ prefix: UInt32, _ index: UInt32, to event: inout EVEBuilder) throws(WireError) {
        guard pointCount < DNP3Walk.pointsMax else { throw .malformed(at: 0) }
        pointCount &+= 1
        event.openItem()
        event.count("prefix", UInt64(prefix))
        event.count("index", UInt64(index))
    }

    private mutating func writePacked(
        _ name: StaticString, _ width: UInt8, _ header: DNP3ObjectHeader, _ input: inout Cursor,
        to event: inout EVEBuilder
    ) throws(WireError) {
        let prefix = try header.prefix(&input)
        let perOctet = UInt32(8 / width)
        var octet: UInt8 = 0
        for index in 0..<header.count {
            if index % perOctet == 0 { octet = try input.read(UInt8.self) }
            try beginPoint(prefix, header.start &+ index, to: &event)
            let shift = UInt8(truncatingIfNeeded: index % perOctet) &* width
            event.count(name, UInt64(octet >> shift & (1 << width &- 1)))
            event.closeItem()
        }
    }

    private mutating func writePoints(
        _ fields: [DNP3Field], _ header: DNP3ObjectHeader, _ input: inout Cursor, to event: inout EVEBuilder
    ) throws(WireError) {
        for place in 0..<header.count {
            let prefix = try header.prefix(&input)
            let mark = event.mark
            let isIndexed = 1...3 ~= header.prefixCode
            try beginPoint(prefix, isIndexed ? prefix : header.start &+ place, to: &event)
            do throws(WireError) {
                if header.prefixIsSize {
                    event.count("size", UInt64(prefix))
                    let end = input.offset &+ Int(prefix)
                    guard Int(prefix) <= input.remaining else { throw .truncated(at: input.offset) }
                    try write(fields, until: end, &input, to: &event)
                    try input.seek(to: end)
                } else {
                    try write(fields, until: nil, &input, to: &event)
                }
            } catch {
                event.goBack(to: mark)
                pointCount &-= 1
                throw error
            }
            event.closeItem()
        }
    }

    /// The fields of one point, which ends at `end` where its size is known.
    private mutating func write(
        _ fields: [DNP3Field], until end: Int?, _ input: inout Cursor, to event: inout EVEBuilder
    ) throws(WireError) {
        values.removeAll(keepingCapacity: true)
        for field in fields {
            var value: UInt64 = 0
            switch field.kind {
            case .bits(let shift, let width):
                let at = input.offset
                value = UInt64(try input.read(UInt8.self) >> shift) & (1 << UInt64(width) &- 1)
                if shift &+ width < 8 { try input.seek(to: at) }
                event.count(field.name, value)
            case .unsigned(let bytes):
                value = try number(bytes, &input)
                event.count(field.name, value)
            case .signed(let bytes):
                value = try number(bytes, &input)
                let shift = UInt64(64 &- 8 &* bytes)
                event.integer(field.name, Int64(bitPattern: value << shift) >> Int64(shift))
            case .real(let bytes):
                value = try number(bytes, &input)
                event.real(
                    field.name,
                    bytes == 4 ? Double(Float(bitPattern: UInt32(value))) : Double(bitPattern: value))
            case .text(let place): event.text(field.name, try input.take(Int(values[place])))
            case .octets(let place): event.base64(field.name, try input.take(Int(values[place])))
            case .restText: event.text(field.name, try input.take(try left(end, input.offset)))
            case .restOctets: event.base64(field.name, try input.take(try left(end, input.offset)))
            case .fixedText(let bytes): event.text(field.name, try input.take(bytes))
            }
            values.append(value)
        }
    }

    /// A number of up to 8 octets, the low one first.
    private func number(_ bytes: Int, _ input: inout Cursor) throws(WireError) -> UInt64 {
        var value: UInt64 = 0
        for place in 0..<bytes { value |= UInt64(try input.read(UInt8.self)) << UInt64(8 &* place) }
        return value
    }

    /// Octets of a point that are left at a place of it.
    private func left(_ end: Int?, _ offset: Int) throws(WireError) -> Int {
        guard let end, end >= offset else { throw .malformed(at: offset) }
        return end &- offset
    }
}

// SPDX-License-Identifier: Apache-2.0
//
// BACnet/IP (ANSI/ASHRAE 135: annex J, clauses 6 and 20): building automation over UDP port 47808.
//
// Reads   the virtual link, the network layer, heads of application messages; searches, properties, control.
// Writes  `BACnetRecord` for each message, `BACnetDiscoveryRecord`, `BACnetPropertyRecord`, `BACnetControlRecord`.
// Leaves  segments after the first, files, alarms, what BACnet/SC carries.

import Records
import Wire

enum BACnetProbe {
    /// A message of the virtual link that says its own length, with version 1 of the network layer.
    static func message(_ bytes: RawSpan) -> ProbeVerdict {
        guard bytes.byteCount >= 6, bytes.octet(0) == 0x81, Int(bytes.load16(2)) == bytes.byteCount else {
            return .never
        }
        return (0x09...0x0B).contains(bytes.octet(1)) && bytes.octet(4) == 1 ? .matches : .never
    }
}

final class BACnet: Analyzer {
    /// Rows of properties for one message: a device's list of objects may be long.
    private static let valuesMax = 64

    private var record = BACnetRecord()
    private var discovery = BACnetDiscoveryRecord()
    private var property = BACnetPropertyRecord()
    private var control = BACnetControlRecord()

    init() { super.init(kind: .bacnet) }

    override func datagram(
        _ bytes: RawSpan, wireLength: Int, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        guard !isDetached else { return }
        record.clear()
        record.ts = context.now
        record.uid = context.uid
        record.id = context.id
        record.isOriginator = direction == .originator
        do throws(WireError) {
            try link(bytes, &context)
            confirm(&context)
        } catch {
            // A capture that was cut says nothing about the protocol.
            if wireLength <= bytes.byteCount { violation(&context) }
        }
    }

    /// The virtual link (annex J.2): 0x81, function, octets in all.
    private func link(_ bytes: RawSpan, _ context: inout AnalyzerContext) throws(WireError) {
        var cursor = Cursor(bytes)
        guard try cursor.read(UInt8.self) == 0x81 else { throw .malformed(at: 0) }
        let function = try cursor.read(UInt8.self)
        let length = Int(try cursor.read(UInt16.self))
        guard length >= 4, NumberName.find(UInt32(function), in: BACnetTables.functions) != nil else {
            throw .malformed(at: 1)
        }
        record.function = record.text.name(UInt32(function), in: BACnetTables.functions)
        var body = Cursor(try cursor.take(length &- 4))
        switch function {
        case 0x04:
            record.forwardedAddress = Address(v4: try body.read())
            record.forwardedPort = try body.read()
            try network(&body, &context)
        case 0x09, 0x0A, 0x0B: try network(&body, &context)
        case 0x00:
            record.result = record.text.name(UInt32(try body.read(UInt16.self)), in: BACnetTables.results)
            context.output.emit(record)
        default: context.output.emit(record)
        }
    }

    /// The network layer (clause 6.2): version, control; where it goes and comes from.
    private func network(_ input: inout Cursor, _ context: inout AnalyzerContext) throws(WireError) {
        guard try input.read(UInt8.self) == 1 else { throw .malformed(at: input.offset) }
        let flags = try input.read(UInt8.self)
        if flags & 0x20 != 0 {
            record.targetNetwork = UInt64(try input.read(UInt16.self))
            record.targetAddress = try address(&input)
        }
        if flags & 0x08 != 0 {
            record.sourceNetwork = UInt64(try input.read(UInt16.self))
            record.sourceAddress = try address(&input)
        }
        if flags & 0x20 != 0 { try input.skip(1) }
        if flags & 0x80 != 0 {
            record.type = "NPDU"
            record.service = record.text.name(UInt32(try input.read(UInt8.self)), in: BACnetTables.networkMessages)
            return context.output.emit(record)
        }
        try application(&input, &context)
    }

    private func address(_ input: inout Cursor) throws(WireError) -> Text {
        let count = Int(try input.read(UInt8.self))
        let octets = try input.take(count)
        return count == 0 ? .absent : record.text.hexadecimal(octets, limit: 32)
    }

    /// The head of an application message (clause 20.1), and its row.
    private func application(_ input: inout Cursor, _ context: inout AnalyzerContext) throws(WireError) {
        let first = try input.read(UInt8.self)
        let type = first >> 4
        // Confirmed requests also say how much the sender takes.
        if type == 0 { try input.skip(1) }
        if type != 1 { record.invokeID = UInt64(try input.read(UInt8.self)) }
        let isSegment = (type == 0 || type == 3) && first & 8 != 0
        let sequence = isSegment ? try input.read(UInt8.self) : 0
        if isSegment { try input.skip(1) }
        var service: UInt8 = 0
        switch type {
        case 0, 2, 3, 5:
            record.type = BACnet.typeName(type)
            service = try input.read()
            record.service = record.text.name(UInt32(service), in: BACnetTables.confirmed)
            if type == 5 { record.result = try error(input) }
        case 1:
            record.type = "UNCONFIRMED_REQUEST"
            service = try input.read()
            record.service = record.text.name(UInt32(service), in: BACnetTables.unconfirmed)
        case 4:
            record.type = "SEGMENT_ACK"
            record.service = record.text.add("segment_ack")
        case 6, 7:
            record.type = type == 6 ? "REJECT_PDU" : "ABORT_PDU"
            record.service = record.text.add(type == 6 ? "reject" : "abort")
            let reasons = type == 6 ? BACnetTables.rejects : BACnetTables.aborts
            record.result = record.text.name(UInt32(try input.read(UInt8.self)), in: reasons)
        default: throw .malformed(at: input.offset)
        }
        context.output.emit(record)
        guard sequence == 0 else { return }
        // What a service carries may be in a newer form: it costs no more than its own rows.
        do throws(WireError) {
            try details(type, service, &input, &context)
        } catch {
            return
        }
    }

    private static func typeName(_ type: UInt8) -> StaticString? {
        switch type {
        case 0: "CONFIRMED_REQUEST"
        case 2: "SIMPLE_ACK"
        case 3: "COMPLEX_ACK"
        case 5: "ERROR_PDU"
        default: nil
        }
    }

    /// The code of an error behind its class; some services wrap both in a list.
    private func error(_ input: Cursor) throws(WireError) -> Text {
        var input = input
        if try input.bacnetTag().isOpening { _ = try BACnetTag(parsing: &input) }
        let first = try BACnetTag(parsing: &input)
        try input.bacnetSkip(first)
        let tag = try BACnetTag(parsing: &input)
        let code = try input.bacnetUnsigned(tag.length)
        return record.text.name(UInt32(truncatingIfNeeded: code), in: BACnetTables.errors)
    }

    // MARK: services

    private func details(
        _ type: UInt8, _ service: UInt8, _ input: inout Cursor, _ context: inout AnalyzerContext
    ) throws(WireError) {
        switch (type, service) {
        case (1, 0), (1, 1), (1, 7), (1, 8): try search(service, &input, &context)
        case (0, 12): try single("read-property-request", &input, &context)
        case (3, 12): try single("read-property-ack", &input, &context)
        case (0, 15): try single("write-property-request", &input, &context)
        case (0, 14): try several("read-property-multiple-request", isAnswer: false, &input, &context)
        case (3, 14): try several("read-property-multiple-ack", isAnswer: true, &input, &context)
        case (0, 17), (0, 20): try order(service, &input, &context)
        case (2, 17), (2, 20), (5, 17), (5, 20):
            beginControl(service, &context)
            control.result = type == 2 ? "SUCCESS" : "ERROR"
            control.code = control.text.add(record.result, of: record.text)
            context.output.emit(control)
        default: break
        }
    }

    /// Who-Is, I-Am, Who-Has, I-Have (clause 16.9, 16.10).
    private func search(
        _ service: UInt8, _ input: inout Cursor, _ context: inout AnalyzerContext
    ) throws(WireError) {
        discovery.clear()
        discovery.ts = context.now
        discovery.uid = context.uid
        discovery.id = context.id
        discovery.isOriginator = record.isOriginator
        switch service {
        case 0:
            discovery.service = "i-am"
            try object(tagged: 12, &input)
            // How much it takes, and how, stand between.
            for _ in 0..<2 { try skipValue(&input) }
            let tag = try BACnetTag(parsing: &input)
            let vendor = UInt32(truncatingIfNeeded: try input.bacnetUnsigned(tag.length))
            discovery.vendor = discovery.text.name(vendor, in: BACnetTables.vendors)
        case 1:
            discovery.service = "i-have"
            let tag = try BACnetTag(parsing: &input)
            let device = try input.bacnetObject(tag.length)
            discovery.deviceType = discovery.text.name(device.type, in: BACnetTables.objects)
            discovery.deviceNumber = device.instance
            try object(tagged: 12, &input)
            let name = try BACnetTag(parsing: &input)
            discovery.name = try BACnetValue.characters(name.length, &input, &discovery.text)
        default:
            discovery.service = service == 8 ? "who-is" : "who-has"
            discovery.range = try range(&input)
            guard service == 7 else { break }
            if let length = try input.bacnetOptional(2) {
                fill(try input.bacnetObject(length))
            } else if let length = try input.bacnetOptional(3) {
                discovery.name = try BACnetValue.characters(length, &input, &discovery.text)
            }
        }
        context.output.emit(discovery)
    }

    private func object(tagged number: UInt8, _ input: inout Cursor) throws(WireError) {
        let tag = try BACnetTag(parsing: &input)
        guard tag.number == number, !tag.isContext else { throw .malformed(at: input.offset) }
        fill(try input.bacnetObject(tag.length))
    }

    private func fill(_ object: BACnetObject) {
        discovery.objectType = discovery.text.name(object.type, in: BACnetTables.objects)
        discovery.instance = object.instance
    }

    private func skipValue(_ input: inout Cursor) throws(WireError) {
        let tag = try BACnetTag(parsing: &input)
        try input.bacnetSkip(tag)
    }

    private func range(_ input: inout Cursor) throws(WireError) -> Text {
        guard let length = try input.bacnetOptional(0) else { return discovery.text.add("All") }
        let low = try input.bacnetUnsigned(length)
        let high = try input.bacnetUnsigned(try input.bacnetLength(1))
        let start = discovery.text.begin()
        discovery.text.append(decimal: low)
        discovery.text.append("-")
        discovery.text.append(decimal: high)
        return discovery.text.end(start)
    }

    // MARK: properties

    private func beginProperty(_ service: StaticString, _ context: inout AnalyzerContext) {
        property.text.clear()
        property.ts = context.now
        property.uid = context.uid
        property.id = context.id
        property.isOriginator = record.isOriginator
        property.invokeID = record.invokeID ?? 0
        property.service = service
        (property.index, property.value) = (nil, .absent)
    }

    /// ReadProperty and WriteProperty (clause 15.5, 15.9): object, property, index, and values.
    private func single(
        _ service: StaticString, _ input: inout Cursor, _ context: inout AnalyzerContext
    ) throws(WireError) {
        beginProperty(service, &context)
        let object = try input.bacnetObject(try input.bacnetLength(0))
        name(object, try input.bacnetUnsigned(try input.bacnetLength(1)))
        if let length = try input.bacnetOptional(2) { property.index = try input.bacnetUnsigned(length) }
        var left = BACnet.valuesMax
        try values(3, &input, &left, &context)
    }

    private func name(_ object: BACnetObject, _ number: UInt64) {
        property.text.clear()
        property.objectType = property.text.name(object.type, in: BACnetTables.objects)
        property.instance = object.instance
        property.property = property.text.name(UInt32(truncatingIfNeeded: number), in: BACnetTables.properties)
        (property.index, property.value) = (nil, .absent)
    }

    /// A row for each value of a list, or one where there is none.
    private func values(
        _ number: UInt8, _ input: inout Cursor, _ left: inout Int, _ context: inout AnalyzerContext
    ) throws(WireError) {
        guard input.remaining > 0, try input.bacnetTag().isOpening, try input.bacnetTag().number == number else {
            left &-= 1
            return context.output.emit(property)
        }
        _ = try BACnetTag(parsing: &input)
        var depth = 1
        while depth > 0 {
            let tag = try BACnetTag(parsing: &input)
            if tag.isOpening {
                depth &+= 1
            } else if tag.isClosing {
                depth &-= 1
            } else if tag.isContext {
                try input.skip(tag.length)
            } else {
                property.value = try BACnetValue.write(tag, &input, &property.text)
                left &-= 1
                if left >= 0 { context.output.emit(property) }
            }
        }
    }

    /// ReadPropertyMultiple (clause 15.7): objects, each with a list of properties.
    private func several(
        _ service: StaticString, isAnswer: Bool, _ input: inout Cursor, _ context: inout AnalyzerContext
    ) throws(WireError) {
        beginProperty(service, &context)
        var left = BACnet.valuesMax
        while input.remaining > 0, left > 0 {
            let object = try input.bacnetObject(try input.bacnetLength(0))
            guard try BACnetTag(parsing: &input).isOpening else { throw .malformed(at: input.offset) }
            while try !input.bacnetTag().isClosing, left > 0 {
                name(object, try input.bacnetUnsigned(try input.bacnetLength(isAnswer ? 2 : 0)))
                if let length = try input.bacnetOptional(isAnswer ? 3 : 1) {
                    property.index = try input.bacnetUnsigned(length)
                }
                guard isAnswer else {
                    left &-= 1
                    context.output.emit(property)
                    continue
                }
                if try input.bacnetTag().number == 5 {
                    // An error in the value's place.
                    try skipValue(&input)
                    left &-= 1
                } else {
                    try values(4, &input, &left, &context)
                }
            }
            if left > 0 { _ = try BACnetTag(parsing: &input) }
        }
    }

    // MARK: control

    private func beginControl(_ service: UInt8, _ context: inout AnalyzerContext) {
        control.text.clear()
        control.ts = context.now
        control.uid = context.uid
        control.id = context.id
        control.isOriginator = record.isOriginator
        control.invokeID = record.invokeID ?? 0
        control.service = control.text.name(UInt32(service), in: BACnetTables.confirmed)
        (control.minutes, control.state, control.password) = (nil, .absent, .absent)
        (control.result, control.code) = (nil, .absent)
    }

    /// DeviceCommunicationControl and ReinitializeDevice (clause 16.1, 16.4).
    private func order(
        _ service: UInt8, _ input: inout Cursor, _ context: inout AnalyzerContext
    ) throws(WireError) {
        beginControl(service, &context)
        let isSilence = service == 17
        if isSilence, let length = try input.bacnetOptional(0) { control.minutes = try input.bacnetUnsigned(length) }
        let state = try input.bacnetUnsigned(try input.bacnetLength(isSilence ? 1 : 0))
        let name: StaticString? =
            isSilence ? BACnet.silence(state) : BACnet.restart(state)
        if let name {
            control.state = control.text.add(name)
        } else {
            let start = control.text.begin()
            control.text.append("unknown-")
            control.text.append(decimal: state)
            control.state = control.text.end(start)
        }
        if let length = try input.bacnetOptional(isSilence ? 2 : 1) {
            // It goes in the clear and opens the device: no log repeats it.
            try input.skip(length)
            control.password = control.text.add("<hidden>")
        }
        context.output.emit(control)
    }

    private static func silence(_ state: UInt64) -> StaticString? {
        switch state {
        case 0: "enable"
        case 1: "disable"
        case 2: "disable-initiation"
        default: nil
        }
    }

    private static func restart(_ state: UInt64) -> StaticString? {
        switch state {
        case 0: "coldstart"
        case 1: "warmstart"
        case 2: "startbackup"
        case 3: "endbackup"
        case 4: "startrestore"
        case 5: "endrestore"
        case 6: "abortrestore"
        case 7: "activate-changes"
        default: nil
        }
    }
}

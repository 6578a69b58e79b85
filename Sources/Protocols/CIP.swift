// SPDX-License-Identifier: Apache-2.0
//
// Messages of the Common Industrial Protocol (ODVA, CIP Networks Library volume 1, chapter 2 and appendix C).
//
// Reads   one message router request or response: service, path, status, and the services packed into it.
// Writes  `CIPRecord`, one for each service.
// Leaves  values of attributes, PCCC, connected data; what carries a message (ENIP.swift).

package import Records
import Wire

/// One place of a path: a class, an instance, an attribute.
struct CIPSegment: BitwiseCopyable {
    /// The octet as it was sent: three bits of type, three of what is named, two of its width.
    var type: UInt8
    var value: UInt32

    static let classID: UInt8 = 0x20
    static let instance: UInt8 = 0x24
    static let attribute: UInt8 = 0x30

    /// What is named, without the width.
    var meaning: UInt8 { type & 0xFC }
}

/// A request for a service, or its response.
struct CIPService {
    var code: UInt8 = 0
    var isResponse = false
    /// Inside a message of several.
    var isEmbedded = false
    var status: UInt8 = 0
    /// Octets of the additional status, in the message.
    var extended = 0..<0
    /// The path's places, in `CIPMessage.segments`.
    var segments = 0..<0
    /// Attributes that the request lists, in `CIPMessage.attributes`.
    var attributes = 0..<0
    /// The symbol that a path names, in the message.
    var symbol = 0..<0

    static let getAttributeList: UInt8 = 0x03
    static let setAttributeList: UInt8 = 0x04
    static let multiple: UInt8 = 0x0A
    static let unconnectedSend: UInt8 = 0x52
}

/// The services of one message, the outer one first. Kept by its analyzer for its memory.
struct CIPMessage {
    private(set) var services: [CIPService] = []
    private(set) var segments: [CIPSegment] = []
    private(set) var attributes: [UInt16] = []

    /// Services of one message; a packet of a multiple service has room for some hundred.
    static let servicesMax = 256

    mutating func clear() {
        services.removeAll(keepingCapacity: true)
        segments.removeAll(keepingCapacity: true)
        attributes.removeAll(keepingCapacity: true)
    }

    /// Reads a message. What was read before an error stays.
    mutating func read(_ bytes: RawSpan) throws(WireError) {
        clear()
        try service(bytes, 0..<bytes.byteCount, isEmbedded: false)
    }

    /// The value of the last place of a path that names what is asked for.
    func place(_ meaning: UInt8, of service: CIPService) -> UInt32? {
        var found: UInt32?
        for index in service.segments where segments[index].meaning == meaning { found = segments[index].value }
        return found
    }

    //  request:   service, words of path, path, data
    //  response:  service | 0x80, reserved, status, words of additional status, those, data
    private mutating func service(_ bytes: RawSpan, _ range: Range<Int>, isEmbedded: Bool) throws(WireError) {
        guard services.count < CIPMessage.servicesMax else { return }
        var cursor = Cursor(bytes.extracting(range))
        let code = try cursor.read(UInt8.self)
        var service = CIPService()
        service.code = code & 0x7F
        service.isResponse = code & 0x80 != 0
        service.isEmbedded = isEmbedded
        if service.isResponse {
            try cursor.skip(1)
            service.status = try cursor.read(UInt8.self)
            let count = 2 &* Int(try cursor.read(UInt8.self))
            let start = range.lowerBound &+ cursor.offset
            try cursor.skip(count)
            service.extended = start ..< start &+ count
        } else {
            let count = 2 &* Int(try cursor.read(UInt8.self))
            let start = range.lowerBound &+ cursor.offset
            try cursor.skip(count)
            try path(bytes, start ..< start &+ count, of: &service)
        }
        let data = range.lowerBound &+ cursor.offset ..< range.upperBound
        if !service.isResponse { try list(bytes.extracting(data), of: &service) }
        services.append(service)
        // One level is followed: what is packed into a packed service is data.
        guard !isEmbedded else { return }
        if service.code == CIPService.multiple {
            try several(bytes, data)
        } else if service.code == CIPService.unconnectedSend, place(CIPSegment.classID, of: service) == 0x06 {
            // Priority, ticks, octets of the message; the route follows.
            var part = Cursor(bytes.extracting(data))
            try part.skip(2)
            let count = Int(try part.readLittle(UInt16.self))
            let start = data.lowerBound &+ part.offset
            try part.skip(count)
            try self.service(bytes, start ..< start &+ count, isEmbedded: true)
        }
    }

    /// Attributes that a request lists; of those to be set only the first, behind which its value stands.
    private mutating func list(_ data: RawSpan, of service: inout CIPService) throws(WireError) {
        guard service.code == CIPService.getAttributeList || service.code == CIPService.setAttributeList else { return }
        var cursor = Cursor(data)
        let start = attributes.count
        let count = Int(try cursor.readLittle(UInt16.self))
        for _ in 0..<(service.code == CIPService.getAttributeList ? count : min(count, 1)) {
            attributes.append(try cursor.readLittle(UInt16.self))
        }
        service.attributes = start..<attributes.count
    }

    /// A number of services, where each begins, and those (appendix A).
    private mutating func several(_ bytes: RawSpan, _ range: Range<Int>) throws(WireError) {
        var cursor = Cursor(bytes.extracting(range))
        let count = Int(try cursor.readLittle(UInt16.self))
        guard cursor.remaining >= 2 &* count else { throw .truncated(at: range.lowerBound) }
        var place = count > 0 ? Int(try cursor.readLittle(UInt16.self)) : 0
        for index in 0..<count {
            // The offsets lie one behind the other; each service ends where the next begins.
            let next = index &+ 1 < count ? Int(try cursor.readLittle(UInt16.self)) : range.count
            guard place >= 2 &+ 2 &* count, place <= next, next <= range.count else {
                throw .malformed(at: range.lowerBound)
            }
            try service(bytes, range.lowerBound &+ place ..< range.lowerBound &+ next, isEmbedded: true)
            place = next
        }
    }

    /// The segments of a path (appendix C-1.4), whole words of two octets.
    private mutating func path(
        _ bytes: RawSpan, _ range: Range<Int>, of service: inout CIPService
    ) throws(WireError) {
        var cursor = Cursor(bytes.extracting(range))
        let start = segments.count
        defer { service.segments = start..<segments.count }
        while cursor.remaining > 0 {
            let type = try cursor.read(UInt8.self)
            switch type {
            case 0x34:
                // An electronic key: format, then eight octets in the only format there is.
                try cursor.skip(9)
            case 0x20...0x3F where type & 3 != 3:
                segments.append(CIPSegment(type: type, value: try CIPMessage.logical(type, &cursor)))
            case 0x91:
                // A symbol: octets of it, and one to fill the word.
                let count = Int(try cursor.read(UInt8.self))
                let place = range.lowerBound &+ cursor.offset
                try cursor.skip(count &+ count & 1)
                service.symbol = place ..< place &+ count
            case 0x80:
                // Data: words of it.
                try cursor.skip(2 &* Int(try cursor.read(UInt8.self)))
            case 0x00...0x1F: try CIPMessage.port(type, &cursor)
            case 0x40...0x5F:
                // Network segments: one octet, or from 0x50 on a number of words.
                let value = try cursor.read(UInt8.self)
                if type >= 0x50 { try cursor.skip(2 &* Int(value)) }
            default: throw .malformed(at: range.lowerBound &+ cursor.offset)
            }
        }
    }

    private static func logical(_ type: UInt8, _ cursor: inout Cursor) throws(WireError) -> UInt32 {
        switch type & 3 {
        case 0: return UInt32(try cursor.read(UInt8.self))
        case 1:
            try cursor.skip(1)
            return UInt32(try cursor.readLittle(UInt16.self))
        default:
            try cursor.skip(1)
            return try cursor.readLittle(UInt32.self)
        }
    }

    /// A port segment: the port, wide where it is 15, and a link address, long where bit 4 says so.
    private static func port(_ type: UInt8, _ cursor: inout Cursor) throws(WireError) {
        let count = type & 0x10 != 0 ? Int(try cursor.read(UInt8.self)) : 1
        if type & 0x0F == 0x0F { try cursor.skip(2) }
        try cursor.skip(count)
        if cursor.offset & 1 != 0 { try cursor.skip(1) }
    }
}

package struct CIPRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    var isOriginator = true
    var sequence: UInt64?
    var isResponse = false
    var serviceCode = Text.absent
    var service = Text.absent
    var statusCode = Text.absent
    var status = Text.absent
    var extendedCode = Text.absent
    var extended: StaticString?
    var classID = Text.absent
    var className = Text.absent
    var instance = Text.absent
    var attribute = Text.absent
    var symbol = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.cip
    package static let summary: StaticString = "One request of a CIP service, or its response."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.boolean("is_orig", isOriginator, "The originator sent it.")
        row.count("cip_sequence_count", sequence, "Number of the message on its CIP connection.")
        row.text("direction", isResponse ? "response" : "request", "request or response.")
        row.text("cip_service_code", serviceCode, in: text, "Service as a number.")
        row.text("cip_service", service, in: text, "Service by name.")
        row.text("cip_status_code", statusCode, in: text, "General status of a response as a number.")
        row.text("cip_status", status, in: text, "General status of a response by name.")
        row.text("cip_extended_status_code", extendedCode, in: text, "Additional status as a number.")
        row.text("cip_extended_status", extended, "Additional status of the Connection Manager by name.")
        row.text("class_id", classID, in: text, "Class that the path names.")
        row.text("class_name", className, in: text, "Name of the class.")
        row.text("instance_id", instance, in: text, "Instance that the path names.")
        row.text("attribute_id", attribute, in: text, "Attribute that the path names, or the first of a list.")
        row.text("symbol", symbol, in: text, "Tag that the path names.")
    }

    /// Fills the columns of one service of a message.
    mutating func read(_ service: CIPService, of message: CIPMessage, _ bytes: RawSpan) {
        text.clear()
        isResponse = service.isResponse
        serviceCode = text.hexadecimal(UInt64(service.code))
        if message.place(CIPSegment.classID, of: service) == CIPRecord.connectionManager,
            let name = CIPRecord.managerService(service.code)
        {
            self.service = text.add(name)
        } else {
            self.service = text.name(UInt32(service.code), in: CIPTables.services)
        }
        (statusCode, status, extendedCode, extended) = (.absent, .absent, .absent, nil)
        if service.isResponse {
            statusCode = text.hexadecimal(UInt64(service.status))
            status = text.name(UInt32(service.status), in: CIPTables.statuses)
            if let code = CIPRecord.extendedStatus(service, bytes) {
                extendedCode = text.hexadecimal(UInt64(code), digits: 4)
                extended = service.status == 1 ? NumberName.find(UInt32(code), in: CIPTables.extended) : nil
            }
        }
        (classID, className, instance, attribute) = (.absent, .absent, .absent, .absent)
        if let value = message.place(CIPSegment.classID, of: service) {
            classID = text.hexadecimal(UInt64(value))
            className = text.name(value, in: CIPTables.classes)
        }
        if let value = message.place(CIPSegment.instance, of: service) { instance = text.hexadecimal(UInt64(value)) }
        let listed = service.attributes.isEmpty ? nil : UInt32(message.attributes[service.attributes.lowerBound])
        if let value = message.place(CIPSegment.attribute, of: service) ?? listed {
            attribute = text.hexadecimal(UInt64(value))
        }
        symbol = service.symbol.isEmpty ? .absent : text.add(bytes.extracting(service.symbol))
    }

    private static let connectionManager: UInt32 = 0x06

    /// Services that the Connection Manager has for itself (3-5.5).
    private static func managerService(_ code: UInt8) -> StaticString? {
        switch code {
        case 0x4E: "Forward Close"
        case 0x52: "Unconnected Send"
        case 0x54: "Forward Open"
        case 0x56: "Get Connection Data"
        case 0x57: "Search Connection Data"
        case 0x5A: "Get Connection Owner"
        case 0x5B: "Large Forward Open"
        default: nil
        }
    }

    /// The first word of the additional status.
    static func extendedStatus(_ service: CIPService, _ bytes: RawSpan) -> UInt16? {
        guard service.extended.count >= 2 else { return nil }
        return bytes.load(service.extended.lowerBound, as: UInt16.self).byteSwapped
    }
}

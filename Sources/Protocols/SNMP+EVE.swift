// SPDX-License-Identifier: Apache-2.0
//
// The event `snmp`: one for each message.
//
// Reads   a whole message (RFC 1157, RFC 3416, RFC 3412).
// Writes  the object `snmp`, the variables by their names.
// Leaves  their values.

import Records
import Wire

extension SNMP {
    /// Variables of one event.
    private static let variablesMax = 1024

    static func writeEvent(
        _ message: SNMPMessage, _ bytes: RawSpan, tx: UInt64, from direction: Direction,
        _ context: inout AnalyzerContext
    ) {
        context.beginEvent("snmp", from: direction, tx: tx)
        context.event.open("snmp")
        let version = message.version < 3 ? message.version &+ 1 : message.version
        context.event.integer("version", version)
        var input = Cursor(bytes)
        if message.kind == nil {
            context.event.text("pdu_type", "encrypted")
        } else if (try? SNMPMessage(&input)) != nil {
            try? pdu(&input, &context.event)
        }
        if let place = message.community {
            context.event.text(message.version < 3 ? "community" : "usm", bytes.extracting(place))
        }
        context.event.close()
        context.endEvent()
    }

    private static func pdu(_ input: inout Cursor, _ event: inout EVEBuilder) throws(WireError) {
        let tag = try input.berHeader().tag
        event.text("pdu_type", name(tag))
        if tag == SNMPMessage.trap {
            let enterprise = try input.take(try input.berLength(BERHeader.objectIdentifier))
            let address = try input.take(try input.berHeader().length)
            let kind = try input.berInteger()
            _ = try input.berInteger()
            _ = try input.take(try input.berHeader().length)
            event.text("trap_type", trap(kind))
            event.beginText("trap_oid")
            add(enterprise, &event)
            event.endText()
            if address.byteCount == 4 { event.address("trap_address", Address(v4: address.load(0))) }
        } else {
            _ = try input.berInteger()
            let status = try input.berInteger()
            _ = try input.berInteger()
            if status != 0, tag != SNMPMessage.getBulkRequest { event.text("error", error(status)) }
        }
        _ = try input.berLength(BERHeader.sequence)
        guard input.remaining > 0 else { return }
        event.openList("vars")
        variables(&input, &event)
        event.closeList()
    }

    private static func variables(_ input: inout Cursor, _ event: inout EVEBuilder) {
        var count = 0
        while input.remaining > 0, count < variablesMax {
            count &+= 1
            guard (try? input.berLength(BERHeader.sequence)) != nil,
                let length = try? input.berLength(BERHeader.objectIdentifier), let name = try? input.take(length),
                let value = try? input.berHeader(), (try? input.skip(value.length)) != nil
            else { return }
            event.beginItem()
            add(name, &event)
            event.endText()
        }
    }

    /// An object identifier with dots (ITU-T X.690 section 8.19).
    private static func add(_ name: RawSpan, _ event: inout EVEBuilder) {
        var number: UInt64 = 0
        var isFirst = true
        for index in 0..<name.byteCount {
            let octet = name.octet(index)
            guard number < 1 << 56 else { return }
            number = number << 7 | UInt64(octet & 0x7F)
            guard octet & 0x80 == 0 else { continue }
            if isFirst {
                let root = min(number / 40, 2)
                event.add(decimal: root)
                event.add(".")
                event.add(decimal: number &- root &* 40)
                isFirst = false
            } else {
                event.add(".")
                event.add(decimal: number)
            }
            number = 0
        }
    }

    private static func name(_ tag: UInt8) -> StaticString {
        switch tag {
        case 0xA0: "get_request"
        case 0xA1: "get_next_request"
        case 0xA2: "response"
        case 0xA3: "set_request"
        case 0xA4: "trap_v1"
        case 0xA5: "get_bulk_request"
        case 0xA6: "inform_request"
        case 0xA7: "trap_v2"
        case 0xA8: "report"
        default: "unknown"
        }
    }

    private static func trap(_ kind: Int64) -> StaticString {
        switch kind {
        case 0: "cold_start"
        case 1: "warm_start"
        case 2: "link_down"
        case 3: "link_up"
        case 4: "authentication_failure"
        case 5: "egp_neighbor_loss"
        case 6: "enterprise_specific"
        default: "unknown"
        }
    }

    /// RFC 3416 section 3.
    private static func error(_ status: Int64) -> StaticString {
        let names: [StaticString] = [
            "NoError", "TooBig", "NoSuchName", "BadValue", "ReadOnly", "GenErr", "NoAccess", "WrongType",
            "WrongLength", "WrongEncoding", "WrongValue", "NoCreation", "InconsistentValue", "ResourceUnavailable",
            "CommitFailed", "UndoFailed", "AuthorizationError", "NotWritable", "InconsistentName",
        ]
        return status > 0 && status < names.count ? names[Int(status)] : "Unknown"
    }
}

extension NTP {
    /// The event `ntp` of a message (RFC 5905 section 7.3).
    static func writeEvent(
        _ bytes: RawSpan, tx: UInt64, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        let first = bytes.octet(0)
        context.beginEvent("ntp", from: direction, tx: tx)
        context.event.open("ntp")
        context.event.count("version", UInt64(first >> 3 & 7))
        context.event.count("mode", UInt64(first & 7))
        if 1...5 ~= first & 7, bytes.byteCount >= 16 {
            context.event.count("stratum", UInt64(bytes.octet(1)))
            context.event.hexadecimal("reference_id", bytes.extracting(12..<16))
        }
        context.event.close()
        context.endEvent()
    }
}

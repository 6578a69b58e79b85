// SPDX-License-Identifier: Apache-2.0
//
// Dynamic update (RFC 2136): what a message asks to be, and asks to change.
//
// Reads   one record of the prerequisite or the update section.
// Writes  its text in the column `answers`; anomalies.
// Leaves  the zone section, the additional section (signatures).

import Records
import Wire

extension DNSReader {
    private static let none: UInt16 = 254
    private static let any: UInt16 = 255

    /// Appends the text of a record of an update to `text`.
    func update(
        _ head: DNSResource, _ bytes: RawSpan, _ text: inout TextBuffer, _ context: inout AnalyzerContext
    ) -> DNSAnswer {
        switch section {
        case .answer: return prerequisite(head, &text, &context)
        case .authority: return change(head, bytes, &text, &context)
        case .question, .additional: return .silent
        }
    }

    /// RFC 2136 section 2.4.
    private func prerequisite(
        _ head: DNSResource, _ text: inout TextBuffer, _ context: inout AnalyzerContext
    ) -> DNSAnswer {
        if head.lifetime != 0 { context.weird(.DNS_dynamic_update_prereq_nonzero_ttl, source: DNS.source) }
        let isAbout = head.group == DNSReader.none || head.group == DNSReader.any
        // Data are compared only in the zone's own class.
        guard isAbout ? head.byteCount == 0 : head.group == zoneClass else {
            context.weird(.DNS_dynamic_update_invalid_prereq, source: DNS.source)
            return .silent
        }
        if head.type == DNSReader.any, isAbout {
            text.append(head.group == DNSReader.none ? "pre: NameNotInUse " : "pre: NameInUse ")
        } else {
            text.append(head.group == DNSReader.none ? "pre: NoRRSet " : "pre: RRSetExists ")
            text.append(type: head.type)
            text.append(" ")
        }
        text.copy(head.owner)
        return .counted
    }

    /// RFC 2136 section 2.5.
    private func change(
        _ head: DNSResource, _ bytes: RawSpan, _ text: inout TextBuffer, _ context: inout AnalyzerContext
    ) -> DNSAnswer {
        if head.group == DNSReader.any {
            guard head.lifetime == 0, head.byteCount == 0 else { return invalid(&context) }
            if head.type == DNSReader.any {
                text.append("del: RRSet * ")
                text.copy(head.owner)
            } else {
                text.append("del: RRSet ")
                text.append(type: head.type)
            }
            return .counted
        }
        if head.group == DNSReader.none {
            guard head.lifetime == 0 else { return invalid(&context) }
            text.append("del: RR ")
            text.append(type: head.type)
            text.append(" ")
            text.copy(head.owner)
            return .counted
        }
        guard head.group == zoneClass, head.byteCount > 0 else { return invalid(&context) }
        text.append("add: ")
        if head.type == 1 {
            text.append("A ")
            text.copy(head.owner)
            text.append(" ")
        }
        return data(head, bytes, &text, &context)
    }

    private func invalid(_ context: inout AnalyzerContext) -> DNSAnswer {
        context.weird(.DNS_dynamic_update_invalid_update, source: DNS.source)
        return .silent
    }
}

extension TextBuffer {
    /// Appends a type's name, or its number in the form of the logs.
    mutating func append(type: UInt16) {
        if let known = DNSTables.typeName(type) { append(known) } else { _ = typeName(type) }
    }
}

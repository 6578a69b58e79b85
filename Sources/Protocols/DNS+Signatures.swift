// SPDX-License-Identifier: Apache-2.0
//
// A DNS message as signatures see it: names in their own case, sections apart.
//
// Reads   a whole message (RFC 1035 section 4.1), anew.
// Writes  exposures and events of its transaction; each message is one.
// Leaves  dns.log (DNS.swift).

import Records
import Wire

/// Shows one message.
struct DNSView {
    /// Records of one message that are shown.
    private static let recordsMax = 512
    /// Octets of a name as text, and pointers followed for one.
    private static let nameBytesMax = 1025
    private static let pointersMax = 255

    private let isMulticast: Bool
    private let transaction: UInt64
    private let direction: Direction
    private var name: [UInt8]
    /// Its octets, and whether it is kept: rules look at few names of a response, and most at none.
    private var nameCount = 0
    private var keepsNames = true
    private var position = DNSHeader.byteCount
    private var recordCount = 0
    /// What was wrong with names, which are read as far as they go all the same.
    private var nameFaults: (isLoop: Bool, isLong: Bool, hasManyLabels: Bool) = (false, false, false)
    private static let labelsMax = 255

    /// Names over other ports have other names: 5353 (RFC 6762), 5355 (RFC 4795), NetBIOS none.
    static func application(_ id: ConnectionID) -> AppProtocol {
        switch id.responderPort {
        case 5353: .mdns
        case 5355: .llmnr
        case DNS.netBIOSPort: .failed
        default: .dns
        }
    }

    /// - Parameter name: room for a name, which is used again for each message.
    static func show(
        _ bytes: RawSpan, tx transaction: UInt64, from direction: Direction, name: inout [UInt8],
        _ context: inout AnalyzerContext
    ) {
        var view = DNSView(transaction, direction, isMulticast: context.id.responderPort == 5353)
        swap(&view.name, &name)
        view.show(bytes, &context)
        view.showFaults(&context)
        swap(&view.name, &name)
        context.transactionDone(tx: transaction, from: .originator)
        context.transactionDone(tx: transaction, from: .responder)
    }

    /// Whether a message can be read to the end of its records and asks or says something.
    static func isWhole(_ bytes: RawSpan) -> Bool {
        guard let header = DNSHeader(bytes), header.questionCount > 0 || header.isResponse else { return false }
        var view = DNSView(0, .originator, isMulticast: false)
        view.keepsNames = false
        for _ in 0..<header.questionCount {
            guard view.readName(bytes), bytes.byteCount &- view.position >= 4 else { return false }
            view.position &+= 4
        }
        let records = Int(header.answerCount) &+ Int(header.authorityCount) &+ Int(header.additionalCount)
        for _ in 0..<min(records, recordsMax) {
            guard view.readName(bytes), bytes.byteCount &- view.position >= 10 else { return false }
            view.position &+= 10 &+ Int(bytes.load16(view.position &+ 8))
            guard view.position <= bytes.byteCount else { return false }
        }
        return true
    }

    private init(_ transaction: UInt64, _ direction: Direction, isMulticast: Bool) {
        self.transaction = transaction
        self.direction = direction
        self.isMulticast = isMulticast
        name = []
    }

    /// Buffers that have the names of records.
    private static let recordNames: [SignatureBuffer] = [
        .dnsAnswersNames, .dnsAuthoritiesNames, .dnsAdditionalsNames, .dnsAnswerName, .dnsResponseNames,
        .mdnsAnswersNames, .mdnsAuthoritiesNames, .mdnsAdditionalsNames, .mdnsResponseNames,
    ]

    private mutating func show(_ bytes: RawSpan, _ context: inout AnalyzerContext) {
        guard let header = DNSHeader(bytes) else { return malformed(&context) }
        if !isMulticast { noteFlags(header, bytes, &context) }
        context.exposeNumber(.dnsOpcode, UInt64(header.opcode), tx: transaction, from: direction)
        // A question has the field too.
        context.exposeNumber(.dnsRcode, UInt64(header.responseCode), tx: transaction, from: direction)
        guard questions(header, bytes, &context) else { return malformed(&context) }
        let wanted = context.transactions.wanted
        keepsNames = DNSView.recordNames.contains { wanted.contains($0) }
        guard records(header.answerCount, .answer, bytes, &context) else { return malformed(&context) }
        guard records(header.authorityCount, .authority, bytes, &context) else {
            return context.transactionEvent("dns.invalid_authorities", tx: transaction, from: direction)
        }
        guard records(header.additionalCount, .additional, bytes, &context) else {
            return context.transactionEvent("dns.invalid_additionals", tx: transaction, from: direction)
        }
    }

    private func showFaults(_ context: inout AnalyzerContext) {
        if nameFaults.isLoop { context.transactionEvent("dns.infinite_loop", tx: transaction, from: direction) }
        if nameFaults.isLong { context.transactionEvent("dns.name_too_long", tx: transaction, from: direction) }
        if nameFaults.hasManyLabels {
            context.transactionEvent("dns.too_many_labels", tx: transaction, from: direction)
        }
    }

    private func malformed(_ context: inout AnalyzerContext) {
        context.transactionEvent("dns.malformed_data", tx: transaction, from: direction)
    }

    private func noteFlags(_ header: DNSHeader, _ bytes: RawSpan, _ context: inout AnalyzerContext) {
        if header.isResponse, direction == .originator {
            context.transactionEvent("dns.not_request", tx: transaction, from: direction)
        } else if !header.isResponse, direction == .responder {
            context.transactionEvent("dns.not_response", tx: transaction, from: direction)
        }
        if bytes.load16(2) & 0x40 != 0 {
            context.transactionEvent("dns.z_flag_set", tx: transaction, from: direction)
        }
        if header.opcode >= 7 { context.transactionEvent("dns.invalid_opcode", tx: transaction, from: direction) }
    }

    private mutating func questions(
        _ header: DNSHeader, _ bytes: RawSpan, _ context: inout AnalyzerContext
    ) -> Bool {
        for _ in 0..<header.questionCount {
            guard readName(bytes), bytes.byteCount &- position >= 4 else { return false }
            let type = bytes.load16(position)
            position &+= 4
            let text = name
            if isMulticast {
                context.expose(.mdnsQueriesNames, text.octets, tx: transaction, from: direction)
            } else {
                context.expose(.dnsQueriesNames, text.octets, tx: transaction, from: direction)
                context.expose(.dnsQueryName, text.octets, tx: transaction, from: direction)
                if !header.isResponse {
                    context.expose(.dnsQuery, text.octets, tx: transaction, from: direction)
                }
            }
            if header.isResponse { exposeResponseName(text.octets, &context) }
            context.exposeNumber(.dnsType, UInt64(type), tx: transaction, from: direction)
        }
        return true
    }

    private func exposeResponseName(_ text: RawSpan, _ context: inout AnalyzerContext) {
        context.expose(
            isMulticast ? .mdnsResponseNames : .dnsResponseNames, text, tx: transaction, from: direction)
    }

    private mutating func records(
        _ count: UInt16, _ section: DNSReader.Section, _ bytes: RawSpan, _ context: inout AnalyzerContext
    ) -> Bool {
        for _ in 0..<count {
            recordCount &+= 1
            guard recordCount <= DNSView.recordsMax else { return true }
            guard readName(bytes), bytes.byteCount &- position >= 10 else { return false }
            let type = bytes.load16(position)
            let length = Int(bytes.load16(position &+ 8))
            position &+= 10
            guard bytes.byteCount &- position >= length else { return false }
            let text = name
            exposeOwner(text.octets, section, &context)
            if section == .answer { context.exposeNumber(.dnsType, UInt64(type), tx: transaction, from: direction) }
            let end = position &+ length
            if let place = DNSView.nameInData(type) {
                position &+= place
                if position < end, readName(bytes) {
                    let text = name
                    exposeResponseName(text.octets, &context)
                }
            }
            position = end
        }
        return true
    }

    private func exposeOwner(
        _ text: RawSpan, _ section: DNSReader.Section, _ context: inout AnalyzerContext
    ) {
        let buffer: SignatureBuffer =
            switch section {
            case .question: isMulticast ? .mdnsQueriesNames : .dnsQueriesNames
            case .answer: isMulticast ? .mdnsAnswersNames : .dnsAnswersNames
            case .authority: isMulticast ? .mdnsAuthoritiesNames : .dnsAuthoritiesNames
            case .additional: isMulticast ? .mdnsAdditionalsNames : .dnsAdditionalsNames
            }
        context.expose(buffer, text, tx: transaction, from: direction)
        if section == .answer, !isMulticast {
            context.expose(.dnsAnswerName, text, tx: transaction, from: direction)
        }
        exposeResponseName(text, &context)
    }

    /// Where a name begins in the data of a record; nil where there is none.
    private static func nameInData(_ type: UInt16) -> Int? {
        switch type {
        // NS, CNAME, SOA, PTR.
        case 2, 5, 6, 12: 0
        // MX, SRV.
        case 15: 2
        case 33: 6
        default: nil
        }
    }

    /// Reads a name with its pointers into `name`, dots between the labels; the position is then behind it.
    private mutating func readName(_ bytes: RawSpan) -> Bool {
        name.removeAll(keepingCapacity: true)
        nameCount = 0
        var at = position
        var end: Int?
        var pointers = 0
        var labels = 0
        while at < bytes.byteCount {
            let length = Int(bytes.octet(at))
            at &+= 1
            if length == 0 {
                position = end ?? at
                return true
            }
            if length >= 0xC0 {
                guard at < bytes.byteCount else { return false }
                if end == nil { end = at &+ 1 }
                guard pointers < DNSView.pointersMax else {
                    nameFaults.isLoop = true
                    position = end ?? at
                    return true
                }
                at = (length & 0x3F) << 8 | Int(bytes.octet(at))
                pointers &+= 1
                continue
            }
            guard length < 64, bytes.byteCount &- at >= length else { return false }
            if nameCount &+ length < DNSView.nameBytesMax {
                nameCount &+= nameCount == 0 ? length : length &+ 1
                if keepsNames {
                    if !name.isEmpty { name.append(0x2E) }
                    bytes.extracting(at ..< at &+ length).append(to: &name)
                }
            } else {
                nameFaults.isLong = true
            }
            labels &+= 1
            if labels == DNSView.labelsMax { nameFaults.hasManyLabels = true }
            at &+= length
        }
        return false
    }
}

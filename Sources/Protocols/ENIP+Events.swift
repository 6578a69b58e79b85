// SPDX-License-Identifier: Apache-2.0
//
// EtherNet/IP for events and signatures: requests joined with their answers.
//
// Reads   what ENIP.swift has read of a message.
// Writes  EVE's `enip`, the buffers `enip.*`, `enip_command` and `cip_service`.
// Leaves  the logs (ENIP.swift).

import Records
import Wire

/// What one message said, as far as events and signatures look at it. Places are offsets into its data.
struct ENIPView {
    var header: ENIPHeader
    var version: UInt16?
    var options: UInt16 = 0
    var capabilities: UInt16?
    var serviceName = 0..<0
    var identity: CIPIdentity?
    var productName = 0..<0
    /// Number of a message on its CIP connection.
    var sequence: UInt16?
    var cip: Range<Int>?
    /// The data do not fit the command.
    var isBroken = false

    init(header: ENIPHeader) { self.header = header }

    /// Whether the data were understood as a CIP message.
    var hasCIP: Bool { cip != nil && !isBroken }
}

/// Requests of a connection without an answer yet.
struct ENIPPending {
    private struct Entry {
        var transaction: UInt64
        var command: UInt16
        var session: UInt32
        var hasCIP: Bool
        var sequence: UInt16?
        /// The members of EVE's object of the request.
        var members: [UInt8]
    }

    /// `app-layer.protocols.enip.max-tx`; beyond it all are taken as not answered.
    private static let entriesMax = 1024

    private var entries: [Entry] = []

    mutating func clear() { entries.removeAll(keepingCapacity: true) }

    mutating func add(
        _ view: ENIPView, transaction: UInt64, members: [UInt8], _ context: inout AnalyzerContext
    ) {
        if entries.count >= ENIPPending.entriesMax {
            context.limits.met(.requests, entries.count)
            context.transactionEvent("enip.too_many_transactions", tx: transaction, from: .originator)
            finish(&context)
        }
        entries.append(
            Entry(
                transaction: transaction, command: view.header.command, session: view.header.session,
                hasCIP: view.hasCIP, sequence: view.sequence, members: members))
    }

    /// The request that a message answers: its transaction and EVE's members of it. Those before it will not
    /// be answered any more.
    mutating func answered(
        by view: ENIPView, _ context: inout AnalyzerContext
    ) -> (transaction: UInt64, members: [UInt8])? {
        var found: (UInt64, [UInt8])?
        var passed = 0
        for entry in entries where found == nil {
            passed &+= 1
            if ENIPPending.answers(view, entry) {
                found = (entry.transaction, entry.members)
            } else {
                ENIPPending.write(entry, &context)
            }
        }
        entries.removeFirst(passed)
        return found
    }

    /// The same command and session; CIP with the same number where both are numbered.
    private static func answers(_ view: ENIPView, _ entry: Entry) -> Bool {
        guard entry.command == view.header.command, entry.hasCIP == view.hasCIP else { return false }
        guard entry.session == view.header.session || entry.command == ENIPCommand.registerSession.rawValue else {
            return false
        }
        guard view.hasCIP, let number = entry.sequence, let answer = view.sequence else { return true }
        return number == answer
    }

    mutating func finish(_ context: inout AnalyzerContext) {
        for entry in entries { ENIPPending.write(entry, &context) }
        clear()
    }

    private static func write(_ entry: Entry, _ context: inout AnalyzerContext) {
        guard context.wantsEvents else { return }
        context.beginEvent("enip", from: .originator)
        context.event.open("enip")
        context.event.open("request")
        context.event.members(entry.members[...])
        context.event.close()
        context.event.close()
        context.endEvent()
    }
}

extension ENIP {
    /// Shows a message to events and signatures.
    func show(_ view: ENIPView, _ data: RawSpan, _ direction: Direction, _ context: inout AnalyzerContext) {
        guard context.wantsEvents || context.wantsTransactions else { return }
        let isRequest = direction == .originator
        let answered = isRequest ? nil : pending.answered(by: view, &context)
        let transaction = answered?.transaction ?? context.beginTransaction(.enip)
        expose(view, data, transaction, direction, &context)
        if view.isBroken { context.transactionEvent("enip.invalid_pdu", tx: transaction, from: direction) }
        context.transactionDone(tx: transaction, from: direction)
        if isRequest {
            var members = EVEBuilder()
            if context.wantsEvents {
                write(view, data, to: &members)
                var event = EVEBuilder()
                event.open("enip")
                event.open("request")
                event.members(members.buffer.bytes[...])
                event.close()
                event.close()
                latest = (transaction, event.buffer.bytes)
            }
            pending.add(view, transaction: transaction, members: members.buffer.bytes, &context)
        } else if context.wantsEvents {
            context.beginEvent("enip", from: .originator)
            context.event.open("enip")
            if let answered {
                context.event.open("request")
                context.event.members(answered.members[...])
                context.event.close()
            }
            context.event.open("response")
            write(view, data, to: &context.event)
            context.event.close()
            context.event.close()
            latest = (transaction, context.event.buffer.bytes)
            context.endEvent()
        }
    }

    // MARK: events

    private func write(_ view: ENIPView, _ data: RawSpan, to event: inout EVEBuilder) {
        ENIPNames.write(view.header, to: &event)
        if view.isBroken { return }
        if let range = view.cip, !message.services.isEmpty {
            event.open("cip")
            write(0, of: data.extracting(range), to: &event)
            event.close()
        } else if let identity = view.identity {
            event.open("identity")
            event.count("protocol_version", UInt64(identity.version))
            event.beginText("revision")
            event.add(decimal: UInt64(identity.revisionMajor))
            event.add(".")
            event.add(decimal: UInt64(identity.revisionMinor))
            event.endText()
            event.name("vendor_id", UInt32(identity.vendor), in: CIPTables.vendors)
            event.name("device_type", UInt32(identity.deviceType), in: CIPTables.deviceTypes)
            event.count("product_code", UInt64(identity.productCode))
            event.count("status", UInt64(identity.status))
            event.count("serial", UInt64(identity.serial))
            event.text("product_name", data.extracting(view.productName))
            event.count("state", UInt64(identity.state))
            event.close()
        } else if let capabilities = view.capabilities {
            event.open("list_services")
            event.count("protocol_version", view.version.map { UInt64($0) })
            event.count("capabilities", UInt64(capabilities))
            event.text("service_name", data.extracting(view.serviceName))
            event.close()
        } else if let version = view.version {
            event.open("register_session")
            event.count("protocol_version", UInt64(version))
            event.count("options", UInt64(view.options))
            event.close()
        }
    }

    /// The members of a service; those packed into a multiple service follow in a list.
    private func write(_ index: Int, of bytes: RawSpan, to event: inout EVEBuilder) {
        let service = message.services[index]
        event.name("service", UInt32(service.code), in: CIPTables.services)
        if service.isResponse {
            event.name("status", UInt32(service.status), in: CIPTables.statuses)
            writeExtended(service, bytes, to: &event)
        } else if !service.segments.isEmpty {
            event.openList("path")
            for place in service.segments {
                event.openItem()
                let segment = message.segments[place]
                event.text("segment_type", ENIPNames.segment(segment.meaning))
                event.count("value", UInt64(segment.value))
                event.closeItem()
            }
            event.closeList()
            if let value = message.place(CIPSegment.classID, of: service) {
                event.name("class_name", value, in: CIPTables.classes)
            }
        }
        guard index == 0, service.code == CIPService.multiple, message.services.count > 1 else { return }
        event.openList("multiple")
        for place in 1..<message.services.count {
            event.openItem()
            write(place, of: bytes, to: &event)
            event.closeItem()
        }
        event.closeList()
    }

    /// Suricata takes the number of words for one of octets, and its events have so many.
    private func writeExtended(_ service: CIPService, _ bytes: RawSpan, to event: inout EVEBuilder) {
        let count = service.extended.count / 2
        guard count > 0 else { return }
        let start = service.extended.lowerBound
        event.hexadecimal("status_extended", bytes.extracting(start ..< start &+ count))
        guard count == 2, let code = CIPRecord.extendedStatus(service, bytes) else { return }
        event.text("status_extended_meaning", NumberName.find(UInt32(code), in: CIPTables.extended))
    }

    // MARK: signatures

    private func expose(
        _ view: ENIPView, _ data: RawSpan, _ transaction: UInt64, _ side: Direction, _ context: inout AnalyzerContext
    ) {
        guard context.wantsTransactions else { return }
        let header = view.header
        context.exposeNumber(.enipCommand, UInt64(header.command), tx: transaction, from: side)
        context.exposeNumber(.enipStatus, UInt64(header.status), tx: transaction, from: side)
        if view.isBroken { return }
        if let version = view.version ?? view.identity?.version {
            context.exposeNumber(.enipProtocolVersion, UInt64(version), tx: transaction, from: side)
        }
        if let capabilities = view.capabilities {
            context.exposeNumber(.enipCapabilities, UInt64(capabilities), tx: transaction, from: side)
            context.expose(.enipServiceName, data.extracting(view.serviceName), tx: transaction, from: side)
        }
        if let identity = view.identity {
            let numbers: [8 of (SignatureBuffer, UInt64)] = [
                (.enipVendorID, UInt64(identity.vendor)), (.enipDeviceType, UInt64(identity.deviceType)),
                (.enipProductCode, UInt64(identity.productCode)), (.enipIdentityStatus, UInt64(identity.status)),
                (.enipRevision, UInt64(identity.revisionMajor) << 8 | UInt64(identity.revisionMinor)),
                (.enipSerial, UInt64(identity.serial)), (.enipState, UInt64(identity.state)),
                (.enipProtocolVersion, UInt64(identity.version)),
            ]
            for index in numbers.indices {
                context.exposeNumber(numbers[index].0, numbers[index].1, tx: transaction, from: side)
            }
            context.expose(.enipProductName, data.extracting(view.productName), tx: transaction, from: side)
        }
        guard let range = view.cip else { return }
        for service in message.services {
            expose(service, data.extracting(range), transaction, side, &context)
        }
    }

    private func expose(
        _ service: CIPService, _ bytes: RawSpan, _ transaction: UInt64, _ side: Direction,
        _ context: inout AnalyzerContext
    ) {
        if service.isResponse {
            context.exposeNumber(.enipCIPStatus, UInt64(service.status), tx: transaction, from: side)
            if let code = CIPRecord.extendedStatus(service, bytes) {
                context.exposeNumber(.enipCIPExtendedStatus, UInt64(code), tx: transaction, from: side)
            }
        }
        for index in service.segments {
            let segment = message.segments[index]
            let buffer: SignatureBuffer? =
                switch segment.meaning {
                case CIPSegment.classID: .enipCIPClass
                case CIPSegment.instance: .enipCIPInstance
                case CIPSegment.attribute: .enipCIPAttribute
                default: nil
                }
            guard let buffer else { continue }
            context.exposeNumber(buffer, UInt64(segment.value), tx: transaction, from: side)
        }
        for index in service.attributes {
            context.exposeNumber(.enipCIPAttribute, UInt64(message.attributes[index]), tx: transaction, from: side)
        }
        exposeService(service, transaction, side, &context)
    }

    /// `cip_service` tests a service with its class and attribute: one number for each combination, the service
    /// above the class above the attribute, 16 bits each, all ones where there is none.
    private func exposeService(
        _ service: CIPService, _ transaction: UInt64, _ side: Direction, _ context: inout AnalyzerContext
    ) {
        guard context.wants(.cipService) else { return }
        let classID = message.place(CIPSegment.classID, of: service) ?? 0xFFFF
        let head = UInt64(service.code) << 32 | UInt64(classID & 0xFFFF) << 16
        let single = message.place(CIPSegment.attribute, of: service)
        if let single {
            context.exposeNumber(.cipService, head | UInt64(single & 0xFFFF), tx: transaction, from: side)
        }
        for index in service.attributes {
            context.exposeNumber(.cipService, head | UInt64(message.attributes[index]), tx: transaction, from: side)
        }
        if single == nil, service.attributes.isEmpty {
            context.exposeNumber(.cipService, head | 0xFFFF, tx: transaction, from: side)
        }
    }
}

/// Names as EVE writes them.
enum ENIPNames {
    static func write(_ header: ENIPHeader, to event: inout EVEBuilder) {
        if let command = ENIPCommand(rawValue: header.command), command != .startDTLS {
            event.text("command", name(command))
        } else {
            unknown("command", UInt64(header.command), to: &event)
        }
        if let name = status(header.status) {
            event.text("status", name)
        } else {
            unknown("status", UInt64(header.status), to: &event)
        }
    }

    private static func unknown(_ key: StaticString, _ number: UInt64, to event: inout EVEBuilder) {
        event.beginText(key)
        event.add("unknown-")
        event.add(decimal: number)
        event.endText()
    }

    private static func name(_ command: ENIPCommand) -> StaticString {
        switch command {
        case .nop: "nop"
        case .listServices: "list_services"
        case .listIdentity: "list_identity"
        case .listInterfaces: "list_interfaces"
        case .registerSession: "register_session"
        case .unregisterSession: "unregister_session"
        case .sendRRData: "send_r_r_data"
        case .sendUnitData: "send_unit_data"
        case .indicateStatus: "indicate_status"
        case .cancel: "cancel"
        case .startDTLS: "start_dtls"
        }
    }

    private static func status(_ number: UInt32) -> StaticString? {
        switch number {
        case 0x00: "success"
        case 0x01: "invalid_cmd"
        case 0x02: "no_resources"
        case 0x03: "incorrect_data"
        case 0x64: "invalid_session"
        case 0x65: "invalid_length"
        case 0x69: "unsupported_prot_rev"
        case 0x6A: "encap_header_error"
        default: nil
        }
    }

    static func segment(_ meaning: UInt8) -> StaticString? {
        switch meaning {
        case 0x20: "class"
        case 0x24: "instance"
        case 0x28: "member"
        case 0x2C: "connection_point"
        case 0x30: "attribute"
        case 0x34: "special"
        case 0x38: "service"
        default: nil
        }
    }
}

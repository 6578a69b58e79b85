// SPDX-License-Identifier: Apache-2.0
//
// The events `pgsql`: one for each request and what the server answers (Suricata 8 user guide, "Event type: Pgsql").
//
// Reads   messages of both sides (PostgreSQL documentation, "Message Formats"), where events are wanted.
// Writes  the object `pgsql`. That a password was sent is told, the password is not.
// Leaves  the extended query and notifications, which the event has no members for; the row (PostgreSQL.swift).

import Records
import Wire

/// The transaction at work on one connection.
struct PostgreSQLView {
    /// Octets of one event; what would go beyond is left out.
    private static let eventBytesMax = 1 << 18

    /// What the client's message of type `p` is.
    private enum Login { case password, saslBegin, sasl }

    private var transaction: UInt64?
    private var login = Login.password
    private var request = EVEBuilder()
    private var response = EVEBuilder()
    private var parameters = EVEBuilder()
    // Members that later messages replace: a member stands in an object once.
    private var message: [UInt8] = []
    private var command: [UInt8] = []
    private var hasFields = false
    private var hasDescription = false
    private var rows: UInt64 = 0
    private var rowBytes: UInt64 = 0
    private var copied: (messages: UInt64, bytes: UInt64) = (0, 0)
    private var isCopyingIn = false

    mutating func reset() {
        transaction = nil
        login = .password
        clear()
    }

    private mutating func clear() {
        request.clear()
        response.clear()
        parameters.clear()
        message.removeAll(keepingCapacity: true)
        command.removeAll(keepingCapacity: true)
        (hasFields, hasDescription, isCopyingIn) = (false, false, false)
        (rows, rowBytes) = (0, 0)
        copied = (0, 0)
    }

    // MARK: transactions

    /// A request begins one; the last is over whatever became of it.
    private mutating func begin(_ context: inout AnalyzerContext) {
        end(&context)
        transaction = context.beginTransaction(.pgsql)
    }

    mutating func end(_ context: inout AnalyzerContext) {
        guard let tx = transaction else { return }
        if context.wantsEvents {
            context.beginEvent("pgsql", from: .originator, tx: tx)
            write(tx: tx, to: &context.event)
            context.endEvent()
        }
        context.transactionDone(tx: tx, from: .originator)
        context.transactionDone(tx: tx, from: .responder)
        transaction = nil
        clear()
    }

    /// Writes what is known of a transaction that is still open.
    func write(tx: UInt64, to event: inout EVEBuilder) {
        guard tx == transaction else { return }
        event.open("pgsql")
        event.count("tx_id", tx &+ 1)
        event.open("request")
        event.members(request.buffer.bytes[...])
        if isCopyingIn {
            event.open("copy_data_in")
            event.count("msg_count", copied.messages)
            event.count("data_size", copied.bytes)
            event.close()
        }
        event.close()
        let mark = event.mark
        event.open("response")
        let inside = event.mark
        writeResponse(to: &event)
        let isEmpty = !event.hasGrown(since: inside)
        event.close()
        if isEmpty { event.goBack(to: mark) }
        event.close()
    }

    private func writeResponse(to event: inout EVEBuilder) {
        if !message.isEmpty { event.text("message", message[...]) }
        event.members(response.buffer.bytes[...])
        if !parameters.isEmpty {
            event.openList("parameter_status")
            event.members(parameters.buffer.bytes[...])
            event.closeList()
        }
        if rows > 0 {
            event.count("data_rows", rows)
            event.count("data_size", rowBytes)
        }
        if copied.messages > 0, !isCopyingIn {
            event.open("copy_data_out")
            event.count("row_count", copied.messages)
            event.count("data_size", copied.bytes)
            event.close()
        }
        if !command.isEmpty { event.text("command_completed", command[...]) }
    }

    private var hasRoom: Bool {
        response.buffer.bytes.count &+ parameters.buffer.bytes.count < PostgreSQLView.eventBytesMax
    }

    // MARK: requests

    mutating func request(
        _ key: StaticString, _ value: StaticString, isLast: Bool, _ context: inout AnalyzerContext
    ) {
        begin(&context)
        request.text(key, value)
        if isLast { end(&context) }
    }

    mutating func query(_ body: RawSpan, _ context: inout AnalyzerContext) {
        begin(&context)
        let text = body.extracting(0..<(body.firstIndex(of: 0) ?? body.byteCount))
        request.text("simple_query", text)
        if let transaction { context.expose(.pgsqlQuery, text, tx: transaction, from: .originator) }
    }

    mutating func cancel(_ body: RawSpan, _ context: inout AnalyzerContext) {
        begin(&context)
        request.text("message", "cancel_request")
        request.count("process_id", UInt64(body.load32(0)))
        request.count("secret_key", UInt64(body.load32(4)))
        end(&context)
    }

    /// A whole startup message, which has been read once.
    mutating func startup(_ bytes: RawSpan, _ context: inout AnalyzerContext) {
        begin(&context)
        request.beginText("protocol_version")
        request.add(decimal: UInt64(bytes.load16(4)))
        request.add(".")
        request.add(decimal: UInt64(bytes.load16(6)))
        request.endText()
        request.open("startup_parameters")
        var more = EVEBuilder()
        var at = 8
        while at < bytes.byteCount, let end = bytes.firstIndex(of: 0, from: at), end > at,
            let last = bytes.firstIndex(of: 0, from: end &+ 1)
        {
            let (name, value) = (bytes.extracting(at..<end), bytes.extracting(end &+ 1 ..< last))
            if name.byteCount == 4, name.begins(with: "user") {
                request.text("user", value)
            } else {
                PostgreSQLView.parameter(name, value, &more)
            }
            at = last &+ 1
        }
        if !more.isEmpty {
            request.openList("optional_parameters")
            request.members(more.buffer.bytes[...])
            request.closeList()
        }
        request.close()
    }

    /// The client's proof of who it is.
    mutating func secret(_ body: RawSpan, _ context: inout AnalyzerContext) {
        begin(&context)
        switch login {
        case .password: request.boolean("password_redacted", true)
        case .saslBegin:
            let end = body.firstIndex(of: 0) ?? body.byteCount
            let mechanism = body.extracting(0..<end)
            if mechanism.byteCount == 13, mechanism.begins(with: "SCRAM-SHA-256") {
                request.text("sasl_authentication_mechanism", "scram_SHA256")
            } else if mechanism.byteCount == 18, mechanism.begins(with: "SCRAM-SHA-256-PLUS") {
                request.text("sasl_authentication_mechanism", "scram_SHA256_plus")
            } else {
                request.text("sasl_authentication_mechanism", mechanism)
            }
            // Four octets of length stand before it.
            request.text("sasl_param", body.extracting(min(end &+ 5, body.byteCount)..<body.byteCount))
        case .sasl: request.text("sasl_response", body)
        }
    }

    mutating func copiedIn(_ count: Int, _ context: inout AnalyzerContext) {
        if !isCopyingIn {
            begin(&context)
            isCopyingIn = true
        }
        copied.messages &+= 1
        copied.bytes &+= UInt64(max(0, count))
    }

    // MARK: responses

    mutating func encryption(isAccepted: Bool, _ context: inout AnalyzerContext) {
        response.boolean("ssl_accepted", isAccepted)
        end(&context)
    }

    /// A row of so many octets behind its number of columns, each of which has four of length.
    mutating func row(_ count: Int, columns: Int) {
        rows &+= 1
        rowBytes &+= UInt64(max(0, count &- 4 &* columns))
    }

    mutating func copiedOut(_ count: Int) {
        guard !isCopyingIn else { return }
        copied.messages &+= 1
        copied.bytes &+= UInt64(max(0, count))
    }

    mutating func response(_ type: UInt8, _ body: RawSpan, _ context: inout AnalyzerContext) {
        guard transaction != nil else { return }
        switch type {
        case 0x52 where body.byteCount >= 4: authentication(body, &context)  // R
        case 0x53: status(body)  // S
        case 0x4B where body.byteCount >= 8:  // K
            response.count("process_id", UInt64(body.load32(0)))
            response.count("secret_key", UInt64(body.load32(4)))
        case 0x45, 0x4E: fields(body)  // E, N
        case 0x54 where body.byteCount >= 2: description(body)  // T
        case 0x43:  // C
            command.removeAll(keepingCapacity: true)
            body.extracting(0..<(body.firstIndex(of: 0) ?? body.byteCount)).append(to: &command)
        case 0x47, 0x48:  // G, H
            guard body.byteCount >= 3 else { return }
            response.open(type == 0x47 ? "copy_in_response" : "copy_out_response")
            response.count("columns", UInt64(body.load16(1)))
            response.close()
            // The client's data are a transaction of their own.
            if type == 0x47 { end(&context) }
        case 0x5A: end(&context)  // Z
        default: break
        }
    }

    private mutating func authentication(_ body: RawSpan, _ context: inout AnalyzerContext) {
        let data = body.extracting(4..<body.byteCount)
        switch body.load32(0) {
        case 0: say("authentication_ok")
        case 3:
            say("authentication_cleartext_password")
            login = .password
            end(&context)
        case 5:
            response.text("authentication_md5_password", data)
            login = .password
            end(&context)
        case 9: response.text("authentication_sspi", data)
        case 10:
            say("authentication_sasl")
            login = .saslBegin
            end(&context)
        case 11:
            say("authentication_sasl_continue")
            login = .sasl
            end(&context)
        case 12: response.text("authentication_sasl_final", data)
        default: break
        }
    }

    private mutating func say(_ text: StaticString) {
        message.removeAll(keepingCapacity: true)
        var buffer = TextBuffer()
        buffer.append(text)
        message += buffer.bytes
    }

    private mutating func status(_ body: RawSpan) {
        guard hasRoom, let end = body.firstIndex(of: 0) else { return }
        let rest = body.extracting(end &+ 1 ..< body.byteCount)
        let value = rest.extracting(0..<(rest.firstIndex(of: 0) ?? rest.byteCount))
        PostgreSQLView.parameter(body.extracting(0..<end), value, &parameters)
    }

    /// An object of one member, named as Suricata names it.
    private static func parameter(_ name: RawSpan, _ value: RawSpan, _ builder: inout EVEBuilder) {
        builder.openItem()
        switch name.byteCount {
        case 9 where name.begins(with: "DateStyle"): builder.text("date_style", value)
        case 13 where name.begins(with: "IntervalStyle"): builder.text("interval_style", value)
        case 8 where name.begins(with: "TimeZone"): builder.text("time_zone", value)
        default: builder.text(key: name, value)
        }
        builder.closeItem()
    }

    /// Fields of an error or a notice: an octet of kind and a text each. The first such message tells most.
    private mutating func fields(_ body: RawSpan) {
        guard !hasFields else { return }
        hasFields = true
        var at = 0
        var seen: UInt64 = 0
        while at < body.byteCount, body.octet(at) != 0, let end = body.firstIndex(of: 0, from: at &+ 1) {
            let kind = body.octet(at)
            let value = body.extracting(at &+ 1 ..< end)
            at = end &+ 1
            // Letters have 64 places, and each stands once.
            let bit: UInt64 = 1 << UInt64(kind & 63)
            guard seen & bit == 0, hasRoom else { continue }
            seen |= bit
            if kind == 0x4D {
                message.removeAll(keepingCapacity: true)
                value.append(to: &message)
            } else if let name = PostgreSQLView.fieldName(kind) {
                response.text(name, value)
            }
        }
    }

    private mutating func description(_ body: RawSpan) {
        guard !hasDescription else { return }
        hasDescription = true
        let count = Int(body.load16(0))
        var at = 2
        var found = 0
        // A name, and 18 octets of what the column is.
        while found < count, let end = body.firstIndex(of: 0, from: at), end &+ 19 <= body.byteCount {
            at = end &+ 19
            found &+= 1
        }
        response.boolean("row_description_malformed", found != count || at != body.byteCount)
        response.count("field_count", UInt64(count))
    }

    private static func fieldName(_ kind: UInt8) -> StaticString? {
        switch kind {
        case 0x53: "severity_localizable"
        case 0x56: "severity_non_localizable"
        case 0x43: "code"
        case 0x44: "detail"
        case 0x48: "hint"
        case 0x50: "position"
        case 0x70: "internal_position"
        case 0x71: "internal_query"
        case 0x57: "where"
        case 0x73: "schema_name"
        case 0x74: "table_name"
        case 0x63: "column_name"
        case 0x64: "data_type"
        case 0x6E: "constraint_name"
        case 0x46: "file"
        case 0x4C: "line"
        case 0x52: "routine"
        default: nil
        }
    }
}

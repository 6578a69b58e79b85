// SPDX-License-Identifier: Apache-2.0
//
// QUIC as EVE and the signatures see it: one transaction for each packet up to the
// hello of its side.
//
// Reads   the version of a packet; the hello that it has completed.
// Writes  the event `quic`; buffers `quic.*`, `ja3*`, `ja4`.
// Leaves  what the log says (QUIC.swift), hellos of Google's versions (QUIC+Google.swift).

import Files
import Records
import Wire

extension QUIC {
    /// A packet was read, before the hello of its side was known or with it.
    func show(_ version: UInt32, from direction: Direction, _ context: inout AnalyzerContext) {
        let number = context.beginTransaction(.quic)
        guard context.wantsEvents || context.wantsTransactions else { return }
        var text = TextBuffer()
        var hello: QUICHelloView?
        if let message = shownHello {
            hello = QUICHelloView(message, &text)
            hello?.ja4 = message.first == 1 ? copyJA4(to: &text) : .absent
        }
        shownHello = nil
        tell(version, hello, text, number, from: direction, &context)
    }

    /// Shows a packet's version and what its hello says, as a transaction of its own.
    func tell(
        _ version: UInt32, _ hello: QUICHelloView?, _ text: consuming TextBuffer, _ number: UInt64,
        from direction: Direction, _ context: inout AnalyzerContext
    ) {
        guard context.wantsEvents || context.wantsTransactions else { return }
        let name = QUIC.shortName(version, to: &text)
        let octets = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: version >> UInt32($0)) }
        context.expose(.quicVersion, octets.octets, tx: number, from: direction)
        expose(hello, in: text, number, from: direction, &context)
        if context.wantsEvents {
            context.beginEvent("quic", from: direction)
            context.event.open("quic")
            QUIC.write(name, hello, in: text, to: &context.event)
            context.event.close()
            context.endEvent()
        }
        lastView = (name, hello, text)
        context.transactionDone(tx: number, from: .originator)
        context.transactionDone(tx: number, from: .responder)
    }

    private func expose(
        _ hello: QUICHelloView?, in text: TextBuffer, _ number: UInt64, from direction: Direction,
        _ context: inout AnalyzerContext
    ) {
        guard let hello else { return }
        func give(_ buffer: SignatureBuffer, _ value: Text) {
            guard !value.isAbsent, context.wants(buffer) else { return }
            context.expose(buffer, Array(text[value]).octets, tx: number, from: direction)
        }
        if direction == .originator {
            give(.quicSNI, hello.serverName)
            give(.quicUserAgent, hello.userAgent)
            for fingerprint in hello.fingerprints {
                give(.quicCYUString, fingerprint.string)
                give(.quicCYUHash, fingerprint.hash)
            }
        }
        give(hello.isClient ? .ja3Hash : .ja3sHash, hello.hash)
        give(hello.isClient ? .ja3String : .ja3sString, hello.line)
        give(.ja4Hash, hello.ja4)
    }

    /// `1`, `v2`; drafts and others by their number.
    private static func shortName(_ version: UInt32, to text: inout TextBuffer) -> Text {
        let start = text.begin()
        switch version {
        case QUICVersion.one: text.append("1")
        case QUICVersion.two: text.append("v2")
        case 0x5130_3433...0x5130_3436:
            text.append("Q0")
            text.append(decimal: UInt64(43 &+ version &- 0x5130_3433))
        default: text.append(hexadecimalNumber: version)
        }
        return text.end(start)
    }

    static func write(_ name: Text, _ hello: QUICHelloView?, in text: TextBuffer, to event: inout EVEBuilder) {
        event.text("version", name, in: text)
        guard let hello else { return }
        event.text("sni", hello.serverName, in: text)
        event.text("ua", hello.userAgent, in: text)
        if !hello.fingerprints.isEmpty {
            event.openList("cyu")
            for fingerprint in hello.fingerprints {
                event.openItem()
                event.text("hash", fingerprint.hash, in: text)
                event.text("string", fingerprint.string, in: text)
                event.closeItem()
            }
            event.closeList()
        }
        if !hello.hash.isAbsent {
            event.open(hello.isClient ? "ja3" : "ja3s")
            event.text("hash", hello.hash, in: text)
            event.text("string", hello.line, in: text)
            event.close()
        }
        event.text("ja4", hello.ja4, in: text)
        guard !hello.extensions.isEmpty else { return }
        event.openList("extensions")
        for entry in hello.extensions {
            event.openItem()
            event.text("name", QUICExtensions.name(entry.type))
            event.count("type", UInt64(entry.type))
            if !entry.values.isEmpty {
                event.openList("values")
                for value in entry.values { event.item(value, in: text) }
                event.closeList()
            }
            event.closeItem()
        }
        event.closeList()
    }
}

/// A hello as Suricata's `quic` has it: every number in its place, GREASE too.
struct QUICHelloView {
    struct Extension {
        var type: UInt16
        var values: [Text] = []
    }

    var isClient = true
    var serverName = Text.absent
    var line = Text.absent
    var hash = Text.absent
    var ja4 = Text.absent
    var extensions: [Extension] = []
    /// Of Google's versions.
    var userAgent = Text.absent
    var fingerprints: [(string: Text, hash: Text)] = []

    init(_ hello: QUICGoogleHello, isClient: Bool) {
        self.isClient = isClient
        serverName = hello.serverName
        userAgent = hello.userAgent
        fingerprints = hello.fingerprints
    }

    /// Reads a whole handshake message; what is cut gives what there is.
    init(_ message: [UInt8], _ text: inout TextBuffer) {
        var input = Cursor(message.octets)
        do throws(WireError) {
            isClient = try input.read(UInt8.self) == 1
            try input.skip(3)
            var line = TextBuffer()
            line.append(decimal: UInt64(try input.read(UInt16.self)))
            line.append(",")
            try input.skip(32)
            try input.skip(Int(try input.read(UInt8.self)))
            if isClient {
                let suites = try input.take(Int(try input.read(UInt16.self)))
                QUICHelloView.append(suites, from: 0, width: 2, to: &line)
                try input.skip(Int(try input.read(UInt8.self)))
            } else {
                line.append(decimal: UInt64(try input.read(UInt16.self)))
                try input.skip(1)
            }
            line.append(",")
            try readExtensions(&input, &line, &text)
            self.line = text.add(line.bytes.octets)
            hash = Digests.md5(line.bytes, to: &text)
        } catch {
            return
        }
    }

    private mutating func readExtensions(
        _ input: inout Cursor, _ line: inout TextBuffer, _ text: inout TextBuffer
    ) throws(WireError) {
        var groups = TextBuffer()
        var formats = TextBuffer()
        let count = input.remaining > 0 ? Int(try input.read(UInt16.self)) : 0
        var walk = Cursor(try input.take(count))
        while walk.remaining > 0 {
            let type = try walk.read(UInt16.self)
            let data = try walk.take(Int(try walk.read(UInt16.self)))
            if !extensions.isEmpty { line.append("-") }
            line.append(decimal: UInt64(type))
            if type == 10 { QUICHelloView.append(data, from: 2, width: 2, to: &groups) }
            if type == 11 { QUICHelloView.append(data, from: 1, width: 1, to: &formats) }
            let values = QUICExtensions.values(type, data, isClient: isClient, &text)
            if type == 0, let first = values.first { serverName = first }
            if extensions.count < QUICExtensions.countMax { extensions.append(Extension(type: type, values: values)) }
        }
        guard isClient else { return }
        line.append(",")
        line.bytes += groups.bytes
        line.append(",")
        line.bytes += formats.bytes
    }

    private static func append(_ span: RawSpan, from start: Int, width: Int, to line: inout TextBuffer) {
        for place in stride(from: start, through: span.byteCount &- width, by: width) {
            if place > start { line.append("-") }
            line.append(
                decimal: width == 2 ? UInt64(span.load(place, as: UInt16.self)) : UInt64(span.octet(place)))
        }
    }
}

/// Extensions of TLS by name, and what of their content is told.
enum QUICExtensions {
    /// Extensions of one hello, and values of one extension, that are told.
    static let countMax = 100

    static func name(_ type: UInt16) -> StaticString? {
        switch type {
        case 0: "server_name"
        case 1: "max_fragment_length"
        case 5: "status_request"
        case 10: "supported_groups"
        case 11: "ec_point_formats"
        case 13: "signature_algorithms"
        case 15: "heartbeat"
        case 16: "alpn"
        case 18: "signed_certificate_timestamp"
        case 21: "padding"
        case 22: "encrypt_then_mac"
        case 23: "extended_master_secret"
        case 27: "compress_certificate"
        case 28: "record_size_limit"
        case 34: "delegated_credentials"
        case 35: "session_ticket"
        case 41: "pre_shared_key"
        case 42: "early_data"
        case 43: "supported_versions"
        case 44: "cookie"
        case 45: "psk_key_exchange_modes"
        case 47: "certificate_authorities"
        case 48: "oid_filters"
        case 49: "post_handshake_auth"
        case 50: "signature_algorithms_cert"
        case 51: "key_share"
        case 57: "quic_transport_parameters"
        case 0xFF01: "renegotiation_info"
        default: nil
        }
    }

    static func values(
        _ type: UInt16, _ data: RawSpan, isClient: Bool, _ text: inout TextBuffer
    ) -> [Text] {
        var list: [Text] = []
        var input = Cursor(data)
        do throws(WireError) {
            switch type {
            case 0, 16:
                var walk = Cursor(try input.take(Int(try input.read(UInt16.self))))
                while walk.remaining > 0, list.count < countMax {
                    if type == 0 { try walk.skip(1) }
                    let count = type == 0 ? Int(try walk.read(UInt16.self)) : Int(try walk.read(UInt8.self))
                    list.append(text.add(try walk.take(count)))
                }
            case 13:
                var walk = Cursor(try input.take(Int(try input.read(UInt16.self))))
                while walk.remaining > 1, list.count < countMax {
                    let start = text.begin()
                    text.append(decimal: UInt64(try walk.read(UInt16.self)))
                    list.append(text.end(start))
                }
            case 43:
                if isClient { try input.skip(1) }
                while input.remaining > 1, list.count < countMax {
                    list.append(version(try input.read(UInt16.self), &text))
                }
            default: break
            }
        } catch {
            return list
        }
        return list
    }

    private static func version(_ value: UInt16, _ text: inout TextBuffer) -> Text {
        let known: StaticString? =
            switch value {
            case 0x0300: "Ssl30"
            case 0x0301: "Tls10"
            case 0x0302: "Tls11"
            case 0x0303: "Tls12"
            case 0x0304: "Tls13"
            default: nil
            }
        if let known { return text.add(known) }
        let start = text.begin()
        text.append("TlsVersion(")
        text.append(decimal: UInt64(value))
        text.append(" / 0x")
        text.append(hexadecimalNumber: UInt32(value))
        text.append(")")
        return text.end(start)
    }
}

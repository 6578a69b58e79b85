// SPDX-License-Identifier: Apache-2.0
//
// RDP as EVE sees it: each message up to the encryption is one transaction.
//
// Reads   connection requests and confirmations, the client's core data, channels.
// Writes  the event `rdp`.
// Leaves  names of keyboard layouts; what the log says (RDP.swift).

import Records
import Wire

extension RDP {
    /// A message as an event: what of it is said, `body` writes.
    func emit(
        _ type: StaticString, from direction: Direction, _ context: inout AnalyzerContext,
        _ body: (inout EVEBuilder) -> Void
    ) {
        let tx = context.beginTransaction(.rdp)
        if context.wantsEvents {
            context.beginEvent("rdp", from: context.sender(ofEventAbout: direction), tx: tx)
            context.event.open("rdp")
            context.event.count("tx_id", tx &+ 1)
            context.event.text("event_type", type)
            body(&context.event)
            context.event.close()
            context.endEvent()
        }
        context.transactionDone(tx: tx, from: .originator)
        context.transactionDone(tx: tx, from: .responder)
    }

    /// The request to connect: cookie and flags of its negotiation.
    func showRequest(cookie: Range<Int>?, _ rest: RawSpan, _ context: inout AnalyzerContext) {
        emit("initial_request", from: .originator, &context) { event in
            if let cookie { event.text("cookie", rest.extracting(cookie)) }
            let start = cookie.map { $0.upperBound &+ 2 } ?? 0
            // Kind 1, flags, length 8 (2), protocols (4).
            guard rest.byteCount &- start >= 8, rest.octet(start) == 1 else { return }
            RDP.list("flags", UInt32(rest.octet(start &+ 1)), RDP.requestFlags, to: &event)
        }
    }

    /// The answer: the protocol that the server chose, or why it refused.
    func showConfirm(kind: UInt8, flags: UInt8, value: UInt32, _ context: inout AnalyzerContext) {
        emit("initial_response", from: .responder, &context) { event in
            if kind == 2 {
                RDP.list("server_supports", UInt32(flags), RDP.responseFlags, to: &event)
                event.text("protocol", RDP.find(value, RDP.eventProtocols))
            } else if kind == 3 {
                event.count("error_code", UInt64(value))
                event.text("reason", RDP.find(value, RDP.eventFailures))
            }
        }
    }

    /// The client's core data, where they are there, and its channels.
    func showClient(
        core: Range<Int>?, channels: Range<Int>?, of blocks: RawSpan, _ context: inout AnalyzerContext
    ) {
        emit("connect_request", from: .originator, &context) { event in
            if let core, core.count >= 128 { RDP.write(blocks.extracting(core), to: &event) }
            guard let place = channels else { return }
            let channels = blocks.extracting(place)
            event.openList("channels")
            for place in stride(from: 4, through: channels.byteCount &- 12, by: 12) {
                let name = channels.extracting(place ..< place &+ 8)
                event.item(name.extracting(0 ..< (name.firstIndex(of: 0) ?? 8)))
            }
            event.closeList()
        }
    }

    // MARK: values

    //  version (4) | width (2) | height (2) | depth (2) | 2 octets | keyboard (4) | build (4) | name (32)
    //  | kind of keyboard (4), subkind (4), function keys (4) | IME (64) | depth (2) | product (2) | serial (4)
    //  | high depth (2) | depths (2) | capabilities (2) | product identity (64)
    private static func write(_ core: RawSpan, to event: inout EVEBuilder) {
        func short(_ offset: Int) -> UInt64 { UInt64(core.load(offset, as: UInt16.self).byteSwapped) }
        func long(_ offset: Int) -> UInt32 { core.load(offset, as: UInt32.self).byteSwapped }
        func wide(_ key: StaticString, _ place: Range<Int>) {
            var text = TextBuffer()
            let value = text.add(utf16: core.extracting(place), endsAtZero: true)
            if value.count > 0 { event.text(key, value, in: text) }
        }
        event.open("client")
        event.text("version", find(long(0), versions) ?? "unknown")
        event.count("desktop_width", short(4))
        event.count("desktop_height", short(6))
        if let depth = colorDepth(core) { event.count("color_depth", depth) }
        event.text("build", find(long(16), systems) ?? "unknown")
        wide("client_name", 20..<52)
        event.text("keyboard_type", find(long(52), keyboards))
        if long(56) != 0 { event.count("keyboard_subtype", UInt64(long(56))) }
        if long(60) != 0 { event.count("function_keys", UInt64(long(60))) }
        wide("ime", 64..<128)
        if core.byteCount >= 132 { event.count("product_id", short(130)) }
        if core.byteCount >= 136, long(132) != 0 { event.count("serial_number", UInt64(long(132))) }
        if core.byteCount >= 142 { list("capabilities", UInt32(short(140)), capabilities, to: &event) }
        if core.byteCount >= 206 { wide("id", 142..<206) }
        event.close()
    }

    /// The newest of the three places that say a depth decides.
    private static func colorDepth(_ core: RawSpan) -> UInt64? {
        func short(_ offset: Int) -> UInt16 { core.load(offset, as: UInt16.self).byteSwapped }
        if core.byteCount >= 138, [4, 8, 15, 16, 24].contains(short(136)) { return UInt64(short(136)) }
        let depth = core.byteCount >= 130 ? short(128) : short(8)
        switch depth {
        case 0xCA00: return 4
        case 0xCA01: return 8
        case 0xCA02: return 15
        case 0xCA03: return 16
        case 0xCA04: return 24
        default: return nil
        }
    }

    private static func find(_ value: UInt32, _ names: [(UInt32, StaticString)]) -> StaticString? {
        for (number, name) in names where number == value { return name }
        return nil
    }

    /// The names of the bits that are set; nothing where none is.
    private static func list(
        _ key: StaticString, _ value: UInt32, _ names: [(UInt32, StaticString)], to event: inout EVEBuilder
    ) {
        guard names.contains(where: { $0.0 & value != 0 }) else { return }
        event.openList(key)
        for (bit, name) in names where bit & value != 0 { event.item(name) }
        event.closeList()
    }

    private static let requestFlags: [(UInt32, StaticString)] = [
        (1, "restricted_admin_mode_required"), (2, "redirected_authentication_mode_required"),
        (8, "correlation_info_present"),
    ]
    private static let responseFlags: [(UInt32, StaticString)] = [
        (1, "extended_client_data"), (2, "dynvc_gfx"), (8, "restricted_admin"), (16, "redirected_authentication"),
    ]
    private static let eventProtocols: [(UInt32, StaticString)] = [
        (0, "rdp"), (1, "ssl"), (2, "hybrid"), (4, "rds_tls"), (8, "hybrid_ex"),
    ]
    private static let eventFailures: [(UInt32, StaticString)] = [
        (1, "ssl required by server"), (2, "ssl not allowed by server"), (3, "ssl cert not on server"),
        (4, "inconsistent flags"), (5, "hybrid required by server"), (6, "ssl with user auth required by server"),
    ]
    private static let versions: [(UInt32, StaticString)] = [
        (0x80001, "v4"), (0x80004, "v5"), (0x80005, "v10.0"), (0x80006, "v10.1"), (0x80007, "v10.2"),
        (0x80008, "v10.3"), (0x80009, "v10.4"), (0x8000A, "v10.5"), (0x8000B, "v10.6"), (0x8000C, "v10.7"),
    ]
    private static let systems: [(UInt32, StaticString)] = [
        (528, "Windows NT 3.1"), (807, "Windows NT 3.5"), (1057, "Windows NT 3.51"), (1381, "Windows NT 4.0"),
        (2195, "Windows 2000"), (2600, "Windows XP"), (3790, "Windows Server 2003"), (6000, "Windows Vista RTM"),
        (6001, "Windows Vista SP1"), (6002, "Windows Vista SP2"), (7600, "Windows 7 RTM"), (7601, "Windows 7 SP1"),
        (9200, "Windows 8"), (9600, "Windows 8.1"), (10240, "Windows 10 TH1"), (10586, "Windows 10 TH2"),
        (14393, "Windows 10 RS1"), (15063, "Windows 10 RS2"), (16299, "Windows 10 RS3"), (17134, "Windows 10 RS4"),
        (17763, "Windows 10 RS5"),
    ]
    private static let keyboards: [(UInt32, StaticString)] = [
        (1, "xt"), (2, "ico"), (3, "at"), (4, "enhanced"), (5, "1050"), (6, "9140"), (7, "jp"),
    ]
    private static let capabilities: [(UInt32, StaticString)] = [
        (0x1, "support_errinfo_pdf"), (0x2, "want_32bpp_session"), (0x4, "support_statusinfo_pdu"),
        (0x8, "strong_asymmetric_keys"), (0x20, "valid_connection_type"), (0x40, "support_monitor_layout_pdu"),
        (0x80, "support_netchar_autodetect"), (0x100, "support_dynvc_gfx_protocol"),
        (0x200, "support_dynamic_time_zone"), (0x400, "support_heartbeat_pdu"),
    ]
}
